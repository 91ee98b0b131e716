package main

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"kakoi/app/job"
	"kakoi/core"
)

// A new stage is shown at once, also right behind another one: it may be the last for long. Within a stage the line is not drawn at every
// update.
func TestBarShowsNewStages(t *testing.T) {
	var out bytes.Buffer
	b := &bar{w: &out, text: func(key string, _ ...any) string { return key }, width: 80}
	p := b.progress()
	for range 50 {
		p(core.Update{Stage: "load", Done: 1, Total: 4})
	}
	p(core.Update{Stage: "kernels"})
	if n := strings.Count(out.String(), "stage.load"); n < 1 || n > 10 {
		t.Errorf("drawn %d times", n)
	}
	if !strings.HasSuffix(out.String(), "stage.kernels") {
		t.Errorf("%q", out.String())
	}
}

// TestBarSaysWhatItWaitsFor: on a terminal in its line, elsewhere once.
func TestBarSaysWhatItWaitsFor(t *testing.T) {
	for _, plain := range []bool{false, true} {
		var out bytes.Buffer
		b := &bar{w: &out, text: func(key string, args ...any) string {
			return strings.TrimSpace(fmt.Sprint(append([]any{key}, args...)...))
		}, width: 200, plain: plain}
		for range 3 {
			b.show(job.State{Update: core.Update{Stage: "wait"}, Behind: job.Name{Key: "job.add", Note: "share"}})
		}
		b.show(job.State{Update: core.Update{Stage: "backup", Done: 1, Total: 2}})
		said := out.String()
		if want := map[bool]int{true: 1, false: 3}[plain]; strings.Count(said, "job.add share") != want {
			t.Errorf("plain %v: %q", plain, said)
		}
		if plain == strings.Contains(said, "stage.backup") {
			t.Errorf("plain %v: %q", plain, said)
		}
	}
}
