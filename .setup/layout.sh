#!/usr/bin/env bash
# Puts beside the programs in bin/ what they look for there: libtorch's CPU set, models, fonts. Links, not copies.
set -euo pipefail
kakoi_setup_dir=$(cd "$(dirname "$0")" && pwd)
. "$kakoi_setup_dir/env.sh"
mkdir -p bin/lib bin/models
link() { ln -sfn "$1" "$2"; }
for so in libtorch_cpu.so libc10.so libgomp.so.1 libcudart.so.13 libcupti.so.13; do link "$KAKOI_TORCH/lib/$so" "bin/lib/$so"; done
link ../../resources/starter bin/models/starter
link "$KAKOI_EMBEDDER" bin/models/multilingual-e5-small
link "$KAKOI_FONTS" bin/fonts
link "$KAKOI_WASM" bin/wasm
if [ -e "$KAKOI_CUDA/torch/lib/libtorch_cuda.so" ]; then link "$KAKOI_CUDA/torch/lib" bin/lib-cuda; fi
