package proof

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// mount is one line of /proc/self/mountinfo.
type mount struct {
	device string // major:minor
	point  string
	fstype string
}

// mountOf is the mount that a folder lies on.
func mountOf(dir string) (mount, bool) {
	raw, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return mount{}, false
	}
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		dir = real
	}
	var best mount
	for line := range strings.Lines(string(raw)) {
		fields := strings.Fields(line)
		dash := slices.Index(fields, "-")
		if len(fields) < 6 || dash < 0 || dash+1 >= len(fields) {
			continue
		}
		m := mount{fields[2], unescape(fields[4]), fields[dash+1]}
		if (dir == m.point || strings.HasPrefix(dir, strings.TrimSuffix(m.point, "/")+"/")) && len(m.point) >= len(best.point) {
			best = m
		}
	}
	return best, best.point != ""
}

// unescape reads the octal escapes of mountinfo (proc(5)).
func unescape(s string) string {
	for _, c := range []string{" ", "\t", "\n", `\`} {
		s = strings.ReplaceAll(s, fmt.Sprintf(`\%03o`, c[0]), c)
	}
	return s
}

// networkFS says whether files of this kind of file system lie on another machine.
func networkFS(fstype string) bool {
	return slices.Contains([]string{"nfs", "nfs4", "cifs", "smb3", "smbfs", "ncpfs", "afs", "ceph", "9p", "fuse.sshfs", "fuse.rclone", "fuse.gvfsd-fuse", "davfs", "fuse.davfs2", "glusterfs", "fuse.glusterfs", "ocfs2", "gfs2"}, fstype)
}

// diskState says whether dm-crypt lies below a mount. What file systems or drives encrypt by themselves is not seen.
func diskState(m mount) string {
	major, minor, ok := strings.Cut(m.device, ":")
	if !ok || major == "0" || minor == "" { // no block device
		return DiskUnknown
	}
	switch encrypted, known := cryptBelow(filepath.Join("/sys/dev/block", m.device), 0); {
	case encrypted:
		return DiskEncrypted
	case known:
		return DiskPlain
	}
	return DiskUnknown
}

// cryptBelow looks for dm-crypt at a block device of /sys and the ones it is made of.
func cryptBelow(sys string, depth int) (encrypted, known bool) {
	if depth > 8 || !there(sys) {
		return false, false
	}
	if uuid, err := os.ReadFile(filepath.Join(sys, "dm", "uuid")); err == nil && strings.HasPrefix(string(uuid), "CRYPT-") {
		return true, true
	}
	slaves, _ := os.ReadDir(filepath.Join(sys, "slaves")) // none: a drive or a partition
	for _, s := range slaves {
		if encrypted, _ := cryptBelow(filepath.Join(sys, "slaves", s.Name()), depth+1); encrypted {
			return true, true
		}
	}
	return false, true
}

// encryptedDevice says whether a block device, or the one that a swap file lies on, is encrypted.
func encryptedDevice(path string) bool {
	var st unix.Stat_t
	if unix.Stat(path, &st) != nil {
		return false
	}
	dev := st.Dev
	if st.Mode&unix.S_IFMT == unix.S_IFBLK {
		dev = st.Rdev
	}
	name := strconv.FormatUint(uint64(unix.Major(dev)), 10) + ":" + strconv.FormatUint(uint64(unix.Minor(dev)), 10)
	encrypted, _ := cryptBelow(filepath.Join("/sys/dev/block", name), 0)
	return encrypted
}
