package main

import (
	"context"
	"flag"
	"fmt"

	"kakoi/app"
	"kakoi/app/amount"
	"kakoi/core/engine"
)

func planFlags(fs *flag.FlagSet, o *app.PlanOptions) {
	fs.IntVar(&o.Context, "context", 0, "cli.flag.plan_context")
	fs.IntVar(&o.Batch, "batch", 0, "cli.flag.plan_batch")
	fs.IntVar(&o.Adapters, "adapters", 0, "cli.flag.plan_adapters")
	fs.IntVar(&o.Rank, "rank", 0, "cli.flag.plan_rank")
	fs.IntVar(&o.Train, "train", 0, "cli.flag.plan_train")
	fs.StringVar(&o.DType, "dtype", "", "cli.flag.plan_dtype")
	fs.StringVar(&o.Device, "device", "", "cli.flag.plan_device")
}

// modelPlan prints the memory of every purpose before anything is loaded.
func modelPlan(ctx context.Context, c *call, name string, o *modelOptions) error {
	p, err := c.host.models.Plan(ctx, name, o.plan)
	if err != nil {
		return err
	}
	if c.json {
		return c.emit(p)
	}
	if o.plan.Train > 0 {
		c.say("cli.plan.training", p.Model, p.DType, o.plan.Train)
	} else {
		c.say("cli.plan.title", p.Model, p.DType, p.Device, p.Context, p.Batch, p.Adapters)
	}
	width := 0
	for _, b := range p.Buffers {
		width = max(width, columns(c.text("plan.buffer."+b.Name)))
	}
	group := ""
	for _, b := range p.Buffers {
		if b.Group != group {
			group = b.Group
			fmt.Fprintf(c.Out, "%s\n", c.text("plan.group."+group))
		}
		fmt.Fprintf(c.Out, "  %s  %s\n", pad(c.text("plan.buffer."+b.Name), width), planBytes(b.Bytes))
	}
	for _, phase := range []string{"load", "prefill", "decode", "train"} {
		if n := p.Phases[phase]; n > 0 {
			fmt.Fprintf(c.Out, "%s  %s\n", pad(c.text("plan.phase."+phase), width+2), planBytes(n))
		}
	}
	c.planFit(p)
	if !p.Measured {
		c.say("cli.plan.unmeasured")
	}
	return nil
}

// planFit says whether there is room, and what there would be room for.
func (c *call) planFit(p engine.Plan) {
	switch {
	case p.Free <= 0:
	case p.Fits:
		c.say("cli.plan.fits", amount.Bytes(p.Free))
	default:
		c.say("cli.plan.too_large", amount.Bytes(p.Peak), amount.Bytes(p.Free))
		if p.Longest > 0 {
			c.say("cli.plan.longest", p.Longest)
		}
		if p.Most > 0 {
			c.say("cli.plan.most", p.Most)
		}
		if p.Longest == 0 && p.Most == 0 {
			c.say("cli.plan.nothing")
		}
	}
}

// planBytes is n in a column.
func planBytes(n int64) string { return fmt.Sprintf("%10s", amount.Bytes(n)) }
