//go:build linux && amd64

package closed_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"kakoi/core"
	"kakoi/core/closed"
)

// The filter cannot be taken off again, so each test runs in a child: this same binary with the role in the
// environment. A child prints one JSON object.
const roleEnv = "KAKOI_CLOSED_TEST_ROLE"

func TestMain(m *testing.M) {
	switch role := os.Getenv(roleEnv); role {
	case "":
		os.Exit(m.Run())
	case "locked", "open", "grandparent", "older":
		child(role)
	case "without-seccomp":
		withoutSeccomp()
	default:
		os.Exit(9)
	}
}

// report is what a child found: the results of its tries ("" when the socket opened), and the proof.
type report struct {
	Proof closed.Proof
	Key   string // of the UserError of Lock
	Error string
	Tries map[string]string
	HTTP  string
	DNS   string
}

func child(role string) {
	r := report{}
	lock := func() {
		p, err := closed.Lock()
		r.Proof = p
		var ue *core.UserError
		if errors.As(err, &ue) {
			r.Key, r.Error = ue.Key, err.Error()
		}
	}
	switch role {
	case "open": // no lock: the baseline that shows the tries can succeed
		r.Tries = tries()
	case "locked":
		lock()
		r.Tries = tries()
		_, err := http.Post("http://127.0.0.1:9/", "text/plain", strings.NewReader("x"))
		r.HTTP = errText(err)
		_, err = net.LookupHost("example.org")
		r.DNS = errText(err)
	case "older": // a thread that lives before the lock, and is known to be another one than the locking thread
		start, done := make(chan struct{}), make(chan map[string]string)
		ready := make(chan int)
		go func() {
			runtime.LockOSThread()
			ready <- unix.Gettid()
			<-start
			done <- tries()
		}()
		runtime.LockOSThread()
		if older := <-ready; older == unix.Gettid() {
			os.Exit(8)
		}
		lock()
		close(start)
		r.Tries = <-done
	case "grandparent":
		lock()
		out := runRole("open", os.Environ()) // the grandchild does not lock anything itself
		var inner report
		if json.Unmarshal(out, &inner) != nil {
			os.Exit(7)
		}
		r.Tries = inner.Tries
	}
	json.NewEncoder(os.Stdout).Encode(r)
	os.Exit(0)
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func runRole(role string, env []string) []byte {
	exe, err := os.Executable()
	if err != nil {
		panic(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(env, roleEnv+"="+role)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, os.Stderr
	if err := cmd.Run(); err != nil {
		panic(role + ": " + err.Error() + " " + out.String())
	}
	return out.Bytes()
}

// tries opens sockets in every way an x86-64 process has.
func tries() map[string]string {
	m := map[string]string{}
	put := func(name string, fd int, errno unix.Errno) {
		if errno != 0 {
			m[name] = errno.Error()
			return
		}
		m[name] = ""
		unix.Close(fd)
	}
	call := func(nr, a, b, c uintptr) (int, unix.Errno) {
		fd, _, errno := unix.RawSyscall(nr, a, b, c)
		return int(fd), errno
	}
	fd, errno := call(unix.SYS_SOCKET, unix.AF_INET, unix.SOCK_STREAM, 0)
	put("inet", fd, errno)
	fd, errno = call(unix.SYS_SOCKET, unix.AF_INET, unix.SOCK_DGRAM, 0)
	put("inet dgram", fd, errno)
	fd, errno = call(unix.SYS_SOCKET, unix.AF_INET6, unix.SOCK_STREAM, 0)
	put("inet6", fd, errno)
	fd, errno = call(unix.SYS_SOCKET, unix.AF_NETLINK, unix.SOCK_RAW, 0)
	put("netlink", fd, errno)
	fd, errno = call(unix.SYS_SOCKET|0x40000000, unix.AF_INET, unix.SOCK_STREAM, 0)
	put("x32", fd, errno)
	fd, errno = int80(359, unix.AF_INET, unix.SOCK_STREAM, 0) // i386 socket
	put("i386 socket", fd, errno)
	args := [3]uint32{unix.AF_INET, unix.SOCK_STREAM, 0}
	fd, errno = int80(102, 1, low(args), 0) // i386 socketcall(SYS_SOCKET, args)
	put("i386 socketcall", fd, errno)
	var params [120]byte
	fd, errno = call(unix.SYS_IO_URING_SETUP, 4, uintptr(unsafe.Pointer(&params)), 0)
	put("io_uring", fd, errno)
	fd, errno = call(unix.SYS_SOCKET, unix.AF_UNIX, unix.SOCK_STREAM, 0)
	put("unix", fd, errno)
	return m
}

// low copies args below 4 GiB, where an i386 pointer reaches.
func low(args [3]uint32) uintptr {
	p := mmap(unix.MAP_32BIT, unix.PROT_READ|unix.PROT_WRITE)
	*(*[3]uint32)(p) = args
	return uintptr(p)
}

func mmap(flags, prot int) unsafe.Pointer {
	p, err := unix.MmapPtr(-1, 0, nil, 4096, prot, unix.MAP_PRIVATE|unix.MAP_ANON|flags)
	if err != nil {
		panic(err)
	}
	return p
}

// int80 makes a system call through the i386 entry. Go's register ABI hands the four arguments over in RAX, RBX,
// RCX and RDI; the i386 call wants EAX, EBX, ECX and EDX.
func int80(nr, a, b, c uintptr) (int, unix.Errno) {
	page := mmap(0, unix.PROT_READ|unix.PROT_WRITE)
	copy((*[64]byte)(page)[:], []byte{
		0x89, 0xfa, // mov edx, edi
		0xcd, 0x80, // int 0x80
		0x48, 0x63, 0xc0, // movsxd rax, eax
		0xc3, // ret
	})
	if err := unix.Mprotect(unsafe.Slice((*byte)(page), 4096), unix.PROT_READ|unix.PROT_EXEC); err != nil {
		panic(err)
	}
	code := &page // a Go function value points to a word that holds the address of the code
	f := *(*func(nr, a, b, c uintptr) int)(unsafe.Pointer(&code))
	r := f(nr, a, b, c)
	if r < 0 {
		return -1, unix.Errno(-r)
	}
	return r, 0
}

func decode(t *testing.T, out []byte) report {
	t.Helper()
	var r report
	if err := json.Unmarshal(out, &r); err != nil {
		t.Fatalf("child wrote %q: %v", out, err)
	}
	return r
}

func TestSocketsOpenWithoutTheLock(t *testing.T) {
	r := decode(t, runRole("open", os.Environ()))
	// x32 is missing in most kernels, so its refusal is shown by the filter's own table test.
	for _, name := range []string{"inet", "inet dgram", "unix", "i386 socket", "i386 socketcall"} {
		if r.Tries[name] != "" {
			t.Errorf("%s: %s, but nothing is locked", name, r.Tries[name])
		}
	}
}

func TestLockRefusesEverySocket(t *testing.T) {
	want := map[string]string{
		"inet": "permission denied", "inet dgram": "permission denied", "inet6": "permission denied", "netlink": "permission denied",
		"x32": "function not implemented", "io_uring": "function not implemented",
		"i386 socket": "operation not permitted", "i386 socketcall": "operation not permitted",
		"unix": "",
	}
	for _, role := range []string{"locked", "older", "grandparent"} {
		t.Run(role, func(t *testing.T) {
			r := decode(t, runRole(role, os.Environ()))
			if r.Error != "" {
				t.Fatalf("lock: %s", r.Error)
			}
			for name, w := range want {
				got, tried := r.Tries[name]
				if !tried || got != w {
					t.Errorf("%s: tried %v, got %q, want %q", name, tried, got, w)
				}
			}
		})
	}
}

// Not dumpable and no core files: memory is closed to other programs of the same user, prctl(2).
func TestMemoryIsClosed(t *testing.T) {
	if p := decode(t, runRole("locked", os.Environ())).Proof; !p.NoCore || !p.Unreadable {
		t.Errorf("no core files %v, unreadable %v", p.NoCore, p.Unreadable)
	}
}

func TestProofTellsWhatWasDone(t *testing.T) {
	r := decode(t, runRole("locked", os.Environ()))
	p := r.Proof
	if p.When.IsZero() || len(p.Filter) != 14 || !p.NoNewPrivs || p.Threads < 2 {
		t.Errorf("proof: %+v", p)
	}
	if len(p.Attempts) != 14 || p.Refusals() != len(p.Attempts) {
		t.Errorf("%d of %d attempts refused: %+v", p.Refusals(), len(p.Attempts), p.Attempts)
	}
	if !strings.Contains(r.HTTP, closed.ErrClosed.Error()) {
		t.Errorf("http: %q", r.HTTP)
	}
	if r.DNS == "" {
		t.Error("a name was looked up")
	}
}

// withoutSeccomp refuses the seccomp call itself, as some containers do, and then tries to lock.
func withoutSeccomp() {
	deny := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 0},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: unix.SYS_SECCOMP, Jt: 0, Jf: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
	}
	prog := unix.SockFprog{Len: uint16(len(deny)), Filter: &deny[0]}
	runtime.LockOSThread()
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		os.Exit(6)
	}
	_, _, errno := unix.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&prog)))
	if errno != 0 {
		os.Exit(5)
	}
	r := report{}
	_, err := closed.Lock()
	var ue *core.UserError
	if errors.As(err, &ue) {
		r.Key, r.Error = ue.Key, err.Error()
	}
	json.NewEncoder(os.Stdout).Encode(r)
	os.Exit(0)
}

func TestWithoutSeccompTheErrorIsClear(t *testing.T) {
	r := decode(t, runRole("without-seccomp", os.Environ()))
	if r.Key != "error.closed.seccomp" || !strings.Contains(r.Error, "install seccomp filter: operation not permitted") {
		t.Errorf("key %q, error %q", r.Key, r.Error)
	}
}
