//go:build torch

package neox

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"kakoi/core"
	"kakoi/core/internal/torch"
	"kakoi/core/internal/torch/torchtest"
)

func TestPlaceByMemory(t *testing.T) {
	torchtest.Setup(t)
	free := freeMemory()
	if free < 1<<28 {
		t.Fatalf("%d bytes are free", free)
	}
	// A model whose fp32 weights are a little more than what is free, and its bf16 weights about half of it.
	c := RinnaShape
	need := func() int64 {
		p, err := NewPlan(PlanRequest{Config: c, Device: "cpu", DType: "fp32", Stored: "F16"})
		if err != nil {
			t.Fatal(err)
		}
		return p.More()
	}
	for c.Layers = 1; need() < free+free/4; c.Layers++ {
	}
	if dev, as, err := place(LoadOptions{Device: "cpu"}, c, stored{linears: "F16"}); err != nil || as.nf4 != runs4Bit("cpu", c) || as.dtype != torch.BFloat16 || dev.Name() != "cpu" {
		t.Errorf("fp32 does not fit: %v, %v", as, err)
	}
	var u *core.UserError
	if _, _, err := place(LoadOptions{Device: "cpu", DType: "fp32"}, c, stored{linears: "F16"}); !errors.Is(err, core.ErrOutOfMemory) || !errors.As(err, &u) || u.Key != "error.model.memory_need" {
		t.Errorf("fp32 asked for: %v", err)
	}
	c.Layers *= 16
	if _, _, err := place(LoadOptions{Device: "cpu"}, c, stored{linears: "F16"}); !errors.Is(err, core.ErrOutOfMemory) {
		t.Errorf("nothing fits: %v", err)
	}
	if _, as, err := place(LoadOptions{Device: "cpu"}, tinyShape(true), stored{linears: "F32"}); err != nil || as.dtype != torch.Float32 {
		t.Errorf("a tiny model: %v, %v", as, err)
	}
}

func TestGroupFree(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"memory.max": "1000\n", "memory.current": "700\n", "memory.stat": "anon 400\nactive_file 60\ninactive_file 200\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got := groupFree(dir); got != 560 {
		t.Errorf("%d bytes, want 560", got)
	}
	if err := os.WriteFile(filepath.Join(dir, "memory.max"), []byte("max\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := groupFree(dir); got != 0 {
		t.Errorf("without a limit: %d", got)
	}
}
