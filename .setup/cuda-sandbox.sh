#!/usr/bin/env bash
# Does CUDA work in an engine that the kernel keeps to its own files (Landlock) and off every network (seccomp)? For a machine with an NVIDIA GPU; needs Python, no network and no compiler.
#   .setup/cuda-sandbox.sh TORCH [PROGRAMS]
# TORCH: a folder of the package torch with nvidia/ beside it and the version that Kakoi is built for: .../site-packages/torch, or torch/ of what `make cuda` fetched.
# PROGRAMS: the folder with kakoi, kakoi-engine and models/ (bin; lib/kakoi of an unpacked bundle).
# Puts both below one prefix as the bundle and its CUDA part do (real files, linked where the disk allows), then: the self-test on the GPU with the rules in force, documents, an answer, a short
# training and an answer with what was trained; the same answer again without the rules. Prints figures; ends with 1 where something is not as it should be.
#   WORK=DIR     keeps prefix, library and what the programs said in DIR; DEVICE=cpu tries the script itself on a machine without a GPU
set -euo pipefail
[ $# -ge 1 ] || { sed -n '2,8p' "$0" >&2; exit 2; }
repository=$(cd "$(dirname "$0")/.." && pwd -P)
torch=$(cd "$1" && pwd -P)
programs=$(cd "${2:-$repository/bin}" && pwd -P)
device=${DEVICE:-cuda:0}
[ -e "$torch/lib/libtorch_cuda.so" ] && [ -d "$torch/../nvidia" ] || { echo "$torch holds no libtorch for NVIDIA GPUs, or has no nvidia/ beside it." >&2; exit 2; }
[ -x "$programs/kakoi" ] && [ -x "$programs/kakoi-engine" ] && [ -d "$programs/models" ] || { echo "$programs lacks kakoi, kakoi-engine or models." >&2; exit 2; }
if [ -n "${WORK:-}" ]; then
  mkdir -p "$WORK" && work=$(cd "$WORK" && pwd -P)
else
  work=$(mktemp -d "${TMPDIR:-/var/tmp}/kakoi-cuda-sandbox.XXXXXX")
  trap 'rm -rf --one-file-system "$work"' EXIT
fi
home=$work/prefix/lib/kakoi data=$work/data
failed=0
bad() { echo "NOT AS IT SHOULD BE: $*"; failed=1; }
now() { date +%s.%N; }
since() { echo "$1 $(now)" | awk '{printf "%.1f", $2 - $1}'; }

# The two parts of the bundle, as .setup/bundle.sh and .setup/setup.sh choose their files.
start=$(now)
rm -rf --one-file-system "$work/prefix" "$data"
mkdir -p "$home" "$work/home"
how=links
put() { # put FILE FOLDER: a real file there
  mkdir -p "$2"
  ln -L "$1" "$2/" 2>/dev/null || { cp -L "$1" "$2/" && how=copies; }
}
for so in "$torch"/lib/libtorch_c*.so "$torch"/lib/libtorch_nvshmem.so "$torch"/lib/libc10*.so "$torch"/lib/libgomp*; do [ ! -e "$so" ] || put "$so" "$home/cuda/torch/lib"; done
for so in "$torch"/../nvidia/*/lib/*.so*; do
  dir=${so%/*} && dir=${dir#"$torch"/../}
  put "$so" "$home/cuda/$dir"
done
ln -s cuda/torch/lib "$home/lib-cuda"
cp -L "$programs/kakoi" "$programs/kakoi-engine" "$home/"
for part in models lib fonts wasm; do [ ! -e "$programs/$part" ] || cp -rL "$programs/$part" "$home/$part"; done
echo "laid out in $(since "$start") s: CUDA part $(find "$home/cuda" -type f | wc -l) files, $(du -sm "$home/cuda" | cut -f1) MB ($how), links within it $(find "$home/cuda" -type l | wc -l)"
echo "driver $(sed -n 's/^NVRM version: *//p' /proc/driver/nvidia/version 2>/dev/null | grep . || echo none); devices $(ls -d /dev/nvidia* /dev/dxg 2>/dev/null | paste -sd ' ')"
echo "kernel $(uname -sr); LSMs $({ cat /sys/kernel/security/lsm || dmesg | sed -n 's/.*LSM: initializing lsm=//p'; } 2>/dev/null | grep . || echo 'not shown'); LD_LIBRARY_PATH '${LD_LIBRARY_PATH:-}'"

# Only what the loader may need for the driver comes from outside.
kakoi() { env -i PATH=/usr/bin:/bin HOME="$work/home" LANG=C.UTF-8 ${LD_LIBRARY_PATH:+LD_LIBRARY_PATH="$LD_LIBRARY_PATH"} timeout "${LIMIT:-120}" "$home/kakoi" --lang en --data "$data" --quiet "$@"; }
look() { # look: keeps what the kernel shows of the engine of this script's kakoi, until that ends
  local status dir
  while [ ! -e "$work/seen.end" ]; do
    for status in $(grep -l '^Name:[[:space:]]kakoi-engine$' /proc/[0-9]*/status 2>/dev/null); do
      dir=${status%/status}
      [ "$(readlink "$dir/exe" 2>/dev/null)" = "$home/kakoi-engine" ] || continue
      if cat "$status" >"$work/seen.status.new" 2>/dev/null && cat "$dir"/task/*/status >"$work/seen.threads.new" 2>/dev/null && cat "$dir/maps" >"$work/seen.maps.new" 2>/dev/null && [ -s "$work/seen.maps.new" ]; then
        for f in status threads maps; do mv "$work/seen.$f.new" "$work/seen.$f"; done
      fi
    done
    sleep 0.2
  done
}

kakoi settings device "$device" >/dev/null
rm -f "$work"/seen.*
look &
looking=$!
start=$(now)
code=0
LIMIT=300 kakoi doctor --device "$device" --json >"$work/doctor.json" 2>"$work/doctor.err" || code=$?
seconds=$(since "$start")
touch "$work/seen.end" && wait $looking
if [ -s "$work/doctor.json" ]; then
  echo "doctor --device $device: exit $code after $seconds s"
  python3 - "$work/doctor.json" "$device" "$home" <<'PY' || failed=1
import json, sys
report, device, home = json.load(open(sys.argv[1])), sys.argv[2], sys.argv[3]
engine = report["engine"]
if "status" not in engine:
    sys.exit("NOT AS IT SHOULD BE: the engine did not start: " + engine.get("error", ""))
status = engine["status"]
proof, d, good = status["proof"], status["device"], True
files = proof.get("files") or {}
def tell(ok, text):
    global good
    good &= ok
    print(("  " if ok else "  NOT AS IT SHOULD BE: ") + text)
tell(d["device"] == device, f"device {d['device']}: {d.get('name')}, libtorch {d.get('torch')}, {d.get('memory_bytes', 0) / 1e9:.1f} GB; {d.get('note') or 'no note'}")
print(f"  libraries {status['libraries'].replace(home, 'PREFIX/lib/kakoi')} ({status['libraries_reason']}); engine started in {status['start_seconds']:.2f} s")
refused = sum(a["refused"] for a in files.get("attempts", []))
tell(bool(files.get("on")), f"Landlock {'on' if files.get('on') else 'OFF'}, version {files.get('abi')}, {len(files.get('grants', []))} rules; TCP, abstract sockets, signals, device commands closed: "
     f"{files.get('tcp')}, {files.get('abstract_sockets')}, {files.get('signals')}, {files.get('device_commands')}" + (f"; reason {files['reason']}" if files.get("reason") else ""))
if files.get("on"):
    tell(refused == len(files["attempts"]) > 0, f"attempts at other files, programs and signals refused: {refused} of {len(files['attempts'])}")
    for kind in ("use", "write", "run", "read"):
        print(f"    {kind}: " + " ".join(g["path"].replace(home, "PREFIX/lib/kakoi") for g in files["grants"] if g["access"] == kind))
refused = sum(a["refused"] for a in proof["attempts"])
tell(refused == len(proof["attempts"]) > 0, f"seccomp: attempts at the network refused: {refused} of {len(proof['attempts'])}, {len(proof['filter'])} instructions, {proof['threads']} threads")
checks = engine["checks"]
there = [c for c in checks if device.split(":")[0] in c["detail"]]
tell(len(checks) > 0 and all(c["ok"] for c in checks), f"self-test: {sum(c['ok'] for c in checks)} of {len(checks)} good, {len(there)} of them on {device}, {sum(c['seconds'] for c in checks):.1f} s")
for c in checks:
    if not c["ok"]:
        print(f"    {c['name']}: {c['detail']}")
if engine.get("error"):
    tell(False, engine["error"])
sys.exit(0 if good else 1)
PY
else
  bad "doctor said nothing (exit $code after $seconds s): $(head -c 600 "$work/doctor.err")"
fi
if [ -s "$work/seen.maps" ]; then # the same from outside, by another process
  echo "seen from outside: $(grep -c '^Seccomp:[[:space:]]*2$' "$work/seen.threads") of $(grep -c '^Seccomp:' "$work/seen.threads") threads filtered, $(grep -c '^NoNewPrivs:[[:space:]]*1$' "$work/seen.threads") with no_new_privs"
  awk '$6 ~ /^\// {print $6}' "$work/seen.maps" | sort -u >"$work/seen.files"
  echo "  mapped: $(grep -c "^$home/cuda/" "$work/seen.files") files of the CUDA part; others: $(grep -v "^$home/" "$work/seen.files" | paste -sd ' ')"
  ! grep -q "^$torch/" "$work/seen.files" || bad "the engine uses files of $torch itself"
  grep -q 'libtorch_cuda\.so' "$work/seen.files" || [ "$device" = cpu ] || bad "libtorch_cuda.so is not mapped"
else
  echo "seen from outside: nothing (needs root)"
fi
if [ $failed = 1 ]; then # are the rules in the way?
  echo "what the logs and the kernel say:"
  { tail -q -n 12 "$data"/logs/*.log; dmesg | grep -i landlock | tail -n 12; } 2>/dev/null | cut -c1-300 | sed 's/^/  /' || true
  kakoi settings engine_files open >/dev/null
  code=0
  LIMIT=300 kakoi doctor --device "$device" --json >"$work/doctor-open.json" 2>"$work/doctor-open.err" || code=$?
  echo "doctor without the rules: exit $code"
  kakoi settings engine_files closed >/dev/null
fi
[ ! -d "$data/cache/engine" ] || echo "written in the engine's own folder: $(find "$data/cache/engine" -type f | wc -l) files, $(du -sk "$data/cache/engine" | cut -f1) kB"

question=領収書の保管期間は何年ですか。
ask() { # ask NAME ARGUMENTS: one answer and what it took
  local name=$1 start code=0
  shift
  start=$(now)
  kakoi ask --json --details "$@" "$question" >"$work/$name.json" 2>"$work/$name.err" || code=$?
  if [ $code != 0 ] && [ $code != 3 ]; then bad "$name: exit $code: $(cat "$work/$name.json" "$work/$name.err" | head -c 400)"; return; fi
  python3 - "$work/$name.json" "$name" "$(since "$start")" "$device" <<'PY' || failed=1
import json, sys
a, name, wall, device = json.load(open(sys.argv[1])), *sys.argv[2:]
r = a["receipt"]
print(f"{name}: {a['answer']} on {r['device']}, {r['dtype']}; {a['prompt_tokens']} tokens read in {r.get('prefill_seconds', 0) * 1000:.1f} ms, {a['new_tokens']} written in {r.get('decode_seconds', 0) * 1000:.1f} ms; {wall} s with start")
sys.exit(0 if r["device"] == device else f"not on {device}")
PY
}
start=$(now)
if kakoi add "$repository"/resources/samples/*.txt "$repository"/resources/samples/*.md >"$work/add.log" 2>&1; then
  echo "documents added in $(since "$start") s"
else
  bad "add: $(tail -c 400 "$work/add.log")"
fi
ask "with the rules"
cat >"$work/rows.jsonl" <<'ROWS'
{"question":"How long is the trial period?","answer":"three months"}
{"question":"Who signs the form?","answer":"the head of the section"}
{"question":"Where are the keys?","answer":"at the reception"}
{"question":"When does the office open?","answer":"at nine"}
{"question":"How many days of leave are there?","answer":"ten days"}
{"question":"What is the limit of a claim?","answer":"fifty thousand yen"}
ROWS
start=$(now)
if kakoi dataset import "$work/rows.jsonl" --name six >"$work/train.log" 2>&1 && kakoi train --dataset six --epochs 1 --batch 1 --rank 2 --name small >>"$work/train.log" 2>&1; then
  echo "an adapter trained with the rules in $(since "$start") s"
  ask "with the rules and the adapter" --adapter small
else
  bad "train: $(tail -c 600 "$work/train.log")"
fi
kakoi settings engine_files open >/dev/null
ask "without the rules"
same=$(python3 - "$work" <<'PY'
import json, sys
def answer(name): # its text, and its tokens where the receipt has them
    try:
        a = json.load(open(f"{sys.argv[1]}/{name}.json"))
        return a["answer"], a["receipt"].get("tokens")
    except (OSError, ValueError, KeyError):
        return name
print("yes" if answer("with the rules") == answer("without the rules") else "no")
PY
)
[ "$same" = yes ] || bad "the answers with and without the rules are not the same"
[ $failed = 0 ] && echo "all as it should be: $device works with the rules in force" || echo "something is not as it should be, see above"
exit $failed
