//go:build torch

package cpu

import "testing"

func TestPoolRunsEveryPart(t *testing.T) {
	for _, n := range []int{1, 2, 3, 7} {
		p, err := NewPool(n)
		if err != nil {
			t.Fatal(err)
		}
		// 200 runs of 5 phases: every phase adds the parts of the phase before it, so a lost barrier shows.
		if got, want := poolProbe(p, 200, 5), int64(200*5*n*n); got != want {
			t.Errorf("%d threads: %d, want %d", n, got, want)
		}
		p.Close()
		p.Close()
	}
}

func TestLowerKeepsOrder(t *testing.T) {
	best := Detect()
	for s := Plain; s <= best; s++ {
		restore := Lower(s)
		if got := Detect(); got != s {
			t.Errorf("lowered to %v: %v", s, got)
		}
		restore()
	}
	if got := Detect(); got != best {
		t.Errorf("restored: %v, was %v", got, best)
	}
}
