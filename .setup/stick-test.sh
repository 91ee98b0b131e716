#!/usr/bin/env bash
# Packs, folders, capsules and backups on sticks as people have them: FAT32, full ones, locked ones. As root; needs dosfstools.
#   .setup/stick-test.sh [KAKOI]      bin/kakoi otherwise
# Where the kernel has no vfat, the same within a virtual machine (qemu-system-x86, busybox-static, cpio; a Debian kernel is fetched): slow, without KVM. VM=1 asks for that.
set -euo pipefail
kakoi_setup_dir=$(cd "$(dirname "$0")" && pwd)
cd "$kakoi_setup_dir/.."
program=$(readlink -f "${1:-bin/kakoi}")
[ "$(id -u)" = 0 ] || { echo "stick-test: needs root, to mount." >&2; exit 1; }
for tool in mkfs.vfat fsck.vfat; do command -v $tool >/dev/null || { echo "stick-test: dosfstools is missing: apt-get install dosfstools" >&2; exit 1; }; done
work=$(mktemp -d "${TMPDIR:-/var/tmp}/kakoi-stick-test.XXXXXX")
loops=()
done_with() {
  for l in ${loops[@]+"${loops[@]}"}; do losetup -d "$l"; done
  rm -rf --one-file-system "$work"
}
trap done_with EXIT
truncate -s 700M "$work/big.img"
truncate -s 20M "$work/small.img"
if [ -z "${VM:-}" ] && { grep -qw vfat /proc/filesystems || modprobe vfat 2>/dev/null; }; then
  for i in big small; do loops+=("$(losetup -f --show "$work/$i.img")"); done
  status=0
  unshare --mount bash .setup/stick-inside.sh "$program" "${loops[0]}" "${loops[1]}" "$PWD/resources/samples" || status=$?
  exit $status
fi

echo "this kernel has no vfat: in a virtual machine"
kernel=${KERNEL:-} # an unpacked package linux-image-*
if [ -z "$kernel" ]; then
  kernel=$work/kernel
  package=$(apt-cache depends linux-image-amd64 | sed -n 's/.*Depends: \(linux-image-[^ ]*\)/\1/p' | head -n 1)
  (cd "$work" && apt-get download -q "$package" >/dev/null 2>&1 && dpkg-deb -x linux-image-*.deb kernel && rm linux-image-*.deb)
fi
root=$work/initrd
mkdir -p "$root"/{bin,mods,proc,sys,dev,host}
cp "$(command -v busybox)" "$root/bin/"
order=(virtio_ring virtio virtio_pci_modern_dev virtio_pci_legacy_dev virtio_pci virtio_blk nls_utf8 nls_cp437 nls_iso8859-1 nls_ascii fat vfat netfs fscache 9pnet 9pnet_virtio 9p)
for m in "${order[@]}"; do find "$kernel/lib/modules" -name "$m.ko" -exec cp {} "$root/mods/" \;; done
# The machine has this one's files by 9p (cached: else what Landlock was told of a file is forgotten with its inode); what it writes goes to its memory and to the two sticks.
cat >"$root/init" <<'INIT'
#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev
for m in ORDER; do [ ! -e /mods/$m.ko ] || insmod /mods/$m.ko; done
mount -t 9p -o trans=virtio,version=9p2000.L,cache=loose,msize=1048576,ro host /host || poweroff -f
mount -t proc proc /host/proc; mount -t devtmpfs dev /host/dev; mount -t sysfs sys /host/sys
for d in /host/run /host/mnt /host/tmp; do mount -t tmpfs -o size=6G tmpfs $d; done
mkdir -p /host/dev/shm; mount -t tmpfs tmpfs /host/dev/shm
ifconfig lo up
chroot /host /usr/bin/env -i TMPDIR=/mnt PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 /bin/bash 'HERE/.setup/stick-inside.sh' 'PROGRAM' /dev/vda /dev/vdb 'HERE/resources/samples'
echo "inside: $?"
poweroff -f
INIT
sed -i "s|ORDER|${order[*]}|; s|HERE|$PWD|g; s|PROGRAM|$program|" "$root/init"
chmod +x "$root/init"
(cd "$root" && find . | cpio -o -H newc 2>/dev/null | gzip -1) >"$work/initrd.gz"
qemu-system-x86_64 -accel "${ACCEL:-tcg,thread=multi}" -cpu max -smp 2 -m 8G -nographic -no-reboot -kernel "$kernel"/boot/vmlinuz-* -initrd "$work/initrd.gz" -append "console=ttyS0 quiet panic=-1" \
  -virtfs local,path=/,mount_tag=host,security_model=none,multidevs=remap,readonly=on -net none \
  -drive file="$work/big.img",format=raw,if=virtio,cache=unsafe -drive file="$work/small.img",format=raw,if=virtio,cache=unsafe </dev/null 2>&1 |
  stdbuf -oL tr -d '\r' | stdbuf -oL sed 's/\x1b\[[0-9;?]*[a-zA-Z]//g' | tee "$work/log"
grep -q '^inside: 0' "$work/log"
