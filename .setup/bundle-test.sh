#!/usr/bin/env bash
# Does what a person without a network does, in bare roots made by debootstrap: installs a bundle, asks, updates in place, removes, and looks at what is left. As root.
#   .setup/bundle-test.sh DEB TARBALL [OLDER_DEB]          ROOTS=DIR keeps the roots; SUITES="bookworm noble" are those that are tried
#   CUDA_DEB=FILE CUDA_TARBALL=FILE                        the second part, too, as a machine without a GPU has it
# Prints the seconds from the start of the installation to the first answer. Needs debootstrap once for each root, and the network for that.
set -euo pipefail
kakoi_setup_dir=$(cd "$(dirname "$0")" && pwd)
. "$kakoi_setup_dir/env.sh"
[ $# -ge 2 ] || { sed -n '2,5p' "$0" >&2; exit 2; }
[ "$(id -u)" = 0 ] || { echo "bundle-test: needs root, for chroot and an empty network namespace." >&2; exit 1; }
deb=$(readlink -f "$1") tarball=$(readlink -f "$2") older=
[ -z "${3:-}" ] || older=$(readlink -f "$3")
roots=${ROOTS:-$KAKOI_BUILD_CACHE/roots}
mkdir -p "$roots"
work=$(mktemp -d "${TMPDIR:-/var/tmp}/kakoi-bundle-test.XXXXXX")
trap 'rm -rf --one-file-system "$work"' EXIT
command -v debootstrap >/dev/null || { echo "bundle-test: debootstrap is missing: apt-get install debootstrap" >&2; exit 1; }

root_of() { # SUITE: the bare root as a tar archive
  local mirror=http://deb.debian.org/debian script='' check=''
  [ -e "$roots/$1.tar" ] && return
  case $1 in
  noble | jammy)
    mirror=http://archive.ubuntu.com/ubuntu
    [ -e "/usr/share/debootstrap/scripts/$1" ] || script=/usr/share/debootstrap/scripts/gutsy
    # Debian has no package with Ubuntu's keys; this root is for a test and thrown away.
    [ -e /usr/share/keyrings/ubuntu-archive-keyring.gpg ] || check=--no-check-gpg
    ;;
  esac
  debootstrap $check --variant=minbase "$1" "$work/$1" "$mirror" $script >"$work/log" 2>&1 || { tail -n 5 "$work/log" >&2; exit 1; }
  rm -rf "$work/$1"/var/cache/apt/archives/*.deb
  tar -C "$work/$1" -cf "$roots/$1.tar.new" . && mv "$roots/$1.tar.new" "$roots/$1.tar"
  rm -rf --one-file-system "${work:?}/$1"
}

failed=0
for suite in ${SUITES:-bookworm noble}; do
  root_of "$suite"
  root=$work/root-$suite
  mkdir -p "$root" && tar -C "$root" -xf "$roots/$suite.tar"
  mkdir -p "$root/stick" "$root/root/papers"
  ln "$deb" "$root/stick/kakoi.deb" 2>/dev/null || cp "$deb" "$root/stick/kakoi.deb"
  ln "$tarball" "$root/stick/kakoi.tar.gz" 2>/dev/null || cp "$tarball" "$root/stick/kakoi.tar.gz"
  for part in deb tar.gz; do
    from=${CUDA_DEB:-}
    [ $part = deb ] || from=${CUDA_TARBALL:-}
    [ -z "$from" ] || ln "$(readlink -f "$from")" "$root/stick/kakoi-cuda.$part" 2>/dev/null || cp "$from" "$root/stick/kakoi-cuda.$part"
  done
  [ -z "$older" ] || cp "$older" "$root/stick/older.deb"
  cp -r "$kakoi_setup_dir"/../resources/samples/. "$root/root/papers/"
  cp "$kakoi_setup_dir/bundle-inside.sh" "$root/stick/inside.sh"
  question=$(head -n 1 "$kakoi_setup_dir/../resources/questions.txt")
  echo "== $suite: $(sed -n 's/^PRETTY_NAME="\(.*\)"/\1/p' "$root/etc/os-release"), no network"
  # Empty namespaces: no network interface but a dead loopback, no process or mount of this system.
  unshare --net --mount --pid --ipc --uts --fork sh -c '
    mount -t proc proc "$1/proc" && mkdir -p "$1/dev/shm" && mount -t tmpfs tmpfs "$1/dev/shm" &&
      exec chroot "$1" /usr/bin/env -i HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 sh /stick/inside.sh "$2"' \
    sh "$root" "$question" || { failed=1; echo "== $suite: FAILED"; }
  rm -rf --one-file-system "$root"
done
exit $failed
