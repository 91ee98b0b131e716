#!/usr/bin/env bash
# Makes core/manifest/testdata/minisign anew with the original minisign (package minisign): a key of its own without a password, a message,
# and its signatures in both of its forms.
set -euo pipefail
cd "$(dirname "$0")/minisign"
command -v minisign >/dev/null || { echo "minisign is missing: apt-get install minisign" >&2; exit 1; }
rm -f -- *
printf 'kakoi\t1\nwhat is signed\n' >message
minisign -G -W -p test.pub -s test.key >/dev/null
minisign -S -s test.key -m message -x message.minisig -t 'made by minisign' >/dev/null
minisign -S -l -s test.key -m message -x message.old.minisig -t 'made by minisign, old form' >/dev/null
