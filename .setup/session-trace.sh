#!/usr/bin/env bash
# A whole session under strace, in a network namespace without a network: documents are added, questions asked, an adapter is trained, files are
# exported. Prints what was opened; ends with 1 where a socket other than AF_UNIX opened, or a file outside of the data folder and the folder of
# exports was written.
#   .setup/session-trace.sh [FOLDER OF THE PROGRAMS]     (default: bin; needs strace, and unshare -n: root, or user namespaces)
set -euo pipefail
home=$(cd "${1:-bin}" && pwd -P)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
data=$work/data exports=$work/exports person=$work/person
mkdir -p "$data" "$exports" "$person"
namespace=(unshare -n)
if [ "$(id -u)" != 0 ]; then namespace=(unshare -rn); fi
n=0
step() { # step NAME kakoi's arguments: one command of the session; its own exit code ends the script
  n=$((n + 1))
  echo "== $1: kakoi ${*:2}" >&2
  env -i PATH=/usr/bin:/bin HOME="$person" LANG=C.UTF-8 "${namespace[@]}" \
    strace -f -qq -y -s 300 -e signal=none -o "$work/trace.$n" \
    -e trace=socket,socketpair,connect,bind,sendto,open,openat,openat2,creat,mkdir,mkdirat,rename,renameat,renameat2,link,linkat,symlink,symlinkat,unlink,unlinkat,rmdir,truncate,chmod,fchmodat,mknod,mknodat,io_uring_setup \
    "$home/kakoi" --data "$data" --lang en --quiet "${@:2}" >"$work/said.$n" 2>&1 || { code=$?; cat "$work/said.$n" >&2; echo "exit $code" >&2; exit $code; }
}
cat >"$work/rows.jsonl" <<'ROWS'
{"question":"How long is the trial period?","answer":"three months"}
{"question":"Who signs the form?","answer":"the head of the section"}
{"question":"Where are the keys?","answer":"at the reception"}
{"question":"When does the office open?","answer":"at nine"}
{"question":"How many days of leave are there?","answer":"ten days"}
{"question":"What is the limit of a claim?","answer":"fifty thousand yen"}
ROWS
step add add --samples
step ask ask "試用期間は何か月ですか"
step search search "trial period"
step import dataset import "$work/rows.jsonl" --name session
step train train --dataset session --epochs 1 --batch 1 --rank 2 --name small
step "adapter export" adapter export small "$exports/adapter"
step "dataset export" dataset export "$exports/rows.jsonl"
step backup backup "$exports/library.kakoi-backup"
step report doctor --report "$exports/report.json"

cat "$work"/trace.* >"$work/trace"
# Calls that went through; the programs' own attempts at other families are refused, and counted apart.
opened=$(grep -E ' (socket|socketpair)\(' "$work/trace" | grep -vE '= -1 ' || true)
other=$(grep -vE '\((AF_UNIX|AF_LOCAL),' <<<"$opened" | grep -c . || true)
unix=$(grep -cE '\((AF_UNIX|AF_LOCAL),' <<<"$opened" || true)
refused=$(grep -E ' socket\(AF_' "$work/trace" | grep -cE '= -1 E(ACCES|PERM)' || true)
abroad=$(grep -E ' connect\(' "$work/trace" | grep -vcE 'sa_family=AF_UNIX' || true)
# Paths that were opened for writing, made, moved or removed; -y tells the folder of a relative one.
writes=$(grep -vE '= -1 ' "$work/trace" | grep -E ' (mkdir|rename|link|symlink|unlink|rmdir|truncate|creat|mknod|chmod|fchmodat)|O_(WRONLY|RDWR|CREAT)' |
  grep -vE ' (socket|socketpair|connect|bind|sendto)\(' | sed -E 's/^[0-9]+ +//' || true)
outside=$(awk -v data="$data" -v exports="$exports" '
  { # the paths of a call: "..." after a folder <...> or alone
    line = $0; cwd = ""
    if (match(line, /<[^>]*>/)) cwd = substr(line, RSTART + 1, RLENGTH - 2)
    bad = 0; seen = 0
    while (match(line, /"[^"]*"/)) {
      path = substr(line, RSTART + 1, RLENGTH - 2); line = substr(line, RSTART + RLENGTH); seen = 1
      if (path !~ /^\//) path = cwd "/" path
      if (index(path, data "/") == 1 || path == data || index(path, exports "/") == 1 || path == exports) continue
      if (path ~ /^\/dev\/(null|zero|tty)/ || path ~ /^\/proc\/(self|thread-self|[0-9]+)\//) continue
      bad = 1
    }
    if (seen && bad) print
  }' <<<"$writes")
count=$(grep -c . <<<"$outside" || true)
echo "commands $n"
echo "sockets opened: AF_UNIX $unix, others $other"
echo "attempts at other families, refused: $refused"
echo "connections to anything but AF_UNIX: $abroad"
echo "calls that wrote files: $(grep -c . <<<"$writes" || true), outside of the data folder and the folder of exports: $count"
left=$(find "$person" -mindepth 1 | wc -l)
echo "left in the home folder: $left"
if [ "$other" != 0 ] || [ "$abroad" != 0 ] || [ "$count" != 0 ] || [ "$left" != 0 ]; then
  printf '%s\n' "$outside" >&2
  find "$person" -mindepth 1 >&2
  grep -vE '\((AF_UNIX|AF_LOCAL),' <<<"$opened" >&2 || true
  exit 1
fi
