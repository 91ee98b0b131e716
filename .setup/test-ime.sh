#!/usr/bin/env bash
# `make test-ime`: Japanese through a real input method into the window that was built. On a screen of its own (Xvfb) it types
# "nihongo", two BackSpaces, space and Return behind a text that is there, and wants exactly the composed text added: nothing
# sent, no new line, nothing deleted. Then it stops the input method and wants a window all the same.
# Needs Xvfb, xdotool, xclip, dbus and fcitx5 with mozc (or KAKOI_IME=ibus and ibus with mozc). Pictures go to bin/ime.
set -euo pipefail
cd "$(dirname "$0")/.."
ime=${KAKOI_IME:-fcitx}
case $ime in
fcitx) server=fcitx5 packages="fcitx5 fcitx5-mozc" ;;
ibus) server=ibus-daemon packages="ibus ibus-mozc" ;;
*) echo "KAKOI_IME is fcitx or ibus" >&2 && exit 2 ;;
esac
missing=()
for tool in Xvfb:xvfb xdotool:xdotool xclip:xclip dbus-run-session:dbus import:imagemagick "$server:$packages"; do
  command -v "${tool%%:*}" >/dev/null || missing+=("${tool#*:}")
done
if [ ${#missing[@]} -gt 0 ]; then
  echo "The test of input methods needs packages that are missing. Type: apt-get install -y --no-install-recommends ${missing[*]}" >&2
  exit 1
fi

if [ -z "${KAKOI_IME_INSIDE:-}" ]; then
  dir=$(mktemp -d)
  mkdir -p bin/ime "$dir/home/fonts" "$dir/home/models" "$dir/pictures"
  cp bin/kakoi "$dir/home/" && cp -L bin/fonts/* "$dir/home/fonts/" && cp -rL bin/models/starter "$dir/home/models/"
  cp "$0" "$dir/test.sh" && chmod -R a+rX "$dir"
  as=()
  if [ "$(id -u)" = 0 ]; then # mozc does not serve root
    chown -R nobody "$dir"
    as=(setpriv --reuid=nobody --regid=nogroup --clear-groups)
  fi
  code=0
  mkdir "$dir/.setup" && mv "$dir/test.sh" "$dir/.setup/"
  "${as[@]}" env -i PATH="$PATH" HOME="$dir" LANG=C.UTF-8 LC_ALL=C.UTF-8 XDG_RUNTIME_DIR="$dir" KAKOI_IME_FIELD="${KAKOI_IME_FIELD:-}" KAKOI_IME="$ime" KAKOI_IME_INSIDE="$dir" \
    dbus-run-session -- bash "$dir/.setup/test.sh" || code=$?
  cp "$dir"/pictures/*.png bin/ime/ 2>/dev/null || true
  rm -rf "$dir"
  exit $code
fi

dir=$KAKOI_IME_INSIDE
cd "$dir"
mine=() # processes that this script started
trap 'kill -CONT "${mine[@]}" 2>/dev/null; kill "${mine[@]}" 2>/dev/null; wait' EXIT
fail() { echo "input method: $*" >&2; import -window root "$dir/pictures/failed.png"; exit 1; }

exec 3< <(Xvfb -displayfd 1 -screen 0 1280x800x24 2>/dev/null)
mine+=($!)
read -r number <&3
export DISPLAY=:$number XMODIFIERS=@im=$ime
if [ "$ime" = fcitx ]; then
  mkdir -p .config/fcitx5
  printf '[Groups/0]\nName=Default\nDefault Layout=us\nDefaultIM=mozc\n[Groups/0/Items/0]\nName=mozc\n[GroupOrder]\n0=Default\n' >.config/fcitx5/profile
  fcitx5 --disable notificationitem,kimpanel >server.log 2>&1 &
else
  ibus-daemon --xim --panel=default >server.log 2>&1 &
fi
mine+=($!)
method=$!
sleep 4

open_window() { # starts Kakoi and waits for its window: $kakoi, $window
  home/kakoi --data "$dir/data" --lang en >kakoi.log 2>&1 &
  kakoi=$!
  mine+=("$kakoi")
  window=
  for _ in $(seq 100); do
    window=$(xdotool search --onlyvisible --pid "$kakoi" --name Kakoi 2>/dev/null | head -n 1) || true
    [ -z "$window" ] || break
    sleep 0.05
  done
  [ -n "$window" ] || fail "no window within five seconds: $(cat kakoi.log)"
}
keys() { for key in "$@"; do xdotool key "$key" && sleep 0.12; done; }
field() { # what stands in the field
  import -window root "$dir/pictures/field.png"
  keys ctrl+a ctrl+c
  sleep 0.3
  xclip -o -selection clipboard 2>/dev/null || true
}

mkdir -p data && echo '{"screen":"chat","welcomed":true}' >data/window.json
export KAKOI_HOME=$dir/home
open_window
sleep 3
xdotool windowfocus "$window"
sleep 0.5
if [ "$ime" = ibus ]; then # its engines belong to the window that has the keyboard
  for _ in $(seq 20); do ibus engine mozc-jp >/dev/null 2>&1 && break || sleep 0.5; done
  sleep 0.5
  keys Zenkaku_Hankaku # from direct input to Japanese
  sleep 1
fi
${KAKOI_IME_FIELD:+keys $KAKOI_IME_FIELD} # keys that lead to another field than the one that has the keyboard
# A text that is there already, typed through the input method in its full-width letters.
keys a b c Return
keys n i h o n g o
sleep 0.5
import -window root pictures/composing.png
keys BackSpace BackSpace space
sleep 0.7
import -window root pictures/converting.png
keys Return
sleep 0.5
got=$(field)
before=${got%%仁*}
[ "$(printf '%s' "$got" | wc -l)" = 0 ] || fail "Return reached the field: $(printf '%q' "$got")"
[ -n "$before" ] && [ "${got#"$before"}" = 仁保 ] || fail "the field holds '$got'"
home/kakoi --data "$dir/data" chat list --json >chats.json
[ ! -s chats.json ] || fail "Return sent the question: $(cat chats.json)"
echo "input method: the field holds '$got', nothing was sent"
kill "$kakoi" && wait "$kakoi" || true

kill -STOP "$method"
began=$(date +%s%N)
open_window
echo "input method: stopped; the window opened after $((($(date +%s%N) - began) / 1000000)) ms"
sleep 3
import -window root pictures/stopped.png
kill -CONT "$method"
