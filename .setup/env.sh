# Sourced by make and by the set-up scripts: where the fetched and built pieces lie, and the environment that
# builds the engine against them. Everything is outside the clone, so clones of one machine share it and Go's
# build cache stays valid (its key holds these paths).
#
# The engine's variables enter the key of every cgo package: use them for the engine's build and tests only.
KAKOI_BUILD_CACHE=${KAKOI_BUILD_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/kakoi-build}
kakoi_setup_dir=${kakoi_setup_dir:-$(pwd)/.setup}
KAKOI_TORCH=$KAKOI_BUILD_CACHE/torch-2.11.0
# The compat header is not part of Go's cache key, its path is: so the path carries the hash of what lies there.
KAKOI_NATIVE=$KAKOI_BUILD_CACHE/native-$(cat "$kakoi_setup_dir"/native/* | sha256sum | cut -c1-12)
KAKOI_TOKENIZERS=$KAKOI_BUILD_CACHE/tokenizers-1.24.0
KAKOI_EMBEDDER=$KAKOI_BUILD_CACHE/models/multilingual-e5-small
KAKOI_MINILM=$KAKOI_BUILD_CACHE/models/all-MiniLM-L6-v2
KAKOI_FONTS=$KAKOI_BUILD_CACHE/fonts
KAKOI_WASM=$KAKOI_BUILD_CACHE/wasm
KAKOI_CUDA=$KAKOI_BUILD_CACHE/cuda-13.0 # torch/lib and nvidia/*/lib, as libtorch's own RPATH wants them

kakoi_engine_env() {
  export CGO_ENABLED=1
  export CXX=$KAKOI_NATIVE/cxx
  export CGO_CXXFLAGS="-I$KAKOI_TORCH/include -I$KAKOI_TORCH/include/torch/csrc/api/include -include $KAKOI_NATIVE/gotch_compat.h"
  export CGO_LDFLAGS="-L$KAKOI_NATIVE/stub -L$KAKOI_TORCH/lib -L$KAKOI_TOKENIZERS -Wl,--allow-shlib-undefined"
  export LD_LIBRARY_PATH=$KAKOI_TORCH/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
  export KAKOI_BUILD_CACHE KAKOI_TORCH KAKOI_EMBEDDER KAKOI_MINILM KAKOI_FONTS
}
