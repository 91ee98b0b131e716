#!/usr/bin/env bash
# Proves that two builds of one commit give the same bytes: clones the commit into two folders of different paths, makes the bundle in each, compares.
#   .setup/reproduce.sh [COMMIT]     SIGN and CUDA as for make bundle; KEEP=DIR keeps what was made
#   FRESH=1                          each build has a Go build cache of its own, empty at first (libtorch's binding takes minutes in each)
#   SETUP=DIR                        the second build has this set-up folder (KAKOI_BUILD_CACHE); what is not in it is fetched and built: libtorch, the tokenizer library, models, fonts
set -euo pipefail
kakoi_setup_dir=$(cd "$(dirname "$0")" && pwd)
. "$kakoi_setup_dir/env.sh"
cd "$kakoi_setup_dir/.."
commit=$(git rev-parse "${1:-HEAD}")
first_setup=$KAKOI_BUILD_CACHE
work=$(mktemp -d "${TMPDIR:-/var/tmp}/kakoi-reproduce.XXXXXX")
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
sums() { (cd "$1/dist" && sha256sum kakoi*.deb kakoi*.tar.gz); }
build() { # PLACE
  (cd "$work/$1" && bash .setup/setup.sh $([ "${CUDA:-0}" = 0 ] || echo --cuda) && bash .setup/bundle.sh) >"$work/log" 2>&1 || { tail -n 20 "$work/log" >&2; exit 1; }
}
for place in one "another, longer place/two"; do
  mkdir -p "$work/$place"
  git clone -q --no-checkout . "$work/$place" && git -C "$work/$place" checkout -q --detach "$commit"
  export KAKOI_BUILD_CACHE=$first_setup
  if [ "$place" != one ]; then
    umask 077
    export TZ=Asia/Tokyo LANG=ja_JP.UTF-8 KAKOI_BUILD_CACHE=${SETUP:-$first_setup}
  fi
  [ -z "${FRESH:-}" ] || export GOCACHE="$work/go-cache-${place%%,*}"
  build "$place"
  sums "$work/$place" >"$work/sums-${place%%,*}"
  printf 'built in %s\n' "$place" && cat "$work/sums-${place%%,*}"
  [ "$place" != one ] || { mkdir "$work/kept" && mv "$work/one"/dist/kakoi* "$work/kept/"; }
  [ -z "${FRESH:-}" ] || rm -rf "$GOCACHE"
done
if cmp -s "$work/sums-one" "$work/sums-another"; then
  echo "$commit: two builds, the same bytes."
  [ -z "${KEEP:-}" ] || { mkdir -p "$KEEP" && mv "$work"/kept/* "$KEEP/"; }
else
  echo "$commit: the two builds differ." >&2
  [ -z "${KEEP:-}" ] || { mkdir -p "$KEEP/one" "$KEEP/two" && mv "$work"/kept/* "$KEEP/one/" && mv "$work"/another*/two/dist/kakoi* "$KEEP/two/"; }
  exit 1
fi
