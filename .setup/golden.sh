#!/usr/bin/env bash
# `make golden`: makes every golden file anew with the Python originals, pinned in golden.txt. Review the diff before committing.
set -euo pipefail
kakoi_setup_dir=$(cd "$(dirname "$0")" && pwd)
. "$kakoi_setup_dir/env.sh"
venv=$KAKOI_BUILD_CACHE/golden-venv
[ -x "$venv/bin/python" ] || python3 -m venv "$venv"
"$venv/bin/pip" install -q --disable-pip-version-check -r "$kakoi_setup_dir/golden.txt"
bash "$kakoi_setup_dir/setup.sh" --tests
export KAKOI_EMBEDDER KAKOI_MINILM HF_HUB_OFFLINE=1
cd "$kakoi_setup_dir/.."
git ls-files '*/testdata/golden*.py' | while read -r script; do
  echo "golden: $script" >&2
  (cd "$(dirname "$script")" && "$venv/bin/python" "$(basename "$script")")
done
git ls-files '*/testdata/golden.sh' | while read -r script; do
  echo "golden: $script" >&2
  bash "$script"
done
