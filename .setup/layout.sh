#!/usr/bin/env bash
# Puts beside the programs in bin/ what they look for there: libtorch's CPU set, models, fonts. Links, not copies.
set -euo pipefail
kakoi_setup_dir=$(cd "$(dirname "$0")" && pwd)
. "$kakoi_setup_dir/env.sh"
mkdir -p bin/lib bin/models
link() { ln -sfn "$1" "$2"; }
for so in libtorch_cpu.so libc10.so libgomp.so.1 libcudart.so.13 libcupti.so.13; do link "$KAKOI_TORCH/lib/$so" "bin/lib/$so"; done
# The program's own models file by file: the starter's recipe lies in its folder, and is no part of the model.
for model in starter evidence; do
  [ -d "resources/$model" ] || continue
  if [ -L "bin/models/$model" ]; then rm "bin/models/$model"; fi
  mkdir -p "bin/models/$model"
  for file in "resources/$model"/*; do
    if [ -f "$file" ]; then link "../../../$file" "bin/models/$model/${file##*/}"; fi
  done
  for file in "bin/models/$model"/*; do
    if [ -L "$file" ] && [ ! -e "$file" ]; then rm "$file"; fi # one that is no part of it any more
  done
done
rm -f bin/models/.*.sha256.json # of programs that kept them here
link "$KAKOI_EMBEDDER" bin/models/multilingual-e5-small
link "$KAKOI_FONTS" bin/fonts
link "$KAKOI_WASM" bin/wasm
if [ -e "$KAKOI_CUDA/torch/lib/libtorch_cuda.so" ]; then link "$KAKOI_CUDA/torch/lib" bin/lib-cuda; fi
