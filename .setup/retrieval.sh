#!/bin/bash
# How well are passages found? .setup/retrieval.sh [all|tuning|report] prints the figures of dense, lexical and fused search on our question sets: the samples,
# and the Debian Administrator's Handbook in Japanese and English (package debian-handbook 11, from the apt mirror), also asked in the other language.
# .setup/retrieval.sh HALF TOKENS prints instead how often the answer is in a prompt of so many tokens: with 3 passages and 0, 1, 2 neighbours of each, and
# with more passages.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
. "$here/.setup/handbook.sh"
half=${1:-report}
tokens=${2:-}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
handbook "$work"
# measure DATA QUESTIONS
measure() {
  if [ -z "$tokens" ]; then
    "$here/bin/kakoi" --data "$1" --lang en bench retrieval --half "$half" "$2"
    return
  fi
  for how in "3 0" "3 1" "3 2" "5 0" "6 0" "5 1" "8 0"; do
    set -- "$1" "$2" $how
    "$here/bin/kakoi" --data "$1" --lang en bench retrieval --half "$half" --prompts "$tokens" --top "$3" --neighbours "$4" "$2"
  done | awk 'NR == 1 || !/questions/'
}
echo samples
"$here/bin/kakoi" --data "$work/samples" --lang en add "$here/resources/samples" >&2
measure "$work/samples" "$here/resources/retrieval/samples.jsonl"
for lang in ja-JP en-US; do
  data=$work/$lang
  "$here/bin/kakoi" --data "$data" --lang en add "$book/$lang"/*.html >&2
  for set in handbook-${lang%-*} handbook-$([ $lang = ja-JP ] && echo en-asks-ja || echo ja-asks-en); do
    echo "$set"
    measure "$data" "$here/.setup/retrieval/$set.jsonl"
  done
done
