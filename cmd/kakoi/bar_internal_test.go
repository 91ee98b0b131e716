package main

import (
	"bytes"
	"strings"
	"testing"

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
