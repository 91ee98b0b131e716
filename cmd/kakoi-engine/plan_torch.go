//go:build torch

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"

	"kakoi/core"
	"kakoi/core/engine"
	"kakoi/core/neox"
)

// phases are the names of the plan's phases on the other side.
var phases = []struct {
	name  string
	phase neox.Phase
}{{"load", neox.Loading}, {"prefill", neox.Prefilling}, {"decode", neox.Decoding}, {"train", neox.Training}}

// plan computes the memory plan of a model.
func plan(ctx context.Context, options json.RawMessage) (engine.Plan, error) {
	var o engine.PlanOptions
	if err := json.Unmarshal(options, &o); err != nil {
		return engine.Plan{}, fmt.Errorf("plan: options: %w: %w", core.ErrUsage, err)
	}
	r := neox.PlanRequest{Context: o.Context, Batch: o.Batch, Kept: o.Kept, Adapters: o.Adapters, Rank: o.Rank}
	if o.Train > 0 {
		r.Train = &neox.TrainRequest{Tokens: o.Train, Recompute: neox.Recompute(o.Recomp)}
	}
	report, err := neox.PlanFor(ctx, o.Model, neox.LoadOptions{Device: o.Device, DType: o.DType, Threads: threads(0)}, r)
	if err != nil {
		return engine.Plan{}, err
	}
	p := engine.Plan{
		Model: filepath.Base(o.Model), Device: report.Device, DType: report.DType, Context: report.Context, Batch: report.Batch, Kept: report.Kept,
		Adapters: report.Adapters, Peak: report.Peak(), Free: report.Free, Fits: report.Fits(), Longest: report.Fit.Context, Most: report.Fit.Batch,
		Measured: report.Measured, Phases: map[string]int64{},
	}
	for _, b := range report.Buffers {
		x := engine.PlanBuffer{Group: b.Group, Name: b.Name, Bytes: b.Bytes}
		for _, at := range phases {
			if b.When&at.phase != 0 {
				x.When = append(x.When, at.name)
			}
		}
		p.Buffers = append(p.Buffers, x)
	}
	for _, at := range phases {
		if n := report.In(at.phase); n > report.Bytes(neox.BufferProcess) {
			p.Phases[at.name] = n
		}
	}
	return p, nil
}
