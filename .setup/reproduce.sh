#!/usr/bin/env bash
# Proves that two builds of one commit give the same bytes: clones the commit into two folders of different paths, makes the bundle in each, compares.
#   .setup/reproduce.sh [COMMIT]       FRESH=1 gives the second a Go build cache of its own (libtorch's binding takes minutes); SIGN and CUDA as for make bundle
set -euo pipefail
kakoi_setup_dir=$(cd "$(dirname "$0")" && pwd)
. "$kakoi_setup_dir/env.sh"
cd "$kakoi_setup_dir/.."
commit=$(git rev-parse "${1:-HEAD}")
work=$(mktemp -d "${TMPDIR:-/var/tmp}/kakoi-reproduce.XXXXXX")
trap 'rm -rf "$work"' EXIT
sums() { (cd "$1/dist" && sha256sum kakoi*.deb kakoi*.tar.gz); }
for place in one "another, longer place/two"; do
  mkdir -p "$work/$place"
  git clone -q --no-checkout . "$work/$place" && git -C "$work/$place" checkout -q --detach "$commit"
  if [ "$place" != one ]; then
    umask 077
    export TZ=Asia/Tokyo LANG=ja_JP.UTF-8
    [ -z "${FRESH:-}" ] || export GOCACHE="$work/go-cache"
  fi
  (cd "$work/$place" && bash .setup/setup.sh && bash .setup/bundle.sh) >"$work/log" 2>&1 || { tail -n 20 "$work/log" >&2; exit 1; }
  sums "$work/$place" >"$work/sums-${place%%,*}"
  cat "$work/sums-${place%%,*}"
  [ "$place" != one ] || { mkdir "$work/kept" && mv "$work/one"/dist/kakoi* "$work/kept/"; }
done
if cmp -s "$work/sums-one" "$work/sums-another"; then
  echo "$commit: two builds, the same bytes."
  [ -z "${KEEP:-}" ] || { mkdir -p "$KEEP" && mv "$work"/kept/* "$KEEP/"; }
else
  echo "$commit: the two builds differ." >&2
  exit 1
fi
