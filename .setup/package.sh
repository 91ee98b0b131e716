#!/usr/bin/env bash
# `make package`: dist/kakoi.deb and dist/kakoi.tar.xz from what lies in bin, libraries and models with it. The tools are built
# once into the build cache; that needs Go's module proxy.
set -euo pipefail
kakoi_setup_dir=$(cd "$(dirname "$0")" && pwd)
. "$kakoi_setup_dir/env.sh"
cd "$kakoi_setup_dir/.."
fyne=fyne.io/tools/cmd/fyne@v1.7.4
nfpm=github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.45.0
tools=$KAKOI_BUILD_CACHE/tools-$(echo "$fyne $nfpm" | sha256sum | cut -c1-12)
for tool in "$fyne" "$nfpm"; do
  name=${tool##*/} name=${name%@*}
  [ -x "$tools/$name" ] || { echo "set-up: building $tool" >&2 && GOBIN=$tools GOFLAGS= go install "$tool"; }
done

# version of FyneApp.toml, and the commit behind it
number=$(sed -n 's/^Version = "\(.*\)"$/\1/p' cmd/kakoi/FyneApp.toml)
KAKOI_VERSION=$number+g$(git rev-parse --short HEAD 2>/dev/null || echo 0)
export KAKOI_VERSION
free=$(df -Pm . | awk 'NR==2 {print $4}')
[ "$free" -ge 4000 ] || { echo "4000 MB of free disk are needed for the packages, there are $free." >&2; exit 1; }

stage=dist/stage
rm -rf dist && mkdir -p $stage/usr/lib/kakoi $stage/usr/share/doc/kakoi $stage/usr/share/applications
cp -rL bin/kakoi bin/kakoi-engine bin/lib bin/models bin/fonts bin/wasm $stage/usr/lib/kakoi/
rm -rf $stage/usr/lib/kakoi/models/starter/recipe # how it was made is in the repository
cp LICENSE $stage/usr/share/doc/kakoi/copyright
cp -r resources/licences $stage/usr/share/doc/kakoi/
cp -r "$KAKOI_TORCH/licenses" $stage/usr/share/doc/kakoi/licences-libtorch
cp .setup/package/org.kakoi.Kakoi.desktop $stage/usr/share/applications/
for n in 32 48 64 128 256 512; do
  install -Dm644 resources/icon/kakoi-$n.png $stage/usr/share/icons/hicolor/${n}x$n/apps/org.kakoi.Kakoi.png
done
install -Dm644 resources/icon/kakoi.svg $stage/usr/share/icons/hicolor/scalable/apps/org.kakoi.Kakoi.svg
chmod -R u=rwX,go=rX $stage
strip --strip-unneeded $stage/usr/lib/kakoi/lib/*.so* 2>/dev/null || true

"$tools/nfpm" package -f .setup/package/nfpm.yaml -p deb -t dist/kakoi.deb >&2

# Fyne's tool packs the program, its icon and its desktop file; it counts FyneApp.toml's build number up, so it gets a copy.
# What it cannot know goes beside: the engine, its libraries and models, and a Makefile that installs them.
fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT
mkdir -p "$fresh/cmd/kakoi" "$fresh/resources" && cp -r resources/icon "$fresh/resources/" && cp cmd/kakoi/FyneApp.toml "$fresh/cmd/kakoi/"
echo 'package main' >"$fresh/cmd/kakoi/main.go"
(cd "$fresh" && "$tools/fyne" package --target linux --src cmd/kakoi --executable "$OLDPWD/bin/kakoi" --use-raw-icon)
tar -xf "$fresh/Kakoi.tar.xz" -C "$fresh"
tree=$fresh/kakoi
mkdir -p "$tree/usr/local/lib"
rm -rf "$tree/usr/local/bin" "$tree/usr/local/share/pixmaps"
mv $stage/usr/lib/kakoi "$tree/usr/local/lib/kakoi"
cp -r $stage/usr/share "$tree/usr/local/"
cp .setup/package/Makefile "$tree/Makefile"
tar -C "$fresh" --owner=0 --group=0 -cf - kakoi | xz -T0 -1 >dist/kakoi.tar.xz
rm -rf $stage
ls -l dist >&2
