//go:build torch

package neox

import (
	"context"
	"errors"
	"slices"
	"testing"

	"kakoi/core"
	"kakoi/core/internal/device"
	"kakoi/core/internal/torch"
	"kakoi/core/internal/torch/torchtest"
)

// TestLanesAreExact: on the CPU a lane's logits are the same bits alone, beside other rows, and as one of many tokens of
// its row. Shapes cover what our matrix kernel takes, what libtorch multiplies, and feed-forwards of several threads'
// shares with a rest.
func TestLanesAreExact(t *testing.T) {
	torchtest.Setup(t)
	dev, err := device.Open("cpu", 0)
	if err != nil {
		t.Fatal(err)
	}
	odd := tinyShape(true)
	odd.HiddenSize, odd.IntermediateSize = 24, 40 // no multiples of 16
	wide := tinyShape(false)
	wide.IntermediateSize = 5003
	for _, c := range []Config{tinyShape(false), tinyShape(true), odd, wide} {
		for _, dtype := range []torch.DType{torch.Float32, torch.BFloat16} {
			m := hashModel(t, dev, c, dtype)
			ids := tokens(40, m.VocabSize)
			want := make([][]float32, 40)
			alone := openState(t, dev, m, 1, 40)
			run := func(st *torchState, l []lane) [][]float32 {
				t.Helper()
				logits := make([][]float32, len(l))
				for i := range l {
					logits[i] = make([]float32, m.VocabSize)
				}
				if err := feed(context.Background(), dev, st, lanesTorch, l, logits); err != nil {
					t.Fatal(err)
				}
				return logits
			}
			for i, id := range ids {
				want[i] = run(alone, []lane{{id: id}})[0]
			}
			many := openState(t, dev, m, 3, 40)
			for at := 0; at < 40; {
				n := min(40-at, 1+(at*7)%13) // 1, 8, 12, .. tokens at once
				var l []lane
				l = append(l, lane{row: 2, id: ids[39-at]})
				for _, id := range ids[at : at+n] {
					l = append(l, lane{row: 1, id: id})
				}
				for i, got := range run(many, l)[1:] {
					if !slices.Equal(got, want[at+i]) {
						t.Errorf("%d wide, %d, %v: token %d of %d at once differs by %g", c.HiddenSize, c.IntermediateSize, dtype, at+i, n, maxDiff(got, want[at+i]))
					}
				}
				at += n
			}
			// Forget, go on from there, and from a copy.
			many.keep(1, 20)
			if got := run(many, []lane{{row: 1, id: ids[20]}}); !slices.Equal(got[0], want[20]) {
				t.Errorf("after keep: differs by %g", maxDiff(got[0], want[20]))
			}
			inDevice(t, dev, func(s *torch.Scope) error { return many.copy(s, 1, 0, 15) })
			if got := run(many, []lane{{row: 0, id: ids[15]}}); !slices.Equal(got[0], want[15]) || many.length(0) != 16 {
				t.Errorf("after copy: differs by %g, length %d", maxDiff(got[0], want[15]), many.length(0))
			}
			inDevice(t, dev, func(s *torch.Scope) error {
				if err := many.lanes(s, []lane{{row: 5}}, make([][]float32, 1)); !errors.Is(err, core.ErrUsage) {
					t.Errorf("a row that is not there: %v", err)
				}
				full := make([]lane, 30)
				if err := many.lanes(s, full, make([][]float32, 30)); !errors.Is(err, core.ErrTooLarge) || many.length(0) != 16 {
					t.Errorf("more than fits: %v, length %d", err, many.length(0))
				}
				return nil
			})
		}
	}
}
