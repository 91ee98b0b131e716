package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"kakoi/app"
	"kakoi/app/amount"
	"kakoi/app/job"
	"kakoi/app/record"
	"kakoi/core"
	"kakoi/resources"
)

const trainArgs = "[--preset recommended|techlab] [--dataset DATASET] [--plan] [--plan-file FILE] | --resume RUN | --keep RUN | --list | --remove RUN"

type trainOptions struct {
	preset, dataset, model, name string
	plan                         bool
	planFile                     string
	resume, keep, remove         string
	list, yes                    bool
	changes                      []func(*core.TrainSettings)
}

func trainFlags(fs *flag.FlagSet, c *call) {
	o := &trainOptions{}
	named(fs, &o.preset, "preset", "cli.flag.train_preset")
	named(fs, &o.dataset, "dataset", "cli.flag.train_dataset")
	named(fs, &o.model, "model", "cli.flag.train_model")
	fs.StringVar(&o.name, "name", "", "cli.flag.train_name")
	fs.BoolVar(&o.plan, "plan", false, "cli.flag.train_plan")
	named(fs, &o.planFile, "plan-file", "cli.flag.train_plan_file")
	named(fs, &o.resume, "resume", "cli.flag.train_resume")
	named(fs, &o.keep, "keep", "cli.flag.train_keep")
	fs.BoolVar(&o.list, "list", false, "cli.flag.train_list")
	named(fs, &o.remove, "remove", "cli.flag.train_remove")
	fs.BoolVar(&o.yes, "yes", false, "cli.flag.yes")
	settingFlags(fs, &o.changes)
	c.options = o
}

func runTrain(ctx context.Context, c *call) error {
	if err := c.want(0, 0); err != nil {
		return err
	}
	o := c.options.(*trainOptions)
	given := 0
	for _, set := range []bool{o.resume != "", o.keep != "", o.remove != "", o.list, o.plan} {
		if set {
			given++
		}
	}
	if given > 1 {
		return core.Explain(fmt.Errorf("train: %d things at once: %w", given, core.ErrUsage), "error.usage.missing", c.usage())
	}
	switch {
	case o.list:
		return trainList(ctx, c)
	case o.remove != "":
		return trainRemove(ctx, c, o)
	case o.keep != "":
		return trainKeep(ctx, c, o)
	case o.resume != "":
		r, err := c.host.training.Find(ctx, o.resume)
		if err != nil {
			return err
		}
		return trainRun(ctx, c, r)
	}
	plan, err := trainPlan(c, o)
	if err != nil {
		return err
	}
	b := c.newBar()
	plan, err = c.host.training.Plan(ctx, plan, b.progress())
	b.clear()
	if err != nil {
		return err
	}
	if o.plan {
		if o.planFile != "" {
			if err := app.SavePlan(c.path(o.planFile), plan); err != nil {
				return err
			}
		}
		if c.json {
			return c.emit(plan)
		}
		c.printPlan(plan)
		if o.planFile != "" {
			c.say("cli.train.saved", quoted(o.planFile))
		}
		return nil
	}
	if !c.json && !c.quiet {
		c.printPlan(plan)
	}
	r, err := c.host.training.Create(ctx, plan)
	if err != nil {
		return err
	}
	return trainRun(ctx, c, r)
}

// trainPlan is what the flags and the plan's file say.
func trainPlan(c *call, o *trainOptions) (app.TrainingPlan, error) {
	var plan app.TrainingPlan
	fromFile := o.planFile != "" && !o.plan
	if fromFile {
		var err error
		if plan, err = app.LoadPlan(c.path(o.planFile)); err != nil {
			return plan, err
		}
	}
	if !fromFile || o.preset != "" {
		s, err := app.TrainingPreset(o.preset)
		if err != nil {
			return plan, err
		}
		plan.Settings = s
	}
	if len(o.changes) > 0 {
		plan.Settings.Preset = "own"
	}
	for _, change := range o.changes {
		change(&plan.Settings)
	}
	if o.dataset != "" {
		plan.Dataset, plan.DatasetSum = o.dataset, ""
	}
	if o.model != "" {
		plan.Model, plan.ModelID = o.model, ""
	}
	if o.name != "" {
		plan.Name = o.name
	}
	return plan, nil
}

// trainRun begins a run or goes on with it, and tells how it goes.
func trainRun(ctx context.Context, c *call, r record.Run) error {
	b := c.newBar()
	defer context.AfterFunc(ctx, func() {
		b.clear()
		if !c.quiet {
			fmt.Fprintln(c.Err, c.text("cli.train.stopping"))
		}
	})()
	t := &trainTold{call: c, bar: b}
	r, err := c.host.training.Run(ctx, r.ID, t.hear)
	b.clear()
	if r.ID == "" { // it was not even begun
		return err
	}
	if c.json {
		if eerr := c.emit(r); eerr != nil {
			return errors.Join(err, eerr)
		}
		return err
	}
	switch r.State {
	case record.RunDone:
		c.say("cli.train.done", c.text("cli.train.end."+string(r.End)), r.Step, r.Steps, amount.Clock(seconds(r.Seconds)))
		if r.BestStep > 0 && r.BestLoss > 0 {
			c.say("cli.train.best", r.BestStep, r.BestLoss)
		}
		c.say("cli.train.memory", amount.Bytes(planned(r.Plan)), amount.Bytes(r.Peak))
		curves := "cli.train.curves"
		if c.host.key != nil {
			curves = "cli.train.curves_sealed"
		}
		c.say(curves, c.host.training.Folder(r.ID))
		c.say("cli.train.adapter", r.Adapter, sanitize(r.Name, false))
		c.say("cli.train.next", r.Adapter)
	case record.RunPaused, record.RunFailed:
		if r.Checkpoint > 0 || r.Step > 0 {
			c.say("cli.train.paused", r.Checkpoint, r.Steps)
		}
		c.say("cli.train.resume", r.ID)
	}
	return err
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// planned is the sum of a plan's memory.
func planned(p core.TrainPlan) (total int64) {
	for _, b := range p.Bytes {
		total += b.Bytes
	}
	return total
}

// trainTold prints what happens in a run.
type trainTold struct {
	*call
	bar  *bar
	last time.Time
}

func (t *trainTold) hear(ev app.TrainingEvent) {
	if ev.Event.Kind == "" {
		t.bar.progress().Report(ev.Loading)
		return
	}
	if t.json {
		if err := t.emit(ev.Event); err != nil {
			return // nobody listens; the run goes on
		}
		return
	}
	r := ev.Run
	switch ev.Event.Kind {
	case core.TrainStepped:
		if time.Since(t.last) < 100*time.Millisecond {
			return
		}
		t.last = time.Now()
		note := t.text("cli.train.step", r.Step, r.Steps, r.Loss, r.Rate, r.Tokens, amount.Bytes(r.Peak), amount.Bytes(planned(r.Plan)))
		t.bar.show(job.State{Update: core.Update{Stage: "train", Done: int64(r.Step), Total: int64(r.Steps), Note: note}, Left: seconds(r.Left)})
	case core.TrainEvaluated:
		t.bar.clear()
		key := "cli.train.eval"
		if ev.Event.Best {
			key = "cli.train.eval_best"
		}
		t.say(key, r.Step, r.Steps, r.Epoch, r.Loss, r.HeldLoss)
	case core.TrainWarned:
		t.bar.clear()
		if !t.quiet {
			fmt.Fprintln(t.Err, t.text(ev.Event.Note))
		}
	}
}

// printPlan prints what a training will need and do.
func (c *call) printPlan(plan app.TrainingPlan) {
	p := plan.Plan
	fmt.Fprintln(c.Out, p.Report())
	c.say("cli.train.rows", p.Rows, p.Held, p.Tokens)
	if p.TooLong > 0 {
		c.say("cli.train.toolong", p.TooLong, plan.Settings.MaxTokens)
	}
	if p.NoLabels > 0 {
		c.say("cli.train.nolabels", p.NoLabels)
	}
	c.say("cli.train.steps", p.Steps, p.EpochStep, p.Batch, p.Accumulate, p.Compute, p.Recompute)
	if p.Seconds > 0 {
		key := "cli.train.time"
		if p.SecondsFrom != "" {
			key += "." + string(p.SecondsFrom)
		}
		c.say(key, amount.Clock(seconds(p.Seconds)))
	}
	for _, b := range p.Bytes {
		c.say("cli.train.part", pad(c.text("train.part."+b.Part), 24), amount.Bytes(b.Bytes))
	}
	if p.Free >= 0 {
		c.say("cli.train.free", pad(c.text("train.part.all"), 24), amount.Bytes(planned(p)), amount.Bytes(p.Free))
	} else {
		c.say("cli.train.part", pad(c.text("train.part.all"), 24), amount.Bytes(planned(p)))
	}
	for _, what := range p.Adapted {
		c.say("cli.train.adapted", c.text("train.adapted."+what))
	}
	for _, key := range plan.Warnings {
		fmt.Fprintln(c.Out, resources.WithHint(c.text(key), c.text(key+".hint")))
	}
}

func trainList(ctx context.Context, c *call) error {
	all, damaged, err := c.host.training.List(ctx)
	if err != nil {
		return err
	}
	for _, r := range all {
		if c.json {
			if err := c.emit(r); err != nil {
				return err
			}
			continue
		}
		fmt.Fprintf(c.Out, "%s  %s  %s  %s  %s\n", r.ID, r.Created.Local().Format("2006-01-02 15:04"), pad(c.text("cli.train.state."+string(r.State)), 10),
			pad(fmt.Sprintf("%d/%d", r.Step, r.Steps), 12), sanitize(r.Name, false))
	}
	if len(all) == 0 {
		c.say("cli.train.none")
	}
	c.damaged(damaged)
	return nil
}

func trainRemove(ctx context.Context, c *call, o *trainOptions) error {
	r, err := c.host.training.Find(ctx, o.remove)
	if err != nil {
		return err
	}
	if err := c.confirm(ctx, o.yes, "cli.train.remove", sanitize(r.Name, false), r.ID); err != nil {
		return err
	}
	if err := c.host.training.Remove(ctx, r.ID); err != nil {
		return err
	}
	if c.json {
		return c.emit(map[string]string{"removed": r.ID})
	}
	c.say("cli.train.removed", r.ID)
	return nil
}

// trainKeep ends a run that is paused, or one that another command runs, and keeps its best.
func trainKeep(ctx context.Context, c *call, o *trainOptions) error {
	r, err := c.host.training.Find(ctx, o.keep)
	if err != nil {
		return err
	}
	if r, err = c.host.training.Stop(ctx, r.ID); err != nil {
		return err
	}
	if c.json {
		return c.emit(r)
	}
	c.say("cli.train.adapter", r.Adapter, sanitize(r.Name, false))
	c.say("cli.train.next", r.Adapter)
	return nil
}

func underscored(name string) string { return strings.ReplaceAll(name, "-", "_") }

// splitList reads a list with commas; empty parts are passed over.
func splitList(text string) []string {
	var parts []string
	for _, part := range strings.Split(text, ",") {
		if part = strings.TrimSpace(part); part != "" {
			parts = append(parts, part)
		}
	}
	return parts
}

// settingFlags are one for each setting of a training that a person may want to change.
func settingFlags(fs *flag.FlagSet, changes *[]func(*core.TrainSettings)) {
	change := func(f func(*core.TrainSettings)) { *changes = append(*changes, f) }
	whole := func(name string, field func(*core.TrainSettings) *int) {
		fs.Func(name, "cli.flag.train_"+underscored(name), func(text string) error {
			n, err := strconv.Atoi(text)
			if err == nil {
				change(func(s *core.TrainSettings) { *field(s) = n })
			}
			return err
		})
	}
	number := func(name string, field func(*core.TrainSettings) *float64) {
		fs.Func(name, "cli.flag.train_"+underscored(name), func(text string) error {
			x, err := strconv.ParseFloat(text, 64)
			if err == nil && (math.IsNaN(x) || math.IsInf(x, 0)) {
				err = errors.New("no number")
			}
			if err == nil {
				change(func(s *core.TrainSettings) { *field(s) = x })
			}
			return err
		})
	}
	word := func(name string, field func(*core.TrainSettings) *string, choices ...string) {
		fs.Func(name, "cli.flag.train_"+underscored(name), func(text string) error {
			if !slices.Contains(choices, text) {
				return errors.New(oneOf + strings.Join(choices, ", "))
			}
			change(func(s *core.TrainSettings) { *field(s) = text })
			return nil
		})
	}
	truth := func(name string, field func(*core.TrainSettings) *bool) {
		fs.BoolFunc(name, "cli.flag.train_"+underscored(name), func(text string) error {
			b, err := strconv.ParseBool(text)
			if err == nil {
				change(func(s *core.TrainSettings) { *field(s) = b })
			}
			return err
		})
	}
	whole("rank", func(s *core.TrainSettings) *int { return &s.Rank })
	number("alpha", func(s *core.TrainSettings) *float64 { return &s.Alpha })
	number("dropout", func(s *core.TrainSettings) *float64 { return &s.Dropout })
	fs.Func("targets", "cli.flag.train_targets", func(text string) error {
		names := splitList(text)
		if len(names) == 0 {
			return errors.New("no names")
		}
		change(func(s *core.TrainSettings) { s.Targets = names })
		return nil
	})
	number("epochs", func(s *core.TrainSettings) *float64 { return &s.Epochs })
	whole("batch", func(s *core.TrainSettings) *int { return &s.Batch })
	whole("accumulate", func(s *core.TrainSettings) *int { return &s.Accumulate })
	whole("token-budget", func(s *core.TrainSettings) *int { return &s.TokenBudget })
	truth("packing", func(s *core.TrainSettings) *bool { return &s.Packing })
	whole("max-tokens", func(s *core.TrainSettings) *int { return &s.MaxTokens })
	word("loss-on", func(s *core.TrainSettings) *string { return (*string)(&s.LossOn) }, string(core.LossAll), string(core.LossAnswer))
	number("learning-rate", func(s *core.TrainSettings) *float64 { return &s.LearningRate })
	word("schedule", func(s *core.TrainSettings) *string { return &s.Schedule }, "linear", "cosine", "constant")
	whole("warmup-steps", func(s *core.TrainSettings) *int { return &s.WarmupSteps })
	word("optimizer", func(s *core.TrainSettings) *string { return &s.Optimizer }, "adamw", "adamw_8bit", "paged_adamw_8bit")
	number("weight-decay", func(s *core.TrainSettings) *float64 { return &s.WeightDecay })
	number("clip-norm", func(s *core.TrainSettings) *float64 { return &s.ClipNorm })
	word("compute", func(s *core.TrainSettings) *string { return &s.Compute }, "auto", "bf16", "fp16", "fp32")
	word("recompute", func(s *core.TrainSettings) *string { return &s.Recompute }, "auto", "none", "gelu", "layer")
	whole("eval-steps", func(s *core.TrainSettings) *int { return &s.EvalSteps })
	whole("checkpoints", func(s *core.TrainSettings) *int { return &s.Keep })
	truth("best", func(s *core.TrainSettings) *bool { return &s.Best })
	whole("patience", func(s *core.TrainSettings) *int { return &s.Patience })
	whole("workers", func(s *core.TrainSettings) *int { return &s.Workers })
	fs.Func("seed", "cli.flag.train_seed", func(text string) error {
		n, err := strconv.ParseUint(text, 10, 64)
		if err == nil {
			change(func(s *core.TrainSettings) { s.Seed = n })
		}
		return err
	})
}
