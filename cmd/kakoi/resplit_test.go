package main

import (
	"fmt"
	"strings"
	"testing"

	"kakoi/app"
)

// TestSplitterOfALibrary: another splitter asks first, changes nothing without a yes, and goes on after kill -9 with what is left.
func TestSplitterOfALibrary(t *testing.T) {
	w := newWorld(t)
	w.want(0, "settings", "splitter", "techlab") // without documents it is a setting like others
	w.want(0, "settings", "--reset", "splitter")
	for i := range 6 {
		w.file(fmt.Sprintf("%d.txt", i), strings.ReplaceAll(sentences(fmt.Sprint("lamps ", i), 60), "\n\n", " "))
	}
	w.want(0, "add", ".")
	documents := func() []listed { return objects[listed](t, w.want(0, "list", "--json").out) }
	before := fmt.Sprint(documents())
	r := w.want(2, "settings", "splitter", "techlab")
	if !strings.Contains(r.err, "--yes") {
		t.Errorf("refused by %q", r.err)
	}
	if got := objects[setting](t, w.want(0, "settings", "--json", "splitter").out)[0].Value; got != "recommended" || fmt.Sprint(documents()) != before {
		t.Errorf("without a yes the splitter is %s", got)
	}
	// Slow enough to be killed in the middle.
	cmd, wait := w.slow("300ms").start("settings", "splitter", "techlab", "--yes")
	split := func() (n int) {
		for _, d := range documents() {
			if d.Chunks > 0 && !strings.Contains(before, d.Split) {
				n++
			}
		}
		return n
	}
	w.owned()
	until(t, "some split anew", func() bool { return split() > 0 })
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	wait()
	n := split()
	if n == 6 {
		t.Fatal("it was killed too late to tell")
	}
	if s := objects[app.Status](t, w.want(0, "status", "--json").out)[0]; s.Stale != 6-n {
		t.Errorf("after the kill %d are stale, want %d", s.Stale, 6-n)
	}
	s := objects[app.Summary](t, w.want(0, "add", "--resume", "--json").out)[0]
	if s.Updated != 6-n || split() != 6 || s.Embedded > s.Chunks {
		t.Errorf("resumed: %+v, %d split", s, split())
	}
	if r := w.want(0, "search", "part 7 of lamps 3"); !strings.Contains(r.out, "lamps 3") {
		t.Errorf("found %q", r.out)
	}
}
