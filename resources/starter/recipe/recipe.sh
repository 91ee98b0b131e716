#!/usr/bin/env bash
# The stages of the starter model, one command each: recipe.sh STAGE WORK_DIR [more]. README.md says what each needs.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
stage=${1:-help} work=${2:-} more=${3:-}
[ "$stage" = help ] || [ -n "$work" ] || { echo "recipe.sh STAGE WORK_DIR" >&2; exit 2; }
[ "$stage" = help ] || { mkdir -p "$work/debs" "$work/x" "$work/pack"; work=$(cd "$work" && pwd); [ ! -e "$more" ] || more=$(realpath "$more"); cd "$here"; }
python=${PYTHON:-python3}
export PYTHONDONTWRITEBYTECODE=1
case "$stage" in
packages) # Debian 12: the documentation packages and word lists, fetched and unpacked
  names=$("$python" -c 'import sources; print(*dict.fromkeys([p[0] for p in sources.PACKAGES] + sources.WORDS))')
  (cd "$work/debs" && apt-get download $names)
  for deb in "$work"/debs/*.deb; do dpkg-deb -x "$deb" "$work/x/$(basename "$deb" | cut -d_ -f1)"; done ;;
passages) "$python" extract.py "$work/x" "$work/passages.jsonl" ;;
words) "$python" words.py "$work/x" "$work/pack/words.json" ;;
questions) "$python" rules.py "$work/passages.jsonl" "$work/pack/words.json" "$work/real.jsonl" && xz -6 -c "$work/real.jsonl" >"$work/pack/real.jsonl.xz" ;;
tokenizer) "$python" tokenizer.py "$work/real.jsonl" "$work/pack/words.json" written "$work/pack" ;;
meaning) "$python" meaning.py "${more:?the folder of multilingual-e5-small}" "$work/pack" ;;
embedder) "$python" teacher.py make "${more:?the folder of multilingual-e5-small}" "$work/pack" ;;
evidence) "$python" evidence.py train "$work/pack" written "$work/evidence.pt" "${more:-280}" 16 && "$python" evidence.py export "$work/pack" "$work/evidence.pt" "$work/evidence" ;;
train) "$python" train.py --data "$work/pack" --written written --state "$work/state.pt" --layers 10 --seconds "${more:-330}" ;;
export) "$python" export.py "$work/state.pt" "$work/pack" "$work/starter" ;;
evidence-exam) # exam.jsonl with the clause that the evidence model chose, for: exam.py run
  "$python" exam.py make "$work/pack" written "$work/exam.jsonl" && "$python" evidence.py exam "$work/pack" "$work/evidence.pt" "$work/exam.jsonl" "$work/exam_evidence.jsonl" ;;
exam) "$python" exam.py make "$work/pack" written "$work/exam.jsonl" && "$python" exam.py run "${more:-$work/starter}" "$work/pack" "$work/exam.jsonl" "$work/answers.jsonl" ;;
*) sed -n 's/^\([a-z-]*\)) .*/\1/p' "$here/recipe.sh" ;;
esac
