package landlock

import (
	"errors"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	readRights = unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_READ_DIR
	runRights  = readRights | unix.LANDLOCK_ACCESS_FS_EXECUTE
	// firstRights are all of the first version.
	firstRights = 1<<13 - 1
	writeRights = (firstRights | unix.LANDLOCK_ACCESS_FS_REFER | unix.LANDLOCK_ACCESS_FS_TRUNCATE) &^
		(unix.LANDLOCK_ACCESS_FS_EXECUTE | unix.LANDLOCK_ACCESS_FS_MAKE_CHAR | unix.LANDLOCK_ACCESS_FS_MAKE_BLOCK)
	useRights = readRights | unix.LANDLOCK_ACCESS_FS_WRITE_FILE | unix.LANDLOCK_ACCESS_FS_TRUNCATE | unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
	// fileRights are those that a rule on a single file may give.
	fileRights = unix.LANDLOCK_ACCESS_FS_EXECUTE | unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_WRITE_FILE |
		unix.LANDLOCK_ACCESS_FS_TRUNCATE | unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
)

// ABI is the version of the kernel's Landlock; 0 where it has none or was started without it.
func ABI() int {
	v, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errno != 0 {
		return 0
	}
	return int(v)
}

// handled says what a kernel of this version can close.
func handled(abi int) unix.LandlockRulesetAttr {
	a := unix.LandlockRulesetAttr{Handled_access_fs: firstRights}
	if abi >= 2 {
		a.Handled_access_fs |= unix.LANDLOCK_ACCESS_FS_REFER
	}
	if abi >= 3 {
		a.Handled_access_fs |= unix.LANDLOCK_ACCESS_FS_TRUNCATE
	}
	if abi >= 4 {
		a.Handled_access_net = unix.LANDLOCK_ACCESS_NET_BIND_TCP | unix.LANDLOCK_ACCESS_NET_CONNECT_TCP
	}
	if abi >= 5 {
		a.Handled_access_fs |= unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
	}
	if abi >= 6 {
		a.Scoped = unix.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | unix.LANDLOCK_SCOPE_SIGNAL
	}
	return a
}

// size is how much of the attributes a kernel of this version reads: an older one refuses what it does not know.
func size(abi int) uintptr {
	var a unix.LandlockRulesetAttr
	switch {
	case abi >= 6:
		return unsafe.Offsetof(a.Scoped) + unsafe.Sizeof(a.Scoped)
	case abi >= 4:
		return unsafe.Offsetof(a.Handled_access_net) + unsafe.Sizeof(a.Handled_access_net)
	}
	return unsafe.Sizeof(a.Handled_access_fs)
}

// Restrict closes the calling thread, which must be locked to its goroutine and have no_new_privs (package closed sets it), and whatever
// it becomes by exec. Without Landlock in the kernel the State says so and nothing is closed.
func Restrict(r Rules) (State, error) {
	abi := ABI()
	if abi == 0 {
		return Open(ReasonKernel), nil
	}
	attr := handled(abi)
	fd, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&attr)), size(abi), 0)
	if errno != 0 {
		return State{}, fmt.Errorf("make Landlock rules: %w", errno)
	}
	defer unix.Close(int(fd))
	s := State{
		On: true, ABI: abi, TCP: attr.Handled_access_net != 0, Abstract: attr.Scoped != 0, Signals: attr.Scoped != 0,
		Devices: attr.Handled_access_fs&unix.LANDLOCK_ACCESS_FS_IOCTL_DEV != 0, Grants: []Grant{}, Outside: []string{}, Attempts: []Attempt{},
	}
	for _, kind := range []struct {
		name   string
		paths  []string
		rights uint64
	}{{AccessRun, r.Run, runRights}, {AccessRead, r.Read, readRights}, {AccessWrite, r.Write, writeRights}, {AccessUse, r.Use, useRights}} {
		for _, path := range kind.paths {
			there, err := allow(int(fd), path, kind.rights&attr.Handled_access_fs)
			if err != nil {
				return State{}, fmt.Errorf("Landlock rule for %q: %w", path, err)
			}
			if there {
				s.Grants = append(s.Grants, Grant{path, kind.name})
			}
		}
	}
	if _, _, errno := unix.Syscall(unix.SYS_LANDLOCK_RESTRICT_SELF, fd, 0, 0); errno != 0 {
		return State{}, fmt.Errorf("close the file system: %w", errno)
	}
	return s, nil
}

// allow adds a rule; there is false where nothing has the path.
func allow(rules int, path string, rights uint64) (there bool, err error) {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.EACCES) { // what cannot be reached anyway needs no rule
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return false, err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFDIR {
		rights &= fileRights
	}
	rule := unix.LandlockPathBeneathAttr{Allowed_access: rights, Parent_fd: int32(fd)}
	_, _, errno := unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, uintptr(rules), unix.LANDLOCK_RULE_PATH_BENEATH, uintptr(unsafe.Pointer(&rule)), 0, 0, 0)
	if errno != 0 {
		return false, errno
	}
	return true, nil
}
