package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"kakoi/app"
	"kakoi/core/calibrate"
	"kakoi/core/exam"
)

type calibrationOptions struct {
	plan        app.CalibrationPlan
	out         string
	show, reset bool
}

func calibrationFlags(fs *flag.FlagSet, o *calibrationOptions) {
	named(fs, &o.plan.Collection, "collection", "cli.flag.collection")
	fs.Func("dataset", "cli.flag.calibrate_dataset", func(name string) error {
		o.plan.Datasets = append(o.plan.Datasets, name)
		return nil
	})
	fs.IntVar(&o.plan.Rows, "rows", 0, "cli.flag.calibrate_rows")
	fs.BoolVar(&o.plan.Draft, "draft", false, "cli.flag.calibrate_draft")
	named(fs, &o.out, "out", "cli.flag.calibrate_out")
	fs.BoolVar(&o.show, "show", false, "cli.flag.calibrate_show")
	fs.BoolVar(&o.reset, "reset", false, "cli.flag.calibrate_reset")
}

// modelCalibrate finds the bounds of a chat model's refusals, shows those that hold, or forgets those that were found here.
func modelCalibrate(ctx context.Context, c *call, name string, o *modelOptions) error {
	x := &o.calibration
	if x.show || x.reset {
		return c.calibrated(ctx, name, x.reset)
	}
	x.plan.Model = name
	if x.out != "" { // before minutes of questions
		if _, err := os.Stat(filepath.Dir(c.path(x.out))); err != nil {
			return fmt.Errorf("write bounds: %w", err)
		}
	}
	b := c.newBar()
	found, err := c.host.datasets.Calibrate(ctx, x.plan, b.show)
	b.clear()
	if err != nil {
		return err
	}
	if x.out != "" {
		raw, err := json.MarshalIndent(found, "", " ")
		if err != nil {
			return fmt.Errorf("encode bounds: %w", err)
		}
		whole := c.path(x.out)
		err = os.WriteFile(whole+".new", append(raw, '\n'), 0o644)
		if err == nil {
			err = os.Rename(whole+".new", whole)
		}
		if err != nil {
			return errors.Join(fmt.Errorf("write bounds: %w", err), os.RemoveAll(whole+".new"))
		}
	}
	if err := c.printBounds(found); err != nil || c.json {
		return err
	}
	if x.plan.Draft {
		c.say("cli.calibrate.draft")
	} else {
		c.say("cli.calibrate.kept", name)
	}
	return nil
}

// calibrated shows the bounds that hold for a model, after those found here were forgotten where that is asked for.
func (c *call) calibrated(ctx context.Context, name string, reset bool) error {
	gen, err := c.host.models.GeneratorNamed(ctx, name, nil)
	if err != nil {
		return err
	}
	evidence := c.host.models.EvidenceID(ctx, gen.Info())
	if reset {
		if _, err := c.host.models.DropBounds(ctx, gen.Info(), evidence); err != nil {
			return err
		}
	}
	found := c.host.models.Bounds(ctx, gen.Info(), evidence)
	if found == nil {
		if c.json {
			return c.emit(map[string]any{"model": name, "calibrated": false})
		}
		c.say("cli.calibrate.none", name)
		return nil
	}
	return c.printBounds(found)
}

// printBounds prints what the modes come to, in each language.
func (c *call) printBounds(r *calibrate.Record) error {
	if c.json {
		return c.emit(r)
	}
	c.say("cli.calibrate.head", sanitize(r.Set, false), r.Made.Local().Format("2006-01-02 15:04"))
	fmt.Fprintf(c.Out, "%s  %s  %s  %s  %s\n", pad("", 24), pad(c.text("cli.calibrate.bound"), 8), pad(c.text("exam.right"), 26), pad(c.text("exam.false_answers"), 26), c.text("exam.false_refusals"))
	for _, language := range exam.Languages {
		l, ok := r.Languages[language]
		if !ok {
			continue
		}
		c.printPoint(language+" "+c.text("refusal.off"), l.Model, false)
		for _, mode := range calibrate.Modes {
			c.printPoint(language+" "+c.text("refusal."+string(mode)), l.Bounds[mode], true)
		}
	}
	for i, mode := range calibrate.Modes {
		p, ok := r.Across[mode]
		if !ok {
			break
		}
		if i == 0 {
			c.say("cli.calibrate.across")
		}
		c.printPoint(c.text("refusal."+string(mode)), p, false)
	}
	return nil
}

func (c *call) printPoint(name string, p calibrate.Point, bound bool) {
	at := ""
	if bound {
		at = fmt.Sprintf("%.4f", p.Bound)
	}
	fmt.Fprintf(c.Out, "%s  %s  %s  %s  %s\n", pad(name, 24), pad(at, 8), pad(rate(p.Right), 26), pad(rate(p.FalseAnswers), 26), rate(p.FalseRefusals))
}
