package ui

import (
	"testing"
	"time"
)

func TestQueued(t *testing.T) {
	for text, want := range map[string]time.Duration{"81234 4200000 17\n": 4200 * time.Microsecond, "81234": 0, "": 0, "1 x 2": 0} {
		if got := queued(text); got != want {
			t.Errorf("%q is %v, want %v", text, got, want)
		}
	}
}
