#!/usr/bin/env bash
# Makes what the window is built with: a copy of GLFW changed for input methods (glfw/edit.py), and bin/build/window.mod,
# this go.mod with the copy in GLFW's place. The copy's path carries the hash of what it is made from: Go's build cache
# knows C files by their path only.
set -euo pipefail
kakoi_setup_dir=$(cd "$(dirname "$0")" && pwd)
. "$kakoi_setup_dir/env.sh"
cd "$kakoi_setup_dir/.."
module=github.com/go-gl/glfw/v3.4/glfw
version=$(go list -m -f '{{.Version}}' $module)
copy=$KAKOI_BUILD_CACHE/glfw-$( (echo "$version" && cat "$kakoi_setup_dir"/glfw/*) | sha256sum | cut -c1-12)
if [ ! -e "$copy/done" ]; then
  source=$(go mod download -json $module | sed -n 's/^[[:space:]]*"Dir": "\(.*\)",$/\1/p')
  [ -d "$source" ] || { echo "set-up stopped: Go's module $module could not be fetched; check the connection and run make again." >&2; exit 1; }
  fresh=$copy.$$
  rm -rf "$fresh" && mkdir -p "$KAKOI_BUILD_CACHE" && cp -r "$source" "$fresh" && chmod -R u+w "$fresh"
  cp "$kakoi_setup_dir"/glfw/*.c "$fresh/glfw/src/"
  python3 "$kakoi_setup_dir/glfw/edit.py" "$fresh" || { rm -rf "$fresh"; echo "set-up stopped: the window's GLFW could not be made; the line above says why." >&2; exit 1; }
  touch "$fresh/done"
  rm -rf "$copy" && mv "$fresh" "$copy"
fi
mkdir -p bin/build
cp go.sum bin/build/window.sum
cp go.mod bin/build/window.mod.$$
go mod edit -replace "$module=$copy" bin/build/window.mod.$$
if cmp -s bin/build/window.mod.$$ bin/build/window.mod; then rm bin/build/window.mod.$$; else mv bin/build/window.mod.$$ bin/build/window.mod; fi
