package closed

import (
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// peak is the file that makes the kernel forget this process's highest use of memory, opened while that was allowed.
var peak struct {
	sync.Mutex
	file *os.File
}

// hide keeps the memory of the process from other programs of its user, and from core files, and says whether it is so.
// (Administrators read it all the same.) prctl(2), PR_SET_DUMPABLE: no core file, no ptrace, and the files in /proc that show memory
// are the administrator's.
func hide() (noCore, unreadable bool) {
	peak.Lock()
	if peak.file == nil {
		if fd, err := unix.Open("/proc/self/clear_refs", unix.O_WRONLY|unix.O_CLOEXEC, 0); err == nil {
			peak.file = os.NewFile(uintptr(fd), "clear_refs")
		}
	}
	peak.Unlock()
	_ = unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{})
	_ = unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0)
	return hidden()
}

// hidden asks the kernel.
func hidden() (noCore, unreadable bool) {
	var limit unix.Rlimit
	noCore = unix.Getrlimit(unix.RLIMIT_CORE, &limit) == nil && limit.Max == 0
	dumpable, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0)
	return noCore, err == nil && dumpable == 0
}

// ForgetPeak makes the kernel forget the highest use of memory it has seen of this process (VmHWM in /proc/self/status, see proc(5)). It
// does nothing where that is not allowed.
func ForgetPeak() {
	peak.Lock()
	defer peak.Unlock()
	if peak.file != nil {
		if _, err := peak.file.WriteAt([]byte("5"), 0); err == nil {
			return
		}
	}
	_ = os.WriteFile("/proc/self/clear_refs", []byte("5"), 0)
}
