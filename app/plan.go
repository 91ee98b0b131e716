package app

import (
	"context"
	"fmt"

	"kakoi/core"
	"kakoi/core/engine"
)

// PlanOptions is what a memory plan is made for; the zero value means the settings' device and dtype and the model's whole context.
type PlanOptions struct {
	Context  int
	Batch    int
	Adapters int
	Rank     int
	Device   string // "": the settings'
	DType    string // "": the settings'
	Train    int    // tokens of a training step; 0: none
}

// Plan computes the memory that a chat model takes at work, without loading it. One that does not fit is a result, not an error.
func (m *Models) Plan(ctx context.Context, name string, o PlanOptions) (engine.Plan, error) {
	model, err := m.Find(ctx, name)
	if err != nil {
		return engine.Plan{}, err
	}
	if model.Kind != KindChat {
		return engine.Plan{}, core.Explain(fmt.Errorf("plan of model %q: %w", name, core.ErrUnsupported), "error.model.nochat", name)
	}
	set := m.options()
	if o.Device != "" {
		set.Device = o.Device
	}
	if o.DType != "" {
		set.DType = o.DType
	}
	client, err := m.Engine.Client(ctx)
	if err != nil {
		return engine.Plan{}, err
	}
	planner, ok := client.(interface {
		Plan(ctx context.Context, o engine.PlanOptions) (engine.Plan, error)
	})
	if !ok {
		return engine.Plan{}, fmt.Errorf("plan of model %q: %w", name, core.ErrUnsupported)
	}
	p, err := planner.Plan(ctx, engine.PlanOptions{
		Model: model.Dir, Device: set.Device, DType: set.DType, Context: o.Context, Batch: o.Batch, Adapters: o.Adapters, Rank: o.Rank, Train: o.Train,
	})
	if err != nil {
		return engine.Plan{}, fmt.Errorf("plan of model %q: %w", name, err)
	}
	p.Model = name
	return p, nil
}
