#!/usr/bin/env bash
# `make test-gpu`: the engine's self-test and the tests against golden files, on the first NVIDIA GPU of this machine.
set -euo pipefail
kakoi_setup_dir=$(cd "$(dirname "$0")" && pwd)
. "$kakoi_setup_dir/env.sh"
libraries=$KAKOI_CUDA/torch/lib
[ -e "$libraries/libtorch_cuda.so" ] || { echo "The libraries for an NVIDIA GPU are not here yet: run make cuda first (2.5 GB)." >&2; exit 1; }
LD_LIBRARY_PATH=$libraries bin/kakoi-engine selftest --device cuda:0
kakoi_engine_env
export LD_LIBRARY_PATH=$libraries KAKOI_TEST_DEVICE=cuda:0
go test -count=1 -p 1 -tags torch -v -run '^(TestRandomModels|TestStarter|TestMiniLM|TestE5|TestHalfPrecision|TestPoolings|TestTensorPrefix|TestOrderAndCompany|TestLongTextIsNotCut)' ./core/neox ./core/bert
