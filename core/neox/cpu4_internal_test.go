//go:build torch

package neox

import (
	"context"
	"testing"

	"kakoi/core/internal/device"
	"kakoi/core/internal/kernel/cpu"
)

// TestCPU4 runs the 4-bit self-test with each of this processor's instruction sets.
func TestCPU4(t *testing.T) {
	dev, err := device.Open("cpu", 0)
	if err != nil {
		t.Fatal(err)
	}
	if !runs4Bit("cpu", shapes4["512 wide, heads of 64"]) && cpu.Detect() >= cpu.AVX2 {
		t.Error("the kernels are not used by themselves")
	}
	for s := cpu.Plain; s <= cpu.Detect(); s++ {
		t.Run(s.String(), func(t *testing.T) {
			defer cpu.Lower(s)()
			n := 0
			err := selftest4(context.Background(), dev, func(name string, limit, diff float64, err error) error {
				n++
				if err != nil || !(diff <= limit) {
					t.Errorf("%s: error %.3g, limit %.3g, %v", name, diff, limit, err)
				} else {
					t.Logf("%s: error %.3g, limit %.3g", name, diff, limit)
				}
				return nil
			})
			if err != nil || n != 5*len(shapes4) {
				t.Errorf("%d checks: %v", n, err)
			}
		})
	}
}
