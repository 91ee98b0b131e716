//go:build linux

package landlock_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"kakoi/core/closed/landlock"
)

// A closed process stays closed, so the tests start this binary again: as "closing", which closes itself and becomes "closed".
const roleEnv = "KAKOI_LANDLOCK_TEST_ROLE"

// order is what the test asks of the child.
type order struct {
	Rules   landlock.Rules
	Outside []string
	Tries   map[string]string
	Tell    bool // announce
}

type outcome struct {
	State landlock.State
	Error string
	Open  bool              // errors.Is(err, ErrOpen)
	Tries map[string]string // "" where it went through
}

func TestMain(m *testing.M) {
	switch os.Getenv(roleEnv) {
	case "":
		os.Exit(m.Run())
	case "closing":
		fmt.Fprintln(os.Stderr, closing())
		os.Exit(8)
	case "closed":
		closedRole()
		os.Exit(0)
	}
	os.Exit(9)
}

func closing() error {
	var o order
	if err := json.Unmarshal([]byte(os.Args[1]), &o); err != nil {
		return err
	}
	runtime.LockOSThread()
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	s, err := landlock.Restrict(o.Rules)
	if err != nil {
		return err
	}
	if err := os.Setenv(roleEnv, "closed"); err != nil {
		return err
	}
	env := append(os.Environ(), "KAKOI_LANDLOCK={}") // what a person has there does not count
	if o.Tell {
		if env, err = landlock.Announce(env, s, o.Outside); err != nil {
			return err
		}
	}
	return unix.Exec(exe, os.Args, env)
}

func closedRole() {
	var o order
	if json.Unmarshal([]byte(os.Args[1]), &o) != nil {
		os.Exit(7)
	}
	r := outcome{Tries: map[string]string{}}
	var err error
	r.State, err = landlock.Inherited()
	if err != nil {
		r.Error, r.Open = err.Error(), errors.Is(err, landlock.ErrOpen)
	}
	for name, arg := range o.Tries {
		if err := attempt(name, arg); err != nil {
			r.Tries[name] = err.Error()
		} else {
			r.Tries[name] = ""
		}
	}
	json.NewEncoder(os.Stdout).Encode(r)
}

// attempt does one thing that rules may refuse, in a thread that is not the one that was closed.
func attempt(name, arg string) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		done <- func() error {
			kind, _, _ := strings.Cut(name, ":")
			switch kind {
			case "read":
				_, err := os.ReadFile(arg)
				return err
			case "list":
				_, err := os.ReadDir(arg)
				return err
			case "make":
				return os.WriteFile(arg, []byte("x"), 0o600)
			case "append":
				f, err := os.OpenFile(arg, os.O_WRONLY|os.O_APPEND, 0)
				if err == nil {
					f.Close()
				}
				return err
			case "truncate":
				return os.Truncate(arg, 0)
			case "remove":
				return os.Remove(arg)
			case "move":
				from, to, _ := strings.Cut(arg, "|")
				return os.Rename(from, to)
			case "link":
				from, to, _ := strings.Cut(arg, "|")
				return os.Link(from, to)
			case "run":
				return exec.Command(arg).Run()
			case "signal":
				return unix.Kill(os.Getppid(), 0)
			case "tcp":
				c, err := net.Dial("tcp", arg)
				if err == nil {
					c.Close()
				}
				return err
			case "abstract", "unix":
				c, err := net.Dial("unix", arg)
				if err == nil {
					c.Close()
				}
				return err
			}
			return fmt.Errorf("no such try %q", name)
		}()
	}()
	return <-done
}

func closeIn(t *testing.T, o order) outcome {
	t.Helper()
	raw, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe, string(raw))
	cmd.Env = append(os.Environ(), roleEnv+"=closing")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("child: %v: %s", err, out)
	}
	var r outcome
	if err := json.Unmarshal(out, &r); err != nil {
		t.Fatalf("child wrote %q", out)
	}
	return r
}

// runnable is what a Go test binary itself needs.
func runnable(t *testing.T) []string {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return []string{exe, "/lib", "/lib64", "/usr/lib", "/usr/lib64", "/etc/ld.so.cache"}
}

func fill(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

// need is for machines whose kernel has no Landlock: what is said there is tested, the rest cannot be.
func need(t *testing.T) int {
	t.Helper()
	abi := landlock.ABI()
	if abi == 0 {
		r := closeIn(t, order{Rules: landlock.Rules{Run: runnable(t)}, Tell: true})
		if r.State.On || r.State.Reason != landlock.ReasonKernel || r.Error != "" {
			t.Errorf("without Landlock: %+v", r)
		}
	}
	return abi
}

func TestOnlyWhatIsGranted(t *testing.T) {
	abi := need(t)
	if abi == 0 {
		return
	}
	dir := t.TempDir()
	secret := fill(t, filepath.Join(dir, "library", "secret.txt"), "secret")
	model := fill(t, filepath.Join(dir, "models", "m", "weights"), "weights")
	other := fill(t, filepath.Join(dir, "runs", "r", "loss"), "loss")
	script := fill(t, filepath.Join(dir, "models", "m", "run.sh"), "#!/bin/sh\n")
	tcp, err := net.Listen("unix", filepath.Join(dir, "models", "s")) // a socket in a folder that may be read
	if err != nil {
		t.Fatal(err)
	}
	defer tcp.Close()
	abstract, err := net.Listen("unix", fmt.Sprintf("@kakoi-landlock-%d", os.Getpid()))
	if err != nil {
		t.Fatal(err)
	}
	defer abstract.Close()
	tries := map[string]string{
		"read:secret": secret, "list:library": filepath.Dir(secret), "append:secret": secret, "truncate:secret": secret, "remove:secret": secret,
		"make:library": filepath.Join(dir, "library", "new"), "make:outside": filepath.Join(dir, "new"), "read:passwd": "/etc/passwd", "run:sh": "/bin/sh", "run:script": script,
		"move:out": other + "|" + filepath.Join(dir, "library", "moved"), "link:in": secret + "|" + filepath.Join(dir, "runs", "linked"),
		"read:model": model, "append:model": model, "list:models": filepath.Join(dir, "models"),
		"read:run": other, "make:run": filepath.Join(dir, "runs", "r", "new"), "append:run": other, "signal:parent": "", "abstract:socket": abstract.Addr().String(),
		"read:dots": filepath.Join(dir, "models", "..", "library", "secret.txt"),
	}
	r := closeIn(t, order{
		Tell: true, Outside: []string{secret, filepath.Dir(secret), filepath.Join(dir, "missing")}, Tries: tries,
		Rules: landlock.Rules{Run: runnable(t), Read: []string{filepath.Join(dir, "models"), filepath.Join(dir, "none")}, Write: []string{filepath.Join(dir, "runs")}, Use: []string{"/dev/null"}},
	})
	if r.Error != "" || !r.State.On || r.State.ABI != abi || len(r.State.Attempts) < 5 || r.State.Refusals() != len(r.State.Attempts) {
		t.Fatalf("state %+v, error %q", r.State, r.Error)
	}
	through := map[string]bool{"read:model": true, "list:models": true, "read:run": true, "make:run": true, "append:run": true}
	if abi < 6 {
		through["signal:parent"], through["abstract:socket"] = true, true
	}
	if abi < 3 {
		through["truncate:secret"] = true
	}
	for name := range tries {
		got, tried := r.Tries[name]
		if !tried {
			t.Errorf("%s was not tried", name)
		} else if (got == "") != through[name] {
			t.Errorf("%s: %q, want through %v", name, got, through[name])
		}
	}
	for _, a := range r.State.Attempts {
		if strings.Contains(a.What, "missing") {
			t.Errorf("%q proves nothing", a.What)
		}
	}
	for _, g := range r.State.Grants {
		if strings.HasSuffix(g.Path, "/none") {
			t.Errorf("rule for what is not there: %+v", g)
		}
	}
}

// TCP is refused by Landlock itself, without the seccomp filter.
func TestNoTCP(t *testing.T) {
	if abi := need(t); abi < 4 {
		return
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := unix.Listen(fd, 4); err != nil {
		t.Fatal(err)
	}
	at, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	address := fmt.Sprintf("127.0.0.1:%d", at.(*unix.SockaddrInet4).Port)
	if c, err := net.Dial("tcp", address); err != nil { // it is open to everybody else
		t.Fatal(err)
	} else {
		c.Close()
	}
	r := closeIn(t, order{Rules: landlock.Rules{Run: runnable(t), Read: []string{"/etc"}}, Tries: map[string]string{"tcp:dial": address}, Tell: true})
	if !r.State.TCP || !strings.Contains(r.Tries["tcp:dial"], "permission denied") {
		t.Errorf("dial: %q, state %+v", r.Tries["tcp:dial"], r.State)
	}
}

// What was announced is not believed: a process that is not closed finds it out.
func TestAnnouncedButOpen(t *testing.T) {
	dir := t.TempDir()
	fill(t, filepath.Join(dir, "secret"), "s")
	env, err := landlock.Announce(nil, landlock.State{On: true, ABI: 1}, []string{filepath.Join(dir, "secret")})
	if err != nil || len(env) != 1 {
		t.Fatal(env, err)
	}
	name, value, _ := strings.Cut(env[0], "=")
	t.Setenv(name, value)
	s, err := landlock.Inherited()
	if !errors.Is(err, landlock.ErrOpen) || s.Refusals() == len(s.Attempts) {
		t.Errorf("state %+v, error %v", s, err)
	}
	if os.Getenv(name) != "" {
		t.Error("the announcement stays in the environment")
	}
	if entries, err := os.ReadDir("/tmp"); err == nil {
		for _, e := range entries {
			if e.Name() == ".kakoi-attempt" {
				t.Error("an attempt left a file")
			}
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	t.Setenv(name, "{")
	if _, err := landlock.Inherited(); err == nil {
		t.Error("a broken announcement is read")
	}
	if s, err := landlock.Inherited(); err != nil || s.On || s.Reason != landlock.ReasonTool {
		t.Errorf("without one: %+v, %v", s, err)
	}
}
