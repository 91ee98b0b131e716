//go:build torch

package neox

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"kakoi/core/internal/device"
	"kakoi/core/weights"
)

// PlanReport is the plan of a folder on a device of this machine, and what the machine has.
type PlanReport struct {
	Plan
	Request PlanRequest
	Free    int64 // bytes that the device can still give; 0: unknown
	Fit     Fit   // what would fit, where the plan does not
}

// Fits says whether there is room for the plan.
func (r PlanReport) Fits() bool { return r.Free <= 0 || r.More() <= r.Free }

// PlanFor makes the plan of the model folder dir: r says for what, its Config, Device, DType and Stored are filled in from the folder and
// from opt as Load would choose them.
func PlanFor(ctx context.Context, dir string, opt LoadOptions, r PlanRequest) (_ PlanReport, err error) {
	defer func() { err = readable(err) }()
	folder, err := weights.Open(dir)
	if err != nil {
		return PlanReport{}, err
	}
	defer func() { err = errors.Join(err, folder.Close()) }()
	if err := folder.Config(&r.Config); err != nil {
		return PlanReport{}, err
	}
	if err := r.Config.Validate(); err != nil {
		return PlanReport{}, err
	}
	dev, err := device.Open(opt.Device, opt.Threads)
	if err != nil {
		return PlanReport{}, err
	}
	as := storedAs(folder)
	r.Stored, r.Embed = as.linears, as.embed
	if r.Device = "cpu"; dev.CUDA() {
		r.Device = "cuda"
	}
	free := freeOn(dev)
	if dev.CUDA() {
		r.Free = free
	}
	if r.DType = opt.DType; r.DType == "" || r.DType == "auto" {
		r.DType = chooseDType(r, free)
	}
	p, err := NewPlan(r)
	if err != nil {
		return PlanReport{}, fmt.Errorf("plan for %q: %w", dir, err)
	}
	out := PlanReport{Plan: p, Request: r, Free: free}
	out.Device = dev.Name()
	if !out.Fits() {
		out.Fit = LargestFit(r, free+p.Bytes(BufferProcess))
	}
	return out, ctx.Err()
}

// stored is how a folder holds a model, as PlanRequest has it.
type stored struct{ linears, embed string }

// storedAs looks at one matrix of the layers and at the input embeddings.
func storedAs(src source) stored {
	head := prefix(src)
	layer := head + strings.TrimPrefix(layerName(0), "gpt_neox.")
	of := func(name string) string {
		l, err := src.Linear(name)
		switch {
		case err != nil:
			return ""
		case l.Quant != nil:
			return "NF4"
		case l.Int8 != nil:
			return "I8"
		}
		return l.Plain.DType.String()
	}
	s := stored{of(layer + "attention.dense.weight"), of(head + "embed_in.weight")}
	if s.linears == "I8" {
		s.linears = "NF4" // passes through float32 as well
	}
	return s
}

// freeOn is what a device can still give, in bytes; 0 if that is unknown.
func freeOn(dev *device.Device) int64 {
	if !dev.CUDA() {
		return freeMemory()
	}
	m, err := dev.Memory()
	if err != nil {
		return 0
	}
	return m.Free + m.Reserved - m.Allocated // what libtorch keeps for itself is ours
}

// fits is core.ErrOutOfMemory, with what would fit, where the device has no room for the keys and values of rows with n tokens and what
// is computed over them. Without asking, Linux hands out memory that it does not have. nil where that is not known.
func (g *Generator) fits(rows, n int) error {
	if g.plan.Device == "" {
		return nil
	}
	r := g.plan
	r.Batch, r.Context = rows, n
	p, err := NewPlan(r)
	if err != nil {
		return err
	}
	free := freeOn(g.dev)
	if free <= 0 {
		return nil
	}
	held := p.Held()
	return p.Refuse(r, free+held)
}
