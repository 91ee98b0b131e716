//go:build torch

package neox_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"kakoi/core"
	"kakoi/core/internal/torch/torchtest"
	"kakoi/core/neox"
)

func TestSelftestOnCPU(t *testing.T) {
	torchtest.Setup(t)
	n := 0
	err := neox.Selftest(context.Background(), "cpu", func(name string, ok bool, detail string) {
		n++
		t.Logf("%-28s %v %s", name, ok, detail)
	})
	if err != nil || n < 26 {
		t.Errorf("%d checks, %v", n, err)
	}
	if err := neox.Selftest(context.Background(), "cuda:63", nil); !errors.Is(err, core.ErrNoDevice) {
		t.Errorf("a device that is not there: %v", err)
	}
	if err := neox.Selftest(context.Background(), "abacus", nil); !errors.Is(err, core.ErrUsage) {
		t.Errorf("a device that cannot be: %v", err)
	}
}

func TestBench(t *testing.T) {
	torchtest.Setup(t)
	shape := neox.Config{
		VocabSize: 512, HiddenSize: 64, Layers: 2, Heads: 4, IntermediateSize: 256, HiddenAct: "gelu", RotaryPct: 1, RotaryBase: 10000,
		MaxPositionEmbeddings: 128, LayerNormEps: 1e-5, AttentionBias: true,
	}
	for what, names := range map[string][]string{
		"load": {"first token", "load"}, "prefill": {"copy", "read", "matmul", "prefill"},
		"decode": {"copy", "read", "matmul", "decode", "verify", "verify", "verify", "verify", "verify"},
	} {
		var got []string
		err := neox.Bench(context.Background(), what, neox.BenchOptions{Shape: shape, Seconds: 0.01, Load: neox.LoadOptions{Device: "cpu"}}, func(r neox.BenchResult) {
			got = append(got, r.Name)
			if r.Milliseconds <= 0 || (r.Name == "decode" && (r.BytesPerTok <= 0 || r.OfLimit <= 0)) || r.Device != "cpu" {
				t.Errorf("%+v", r)
			}
		})
		if err != nil || !slices.Equal(got, names) {
			t.Errorf("%s: %v, %v", what, got, err)
		}
	}
}
