//go:build torch

package train

import (
	"context"
	"encoding/json"
	"math"
	"slices"
	"testing"

	"kakoi/core/internal/torch/torchtest"
	"kakoi/core/neox"
)

// TestBench: every figure is there and makes sense, on a small shape, in full precision and over 4-bit weights.
func TestBench(t *testing.T) {
	torchtest.Setup(t)
	c := smallShape(t)
	for _, dtype := range []string{"fp32", "nf4"} {
		var names []string
		opt := BenchOptions{Shape: c, Load: neox.LoadOptions{Device: torchtest.Device(), DType: dtype, Threads: 2}, Sequence: 64, Batch: 2, Steps: 1}
		err := Bench(context.Background(), opt, func(result any) error {
			r := result.(BenchResult)
			names = append(names, r.Name+r.Recompute)
			if r.Name == "matmul" && r.TFLOPs <= 0 || r.Name != "matmul" && (r.PerSecond <= 0 || r.Tokens < 128 || r.OfLimit <= 0 || r.Peak <= 0 || r.Planned <= 0) {
				t.Errorf("%+v", r)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if want := []string{"matmul", "trainnone", "traingelu", "trainlayer", "train, natural lengthsnone"}; !slices.Equal(names[:5], want) {
			t.Errorf("%s: %v", dtype, names)
		}
	}
}

// TestBenchOfSomeFigures: nothing is measured that was not asked for.
func TestBenchOfSomeFigures(t *testing.T) {
	torchtest.Setup(t)
	opt := BenchOptions{Shape: smallShape(t), Load: neox.LoadOptions{Device: torchtest.Device(), DType: "fp32", Threads: 2}, Sequence: 32, Batch: 1, Steps: 1, Figures: []string{"gelu", "plain"}}
	var names []string
	if err := Bench(context.Background(), opt, func(result any) error {
		r := result.(BenchResult)
		names = append(names, r.Name+r.Recompute)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if want := []string{"matmul", "train, plainnone", "traingelu"}; !slices.Equal(names, want) {
		t.Errorf("figures %q, want %q", names, want)
	}
}

// TestChatDuringTraining: over 4-bit weights answers come while a run goes on, they are those without one, and the adapter's bytes are those of
// a run without answers; in fp32 two runs give the same bytes.
func TestChatDuringTraining(t *testing.T) {
	torchtest.Setup(t)
	c := smallShape(t)
	opt := BenchOptions{Shape: c, Load: neox.LoadOptions{Device: torchtest.Device(), DType: "nf4", Threads: 2}, Figures: []string{"chat", "fp32"}}
	var got []RunResult
	if err := Bench(context.Background(), opt, func(result any) error {
		got = append(got, result.(RunResult))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 || len(got[0].Checks) != 4 || got[0].Answers < 3 || got[0].MemoryTogether <= 0 || got[0].AnswerSeconds <= 0 || len(got[1].Checks) != 2 || got[1].Steps < 2 {
		t.Errorf("%+v", got)
	}
}

// smallShape is a model for tests of figures.
func smallShape(t *testing.T) (c neox.Config) {
	if err := json.Unmarshal([]byte(`{"model_type":"gpt_neox","vocab_size":512,"hidden_size":128,"num_hidden_layers":2,"num_attention_heads":2,
		"intermediate_size":512,"max_position_embeddings":1024,"use_parallel_residual":false,"rotary_pct":1.0}`), &c); err != nil {
		t.Fatal(err)
	}
	return c
}

// TestFlops: facts/models.md B has 15.17 GFLOP a token at 1,024 tokens.
func TestFlops(t *testing.T) {
	if got := flops(neox.RinnaShape, 1024) / 1e9; got < 15.1 || got > 15.25 {
		t.Errorf("%v GFLOP", got)
	}
}

// TestWork: a run's operations are those of its steps and evaluations (facts/models.md B: 15.17, 17.45 and, without the last matrix of each
// layer, 20.1 GFLOP a token; 7.43 forward).
func TestWork(t *testing.T) {
	w := work{cfg: neox.RinnaShape, keep: "none", tokens: 100, length: 1024, share: 1, epochs: 2}
	if got, want := w.operations(), 200*flops(neox.RinnaShape, 1024); math.Abs(got/want-1) > 1e-9 {
		t.Errorf("%v operations, want %v", got, want)
	}
	for keep, want := range map[string]float64{"gelu": 17.45, "layer": 20.1} {
		w.keep = keep
		if got := w.operations() / 200 / 1e9; math.Abs(got-want) > 0.2 {
			t.Errorf("%s: %.2f GFLOP a token, want %.2f", keep, got, want)
		}
	}
	w.epochs, w.evals, w.held = 0, 3, 10
	if got := w.operations() / 30 / 1e9; math.Abs(got-7.43) > 0.1 {
		t.Errorf("forward: %.2f GFLOP a token", got)
	}
}
