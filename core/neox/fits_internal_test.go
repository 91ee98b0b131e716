//go:build torch

package neox

import (
	"context"
	"errors"
	"testing"

	"kakoi/core"
	"kakoi/core/internal/device"
	"kakoi/core/internal/torch"
	"kakoi/core/internal/torch/torchtest"
)

// TestRequestThatCannotFit: keys and values for which the machine has no memory are refused before anything is allocated, with the longest
// context that would do, and that one is not refused.
func TestRequestThatCannotFit(t *testing.T) {
	torchtest.Setup(t)
	dev, err := device.Open("cpu", 0)
	if err != nil {
		t.Fatal(err)
	}
	c := tinyShape(true)
	c.MaxPositionEmbeddings = 1 << 22
	g := &Generator{dev: dev, plan: PlanRequest{Config: c, Device: "cpu", DType: "fp32"}}
	if err := g.fits(1, 4096); err != nil {
		t.Errorf("a small request: %v", err)
	}
	var u *core.UserError
	if err := g.fits(4096, c.MaxPositionEmbeddings); !errors.Is(err, core.ErrOutOfMemory) || !errors.As(err, &u) || u.Key != "error.plan.shorter" {
		t.Fatalf("terabytes: %v", err)
	}
	fit := u.Args[2].(int)
	if fit < 1024 || fit >= c.MaxPositionEmbeddings {
		t.Errorf("told that %d tokens would fit", fit)
	}
	if err := g.fits(4096, fit/2); err != nil { // other programs take and give memory meanwhile
		t.Errorf("half of what was told would fit: %v", err)
	}
	if err := (&Generator{dev: dev}).fits(1<<20, 1<<20); err != nil {
		t.Errorf("a generator without a plan: %v", err)
	}
}

// TestPlanFor makes the plan of the starter model on this machine.
func TestPlanFor(t *testing.T) {
	torchtest.Setup(t)
	r, err := PlanFor(context.Background(), "../../resources/starter", LoadOptions{Device: "cpu", DType: "fp32"}, PlanRequest{Adapters: 1})
	if err != nil {
		t.Fatal(err)
	}
	if r.Request.Stored != "NF4" || r.Request.Embed != "I8" || r.Context != 1280 || r.DType != "fp32" || !r.Fits() || r.Free <= 0 || r.Bytes(BufferAdapters) == 0 {
		t.Errorf("%+v", r)
	}
	g := load1(t, "../../resources/starter", LoadOptions{Device: "cpu", DType: "fp32"})
	if got, want := r.Bytes(BufferLayers)+r.Bytes(BufferEmbed)+r.Bytes(BufferHead), g.Info().Bytes; got != want {
		t.Errorf("weights of %d bytes planned, %d loaded", got, want)
	}
	if _, err := PlanFor(context.Background(), t.TempDir(), LoadOptions{Device: "cpu"}, PlanRequest{}); !errors.Is(err, core.ErrNotFound) {
		t.Errorf("no model: %v", err)
	}
	if _, err := PlanFor(context.Background(), "../../resources/starter", LoadOptions{Device: "cpu"}, PlanRequest{Context: 1 << 20}); !errors.Is(err, core.ErrTooLarge) {
		t.Errorf("a context beyond the model's: %v", err)
	}
}

// TestChunks: the plan and the runners mean the same chunks, and a large model's are short.
func TestChunks(t *testing.T) {
	if planChunkCPU4 != chunkCPU4 || lanesTorch != lanesCPU4 {
		t.Errorf("the plan counts with chunks of %d and %d lanes, the 4-bit runner takes %d and %d", planChunkCPU4, lanesTorch, chunkCPU4, lanesCPU4)
	}
	if small, large := chunkCPU(tinyShape(true)), chunkCPU(RinnaShape); small != wideChunk || large != smallChunk {
		t.Errorf("chunks of %d and %d", small, large)
	}
	c := tinyShape(true)
	m := &Model{Config: c, DType: torch.Float32}
	if got := newTorchRunner(m, false).traits(); got.chunk != wideChunk || got.grain != wideChunk {
		t.Errorf("%+v", got)
	}
	if got := newTorchRunner(m, true).traits(); got.chunk != chunkCUDA || got.grain != chunkCUDA {
		t.Errorf("%+v", got)
	}
	// The part of the plan that a chunk decides.
	for context, rows := range map[int]int64{wideChunk / 2: wideChunk / 2, 2 * wideChunk: wideChunk} {
		c.MaxPositionEmbeddings = 1024
		p, err := NewPlan(PlanRequest{Config: c, Device: "cpu", DType: "fp32", Context: context})
		if err != nil {
			t.Fatal(err)
		}
		if got := p.Bytes(BufferActivations); got != rows*p.block(c)*4 {
			t.Errorf("context %d: activations of %d bytes", context, got)
		}
	}
}

func load1(t *testing.T, dir string, opt LoadOptions) *Generator {
	t.Helper()
	g, err := Load(context.Background(), dir, opt, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.Close() })
	return g
}
