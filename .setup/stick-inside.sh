#!/bin/bash
# The inner half of stick-test.sh: packs, folders, capsules and backups on FAT. $1 is kakoi, $2 and $3 block devices that are overwritten (700 MB, 20 MB), $4 a folder with documents.
set -u
program=$1 big=$2 small=$3 papers=$4
work=$(mktemp -d) && cd "$work" || exit 1
export HOME=$work
mkdir one two
mkfs.vfat -F 32 -n STICK "$big" >/dev/null && mkfs.vfat -n SMALL "$small" >/dev/null && mount -t vfat "$big" one && mount -t vfat "$small" two || { echo "no FAT file system could be mounted"; exit 1; }
one=$work/one two=$work/two
failed=0
fail() { echo "  FAILED: $*"; tail -n 3 said | sed 's/^/    /'; failed=1; }
k() { "$program" --data "$work/data" --lang en "$@" >said 2>&1; }
other() { "$program" --data "$work/other" --lang en "$@" >said 2>&1; }
refused() { # EXIT TEXT ARGS...: is refused with a sentence that has the text
  local want=$1 text=$2 code
  shift 2
  k "$@"
  code=$?
  if [ "$code" = "$want" ] && grep -q "$text" said && ! grep -q 'Something went wrong' said; then echo "  $(head -n 1 said)"; else fail "exit $code: kakoi $*"; fi
}
holds() { # DIR NAMES: nothing else, hidden files included
  local there
  there=$(cd "$1" && ls -A | LC_ALL=C sort | tr '\n' ' ')
  [ "${there% }" = "$2" ] || fail "$1 holds $there, not $2"
}
damp() { sync && umount "$1" && mount -t vfat "$2" "$1"; } # what was written, as the next machine reads it

echo "packs"
k model export starter "$one/my.kakoi-pack" --part-size 8MB || fail "export in parts"
holds one "my-1-of-5.kakoi-pack my-2-of-5.kakoi-pack my-3-of-5.kakoi-pack my-4-of-5.kakoi-pack my-5-of-5.kakoi-pack"
damp "$one" "$big"
other model import "$one/my-3-of-5.kakoi-pack" --name carried || fail "import from the stick"
other model check carried || fail "what was imported"
k model export starter "$one/my.kakoi-pack" --replace --part-size 20MB || fail "replace"
holds one "my-1-of-2.kakoi-pack my-2-of-2.kakoi-pack"
refused 1 'already' model export starter "$one/MY.kakoi-pack" --part-size 20MB # FAT has both as one name
holds one "my-1-of-2.kakoi-pack my-2-of-2.kakoi-pack"
k model export starter "$one/紙と Äpfel.kakoi-pack" || fail "a name in other letters"
rm -f "$one"/*
refused 2 'no file called' model export starter "$one/what?.kakoi-pack"
refused 1 'needed in' model export starter "$two/my.kakoi-pack"
refused 1 'needed in' model export starter "$two/my.kakoi-pack" --part-size 4MB
refused 2 '4 GiB' model export starter "$one/my.kakoi-pack" --part-size 5GB
holds one ""
holds two ""
# Filled by something else while it is written.
free=$(($(stat -f -c '%a*%S' "$one")))
"$program" --data "$work/data" --lang en model export starter "$one/my.kakoi-pack" >said 2>&1 &
export=$!
until [ -s "$one/.my.kakoi-pack.partial" ] || ! kill -0 $export 2>/dev/null; do :; done
kill -STOP $export 2>/dev/null
head -c $((free - 16000000)) /dev/zero >"$one/film"
kill -CONT $export 2>/dev/null
wait $export
code=$?
if [ $code = 1 ] && grep -q 'needed in' said; then echo "  $(head -n 1 said)"; else fail "filled meanwhile: exit $code"; fi
rm -f "$one/film"
holds one ""
rm -f "$one"/*
mount -o remount,ro "$one" && refused 1 'Nothing can be written' model export starter "$one/my.kakoi-pack"
refused 1 'Nothing can be written' model export starter "$one/hub/"
mount -o remount,rw "$one"

echo "folders for transformers"
k model export starter "$one/" || fail "onto an empty stick" # which is no folder to be replaced
[ -e "$one/starter/model.safetensors" ] || fail "no folder on the stick"
k model export starter "$one/starter/" --replace --dtype fp16 || fail "replace a folder"
holds one "starter"
refused 1 'needed in' model export starter "$two/hub/"
holds two ""
other model import "$one/starter" --name back || fail "import of the folder"
rm -rf "$one/starter"

echo "capsules and backups"
printf 'a passphrase 蓋\n' >pass
k add "$papers" || fail "add"
k capsule export "$one/my.kakoi-capsule" --passphrase-file pass || fail "capsule"
k backup "$one/my.kakoi-backup" || fail "backup"
holds one "my.kakoi-backup my.kakoi-capsule"
refused 1 'already\|there' capsule export "$one/MY.kakoi-capsule" --passphrase-file pass
k capsule export "$one/my.kakoi-capsule" --replace --passphrase-file pass || fail "capsule over one"
k backup "$one/my.kakoi-backup" --yes || fail "backup over one"
damp "$one" "$big"
holds one "my.kakoi-backup my.kakoi-capsule"
k backup verify "$one/my.kakoi-backup" || fail "verify the backup"
other capsule import "$one/my.kakoi-capsule" --passphrase-file pass || fail "import of the capsule"
other list --json && [ "$(grep -c '"name"' said)" -gt 0 ] || fail "nothing came in"
"$program" --data "$work/third" --lang en restore "$one/my.kakoi-backup" --yes >said 2>&1 || fail "restore"
refused 2 'name' capsule export "$one/what?.kakoi-capsule" --passphrase-file pass
refused 2 'name' backup "$one/what?.kakoi-backup"
head -c $(($(stat -f -c '%a*%S' "$two") - 100000)) /dev/zero >"$two/film"
refused 1 'MB' capsule export "$two/my.kakoi-capsule" --passphrase-file pass
refused 1 'MB' backup "$two/my.kakoi-backup"
holds two "film"
umount "$one" "$two"
fsck.vfat -n "$big" >said 2>&1 || fail "fsck of the stick"
[ $failed = 0 ] && echo "all of it as it should be"
exit $failed
