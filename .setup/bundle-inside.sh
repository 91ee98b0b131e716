#!/bin/sh
# The inner half of bundle-test.sh: runs within the bare root. $1 is a question about the documents in /root/papers.
set -u
question=$1
fail() { echo "  FAILED: $*"; exit 1; }
now() { date +%s.%N; }
since() { echo "$1 $(now)" | awk '{printf "%.1f", $2 - $1}'; }
ask() { # asks and says how long it took; 3 would be "not in the documents"
  kakoi ask --json "$question" >/tmp/answer 2>/tmp/asked || { cat /tmp/answer /tmp/asked; fail "kakoi ask"; }
  grep -q '"refused":false' /tmp/answer || { cat /tmp/answer; fail "no answer"; }
}
# Everything but what the system itself writes: dpkg's own records, caches, and what we carried in.
look() { find / -xdev \( -path /proc -o -path /dev -o -path /sys -o -path /tmp -o -path /stick -o -path /var/lib/dpkg -o -path /var/log -o -path /var/cache \) -prune -o -print | sort; }

[ "$(ls /sys/class/net 2>/dev/null | grep -vc '^lo$')" = 0 ] || fail "there is a network interface"
look >/tmp/before
first=/stick/kakoi.deb
[ ! -e /stick/older.deb ] || first=/stick/older.deb
start=$(now)
dpkg -i "$first" >/tmp/dpkg 2>&1 || { cat /tmp/dpkg; fail "dpkg -i"; }
echo "  installed after $(since "$start") s: $(kakoi version)"
kakoi add --quiet /root/papers || fail "kakoi add"
echo "  $(find /root/papers -type f | wc -l) documents added after $(since "$start") s"
ask
echo "  FIRST ANSWER after $(since "$start") s: $(sed 's/.*"answer":"\([^"]*\)".*/\1/' /tmp/answer)"
kakoi verify >/tmp/verify || { cat /tmp/verify; fail "kakoi verify of the installation"; }
kakoi doctor >/tmp/doctor || { cat /tmp/doctor; fail "kakoi doctor"; }
ldd /usr/lib/kakoi/kakoi /usr/lib/kakoi/kakoi-engine | grep 'not found' && fail "a library is missing"
echo "  verify and doctor are content"

dpkg -i /stick/kakoi.deb >/tmp/dpkg 2>&1 || { cat /tmp/dpkg; fail "update"; }
ask
kakoi verify >/tmp/verify || { cat /tmp/verify; fail "kakoi verify after the update"; }
echo "  updated in place to $(kakoi version); the library answers as before"
if [ -e /stick/kakoi-cuda.deb ]; then # the second part, on a machine without a GPU
  start=$(now)
  dpkg -i /stick/kakoi-cuda.deb >/tmp/dpkg 2>&1 || { cat /tmp/dpkg; fail "dpkg -i of the CUDA part"; }
  echo "  CUDA part installed after $(since "$start") s, $(du -sm /usr/lib/kakoi/cuda | cut -f1) MB"
  start=$(now)
  kakoi verify --json >/tmp/verify || { cat /tmp/verify; fail "kakoi verify of both parts"; }
  grep -q '"kind":"cuda"' /tmp/verify || { cat /tmp/verify; fail "the CUDA part is not checked"; }
  echo "  both parts verified after $(since "$start") s"
  without_gpu() { # WHAT: the engine starts, computes on the processor, and says so calmly
    ask
    kakoi doctor >/tmp/doctor 2>&1 || { cat /tmp/doctor; fail "kakoi doctor $1"; }
    grep -qi 'gpu' /tmp/doctor || { cat /tmp/doctor; fail "kakoi doctor $1 says nothing of a GPU"; }
    echo "  $1: $(grep -i 'gpu' /tmp/doctor | head -n 1 | sed 's/^ *//')"
  }
  without_gpu "no GPU"
  # What a machine has whose driver does not work: then NVIDIA's libraries themselves are loaded, and say that there is none.
  touch /dev/nvidiactl && mkdir /tmp/driver && touch /tmp/driver/libcuda.so.1
  export LD_LIBRARY_PATH=/tmp/driver
  without_gpu "a driver that does not work"
  unset LD_LIBRARY_PATH
  rm -r /dev/nvidiactl /tmp/driver
  dpkg --purge kakoi-cuda >/tmp/purge 2>&1 || { cat /tmp/purge; fail "purge of the CUDA part"; }
  [ ! -e /usr/lib/kakoi/cuda ] && [ ! -e /usr/lib/kakoi/lib-cuda ] || fail "purge leaves the CUDA part"
  ask
  kakoi verify >/tmp/verify || { cat /tmp/verify; fail "kakoi verify without the CUDA part"; }
  echo "  CUDA part purged; Kakoi answers as before"
fi

echo x >>/usr/lib/kakoi/fonts/OFL.txt
kakoi verify >/tmp/verify && fail "a changed file is not found"
grep -q 'lib/kakoi/fonts/OFL.txt' /tmp/verify || fail "a changed file is not named"

dpkg --purge kakoi >/tmp/purge 2>&1 || { cat /tmp/purge; fail "purge"; }
grep -q 'warning' /tmp/purge && { cat /tmp/purge; fail "purge warns"; }
grep '/root/.local/share/kakoi stays' /tmp/purge | sed 's/^/  purge says: /' | grep . || { cat /tmp/purge; fail "what stays is not named"; }
look >/tmp/after
comm -13 /tmp/before /tmp/after | grep -v '^/root/\.local\(/share\(/kakoi\(/.*\)\?\)\?\)\?$' >/tmp/left
[ ! -s /tmp/left ] || { cat /tmp/left; fail "left behind"; }
comm -23 /tmp/before /tmp/after | grep . && fail "something of the system is gone"
hash -r # the shell remembers where kakoi was
echo "  purged; nothing is left but /root/.local/share/kakoi"

start=$(now)
mkdir /tmp/unpacked && tar -xzf /stick/kakoi.tar.gz -C /tmp/unpacked || fail "tar"
sh /tmp/unpacked/kakoi-*/install.sh >/tmp/install 2>&1 || { cat /tmp/install; fail "install.sh"; }
rm -rf /tmp/unpacked
ask
echo "  tarball: installed and answered after $(since "$start") s, with the library that was there"
kakoi verify >/tmp/verify || { cat /tmp/verify; fail "kakoi verify of /usr/local"; }
mkdir /tmp/unpacked && tar -xzf /stick/kakoi.tar.gz -C /tmp/unpacked || fail "tar"
sh /tmp/unpacked/kakoi-*/install.sh >/tmp/install 2>&1 || { cat /tmp/install; fail "install.sh over what is there"; }
rm -rf /tmp/unpacked
kakoi verify >/tmp/verify || { cat /tmp/verify; fail "kakoi verify after installing again"; }
sh /usr/local/lib/kakoi/bundle/install.sh --remove >/tmp/install 2>&1 || { cat /tmp/install; fail "install.sh --remove"; }
look >/tmp/after
comm -13 /tmp/before /tmp/after | grep -v '^/root/\.local\(/share\(/kakoi\(/.*\)\?\)\?\)\?$' >/tmp/left
[ ! -s /tmp/left ] || { cat /tmp/left; fail "left behind by install.sh"; }
echo "  tarball: removed; nothing is left but the library"

if [ -e /stick/kakoi-cuda.tar.gz ]; then # both parts by install.sh, which checks what it installs with the Kakoi that is there
  mkdir /tmp/unpacked && tar -xzf /stick/kakoi.tar.gz -C /tmp/unpacked || fail "tar"
  sh /tmp/unpacked/kakoi-*/install.sh >/tmp/install 2>&1 || { cat /tmp/install; fail "install.sh"; }
  rm -rf /tmp/unpacked
  start=$(now)
  mkdir /tmp/unpacked && tar -xzf /stick/kakoi-cuda.tar.gz -C /tmp/unpacked || fail "tar of the CUDA part"
  set -- /tmp/unpacked/kakoi-cuda-*/lib/kakoi/cuda/torch/lib/libc10.so
  cp "$1" /tmp/libc10.so && printf 'x' | dd of="$1" bs=1 seek=1000 conv=notrunc 2>/dev/null
  sh /tmp/unpacked/kakoi-cuda-*/install.sh >/tmp/install 2>&1 && fail "a damaged CUDA part is installed"
  grep -q 'libc10.so' /tmp/install && grep -q 'Nothing was installed' /tmp/install || { cat /tmp/install; fail "install.sh does not name what is damaged"; }
  [ ! -e /usr/local/lib/kakoi/cuda ] || fail "something of a damaged CUDA part is installed"
  cp -p /tmp/libc10.so "$1" && rm /tmp/libc10.so
  sh /tmp/unpacked/kakoi-cuda-*/install.sh >/tmp/install 2>&1 || { cat /tmp/install; fail "install.sh of the CUDA part"; }
  rm -rf /tmp/unpacked
  echo "  CUDA part from the tarball: checked and installed after $(since "$start") s; a damaged one was refused"
  ask
  kakoi verify --json >/tmp/verify || { cat /tmp/verify; fail "kakoi verify of both parts"; }
  grep -q '"kind":"cuda"' /tmp/verify || fail "the CUDA part is not checked"
  sh /usr/local/lib/kakoi/bundle-cuda/install.sh --remove >/tmp/install 2>&1 || { cat /tmp/install; fail "install.sh --remove of the CUDA part"; }
  ask
  sh /usr/local/lib/kakoi/bundle/install.sh --remove >/tmp/install 2>&1 || { cat /tmp/install; fail "install.sh --remove"; }
  look >/tmp/after
  comm -13 /tmp/before /tmp/after | grep -v '^/root/\.local\(/share\(/kakoi\(/.*\)\?\)\?\)\?$' >/tmp/left
  [ ! -s /tmp/left ] || { cat /tmp/left; fail "left behind by install.sh"; }
  echo "  CUDA part: removed, and Kakoi; nothing is left but the library"
fi
