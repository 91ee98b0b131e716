#!/bin/bash
# How well does the chat model answer natural questions? .setup/questions.sh [FOLDER [FLAG...]] puts the questions of resources/questions (read README.md there) to it: on the samples, and on the
# Debian Administrator's Handbook in Japanese and English (package debian-handbook 11, from the apt mirror), which the starter's recipe never reads. The documents are added below FOLDER (a temporary one if none
# is named), which is used again the next time, and so are answers of a run that was stopped: FOLDER/questions.json has all of them at the end. Flags are those of `kakoi exam`, such as --model NAME.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
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
if [ ! -e "$work/added" ]; then
  if [ ! -d "$work/book" ]; then
    (cd "$work" && apt-get download -q debian-handbook >&2 && dpkg-deb -x debian-handbook_*.deb unpacked && mv unpacked book && rm debian-handbook_*.deb)
  fi
  book=$work/book/usr/share/doc/debian-handbook/html
  rm -f "$book"/ja-JP/index.html "$book"/en-US/index.html
  "${kakoi[@]}" add --samples >&2
  "${kakoi[@]}" add --collection handbook-ja "$book"/ja-JP/*.html >&2
  "${kakoi[@]}" add --collection handbook-en "$book"/en-US/*.html >&2
  touch "$work/added"
fi
questions=$here/resources/questions/questions.jsonl
"${kakoi[@]}" exam --questions "$questions" --check
"${kakoi[@]}" exam --questions "$questions" -o "$work/questions.json" "$@"
