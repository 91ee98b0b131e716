package main

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// kills is at how many moments each of the commands is killed.
func kills() int {
	if n, err := strconv.Atoi(os.Getenv("KAKOI_KILLS")); err == nil {
		return n
	}
	return 3
}

// killed runs the program and kills it at a random moment of the time that such a run takes. true: it came to its end before.
func (w *world) killed(r *rand.Rand, takes time.Duration, args ...string) bool {
	w.t.Helper()
	cmd := w.command(args...)
	if err := cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	timer := time.AfterFunc(time.Duration(r.Int64N(int64(takes)+1)), func() { _ = cmd.Process.Kill() })
	err := cmd.Wait()
	timer.Stop()
	return err == nil
}

// timed runs the program to its end and says how long it took.
func (w *world) timed(args ...string) time.Duration {
	w.t.Helper()
	start := time.Now()
	w.want(0, args...)
	return time.Since(start)
}

// state is all that a person sees of a library.
func (w *world) state() string {
	return w.documents() + w.want(0, "chat", "list", "--json").out
}

// TestKilledCapsulesAndBackups kills real processes at random moments: a file is there whole or not at all, a library is the old one or the new one.
func TestKilledCapsulesAndBackups(t *testing.T) {
	w := newWorld(t)
	w.stock(24)
	w.want(0, "chat", "ask", "new", "Where is lamp number 203?")
	pass := w.secretFile("seven lamps in a row")
	r := rand.New(rand.NewPCG(7, uint64(time.Now().UnixNano())))
	dir := t.TempDir()
	seal, whole := filepath.Join(dir, "whole"), filepath.Join(dir, "backup")
	whatFor := map[string]struct {
		takes time.Duration
		run   []string
		proof []string
	}{}
	for name, of := range map[string]string{"capsule": seal, "backup": whole} {
		run, proof := []string{"capsule", "export", "--replace", "--passphrase-file", pass}, []string{"capsule", "show", "--passphrase-file", pass}
		if name == "backup" {
			run, proof = []string{"backup", "--yes"}, []string{"restore", "--check"}
		}
		whatFor[name] = struct {
			takes time.Duration
			run   []string
			proof []string
		}{w.timed(append(run, of)...), run, proof}
	}
	want := w.state()
	for name, one := range whatFor {
		for range kills() {
			file := filepath.Join(t.TempDir(), name)
			w.killed(r, one.takes, append(one.run, file)...)
			if _, err := os.Stat(file); err == nil {
				w.want(0, append(one.proof, file)...)
			}
			if part, err := os.ReadFile(file + ".part"); err == nil && name == "capsule" && bytes.Contains(part, []byte("lamp")) {
				t.Errorf("%s: what is half written can be read", name)
			}
			w.want(0, append(one.run, file)...) // and again, over what was left
			if _, err := os.Stat(file + ".part"); err == nil {
				t.Errorf("%s: something is left beside it", name)
			}
		}
	}
	if got := w.state(); got != want {
		t.Errorf("exports changed the library:\n%s\nnot\n%s", got, want)
	}

	other := w.elsewhere()
	other.file("mine.txt", "A document that was here before.\n")
	other.want(0, "add", filepath.Join(w.docs, "mine.txt"))
	old := other.state()
	clean := filepath.Join(t.TempDir(), "backup")
	other.want(0, "backup", clean)
	takes := other.timed("capsule", "import", "--passphrase-file", pass, seal)
	merged := other.state()
	back := other.timed("restore", "--yes", clean)
	is := func(what string, states ...string) string {
		t.Helper()
		got := other.state()
		for _, s := range states {
			if got == s {
				if said := other.run("doctor"); !strings.Contains(said.out, " 0 problems") {
					t.Errorf("%s: %s", what, said.out)
				}
				return got
			}
		}
		t.Fatalf("%s: neither the old nor the new state:\n%s", what, got)
		return ""
	}
	is("restored", old)
	for range kills() {
		other.killed(r, takes, "capsule", "import", "--passphrase-file", pass, seal)
		if is("import", old, merged) == old {
			other.want(0, "capsule", "import", "--passphrase-file", pass, seal)
			is("import again", merged)
		}
		other.killed(r, back, "restore", "--yes", clean)
		if is("restore", old, merged) == merged {
			other.want(0, "restore", "--yes", clean)
			is("restore again", old)
		}
		for _, left := range []string{"incoming", "proving", "adapters/.capsule", "adapters/.capsule.json"} {
			if exists(filepath.Join(other.data, left)) {
				t.Errorf("%s is left", left)
			}
		}
	}
}
