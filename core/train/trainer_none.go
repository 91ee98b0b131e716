//go:build !torch

package train

import (
	"context"

	"kakoi/core"
	"kakoi/core/neox"
)

// Trainer is core.Trainer over one model; this build has no libtorch, so it trains nothing.
type Trainer struct{}

var _ core.Trainer = (*Trainer)(nil)

// New gives a Trainer whose methods return core.ErrNoDevice: this build has no libtorch.
func New(*neox.Generator) *Trainer { return &Trainer{} }

// PlanTraining returns core.ErrNoDevice.
func (*Trainer) PlanTraining(context.Context, core.TrainRequest) (core.TrainPlan, error) {
	return core.TrainPlan{}, core.ErrNoDevice
}

// Train returns core.ErrNoDevice.
func (*Trainer) Train(context.Context, core.TrainRequest, func(core.TrainEvent) error) (core.TrainResult, error) {
	return core.TrainResult{}, core.ErrNoDevice
}
