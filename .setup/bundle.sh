#!/usr/bin/env bash
# `make bundle`: dist/kakoi_VERSION_amd64.deb and dist/kakoi-VERSION.tar.gz, everything inside, for machines without a network.
#   make bundle SIGN=FILE    signs them with a secret key (make bundle-key KEY=FILE makes one)
#   make bundle CUDA=1       the second part, too (CUDA=only: it alone): the libraries for an NVIDIA GPU, kakoi-cuda (what `make cuda` fetches)
# Two builds of one commit give the same bytes (reproduce.sh); docs/decisions says how.
set -euo pipefail
kakoi_setup_dir=$(cd "$(dirname "$0")" && pwd)
. "$kakoi_setup_dir/env.sh"
cd "$kakoi_setup_dir/.."
say() { printf 'bundle: %s\n' "$*" >&2; }
die() { printf 'bundle stopped: %s\n' "$*" >&2; exit 1; }
export TZ=UTC LC_ALL=C
umask 022

# The compiled PDF engine is the same on every processor with these instructions, which Kakoi's other libraries want anyway.
grep -qw bmi2 /proc/cpuinfo && grep -qw bmi1 /proc/cpuinfo || die "this processor is too old to make a bundle on (no BMI2); the PDF engine's code would be another."
free=$(df -Pm . | awk 'NR==2 {print $4}')
[ "$free" -ge 3000 ] || die "3000 MB of free disk are needed, there are $free."

number=$(sed -n 's/^Version = "\(.*\)"$/\1/p' cmd/kakoi/FyneApp.toml)
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH
commit=$(git rev-parse HEAD)
# later commits have later versions, so that a package manager sees an update
version=$number+$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y%m%d.%H%M%S).g${commit:0:7}
if [ -n "$(git status --porcelain --untracked-files=no)" ]; then
  version=$version.changed commit="$commit, with changes"
  say "there are changes that no commit holds: nobody can build these bytes again."
fi

torch=${KAKOI_TORCH##*-}
tool() { go run -trimpath .setup/bundle.go "$@"; }
sign=()
[ -z "${SIGN:-}" ] || sign=(-sign "$SIGN")
mkdir -p dist
program() { # everything but the CUDA set
  stage=dist/stage home=dist/stage/lib/kakoi
  rm -rf $stage && mkdir -p $home/lib $home/models $home/bundle $home/wasm
  say "building $version"
  ldflags="-s -w -buildid= -X main.version=$version"
  build() { go build -trimpath -buildvcs=false "$@"; }
  # The program names the modules that it is made of, so the window's GLFW is taken from a path that is the same everywhere.
  rm -rf dist/glfw && cp -r "$(sed -n 's/^replace github.com\/go-gl\/glfw.* => //p' bin/build/window.mod)" dist/glfw
  cp bin/build/window.mod dist/window.mod && cp bin/build/window.sum dist/window.sum
  go mod edit -replace github.com/go-gl/glfw/v3.4/glfw=./dist/glfw dist/window.mod
  build -modfile=dist/window.mod -tags x11 -ldflags "$ldflags" -o $home/kakoi ./cmd/kakoi
  (
    kakoi_engine_env
    # libtorch's headers put their own path into messages
    export CGO_CXXFLAGS="$CGO_CXXFLAGS -ffile-prefix-map=$KAKOI_BUILD_CACHE=/kakoi"
    build -tags torch -ldflags "$ldflags -extldflags '-Wl,-rpath,\$ORIGIN/lib -Wl,--enable-new-dtags'" -o $home/kakoi-engine ./cmd/kakoi-engine
  )
  build -ldflags "$ldflags" -o dist/prepare ./core/ingest/prepare
  dist/prepare $home/wasm
  rm -rf dist/prepare dist/glfw dist/window.mod dist/window.sum
  [ "$(find $home/wasm -type f | wc -l)" = 1 ] || die "the PDF engine's cache holds not one file."

  for so in libtorch_cpu.so libc10.so libgomp.so.1 libcudart.so.13 libcupti.so.13; do cp -L "$KAKOI_TORCH/lib/$so" $home/lib/; done
  cp -rL "$KAKOI_FONTS" $home/fonts
  cp -rL "$KAKOI_EMBEDDER" $home/models/multilingual-e5-small
  for model in starter evidence; do # how they were made is in the repository
    [ ! -d resources/$model ] || { mkdir $home/models/$model && find resources/$model -maxdepth 1 -type f -exec cp {} $home/models/$model/ \;; }
  done

  doc=$stage/share/doc/kakoi
  mkdir -p $doc $stage/bin
  cp LICENSE $doc/copyright
  cp -r resources/licences $doc/licences
  cp -r "$KAKOI_TORCH/licenses" $doc/licences-libtorch
  cp docs/guide/en.md docs/guide/ja.md $doc/
  install -Dm644 .setup/package/org.kakoi.Kakoi.desktop $stage/share/applications/org.kakoi.Kakoi.desktop
  for n in 32 48 64 128 256 512; do
    install -Dm644 resources/icon/kakoi-$n.png $stage/share/icons/hicolor/${n}x$n/apps/org.kakoi.Kakoi.png
  done
  install -Dm644 resources/icon/kakoi.svg $stage/share/icons/hicolor/scalable/apps/org.kakoi.Kakoi.svg
  ln -s ../lib/kakoi/kakoi $stage/bin/kakoi
  install -m755 .setup/package/install.sh $home/bundle/install.sh
  install -Dm755 .setup/package/postrm $home/bundle/debian/postrm
  cat >$home/bundle/BUILD <<END
Kakoi $version
commit $commit
$(go version)
$(g++ --version | head -n 1)
$(ld --version | head -n 1)
libtorch ${KAKOI_TORCH##*-}
tokenizers $(sha256sum "$KAKOI_TOKENIZERS/libtokenizers.a" | cut -d' ' -f1)
  by $(cat "$KAKOI_TOKENIZERS/rustc")
END
  rm -f dist/kakoi_* dist/kakoi-[0-9]* dist/kakoi.deb dist/kakoi.tar.xz
  tool make -kind bundle -stage $stage -out dist -version "$version" -commit "$commit" -control .setup/package/control -torch "$torch" "${sign[@]}"
  [ -n "${KEEP_STAGE:-}" ] || rm -rf $stage
}

cuda_part() {
  local need cuda
  [ -e "$KAKOI_CUDA/torch/lib/libtorch_cuda.so" ] || die "the libraries for an NVIDIA GPU are not here: make cuda fetches them."
  need=$(($(du -sLm "$KAKOI_CUDA" | cut -f1) * 5 / 2)) # package, tarball, and the tree where it cannot be linked
  free=$(df -Pm . | awk 'NR==2 {print $4}')
  [ "$free" -ge "$need" ] || die "$need MB of free disk are needed for the CUDA part, there are $free."
  stage=dist/stage-cuda home=dist/stage-cuda/lib/kakoi
  rm -rf $stage && mkdir -p $home/bundle-cuda/debian $stage/share/doc/kakoi-cuda
  # the set's own version: it need not be carried again with every Kakoi
  cuda=$torch+$( (grep -E '^(libtorch|cuda) ' .setup/packages.txt && cat .setup/package/control-cuda) | sha256sum | cut -c1-8)
  cp -rlL "$KAKOI_CUDA" $home/cuda 2>/dev/null || { rm -rf $home/cuda && cp -rL "$KAKOI_CUDA" $home/cuda; } # links: nothing writes into these files
  (cd $home/cuda && find . \( -iname 'licen[sc]e*' -o -iname 'notice*' \) -type f) | while read -r text; do
    install -Dm644 "$home/cuda/$text" "$stage/share/doc/kakoi-cuda/${text#./}" && rm "$home/cuda/$text"
  done
  find $home/cuda -type d -empty -delete
  ln -s cuda/torch/lib $home/lib-cuda
  install -m755 .setup/package/install.sh $home/bundle-cuda/install.sh
  printf 'Kakoi CUDA %s\ncommit %s\n' "$cuda" "$commit" >$home/bundle-cuda/BUILD
  rm -f dist/kakoi-cuda*
  tool make -kind cuda -stage $stage -out dist -version "$cuda" -commit "$commit" -control .setup/package/control-cuda -torch "$torch" "${sign[@]}"
  [ -n "${KEEP_STAGE:-}" ] || rm -rf $stage
}

case ${CUDA:-0} in
0) program ;;
1)
  program
  cuda_part
  ;;
only) cuda_part ;;
*) die "CUDA=1 makes the libraries for an NVIDIA GPU too, CUDA=only nothing else." ;;
esac
