package ocr

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"

	"kakoi/core/closed"
)

// childWord is the first argument of a process that is to become Tesseract.
const childWord = "become-tesseract"

// childPlan is its second.
type childPlan struct {
	Path string   `json:"path"` // of the program
	Args []string `json:"args"`
	Dir  string   `json:"dir"` // that it may write in
	See  []string `json:"see"` // that it may read
}

// Child becomes Tesseract where args (without the program's name) say so, and does not return then; with ok it could not, and the program has
// to end with code. Programs that call Read must call it first.
func Child(args []string) (code int, ok bool) {
	if len(args) != 2 || args[0] != childWord {
		return 0, false
	}
	fmt.Fprintln(os.Stderr, become(args[1]))
	return unable, true
}

// unable is what shells end with where a program cannot be run.
const unable = 126

func become(raw string) error {
	var plan childPlan
	if err := json.Unmarshal([]byte(raw), &plan); err != nil {
		return fmt.Errorf("read the plan: %w", err)
	}
	if _, err := closed.Lock(); err != nil {
		return fmt.Errorf("close the network: %w", err)
	}
	if err := unix.CloseRange(3, 1<<31-1, unix.CLOSE_RANGE_CLOEXEC); err != nil && !errors.Is(err, unix.ENOSYS) && !errors.Is(err, unix.EINVAL) {
		return fmt.Errorf("close what was left open: %w", err)
	}
	runtime.LockOSThread()                         // Landlock is of this thread, and exec goes on with it
	_ = unix.Setpriority(unix.PRIO_PROCESS, 0, 10) // the window goes first
	if err := confine(plan); err != nil && !errors.Is(err, unix.ENOSYS) && !errors.Is(err, unix.EOPNOTSUPP) {
		return fmt.Errorf("close the file system: %w", err)
	}
	for _, l := range []struct {
		what int
		most uint64
	}{
		{unix.RLIMIT_AS, maxMemory}, {unix.RLIMIT_CPU, maxProcessor}, {unix.RLIMIT_FSIZE, maxFile}, {unix.RLIMIT_NOFILE, maxDescriptors}, {unix.RLIMIT_CORE, 0},
	} {
		if err := unix.Setrlimit(l.what, &unix.Rlimit{Cur: l.most, Max: l.most}); err != nil {
			return fmt.Errorf("set limit %d: %w", l.what, err)
		}
	}
	return unix.Exec(plan.Path, append([]string{plan.Path}, plan.Args...), os.Environ())
}

const (
	lookAt = unix.LANDLOCK_ACCESS_FS_EXECUTE | unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_READ_DIR
	// ofFiles are the rights that a rule on a single file may give.
	ofFiles = unix.LANDLOCK_ACCESS_FS_EXECUTE | unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_WRITE_FILE
	inDir   = 1<<13 - 1 // all of the first version
)

// confine leaves this thread, and so the program it becomes, nothing of the file system but what the plan names (Landlock). Kernels without
// it give ENOSYS or EOPNOTSUPP: then the limits and the closed network stand alone.
func confine(plan childPlan) error {
	handled := uint64(inDir)
	version, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	switch {
	case errno != 0:
		return errno
	case version >= 3:
		handled |= unix.LANDLOCK_ACCESS_FS_REFER | unix.LANDLOCK_ACCESS_FS_TRUNCATE
	case version == 2:
		handled |= unix.LANDLOCK_ACCESS_FS_REFER
	}
	attr, size := unix.LandlockRulesetAttr{Handled_access_fs: handled}, unsafe.Sizeof(handled)
	if version >= 6 { // and no talk with other programs
		attr.Scoped = unix.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | unix.LANDLOCK_SCOPE_SIGNAL
		size = unsafe.Offsetof(attr.Scoped) + unsafe.Sizeof(attr.Scoped)
	}
	rules, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&attr)), size, 0)
	if errno != 0 {
		return errno
	}
	allow := func(path string, access uint64) error {
		fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
		if err != nil {
			return nil //nolint:nilerr // what is not there needs no rule
		}
		defer unix.Close(fd)
		var st unix.Stat_t
		if err := unix.Fstat(fd, &st); err != nil {
			return err
		}
		if st.Mode&unix.S_IFMT != unix.S_IFDIR {
			access &= ofFiles
		}
		rule := unix.LandlockPathBeneathAttr{Allowed_access: access & handled, Parent_fd: int32(fd)}
		_, _, errno := unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, rules, unix.LANDLOCK_RULE_PATH_BENEATH, uintptr(unsafe.Pointer(&rule)), 0, 0, 0)
		if errno != 0 {
			return fmt.Errorf("rule for %q: %w", path, errno)
		}
		return nil
	}
	for _, path := range plan.See {
		if err := allow(path, lookAt); err != nil {
			return err
		}
	}
	if err := errors.Join(allow(plan.Path, lookAt), allow("/dev/null", lookAt|unix.LANDLOCK_ACCESS_FS_WRITE_FILE), allow(plan.Dir, handled&^unix.LANDLOCK_ACCESS_FS_EXECUTE)); err != nil {
		return err
	}
	if _, _, errno := unix.Syscall(unix.SYS_LANDLOCK_RESTRICT_SELF, rules, 0, 0); errno != 0 {
		return errno
	}
	return nil
}
