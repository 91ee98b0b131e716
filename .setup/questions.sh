#!/bin/bash
# How well does the chat model answer natural questions? .setup/questions.sh [FOLDER [FLAG...]] puts the questions of resources/questions (read README.md there) to it: on the samples, and on the
# Debian Administrator's Handbook in Japanese and English (package debian-handbook 11, from the apt mirror), which the starter's recipe never reads. The documents are added below FOLDER (a temporary one if none
# is named), which is used again the next time, and so are answers of a run that was stopped: FOLDER/questions.json has all of them at the end. Flags are those of `kakoi exam`, such as --model NAME. With
# EVIDENCE=off in the environment the model is asked without the one that finds the sentence that answers (docs/decisions/0037-evidence.md).
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
. "$here/.setup/handbook.sh"
work=${1:-}
if [ -z "$work" ]; then
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
else
  shift
  mkdir -p "$work"
  work=$(cd "$work" && pwd)
fi
kakoi=("$here/bin/kakoi" --data "$work/data" --lang en)
collections "$work"
"${kakoi[@]}" settings evidence "${EVIDENCE:-on}" >&2
questions=$here/resources/questions/questions.jsonl
"${kakoi[@]}" exam --questions "$questions" --check
"${kakoi[@]}" exam --questions "$questions" -o "$work/questions.json" "$@"
