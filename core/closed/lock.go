//go:build linux && amd64

package closed

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"kakoi/core"
)

// Lock closes the process and returns the proof. An error means that the process must not go on: its key is
// error.closed.seccomp where the kernel or a container does not allow the filter, error.closed.open where a
// socket opened all the same. A second call adds the filter once more, which changes nothing.
func Lock() (Proof, error) {
	steps := filter()
	p := Proof{When: time.Now(), Filter: listing(steps)}
	if err := install(steps); err != nil {
		return p, core.Explain(err, "error.closed.seccomp")
	}
	closeHTTP()
	p.NoCore, p.Unreadable = hide()
	if err := p.try(); err != nil {
		return p, core.Explain(err, "error.closed.open", err.Error())
	}
	return p, nil
}

// Again tries the closed process out once more: p with the attempts and what the kernel reports of this moment.
func (p Proof) Again() (Proof, error) {
	p.When, p.Attempts = time.Now(), nil
	p.NoCore, p.Unreadable = hidden()
	if err := p.try(); err != nil {
		return p, core.Explain(err, "error.closed.open", err.Error())
	}
	return p, nil
}

// install puts the filter on every thread of the process. no_new_privs is per thread and must be on the calling
// thread before seccomp; TSYNC hands both to the others.
func install(steps []step) error {
	prog := make([]unix.SockFilter, len(steps))
	for i, s := range steps {
		prog[i] = s.SockFilter
	}
	fprog := unix.SockFprog{Len: uint16(len(prog)), Filter: &prog[0]}

	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("set no_new_privs: %w", err)
	}
	r, _, errno := unix.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC,
		uintptr(unsafe.Pointer(&fprog)))
	runtime.KeepAlive(prog)
	if errno != 0 {
		return fmt.Errorf("install seccomp filter: %w", errno)
	}
	if r != 0 { // the id of a thread that could not be brought under the filter
		return fmt.Errorf("install seccomp filter: thread %d does not follow", r)
	}
	return nil
}

var families = []struct {
	family, kind int
	name         string
}{
	{unix.AF_INET, unix.SOCK_STREAM, "AF_INET SOCK_STREAM"},
	{unix.AF_INET, unix.SOCK_DGRAM, "AF_INET SOCK_DGRAM"},
	{unix.AF_INET, unix.SOCK_RAW, "AF_INET SOCK_RAW"},
	{unix.AF_INET6, unix.SOCK_STREAM, "AF_INET6 SOCK_STREAM"},
	{unix.AF_INET6, unix.SOCK_DGRAM, "AF_INET6 SOCK_DGRAM"},
	{unix.AF_PACKET, unix.SOCK_RAW, "AF_PACKET SOCK_RAW"},
	{unix.AF_NETLINK, unix.SOCK_RAW, "AF_NETLINK SOCK_RAW"},
	{unix.AF_VSOCK, unix.SOCK_STREAM, "AF_VSOCK SOCK_STREAM"},
	{unix.AF_BLUETOOTH, unix.SOCK_RAW, "AF_BLUETOOTH SOCK_RAW"},
	{unix.AF_TIPC, unix.SOCK_RDM, "AF_TIPC SOCK_RDM"},
	{unix.AF_ALG, unix.SOCK_SEQPACKET, "AF_ALG SOCK_SEQPACKET"},
}

// try attempts to open sockets in every way there is from Go, fills in the proof, and returns an error where
// something opened. A Unix socket must open: a filter that refused everything would be another program's.
func (p *Proof) try() error {
	for _, f := range families {
		fd, err := unix.Socket(f.family, f.kind|unix.SOCK_CLOEXEC, 0)
		if err == nil {
			unix.Close(fd)
		} else if !errors.Is(err, unix.EACCES) {
			// Refused by something else (EAFNOSUPPORT, EPERM): the filter is not what answered.
			return fmt.Errorf("socket %s: %w instead of the filter's refusal", f.name, err)
		}
		p.Attempts = append(p.Attempts, attempt("socket "+f.name, err))
	}
	x32, _, errno := unix.RawSyscall(unix.SYS_SOCKET|x32Bit, unix.AF_INET, unix.SOCK_STREAM, 0)
	p.Attempts = append(p.Attempts, attempt("x32 socket AF_INET", closeOpened(x32, errno)))
	var params [120]byte // struct io_uring_params
	ring, _, errno := unix.RawSyscall(unix.SYS_IO_URING_SETUP, 1, uintptr(unsafe.Pointer(&params)), 0)
	p.Attempts = append(p.Attempts, attempt("io_uring_setup", closeOpened(ring, errno)))
	p.Attempts = append(p.Attempts, attempt("HTTP GET through Go's default client", tryHTTP()))

	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open a Unix socket: %w", err)
	}
	unix.Close(fd)
	if err := p.open(); err != nil {
		return err
	}
	return p.threads()
}

func closeOpened(fd uintptr, errno unix.Errno) error {
	if errno != 0 {
		return errno
	}
	unix.Close(int(fd))
	return nil
}

// threads reads from the kernel that every thread of the process is under a filter.
func (p *Proof) threads() error {
	entries, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return fmt.Errorf("list threads: %w", err)
	}
	p.Threads, p.NoNewPrivs = 0, true
	for _, e := range entries {
		b, err := os.ReadFile("/proc/self/task/" + e.Name() + "/status")
		if err != nil {
			continue // the thread has ended
		}
		if statusField(string(b), "Seccomp") != unix.SECCOMP_MODE_FILTER {
			return fmt.Errorf("thread %s is not under the filter", e.Name())
		}
		if statusField(string(b), "NoNewPrivs") != 1 {
			p.NoNewPrivs = false
		}
		p.Threads++
	}
	if !p.NoNewPrivs {
		return errors.New("a thread runs without no_new_privs")
	}
	return nil
}

// statusField reads a number of /proc/PID/status; -1 where it is missing.
func statusField(status, name string) int {
	for line := range strings.Lines(status) {
		if v, ok := strings.CutPrefix(line, name+":"); ok {
			if n, err := strconv.Atoi(strings.TrimSpace(v)); err == nil {
				return n
			}
		}
	}
	return -1
}
