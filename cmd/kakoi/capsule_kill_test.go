package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

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

// state is all that a person sees of a library.
func (w *world) state() string {
	return w.documents() + w.want(0, "chat", "list", "--json").out
}

// is says whether a library is in one of some states, and in order.
func (w *world) is(what string, states ...string) string {
	w.t.Helper()
	got := w.state()
	for _, s := range states {
		if got == s {
			if said := w.run("doctor"); !strings.Contains(said.out, " 0 problems") {
				w.t.Errorf("%s: %s", what, said.out)
			}
			return got
		}
	}
	w.t.Fatalf("%s: neither the old nor the new state:\n%s", what, got)
	return ""
}

// TestKilledExports kills real processes that write a capsule or a backup: the file is there whole, as the old one or the new one, or not at all, and nothing of what is half written
// can be read.
func TestKilledExports(t *testing.T) {
	w := newWorld(t)
	w.stock(24)
	w.want(0, "chat", "ask", "new", "Where is lamp number 203?")
	pass := w.secretFile("seven lamps in a row")
	r := rand.New(rand.NewPCG(7, uint64(time.Now().UnixNano())))
	want := w.state()
	for _, one := range []struct {
		name       string
		run, proof []string
	}{
		{"capsule export", []string{"capsule", "export", "--replace", "--passphrase-file", pass}, []string{"capsule", "show", "--passphrase-file", pass}},
		{"backup", []string{"backup", "--yes"}, []string{"restore", "--check"}},
	} {
		t.Run(one.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "file")
			begun := func() bool { return exists(file + ".part") }
			k := w.learn(one.name, begun, append(one.run, file)...)
			there := false // a file of that name, at every second kill
			for i := range kills(3) {
				if there = i/2%2 == 0; !there {
					if err := os.Remove(file); err != nil {
						t.Fatal(err)
					}
				}
				k.strike(r, i, kills(3), begun, append(one.run, file)...)
				if exists(file) {
					w.want(0, append(one.proof, file)...)
				} else if there {
					t.Fatalf("kill %d: the old file is gone", i)
				}
				if part, err := os.ReadFile(file + ".part"); err == nil && one.name != "backup" && bytes.Contains(part, []byte("lamp")) {
					t.Errorf("kill %d: what is half written can be read", i)
				}
				w.want(0, append(one.run, file)...) // and again, over what was left
				if exists(file + ".part") {
					t.Errorf("kill %d: something is left beside it", i)
				}
			}
			k.tell(t, kills(3))
		})
	}
	if got := w.state(); got != want {
		t.Errorf("exports changed the library:\n%s\nnot\n%s", got, want)
	}
}

// TestKilledImports kills real processes that take a capsule in, or restore a backup: the library is the old one or the new one, in order, and nothing is left beside it.
func TestKilledImports(t *testing.T) {
	from := newWorld(t)
	from.stock(24)
	from.want(0, "chat", "ask", "new", "Where is lamp number 203?")
	pass := from.secretFile("seven lamps in a row")
	seal := filepath.Join(t.TempDir(), "whole")
	from.want(0, "capsule", "export", "--passphrase-file", pass, seal)

	w := from.elsewhere()
	w.file("mine.txt", "A document that was here before.\n")
	w.want(0, "add", filepath.Join(w.docs, "mine.txt"))
	old := w.state()
	clean := filepath.Join(t.TempDir(), "backup")
	w.want(0, "backup", clean)
	bring, back := []string{"capsule", "import", "--passphrase-file", pass, seal}, []string{"restore", "--yes", clean}
	// What an import writes goes into the library's own files, where it is not to be seen from outside. The key takes most of the first half of its time: the last two fifths
	// stand for its writing.
	takes := w.timed(bring...)
	merged := w.state()
	w.want(0, back...)
	var since time.Time
	writing := func() bool { return time.Since(since) > takes*6/10 }
	since = time.Now()
	in := w.learn("capsule import", writing, bring...)
	coming := func() bool { return exists(filepath.Join(w.data, "incoming")) }
	out := w.learn("restore", coming, back...)
	w.is("restored", old)
	r := rand.New(rand.NewPCG(11, uint64(time.Now().UnixNano())))
	seen := map[string]int{}
	for i := range kills(3) {
		since = time.Now()
		phase := in.strike(r, i, kills(3), writing, bring...)
		if w.is(fmt.Sprint("import ", i), old, merged) == old {
			seen["import "+phase+" old"]++
			w.want(0, bring...)
			w.is("import again", merged)
		} else {
			seen["import "+phase+" new"]++
		}
		phase = out.strike(r, i, kills(3), coming, back...)
		if w.is(fmt.Sprint("restore ", i), old, merged) == merged {
			seen["restore "+phase+" old"]++
			w.want(0, back...)
			w.is("restore again", old)
		} else {
			seen["restore "+phase+" new"]++
		}
		for _, left := range []string{"incoming", "proving", "adapters/.capsule", "adapters/.capsule.json"} {
			if exists(filepath.Join(w.data, left)) {
				t.Errorf("%s is left", left)
			}
		}
	}
	in.tell(t, kills(3))
	out.tell(t, kills(3))
	t.Log(seen)
}
