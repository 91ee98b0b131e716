#!/usr/bin/env bash
# Makes what the engine links against beside libtorch: the compat header and compiler wrapper for gotch, empty
# archives for the CUDA names gotch hard-codes, and two stub libraries that let libtorch_cpu load without CUDA.
set -euo pipefail
kakoi_setup_dir=$(cd "$(dirname "$0")" && pwd)
. "$kakoi_setup_dir/env.sh"
out=$KAKOI_NATIVE
[ -e "$out/done" ] && [ -e "$KAKOI_TORCH/lib/libcudart.so.13" ] && [ -e "$KAKOI_TORCH/lib/libcupti.so.13" ] && exit 0
mkdir -p "$out/stub"
cp "$kakoi_setup_dir"/native/* "$out/"
chmod +x "$out/cxx"
for name in torch torch_cuda c10_cuda cuda cudart cublas cudnn caffe2_nvrtc nvrtc-builtins nvrtc nvToolsExt; do
  printf '!<arch>\n' >"$out/stub/lib$name.a"
done
# libtorch_cpu imports a few versioned symbols of the CUDA runtime and of CUPTI. Each stub function answers
# "no device" (100); the *String functions answer text, the *Version functions set 0.
for lib in cudart cupti; do
  so=lib$lib.so.13
  c=$out/$lib.c
  nm -D --undefined-only "$KAKOI_TORCH/lib/libtorch_cpu.so" | sed -n "s/.* \([A-Za-z0-9_]*\)@$so\$/\1/p" | sort -u |
    while read -r f; do
      case $f in
      *GetResultString) echo "int $f(int e, const char **s) { (void)e; if (s) *s = \"no CUPTI in this build\"; return 100; }" ;;
      *String | *ErrorName) echo "const char *$f(int e) { (void)e; return \"no CUDA in this build\"; }" ;;
      *Version) echo "int $f(int *v) { if (v) *v = 0; return 100; }" ;;
      *GetDeviceCount) echo "int $f(int *n) { if (n) *n = 0; return 100; }" ;;
      *) echo "int $f(void) { return 100; }" ;;
      esac
    done >"$c"
  [ -s "$c" ] || { echo "set-up: libtorch_cpu.so imports nothing of $so; is it libtorch 2.11.0?" >&2; exit 1; }
  echo "$so { global: *; };" >"$out/$lib.map"
  gcc -shared -O1 -Wl,-soname,"$so" -Wl,--version-script="$out/$lib.map" -o "$KAKOI_TORCH/lib/$so" "$c"
done
touch "$out/done"
