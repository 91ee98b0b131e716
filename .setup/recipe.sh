#!/bin/bash
# Does training help? .setup/recipe.sh FILE_OR_FOLDER... prints the exam of the chat model as it is and with an adapter trained on these documents,
# on questions about documents that were held back, with every default: the commands that people use, in a data folder of its own.
# Environment: SEED (another choice of held documents), KEEP (a data folder that stays), DETAILS=1 (every question with both answers).
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
[ $# -gt 0 ] || { sed -n 2,4p "${BASH_SOURCE[0]}" | cut -c3- >&2; exit 2; }
data=${KEEP:-$(mktemp -d)}
[ -n "${KEEP:-}" ] || trap 'rm -rf "$data"' EXIT
kakoi=("$here/bin/kakoi" --data "$data" --lang en)
"${kakoi[@]}" add "$@"
"${kakoi[@]}" dataset build --seed "${SEED:-0}"
"${kakoi[@]}" train --preset Recommended
"${kakoi[@]}" exam ${DETAILS:+--details}
