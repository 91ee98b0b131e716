#!/usr/bin/env bash
# Whole sessions under strace, in a network namespace without a network: documents are added, questions asked, an adapter is trained, files are
# exported. Prints what was opened; ends with 1 where a socket other than AF_UNIX opened, or a file was written outside of the data folder, the
# folder of exports, and what the window's toolkit keeps for itself (its preferences and its index of fonts, with no text of ours).
#   .setup/session-trace.sh [FOLDER OF THE PROGRAMS [SESSION...]]     (default: bin, all sessions)
# Sessions: plain, passphrase (the library is encrypted half-way, the passphrase changed, and removed), window (the same commands beside an open
# window on a screen of its own, which is clicked through with the keyboard; needs Xvfb and xdotool).
# Needs strace, and unshare -n: root, or user namespaces.
set -euo pipefail
home=$(cd "${1:-bin}" && pwd -P)
shift || true
sessions=("$@")
if [ ${#sessions[@]} = 0 ]; then sessions=(plain passphrase window); fi
for tool in strace unshare; do command -v "$tool" >/dev/null || { echo "needs $tool" >&2 && exit 2; }; done
namespace=(unshare -n)
if [ "$(id -u)" != 0 ]; then namespace=(unshare -rn); fi
calls=socket,socketpair,connect,bind,sendto,open,openat,openat2,creat,mkdir,mkdirat,rename,renameat,renameat2,link,linkat,symlink,symlinkat,unlink,unlinkat,rmdir,truncate,chmod,fchmodat,mknod,mknodat,io_uring_setup
work=
mine=() # processes that this script started and has not waited for
clean() {
  for p in "${mine[@]}"; do # with its children: strace lets go of what it traces
    kill $(pgrep -P "$p") "$p" 2>/dev/null || true
    wait "$p" 2>/dev/null || true
  done
  if [ -n "$work" ]; then rm -rf "$work"; fi
}
trap clean EXIT

traced() { # traced NUMBER kakoi's arguments: one process of the session with its children
  env -i PATH=/usr/bin:/bin HOME="$person" LANG=C.UTF-8 "${screen[@]}" "${namespace[@]}" \
    strace -f -qq -y -s 300 -e signal=none -o "$work/trace.$1" -e trace="$calls" "$home/kakoi" --data "$data" --lang en "${@:2}"
}
n=0
step() { # step NAME kakoi's arguments: one command of the session; its own exit code ends the script
  n=$((n + 1))
  echo "== $session, $1: kakoi ${*:2}" >&2
  traced $n --quiet "${unlock[@]}" "${@:2}" >"$work/said.$n" 2>&1 || { code=$?; cat "$work/said.$n" >&2; echo "exit $code" >&2; exit $code; }
}

training() { # what both kinds of session do with commands
  step import dataset import "$work/rows.jsonl" --name session
  step train train --dataset session --epochs 1 --batch 1 --rank 2 --name small
  step "adapter export" adapter export small "$exports/adapter"
  step "dataset export" dataset export "$exports/rows.jsonl"
  step backup backup "$exports/library.kakoi-backup"
  step "daily backup" backup now
  step capsule capsule export --passphrase-file "$work/pass" "$exports/all.kakoi-capsule"
}

plain() {
  step add add --samples
  step ask ask "始業時刻を教えてください。" --receipt "$exports/receipt.json"
  step search search "始業時刻"
  training
  step report doctor --report "$exports/report.json"
}

passphrase() {
  step add add --samples
  step "set the passphrase" passphrase set --yes --passphrase-file "$work/pass"
  unlock=(--unlock-file "$work/pass")
  step ask ask "始業時刻を教えてください。" --receipt "$exports/receipt.json"
  training
  step "change the passphrase" passphrase change --passphrase-file "$work/pass2"
  unlock=(--unlock-file "$work/pass2")
  step search search "始業時刻"
  step "remove the passphrase" passphrase remove --yes
  unlock=()
  step report doctor --report "$exports/report.json"
}

keys() { for k in "$@"; do xdotool key --delay 30 "$k" && sleep 0.3; done; }
until_said() { # until_said SECONDS WHAT COMMAND...: waits until a command, untraced, beside the window succeeds
  local end=$((SECONDS + $1))
  until "${@:3}" >/dev/null 2>&1; do
    if [ $SECONDS -ge $end ]; then echo "not within $1 s: $2" >&2 && exit 1; fi
    sleep 0.5
  done
}
beside() { env -i PATH=/usr/bin:/bin HOME="$person" LANG=C.UTF-8 "$home/kakoi" --data "$data" --lang en "$@"; }
there() { [ "$(beside --json list | grep -c '"state":"ready"')" = 10 ]; }
asked() { beside --json chat list | grep -q .; }
locked() { ! beside list; }

window() {
  for tool in Xvfb xdotool; do command -v "$tool" >/dev/null || { echo "needs $tool" >&2 && exit 2; }; done
  exec 3< <(exec Xvfb -displayfd 1 -screen 0 1280x800x24 -nolisten tcp 2>/dev/null)
  mine+=($!)
  read -r number <&3
  export DISPLAY=:$number
  screen=(DISPLAY=:"$number" LIBGL_ALWAYS_SOFTWARE=1 XMODIFIERS=@im=none)
  echo "== $session: kakoi with its window" >&2
  traced window >"$work/said.window" 2>&1 &
  local program=$!
  mine+=($program)
  until_said 60 "the window" xdotool search --onlyvisible --name Kakoi
  sleep 5
  xdotool search --onlyvisible --name Kakoi windowfocus
  sleep 1
  keys Return Return Return # the welcome, and the sample collection
  until_said 120 "the samples" there
  sleep 2
  xdotool type --delay 60 "KX-200" && keys Return
  until_said 120 "an answer" asked
  sleep 3
  training
  step receipt receipt export "$(beside --json chat list | grep -oE '"id":"[^"]+"' | head -n 1 | cut -d '"' -f 4)" "$exports/receipt.json"
  step verify receipt verify "$exports/receipt.json"
  keys alt+5 ctrl+Next ctrl+Next ctrl+Next ctrl+Next ctrl+Next ctrl+Next Right Return # the settings, the page of the passphrase, its first button
  sleep 1
  for _ in 1 2; do xdotool type --delay 60 "$(cat "$work/pass")" && keys Return; done
  until_said 60 "the passphrase is set" test -e "$data/vault.json"
  until_said 60 "the library is open again" there
  sleep 2
  keys alt+1 ctrl+shift+l
  until_said 60 "the lock" locked
  xdotool type --delay 60 "$(cat "$work/pass")" && keys Return
  until_said 60 "the unlocking" there
  sleep 2
  step report doctor --report "$exports/report.json"
  keys ctrl+q
  wait $program || { code=$?; cat "$work/said.window" >&2; echo "the window ended with $code" >&2; exit $code; }
  n=$((n + 1))
}

count() { # prints the figures of a session; 1 where something is as it should not be
  cat "$work"/trace.* >"$work/all"
  # Calls that went through; the programs' own attempts at other families are refused, and counted apart.
  opened=$(grep -E ' (socket|socketpair)\(' "$work/all" | grep -vE '= -1 ' || true)
  other=$(grep -vE '\((AF_UNIX|AF_LOCAL),' <<<"$opened" | grep -c . || true)
  unix=$(grep -cE '\((AF_UNIX|AF_LOCAL),' <<<"$opened" || true)
  refused=$(grep -E ' socket\(AF_' "$work/all" | grep -cE '= -1 E(ACCES|PERM)' || true)
  abroad=$(grep -E ' connect\(' "$work/all" | grep -vcE 'sa_family=AF_UNIX' || true)
  peers=$(grep -E ' connect\(' "$work/all" | grep -vE '= -1 ' | grep -oE 'sun_path=@?"[^"]*"' | sed "s|$data|DATA|" | sort | uniq -c | sed -E 's/^ +//' | paste -sd ';' || true)
  # Paths that were opened for writing, made, moved or removed; -y tells the folder of a relative one.
  writes=$(grep -vE '= -1 ' "$work/all" | grep -E ' (mkdir|rename|link|symlink|unlink|rmdir|truncate|creat|mknod|chmod|fchmodat)|O_(WRONLY|RDWR|CREAT)' |
    grep -vE ' (socket|socketpair|connect|bind|sendto)\(' | sed -E 's/^[0-9]+ +//' || true)
  sorted=$(awk -v data="$data" -v exports="$exports" -v person="$person" '
    function under(path, dir) { return path == dir || index(path, dir "/") == 1 }
    { # the paths of a call: "..." after a folder <...> or alone
      line = $0; cwd = ""
      if (match(line, /<[^>]*>/)) cwd = substr(line, RSTART + 1, RLENGTH - 2)
      bad = 0; own = 0; seen = 0
      while (match(line, /"[^"]*"/)) {
        path = substr(line, RSTART + 1, RLENGTH - 2); line = substr(line, RSTART + RLENGTH); seen = 1
        if (path !~ /^\//) path = cwd "/" path
        if (under(path, data) || under(path, exports)) continue
        if (path ~ /^\/dev\/(null|zero|tty|shm$)/ || path ~ /^\/proc\/(self|thread-self|[0-9]+)\//) continue
        sub(/\/$/, "", path)
        if (path == person "/.config" || path == person "/.cache" || under(path, person "/.config/fyne") || under(path, person "/.cache/fontindex") || path ~ /\/\.cache\/go-text|\.cache\/font/) { own = 1; continue }
        bad = 1
      }
      if (seen && bad) print "outside " $0
      else if (seen && own) print "toolkit " $0
    }' <<<"$writes")
  outside=$(grep '^outside ' <<<"$sorted" || true)
  left=$(find "$person" -mindepth 1 -type f | grep -vE '/\.config/fyne/|/\.cache/(fontindex|go-text|font)' || true)
  echo "session $session: commands $n"
  echo "  sockets opened: AF_UNIX $unix, others $other; connected to: ${peers:-nothing}"
  echo "  attempts at other families, refused: $refused; connections to anything but AF_UNIX: $abroad"
  echo "  calls that wrote files: $(grep -c . <<<"$writes" || true); of the toolkit: $(grep -c '^toolkit ' <<<"$sorted" || true); outside: $(grep -c . <<<"$outside" || true)"
  echo "  files left in the home folder but the toolkit's: $(grep -c . <<<"$left" || true)"
  if [ "$other" != 0 ] || [ "$abroad" != 0 ] || [ -n "$outside" ] || [ -n "$left" ]; then
    printf '%s\n' "$outside" "$left" >&2
    grep -vE '\((AF_UNIX|AF_LOCAL),' <<<"$opened" >&2 || true
    return 1
  fi
}

code=0
for session in "${sessions[@]}"; do
  case $session in plain | passphrase | window) ;; *) echo "no session $session" >&2 && exit 2 ;; esac
  work=$(mktemp -d)
  data=$work/data exports=$work/exports person=$work/person
  n=0 unlock=() screen=()
  mkdir -p "$data" "$exports" "$person"
  echo "seven grey cats" >"$work/pass"
  echo "seven grey dogs" >"$work/pass2"
  cat >"$work/rows.jsonl" <<'ROWS'
{"question":"How long is the trial period?","answer":"three months"}
{"question":"Who signs the form?","answer":"the head of the section"}
{"question":"Where are the keys?","answer":"at the reception"}
{"question":"When does the office open?","answer":"at nine"}
{"question":"How many days of leave are there?","answer":"ten days"}
{"question":"What is the limit of a claim?","answer":"fifty thousand yen"}
ROWS
  "$session"
  count || code=1
  clean
  mine=() work=
done
exit $code
