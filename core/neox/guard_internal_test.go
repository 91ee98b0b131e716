package neox

import (
	"math"
	"slices"
	"testing"

	"kakoi/core"
)

// TestGuardForbidsATextHoweverItIsSplit: whatever the pieces, an answer may go along with the text but not complete it.
func TestGuardForbidsATextHoweverItIsSplit(t *testing.T) {
	pieces := []string{"", " ", " The", "The", " doc", " documents", "uments", " documents do", "s", " d", "o", "T", "he"}
	piece := func(id int32) []byte { return []byte(pieces[id]) }
	for _, c := range []struct {
		before []int32
		want   []string // forbidden pieces
	}{
		{nil, nil},
		{[]int32{2}, []string{" documents", " documents do"}},
		{[]int32{3}, []string{" documents", " documents do"}},
		{[]int32{1, 0, 1, 11, 12}, []string{" documents", " documents do"}}, // white space and special tokens count as nothing
		{[]int32{2, 4}, []string{"uments"}},
		{[]int32{2, 9, 10}, nil}, // " The do": more is needed to complete it
		{[]int32{4, 2}, nil},     // it began otherwise
		{[]int32{10}, nil},
	} {
		g := newGuard([]byte("The documents"), len(pieces), piece)
		for _, id := range c.before {
			g.took(id)
		}
		scores := make([]float32, len(pieces))
		if g.on() {
			g.mask(scores)
		}
		var got []string
		for id, v := range scores {
			if v == negativeInfinity {
				got = append(got, pieces[id])
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("after %v: %q, want %q", c.before, got, c.want)
		}
	}
}

// TestGuardedSampler: what is forbidden has no probability, the others have theirs over what is left.
func TestGuardedSampler(t *testing.T) {
	logits := []float32{3, 2, 1, 0}
	for _, set := range []core.Sampling{{}, {Temperature: 0.7}, {Temperature: 1, TopK: 2, RepetitionPenalty: 1.3}} {
		p := NewSampler(set, nil, 0)
		p.guard = newGuard([]byte("b"), 4, func(id int32) []byte { return []byte{byte('b' + id)} })
		probs, ids := p.Probabilities(logits)
		if slices.Contains(ids, 0) || len(probs) == 0 {
			t.Fatalf("%+v: %v has the forbidden token", set, ids)
		}
		sum := 0.0
		for _, x := range probs {
			sum += x
		}
		if math.Abs(sum-1) > 1e-12 {
			t.Errorf("%+v: probabilities add up to %v", set, sum)
		}
		id, err := p.Next(logits)
		if err != nil || id == 0 {
			t.Fatalf("%+v: picked %d, %v", set, id, err)
		}
		if p.guard.on() {
			t.Errorf("%+v: guarded behind another beginning", set)
		}
	}
}

func TestDecisive(t *testing.T) {
	size := func(id int32) int { return int(id) }
	for _, c := range []struct{ common, want int }{{0, 1}, {3, 1}, {4, 2}, {5, 2}, {9, 3}, {50, 3}} {
		if got := decisive([]int32{4, 2, 7}, c.common, size); got != c.want {
			t.Errorf("%d bytes in common: %d tokens, want %d", c.common, got, c.want)
		}
	}
}

func TestChance(t *testing.T) {
	logits := []float32{float32(math.Log(1)), float32(math.Log(2)), negativeInfinity, float32(math.Log(5))}
	for id, want := range []float64{0.125, 0.25, 0, 0.625} {
		if p, err := chance(logits, int32(id)); err != nil || math.Abs(p-want) > 1e-7 {
			t.Errorf("token %d: %v, %v, want %v", id, p, err, want)
		}
	}
	nan := float32(math.NaN())
	for _, bad := range [][]float32{{nan, nan}, {1, nan}, {negativeInfinity, negativeInfinity}, {float32(math.Inf(1)), 0}} {
		if p, err := chance(bad, 1); err == nil {
			t.Errorf("%v: %v and no error", bad, p)
		}
	}
}
