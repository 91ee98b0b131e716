//go:build torch

package main

import (
	"context"
	"encoding/json"
	"errors"
	"testing"

	"kakoi/core"
	"kakoi/core/engine"
	"kakoi/core/neox"
)

const starter = "../../resources/starter"

func TestPlanOfTheStarter(t *testing.T) {
	var p engine.Plan
	emit := func(b json.RawMessage) error { return json.Unmarshal(b, &p) }
	if err := benches(context.Background(), "plan", json.RawMessage(`{"model": "`+starter+`", "device": "cpu", "dtype": "fp32", "context": 512, "batch": 2}`), emit); err != nil {
		t.Fatal(err)
	}
	sum := int64(0)
	for _, b := range p.Buffers {
		if len(b.When) == 0 {
			t.Errorf("%s is never there", b.Name)
		}
		sum += b.Bytes
	}
	// Two rows of 512 tokens: 10 layers x 512 numbers, twice, in float32.
	if p.Device != "cpu" || p.DType != "fp32" || p.Context != 512 || p.Batch != 2 || !p.Fits || !p.Measured || p.Peak <= 0 || p.Peak > sum || p.Phases["decode"] < 2*512*10*512*2*4 {
		t.Errorf("%+v", p)
	}
	if err := benches(context.Background(), "plan", json.RawMessage(`{"model": "`+starter+`", "device": "cpu", "batch": 4000, "context": 1280, "dtype": "fp32"}`), emit); err != nil || p.Fits || p.Longest <= 0 || p.Most <= 0 {
		t.Errorf("300 GB: %+v, %v", p, err)
	}
	if err := benches(context.Background(), "plan", json.RawMessage(`{"model": "`+t.TempDir()+`"}`), emit); !errors.Is(err, core.ErrNotFound) {
		t.Errorf("no model: %v", err)
	}
}

// TestMemoryOfOneSetting measures the starter model against its plan; the grid of 30 is the command's.
func TestMemoryOfOneSetting(t *testing.T) {
	for _, dtype := range []string{"fp32", "nf4"} {
		var r neox.MemoryResult
		options, err := json.Marshal(map[string]any{"model": starter, "device": "cpu", "setting": `{"dtype": "` + dtype + `", "context": 1024, "batch": 2, "adapters": 1}`})
		if err != nil {
			t.Fatal(err)
		}
		if err := benches(context.Background(), "memory", options, func(b json.RawMessage) error { return json.Unmarshal(b, &r) }); err != nil {
			t.Fatal(err)
		}
		if r.DType != dtype || r.Context != 1024 || r.Measured <= r.Process || r.Ratio < 0.85 || r.Ratio > 1.2 { // this process has memory from before that is used again
			t.Errorf("%+v", r)
		}
	}
}
