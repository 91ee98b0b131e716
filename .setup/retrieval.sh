#!/bin/bash
# How well are passages found? .setup/retrieval.sh [all|tuning|report] prints the figures of dense, lexical and fused search on our question sets: the samples,
# and the Debian Administrator's Handbook in Japanese and English (package debian-handbook 11, from the apt mirror), also asked in the other language.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
half=${1:-report}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
(cd "$work" && apt-get download -q debian-handbook >&2 && dpkg-deb -x debian-handbook_*.deb book)
book=$work/book/usr/share/doc/debian-handbook/html
rm -f "$book"/ja-JP/index.html "$book"/en-US/index.html
echo samples
"$here/bin/kakoi" --lang en bench retrieval --half "$half"
for lang in ja-JP en-US; do
  data=$work/$lang
  "$here/bin/kakoi" --data "$data" --lang en add "$book/$lang"/*.html >&2
  for set in handbook-${lang%-*} handbook-$([ $lang = ja-JP ] && echo en-asks-ja || echo ja-asks-en); do
    echo "$set"
    "$here/bin/kakoi" --data "$data" --lang en bench retrieval --half "$half" "$here/.setup/retrieval/$set.jsonl"
  done
done
