#!/bin/bash
# Bounds on the refusals of the model that comes along: .setup/calibrate.sh [FOLDER] asks it the questions of .setup/calibration (with what the search finds, and with the passage that answers taken out) on the
# samples and the Debian Administrator's Handbook in both languages, and those of the recipe's held-back documents with their near misses, and writes resources/starter/refusal.json. To be run again when the model changes: bounds of another model are
# not used, nor those found with another evidence model (bin/models/evidence, docs/decisions/0037-evidence.md), nor with one where there is none: rows are made, and bounds found, with the one that is there. FOLDER keeps the documents for the next time. PYTHON (python3 otherwise) is one that has pyppmd 1.3.1, which the held-back documents are packed with. The questions of resources/questions, which examine the model, have no part in it.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
. "$here/.setup/handbook.sh"
work=${1:-}
if [ -z "$work" ]; then
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
fi
mkdir -p "$work"
work=$(cd "$work" && pwd)
kakoi=("$here/bin/kakoi" --data "$work/data" --lang en)
collections "$work"
sets=()
for set in samples handbook-ja handbook-en; do
  "${kakoi[@]}" dataset remove --yes "asked-$set" >&2 2>/dev/null || true # of another model: its prompts may be others
  sets+=(--dataset "asked-$set")
  "${kakoi[@]}" dataset import --name "asked-$set" --collection "$set" "$here/.setup/calibration/$set.jsonl" >&2
done
# Hand-written documents that no model learned from, their own questions and near misses: a third of the rows, as of the question set. So no passage is taken
# out there: that is how a search misses what is there, which it seldom does, and half of what is not answered would be that.
"${PYTHON:-python3}" "$here/resources/starter/recipe/held.py" "$here/resources/starter/recipe/written" "$work/held" >&2
for lang in ja en; do
  "${kakoi[@]}" add --collection "held-$lang" "$work/held/$lang" >&2
  "${kakoi[@]}" dataset remove --yes "asked-held-$lang" >&2 2>/dev/null || true
  "${kakoi[@]}" dataset import --name "asked-held-$lang" --collection "held-$lang" --refusal-column refusal --share 0.33 "$work/held/$lang.jsonl" >&2
  sets+=(--dataset "asked-held-$lang")
done
"${kakoi[@]}" model calibrate starter --draft --out "$here/resources/starter/refusal.json" "${sets[@]}"
