#!/usr/bin/env bash
# `make run`: the sample collection in place, then the window; without a display two questions are answered in the terminal.
set -euo pipefail
kakoi=bin/kakoi
"$kakoi" add --collection samples resources/samples
if [ -n "${DISPLAY:-}" ]; then
  exec "$kakoi"
fi
mapfile -t questions <resources/questions.txt
for question in "${questions[@]:0:2}"; do
  printf '\n> %s\n' "$question"
  # 3 means "not in the documents": an answer too
  "$kakoi" ask --collection samples "$question" || [ $? -eq 3 ]
done
cat <<'END'

The window, where there is a display:
  bin/kakoi

Your own documents:
  bin/kakoi add PATH...
  bin/kakoi ask "QUESTION"
  bin/kakoi help
END
