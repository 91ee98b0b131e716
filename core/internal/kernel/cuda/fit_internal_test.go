//go:build torch

package cuda

import (
	"errors"
	"testing"

	"kakoi/core"
)

// The kernels of a 4B model on the generations of devices, by their shared memory.
func TestFits(t *testing.T) {
	starter := Shape{Layers: 10, Hidden: 512, Heads: 8, Inner: 2048, Vocab: 16384, Rotary: 64}
	for _, x := range []struct {
		name        string
		shape       Shape
		sms, shared int
		lanes       []int
	}{
		{"H200", Reference4B, 132, 232448, []int{1, 8, 16}},
		{"A100", Reference4B, 108, 166912, []int{1, 8}},
		{"RTX 4090", Reference4B, 128, 101376, []int{1, 8}},
		{"T4", Reference4B, 40, 65536, []int{1, 4}},
		{"H200, starter", starter, 132, 232448, []int{1, 8, 16}},
	} {
		list, err := fits(x.shape, MaxLanes, x.sms, x.shared)
		if (err != nil) != (x.lanes == nil) || (err != nil && !errors.Is(err, core.ErrUnsupported)) {
			t.Errorf("%s: %v", x.name, err)
		}
		var lanes []int
		for _, f := range list {
			lanes = append(lanes, f.lanes)
			if f.shared > x.shared || f.depth < fewestSlots || f.wide != list[0].wide {
				t.Errorf("%s: %+v", x.name, f)
			}
		}
		if len(lanes) != len(x.lanes) {
			t.Errorf("%s: kernels for %v lanes, not %v", x.name, lanes, x.lanes)
			continue
		}
		for i := range lanes {
			if lanes[i] != x.lanes[i] {
				t.Errorf("%s: kernels for %v lanes, not %v", x.name, lanes, x.lanes)
			}
		}
	}
}
