package main

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"kakoi/app"
	"kakoi/core"
)

// slow makes embedding take long enough for others to meet it.
func (w *world) slow(delay string) *world {
	slow := *w
	slow.env = append(slow.env, "KAKOI_TEST_DELAY="+delay)
	return &slow
}

// gated makes embedding wait until open is called.
func (w *world) gated() (gated *world, open func()) {
	gate := filepath.Join(w.home, "gate")
	if err := os.WriteFile(gate, nil, 0o600); err != nil {
		w.t.Fatal(err)
	}
	g := *w
	g.env = append(g.env, "KAKOI_TEST_GATE="+gate)
	return &g, func() {
		if err := os.Remove(gate); err != nil {
			w.t.Error(err)
		}
	}
}

// owned waits until a process listens in the data folder.
func (w *world) owned() {
	w.t.Helper()
	until(w.t, "listening", func() bool {
		info, err := os.Stat(filepath.Join(w.data, socketName))
		return err == nil && info.Mode()&os.ModeSocket != 0
	})
}

func TestTwoAddsAtOnce(t *testing.T) {
	w := newWorld(t)
	a, b := w.file("a/a.txt", sentences("apples", 300)), w.file("b/b.txt", sentences("bridges", 300))
	_, first := w.slow("20ms").start("add", "--json", a)
	_, second := w.slow("20ms").start("add", "--json", b)
	for name, wait := range map[string]func() result{"first": first, "second": second} {
		r := wait()
		if r.code != 0 || strings.Contains(r.err, "lock") {
			t.Errorf("%s: exit code %d, said %q", name, r.code, r.err)
		}
		if s := objects[app.Summary](t, r.out)[0]; s.Added != 1 || len(s.Failed) != 0 {
			t.Errorf("%s: %+v", name, s)
		}
	}
	if docs := objects[listed](t, w.want(0, "list", "--json").out); len(docs) != 2 {
		t.Errorf("%d documents, want two", len(docs))
	}
}

func TestCommandsWhileAnAddRuns(t *testing.T) {
	w := newWorld(t)
	w.file("first.txt", "The gate code is 7731.\n")
	w.want(0, "add", "first.txt") // a path relative to the working folder
	long := w.file("long.txt", sentences("lamps", 6000))
	cmd, wait := w.slow("2s").start("add", "--json", long)
	w.owned()
	info, err := os.Stat(filepath.Join(w.data, socketName))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("socket has mode %v (%v), want 0600", info.Mode().Perm(), err)
	}
	until(t, "running", func() bool {
		s := objects[app.Status](t, w.want(0, "status", "--json").out)[0]
		return len(s.Unfinished) == 1 && s.Unfinished[0].Running
	})
	if r := w.want(0, "search", "gate code"); !strings.Contains(r.out, "7731") {
		t.Errorf("search said %q", r.out)
	}
	if r := w.want(0, "ask", "--lang", "ja", "What is the gate code?"); !strings.Contains(r.out, "7731") || !strings.Contains(r.out, "1ページ") {
		t.Errorf("ask said %q", r.out)
	}
	w.want(2, "serach")
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	r := wait()
	if s := objects[app.Summary](t, r.out)[0]; r.code != exitCancelled || !s.Cancelled {
		t.Errorf("interrupted add: exit code %d, %+v, %s", r.code, s, r.err)
	}
	if r := w.want(0, "status"); !strings.Contains(r.out, "--resume") {
		t.Errorf("status does not tell of the unfinished add: %q", r.out)
	}
	s := objects[app.Summary](t, w.want(0, "add", "--resume", "--json").out)[0]
	if s.Added != 1 || s.Embedded >= s.Chunks {
		t.Errorf("resumed: %+v, want fewer vectors computed than chunks", s)
	}
	if r := w.want(0, "add", "--resume"); !strings.Contains(r.out, "nothing unfinished") {
		t.Errorf("second resume said %q", r.out)
	}
}

func TestGuestIsCancelled(t *testing.T) {
	w := newWorld(t)
	gated, open := w.gated()
	_, first := gated.start("add", w.file("a.txt", sentences("apples", 300)))
	w.owned()
	guest, second := w.start("add", "--json", w.file("b.txt", sentences("bridges", 3000)))
	until(t, "both running", func() bool {
		return len(objects[app.Status](t, w.want(0, "status", "--json").out)[0].Unfinished) == 2
	})
	if err := guest.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if r := second(); r.code != exitCancelled {
		t.Errorf("guest: exit code %d, said %q %q", r.code, r.out, r.err)
	}
	open()
	if r := first(); r.code != 0 {
		t.Errorf("owner: exit code %d, said %q %q", r.code, r.out, r.err)
	}
}

func TestGuestTakesOverFromKilledOwner(t *testing.T) {
	w := newWorld(t)
	gated, open := w.gated()
	defer open()
	owner, first := gated.start("add", w.file("a.txt", sentences("apples", 300)))
	w.owned()
	_, second := w.start("add", "--json", w.file("b.txt", sentences("bridges", 50)))
	until(t, "both running", func() bool {
		return len(objects[app.Status](t, w.want(0, "status", "--json").out)[0].Unfinished) == 2
	})
	if err := owner.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	first()
	r := second()
	if r.code != 0 {
		t.Fatalf("guest: exit code %d, said %q %q", r.code, r.out, r.err)
	}
	if s := objects[app.Summary](t, r.out)[0]; s.Added != 1 {
		t.Errorf("guest: %+v", s)
	}
	w.want(0, "add", "--resume")
	if docs := objects[listed](t, w.want(0, "list", "--json").out); len(docs) != 2 {
		t.Errorf("%d documents, want two", len(docs))
	}
}

func TestManyAtOnce(t *testing.T) {
	w := newWorld(t)
	w.want(0, "add", w.file("a.txt", sentences("apples", 5)))
	var waits []func() result
	for range 12 { // owners come and go, guests change over
		_, wait := w.start("status", "--json")
		waits = append(waits, wait)
	}
	for _, wait := range waits {
		if r := wait(); r.code != 0 || len(objects[app.Status](t, r.out)) != 1 {
			t.Errorf("exit code %d, said %q %q", r.code, r.out, r.err)
		}
	}
}

func TestDataFolderWithALongPath(t *testing.T) {
	w := newWorld(t)
	w.data = filepath.Join(w.data, strings.Repeat("very-long-folder-name/", 8), "データ")
	gated, open := w.gated()
	_, wait := gated.start("add", w.file("a.txt", sentences("apples", 10)))
	w.owned()
	w.want(0, "status")
	open()
	if r := wait(); r.code != 0 {
		t.Errorf("exit code %d: %s", r.code, r.err)
	}
}

func TestStaleSocket(t *testing.T) {
	w := newWorld(t)
	if err := os.Mkdir(w.data, 0o700); err != nil {
		t.Fatal(err)
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(w.data, socketName), Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	w.want(0, "status")
}

func TestStrangerIsLeftAlone(t *testing.T) {
	w := newWorld(t)
	gated, open := w.gated()
	_, wait := gated.start("add", w.file("a.txt", sentences("apples", 10)))
	w.owned()
	for _, say := range []string{"", "GET / HTTP/1.1\r\n\r\n", "R\x00\x00\x00\x02{}", "R\xff\xff\xff\xff", `R` + "\x00\x00\x00\x0e" + `{"protocol":9}`} {
		conn, err := net.Dial("unix", filepath.Join(w.data, socketName))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Write([]byte(say)); err != nil {
			t.Fatal(err)
		}
		conn.Close()
	}
	w.want(0, "status")
	open()
	if r := wait(); r.code != 0 {
		t.Errorf("exit code %d: %s", r.code, r.err)
	}
}

func TestBusyWithoutAnAnswer(t *testing.T) {
	dir := t.TempDir()
	o, err := own(dir)
	if err != nil || o == nil {
		t.Fatalf("own: %v", err)
	}
	defer o.Release()
	if again, err := own(dir); again != nil || err != nil {
		t.Errorf("owned twice: %v %v", again, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, _, err := enter(ctx, dir, request{}, &screen{}, nil); err == nil {
		t.Error("entered a folder whose owner does not listen")
	}
}

// A process that was killed leaves no lock behind, only its unfinished work.
func TestKilledAtRandomMoments(t *testing.T) {
	w := newWorld(t)
	for i := range 12 {
		w.file(filepath.Join("set", strings.Repeat("x", i+1)+".txt"), sentences("topic "+strings.Repeat("z", i), 120))
	}
	slow := w.slow("15ms")
	folder := filepath.Join(w.docs, "set")
	ready := map[string]core.Document{}
	for round := range 20 {
		var cmd *exec.Cmd
		var wait func() result
		if round == 0 {
			cmd, wait = slow.start("add", folder)
		} else {
			cmd, wait = slow.start("add", "--resume")
		}
		time.Sleep(time.Duration(round*23%200+20) * time.Millisecond)
		if err := cmd.Process.Kill(); err != nil && !strings.Contains(err.Error(), "finished") {
			t.Fatal(err)
		}
		wait()
		now := map[string]core.Document{}
		for _, d := range objects[listed](t, w.want(0, "list", "--json").out) {
			if _, twice := now[d.ID]; twice {
				t.Fatalf("round %d: document %s twice", round, d.Name)
			}
			if d.State == core.DocumentReady {
				now[d.ID] = d.Document
			}
		}
		for id, d := range ready {
			if now[id].Chunks != d.Chunks {
				t.Fatalf("round %d: %s was ready with %d chunks, now %d", round, d.Name, d.Chunks, now[id].Chunks)
			}
		}
		ready = now
	}
	w.want(0, "add", folder)
	docs := objects[listed](t, w.want(0, "list", "--json").out)
	if len(docs) != 12 {
		t.Fatalf("%d documents, want 12", len(docs))
	}
	for _, d := range docs {
		if d.State != core.DocumentReady || d.Chunks < 20 {
			t.Errorf("%s is %s with %d chunks", d.Name, d.State, d.Chunks)
		}
	}
	if s := objects[app.Status](t, w.want(0, "status", "--json").out)[0]; len(s.Unfinished) != 0 {
		t.Errorf("still unfinished: %+v", s.Unfinished)
	}
	if problems := w.verify(); len(problems) != 0 {
		t.Errorf("the library has problems: %v", problems)
	}
}
