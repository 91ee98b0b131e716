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

// TestCPU4Plan holds the plan's figures of the CPU's 4-bit runner against the buffers themselves.
func TestCPU4Plan(t *testing.T) {
	cfg := shapes4["512 wide, heads of 64"]
	p, err := NewPlan(PlanRequest{Config: cfg, Device: "cpu", DType: "nf4", Stored: "BF16", Embed: "BF16", Context: 256, Batch: 1})
	if err != nil {
		t.Fatal(err)
	}
	dev, err := device.Open("cpu", 0)
	if err != nil {
		t.Fatal(err)
	}
	r, err := loadCPU4(context.Background(), dev, cfg, randomSource{shapes: tensorShapes(cfg)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer r.close()
	weights := p.Bytes(BufferLayers) + p.Bytes(BufferHead) + p.Bytes(BufferEmbed) + p.Bytes(BufferRotary)
	if got := r.bytes(); got != weights {
		t.Errorf("weights of %d bytes, planned %d", got, weights)
	}
	if got, want := stepCPU4(cfg, int64(dev.Threads())), r.(*cpu4).model.ScratchBytes(chunkCPU4); cpu.Detect() == cpu.AMX && got != want || got < want {
		t.Errorf("a step's workspace is planned with %d bytes, %d are taken", got, want)
	}
}
