#!/bin/sh
# Installs Kakoi, or its CUDA part, from the unpacked tarball; updates in place; removes it again. Needs nothing but a shell, coreutils and the files here.
#   sh install.sh                  as root into /usr/local, else into ~/.local
#   sh install.sh --prefix DIR     into DIR
#   sh install.sh --remove         what an earlier install.sh put there; people's libraries stay
set -eu
self=$(readlink -f "$0")
own=$(dirname "$self")                  # lib/kakoi/bundle or lib/kakoi/bundle-cuda
part=${own##*/}
tree=$(dirname "$(dirname "$(dirname "$own")")")
if [ "$(id -u)" = 0 ]; then prefix=/usr/local; else prefix=$HOME/.local; fi
remove=
while [ $# -gt 0 ]; do
  case $1 in
  --prefix) [ $# -ge 2 ] || { echo "--prefix needs a folder" >&2; exit 2; }; prefix=$2; shift ;;
  --remove) remove=1 ;;
  *) sed -n '2,5p' "$self" >&2; exit 2 ;;
  esac
  shift
done
case $prefix in
/*) ;;
*) prefix=$(pwd)/$prefix ;;
esac
tab=$(printf '\t')
installed=$prefix/lib/kakoi/$part/MANIFEST

# paths MANIFEST: what it lists, and itself
paths() {
  while IFS=$tab read -r kind a b c d; do
    case $kind in
    file) printf '%s\n' "$d" ;;
    link) printf '%s\n' "$b" ;;
    esac
  done <"$1"
  printf '%s\n' "lib/kakoi/$part/MANIFEST.minisig" "lib/kakoi/$part/MANIFEST"
}

# take PATH: removes a file and the folders that it leaves empty
take() {
  rm -f "$prefix/$1"
  up=$(dirname "$1")
  while [ "$up" != . ]; do
    rmdir "$prefix/$up" 2>/dev/null || break
    up=$(dirname "$up")
  done
}

if [ -n "$remove" ]; then
  [ -e "$installed" ] || { echo "$prefix holds no Kakoi that install.sh has put there." >&2; exit 1; }
  list=$(paths "$installed")
  if [ "$part" = bundle ]; then # what the program itself may have put beside them
    rm -rf "$prefix/lib/kakoi/wasm"
    rm -f "$prefix"/lib/kakoi/models/.*.sha256.json
  fi
  printf '%s\n' "$list" | while read -r path; do take "$path"; done
  echo "Removed from $prefix. The libraries of the people who used it stay, each in their ~/.local/share/kakoi."
  exit 0
fi

# Damage on the way is found before anything is written; who made the bundle is another question: kakoi verify --key
for program in "$tree/lib/kakoi/kakoi" "$prefix/lib/kakoi/kakoi"; do
  [ -x "$program" ] || continue
  "$program" verify "$tree" >/dev/null 2>&1 || { "$program" verify "$tree" >&2 || true; echo "Nothing was installed." >&2; exit 1; }
  break
done
old=
[ ! -e "$installed" ] || old=$(paths "$installed")
new=$(paths "$own/MANIFEST")
mkdir -p "$prefix"
printf '%s\n' "$new" | while read -r path; do
  [ -e "$tree/$path" ] || [ -L "$tree/$path" ] || continue # the signature of an unsigned bundle
  mkdir -p "$prefix/$(dirname "$path")"
  rm -rf "$prefix/$path.kakoi-new"
  cp -Pp "$tree/$path" "$prefix/$path.kakoi-new" # a running program keeps the file it has open
  mv -fT "$prefix/$path.kakoi-new" "$prefix/$path"
done
if [ "$(id -u)" = 0 ]; then # whoever unpacked it, these files are root's
  printf '%s\n' "$new" | while read -r path; do
    if [ -e "$prefix/$path" ] || [ -L "$prefix/$path" ]; then chown -h 0:0 "$prefix/$path"; fi
  done
fi
[ -e "$own/MANIFEST.minisig" ] || rm -f "$prefix/lib/kakoi/$part/MANIFEST.minisig"
printf '%s\n' "$old" | while read -r path; do # what the new one no longer has
  [ -n "$path" ] || continue
  case "
$new
" in
  *"
$path
"*) ;;
  *) take "$path" ;;
  esac
done
echo "Installed in $prefix. To remove it: sh $prefix/lib/kakoi/$part/install.sh --prefix $prefix --remove"
case ":$PATH:" in
*":$prefix/bin:"*) ;;
*) [ "$part" != bundle ] || echo "Start it with $prefix/bin/kakoi, or add $prefix/bin to PATH." ;;
esac
