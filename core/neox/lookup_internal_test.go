package neox

import (
	"fmt"
	"math"
	"slices"
	"testing"
)

func TestDraft(t *testing.T) {
	for _, c := range []struct {
		ids   []int32
		most  int
		want  []int32
		match int
	}{
		{nil, 4, nil, 0},
		{[]int32{1}, 4, nil, 0},
		{[]int32{1, 2, 3}, 4, nil, 0},
		{[]int32{1, 2, 3, 1}, 2, []int32{2, 3}, 1},
		{[]int32{1, 2, 3, 1}, 6, []int32{2, 3, 1, 2, 3, 1}, 1},       // repeats on
		{[]int32{5, 1, 2, 8, 1, 2, 9, 5, 1, 2}, 2, []int32{8, 1}, 3}, // the longer match, not the later one
		{[]int32{1, 2, 8, 1, 2, 9, 7, 1, 2}, 1, []int32{9}, 2},       // the later of equal ones
		{[]int32{4, 4, 4, 4}, 3, []int32{4, 4, 4}, 3},
		{[]int32{1, 2, 1}, 0, nil, 0},
	} {
		if got, match := draft(c.ids, c.most); !slices.Equal(got, c.want) || match != c.match {
			t.Errorf("after %v: %v, match %d; want %v, %d", c.ids, got, match, c.want, c.match)
		}
	}
	long := make([]int32, 3000)
	for i := range long {
		long[i] = int32(i % 100)
	}
	if got, match := draft(long, 16); match != longestMatch || got[0] != 0 || got[15] != 15 {
		t.Errorf("of a long repeating text: %v, match %d", got, match)
	}
}

// TestPlan: guesses are checked while they pay, whichever row they are of.
func TestPlan(t *testing.T) {
	flat, steep := newCosts(16), newCosts(16)
	for n := 1; n <= 16; n++ {
		flat.add(n, 1+0.001*float64(n))
		steep.add(n, float64(n))
	}
	sure := []float64{0.99, 0.98, 0.97, 0.96}
	for _, c := range []struct {
		name    string
		chances [][]float64
		costs   *costs
		lanes   int
		want    []int
	}{
		{"nothing to guess", [][]float64{nil, nil}, flat, 16, []int{0, 0}},
		{"checks for nothing", [][]float64{sure}, flat, 16, []int{4}},
		{"checks that cost a token each", [][]float64{sure}, steep, 16, []int{0}},
		{"the better row first", [][]float64{{0.3, 0.09}, sure}, flat, 5, []int{0, 3}},
		{"no room", [][]float64{sure, sure}, flat, 2, []int{0, 0}},
		{"nothing measured", [][]float64{{0.9, 0.8, 0.01}}, newCosts(16), 16, []int{2}},
	} {
		if got := plan(c.chances, c.costs, c.lanes); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestCosts(t *testing.T) {
	c := newCosts(8)
	if r := c.of(3) / c.of(1); math.Abs(r-1.06) > 1e-9 {
		t.Errorf("unknown: three lanes for %v", r)
	}
	c.add(1, 0.010)
	c.add(5, 0.014)
	for n, want := range map[int]float64{1: 0.010, 3: 0.012, 5: 0.014, 6: 0.014 * 1.03} {
		if got := c.of(n); math.Abs(got-want) > 1e-9 {
			t.Errorf("%d lanes: %v, want %v", n, got, want)
		}
	}
	c.add(5, 1000) // a hiccup counts as three steps
	if got := c.of(5); got > 0.0211 {
		t.Errorf("after a hiccup: %v", got)
	}
	for range costMemory {
		c.add(1, 0.010)
	}
	if got := c.of(5); got > 0.012 {
		t.Errorf("long after: %v", got)
	}
	c.add(9, 1)
	c.add(0, 1)
	c.add(2, 0)
	if c.known(2) {
		t.Error("no time is a measurement")
	}
}

func TestBelief(t *testing.T) {
	b := newBelief()
	for i := 1; i < len(b); i++ {
		if b[i] <= b[i-1] {
			t.Errorf("class %d is believed no more than %d", i, i-1)
		}
	}
	for _, right := range []bool{true, false} {
		for range 300 {
			b.learn(2, right)
		}
		if p := b.of(2); right && p < 0.95 || !right && p > 0.05 || p <= 0 || p >= 1 {
			t.Errorf("after many %v: %v", right, p)
		}
	}
	if fresh := newBelief(); b.of(1) != fresh.of(1) || b.of(100) != fresh.of(100) {
		t.Error("other classes learned too")
	}
	var seen []string
	for _, n := range []int{0, 1, 2, 3, 4, 7, 8, 15, 16, 40} {
		seen = append(seen, fmt.Sprint(beliefClass(n)))
	}
	if want := []string{"0", "0", "1", "2", "3", "3", "4", "4", "5", "5"}; !slices.Equal(seen, want) {
		t.Errorf("classes %v", seen)
	}
}
