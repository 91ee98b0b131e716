package neox

import (
	"errors"
	"testing"

	"kakoi/core"
)

// TestPlanOfTheReferenceModel holds the plan against the numbers of the reference model that were computed by hand.
func TestPlanOfTheReferenceModel(t *testing.T) {
	weights, _ := RinnaShape.linears()
	if weights != 3_425_697_792 || nf4Bytes(weights) != 1_767_211_776 {
		t.Errorf("%d weights in %d bytes", weights, nf4Bytes(weights))
	}
	p, err := NewPlan(PlanRequest{Config: RinnaShape, Device: "cuda", DType: "nf4", Stored: "NF4", Context: 1024, Adapters: 1})
	if err != nil {
		t.Fatal(err)
	}
	if got := p.Bytes(BufferKV); got != 405_504*1024 || p.Row() != got {
		t.Errorf("cache of 1024 tokens: %d", got)
	}
	if got := p.Bytes(BufferAdapters); got != 2*3_244_032 {
		t.Errorf("adapter: %d", got)
	}
	if got := p.Bytes(BufferHead); got != 369_098_752 {
		t.Errorf("head: %d", got)
	}
	// Codes and 2 bytes of scale a block: a little more than bitsandbytes' form.
	if got := p.Bytes(BufferLayers); got < 1_767_211_776 || got > 1_850_000_000 {
		t.Errorf("layers: %d", got)
	}
	if peak := p.Peak(); peak < 3_300_000_000 || peak > 4_500_000_000 {
		t.Errorf("peak %d", peak)
	}
	full, err := NewPlan(PlanRequest{Config: RinnaShape, Device: "cpu", DType: "fp32", Stored: "F16"})
	if err != nil {
		t.Fatal(err)
	}
	if got := full.Bytes(BufferLayers) + full.Bytes(BufferEmbed) + full.Bytes(BufferHead); got != 4*3_796_120_064 {
		t.Errorf("float32 weights: %d", got)
	}
}

func TestPlanOfTraining(t *testing.T) {
	for how, want := range map[Recompute]float64{RecomputeNone: 24.9e9, RecomputeUp: 14.9e9, RecomputeLayers: 2.5e9} {
		p, err := NewPlan(PlanRequest{Config: RinnaShape, Device: "cuda", DType: "nf4", Context: 1024, Train: &TrainRequest{Tokens: 12 * 1024, Recompute: how}})
		if err != nil {
			t.Fatal(err)
		}
		if got := float64(p.Bytes("saved")); got < 0.98*want || got > 1.02*want {
			t.Errorf("%s: %v kept, want %v", how, got, want)
		}
		if p.Measured || p.Bytes("lora") != 4*3_244_032 || p.Peak() <= int64(want) {
			t.Errorf("%s: %+v", how, p)
		}
	}
	if _, err := NewPlan(PlanRequest{Config: RinnaShape, Device: "cuda", DType: "nf4", Train: &TrainRequest{Tokens: 1, Recompute: "some"}}); !errors.Is(err, core.ErrUsage) {
		t.Errorf("an unknown way: %v", err)
	}
}

func TestPlanSaysWhatFits(t *testing.T) {
	r := PlanRequest{Config: RinnaShape, Device: "cuda", DType: "nf4", Stored: "NF4", Context: 2048, Batch: 8}
	p, err := NewPlan(r)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Refuse(r, p.More()); err != nil {
		t.Errorf("exactly enough was refused: %v", err)
	}
	free := p.More() - 1
	var u *core.UserError
	if err := p.Refuse(r, free); !errors.Is(err, core.ErrOutOfMemory) || !errors.As(err, &u) || u.Key != "error.plan.shorter" {
		t.Fatalf("one byte too few: %v", err)
	}
	fit := LargestFit(r, free+p.Bytes(BufferProcess))
	if fit.Context <= 0 || fit.Context >= 2048 || fit.Batch != 7 {
		t.Errorf("fits: %+v", fit)
	}
	if u.Args[2] != fit.Context {
		t.Errorf("told: %v, fits %+v", u.Args, fit)
	}
	for _, n := range []int{fit.Context, fit.Context + 1} {
		q := r
		q.Context = n
		if p, err := NewPlan(q); err != nil || (p.More() <= free) != (n == fit.Context) {
			t.Errorf("%d tokens: %v", n, err)
		}
	}
	if err := p.Refuse(r, 1<<30); !errors.As(err, &u) || u.Key != "error.model.memory_need" {
		t.Errorf("nothing fits: %v", err)
	}
}

func TestPlanRefusesNonsense(t *testing.T) {
	for name, r := range map[string]PlanRequest{
		"device": {Device: "tpu", DType: "nf4"}, "dtype": {Device: "cpu", DType: "int3"}, "context": {Device: "cpu", DType: "fp32", Context: -1},
		"target": {Device: "cpu", DType: "fp32", Targets: []string{"embed_in"}}, "rank": {Device: "cpu", DType: "fp32", Rank: 1 << 20},
	} {
		r.Config = RinnaShape
		if _, err := NewPlan(r); !errors.Is(err, core.ErrUsage) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := NewPlan(PlanRequest{Config: RinnaShape, Device: "cpu", DType: "fp32", Context: 4096}); !errors.Is(err, core.ErrTooLarge) {
		t.Errorf("a context beyond the model's: %v", err)
	}
}
