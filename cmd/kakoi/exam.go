package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"strings"

	"kakoi/app"
	"kakoi/app/job"
	"kakoi/app/record"
	"kakoi/core"
	"kakoi/core/calibrate"
	"kakoi/core/exam"
	"kakoi/resources"
)

const examArgs = "[--adapter ADAPTER] [--against ADAPTER] [--dataset DATASET] [--questions FILE [--gold] [--whole] [-o OUT]] | --resume EXAM | --list | --show EXAM | --remove EXAM"

type examOptions struct {
	plan                 app.ExamPlan
	draft, details, list bool
	resume, show, remove string
	yes                  bool
	naturalOptions
}

func examFlags(fs *flag.FlagSet, c *call) {
	o := &examOptions{}
	named(fs, &o.plan.Adapter, "adapter", "cli.flag.exam_adapter")
	named(fs, &o.plan.Against, "against", "cli.flag.exam_against")
	named(fs, &o.plan.Dataset, "dataset", "cli.flag.exam_dataset")
	named(fs, &o.plan.Questions, "questions", "cli.flag.exam_questions")
	named(fs, &o.plan.Collection, "collection", "cli.flag.collection")
	fs.Float64Var(&o.plan.Margin, "margin", exam.DefaultMargin, "cli.flag.exam_margin")
	fs.IntVar(&o.plan.Limit, "limit", 0, "cli.flag.exam_limit")
	fs.BoolVar(&o.draft, "draft", false, "cli.flag.exam_draft")
	fs.BoolVar(&o.details, "details", false, "cli.flag.exam_details")
	named(fs, &o.resume, "resume", "cli.flag.exam_resume")
	fs.BoolVar(&o.list, "list", false, "cli.flag.exam_list")
	named(fs, &o.show, "show", "cli.flag.exam_show")
	named(fs, &o.remove, "remove", "cli.flag.exam_remove")
	fs.BoolVar(&o.yes, "yes", false, "cli.flag.yes")
	o.naturalOptions.register(fs)
	c.options = o
}

func runExam(ctx context.Context, c *call) error {
	if err := c.want(0, 0); err != nil {
		return err
	}
	o := c.options.(*examOptions)
	switch {
	case o.list:
		return examList(ctx, c)
	case o.show != "":
		m, err := c.host.exams.Find(ctx, o.show)
		if err != nil {
			return err
		}
		return c.printExam(ctx, m, o.details)
	case o.remove != "":
		return examRemove(ctx, c, o)
	}
	if natural, err := o.natural(ctx, c); err != nil || natural {
		if err != nil {
			return err
		}
		return examNatural(ctx, c, o)
	}
	m, err := examOf(ctx, c, o)
	if err != nil {
		return err
	}
	b := c.newBar()
	m, err = c.host.exams.Run(ctx, m.ID, func(ev app.ExamEvent) {
		b.show(job.State{Update: core.Update{Stage: "exam", Done: int64(ev.Exam.Done), Total: int64(ev.Exam.Total), Note: ev.Exam.AdapterName}})
	})
	b.clear()
	if err != nil {
		if m.State == record.RunPaused && errors.Is(err, context.Canceled) && !c.json {
			c.say("cli.exam.paused", m.Done, m.Total)
			c.say("cli.exam.resume", m.ID)
		}
		return err
	}
	if !o.draft {
		if m, _, err = c.host.exams.Adopt(ctx, m.ID); err != nil {
			return err
		}
	}
	return c.printExam(ctx, m, o.details)
}

// examOf is the exam to go on with, or a new one.
func examOf(ctx context.Context, c *call, o *examOptions) (record.Exam, error) {
	if o.resume != "" {
		return c.host.exams.Find(ctx, o.resume)
	}
	if o.plan.Questions != "" {
		o.plan.Questions = c.path(o.plan.Questions)
	}
	b := c.newBar()
	defer b.clear()
	return c.host.exams.Begin(ctx, o.plan, b.progress())
}

// printExam prints what both came to, and what follows from it.
func (c *call) printExam(ctx context.Context, m record.Exam, details bool) error {
	items, err := c.host.exams.Items(ctx, m.ID)
	if err != nil {
		return err
	}
	if details {
		for _, item := range items {
			if c.json {
				if err := c.emit(item); err != nil {
					return err
				}
				continue
			}
			c.printItem(item)
		}
	}
	if c.json {
		return c.emit(m)
	}
	before := c.text("cli.exam.base")
	if m.Against != "" {
		before = m.Against
	}
	c.say("cli.exam.head", m.ID, sanitize(m.AdapterName, false), m.Done, m.Total)
	if m.Learned > 0 {
		c.say("cli.exam.learned", m.Learned)
	}
	fmt.Fprintf(c.Out, "%s  %s  %s\n", pad("", 34), pad(before, 26), m.Adapter)
	for _, line := range []struct {
		key         string
		base, tuned exam.Rate
	}{
		{"right", m.Base.Right, m.Tuned.Right}, {"exact", m.Base.Exact, m.Tuned.Exact}, {"cited", m.Base.Cited, m.Tuned.Cited},
		{"false_answers", m.Base.FalseAnswers, m.Tuned.FalseAnswers}, {"false_refusals", m.Base.FalseRefusals, m.Tuned.FalseRefusals}, {"overall", m.Base.Overall, m.Tuned.Overall},
	} {
		fmt.Fprintf(c.Out, "%s  %s  %s\n", pad(c.text("exam."+line.key), 34), pad(rate(line.base), 26), rate(line.tuned))
	}
	mean := func(s exam.Score) string { return fmt.Sprintf("%.3f (%.3f-%.3f)", s.F1, s.F1Low, s.F1High) }
	fmt.Fprintf(c.Out, "%s  %s  %s\n", pad(c.text("exam.f1"), 34), pad(mean(m.Base), 26), mean(m.Tuned))
	c.printSorts(items)
	c.printTrade(m)
	if m.Decision.Key == "" {
		return nil
	}
	sentence, hint := resources.ErrorText(c.lang, app.Reason(m.Decision).Err())
	fmt.Fprintln(c.Out, sentence)
	switch {
	case m.Adopted:
		c.say("cli.exam.adopted", sanitize(m.Model, false), sanitize(m.AdapterName, false))
	case m.Decision.Better:
		c.say("cli.exam.better", m.Adapter)
	default:
		c.say("cli.exam.draft", sanitize(m.AdapterName, false))
		c.say("cli.hint", hint)
	}
	return nil
}

// printTrade prints what both come to with each bound on their refusals, on questions that the bounds were not found on.
func (c *call) printTrade(m record.Exam) {
	if m.BaseRefusals == nil && m.TunedRefusals == nil {
		return
	}
	c.say("cli.exam.trade")
	for _, mode := range calibrate.Modes {
		of := func(r *calibrate.Record, pick func(calibrate.Point) exam.Rate) string {
			if r == nil {
				return "-"
			}
			p, ok := r.Across[mode]
			if !ok {
				return "-"
			}
			return rate(pick(p))
		}
		for _, line := range []struct {
			key  string
			pick func(calibrate.Point) exam.Rate
		}{
			{"right", func(p calibrate.Point) exam.Rate { return p.Right }}, {"false_answers", func(p calibrate.Point) exam.Rate { return p.FalseAnswers }},
			{"false_refusals", func(p calibrate.Point) exam.Rate { return p.FalseRefusals }},
		} {
			name := c.text("refusal."+string(mode)) + ": " + c.text("exam."+line.key)
			fmt.Fprintf(c.Out, "%s  %s  %s\n", pad(name, 34), pad(of(m.BaseRefusals, line.pick), 26), of(m.TunedRefusals, line.pick))
		}
	}
}

// printSorts tells the answers to what is not there by how the questions were made, where there is more than one sort.
func (c *call) printSorts(items []record.ExamItem) {
	var lines []string
	for _, origin := range []core.RowOrigin{core.RowWithout, core.RowContrast, core.RowElsewhere} {
		of, base, tuned := 0, 0, 0
		for _, item := range items {
			if !item.Refusal || !item.Asked || item.Origin != origin {
				continue
			}
			of++
			if !item.Base.Refused {
				base++
			}
			if !item.Tuned.Refused {
				tuned++
			}
		}
		if of > 0 {
			name := c.text("exam.sort", c.text("dataset.origin."+string(origin)+".short"))
			lines = append(lines, fmt.Sprintf("%s  %s  %s", pad(name, 34), pad(rate(exam.NewRate(base, of)), 26), rate(exam.NewRate(tuned, of))))
		}
	}
	if len(lines) > 1 {
		fmt.Fprintln(c.Out, strings.Join(lines, "\n"))
	}
}

// rate writes a share with its counts and its interval.
func rate(r exam.Rate) string {
	if r.Of == 0 {
		return "-"
	}
	return fmt.Sprintf("%d/%d %.1f%% (%.1f-%.1f)", r.N, r.Of, 100*r.Share, 100*r.Low, 100*r.High)
}

func (c *call) printItem(item record.ExamItem) {
	fmt.Fprintf(c.Out, "%d. %s\n", item.Place+1, sanitize(item.Question, false))
	c.say("cli.exam.expected", sanitize(item.Expected, false))
	for _, given := range []struct {
		key string
		exam.Mark
	}{{"cli.exam.before", item.Base}, {"cli.exam.after", item.Tuned}} {
		mark := "x"
		if given.Right {
			mark = "o"
		}
		c.say(given.key, mark, sanitize(given.Answer, false))
	}
}

func examList(ctx context.Context, c *call) error {
	all, damaged, err := c.host.exams.List(ctx)
	if err != nil {
		return err
	}
	for _, m := range all {
		if c.json {
			if err := c.emit(m); err != nil {
				return err
			}
			continue
		}
		fmt.Fprintf(c.Out, "%s  %s  %s  %s  %s -> %s  %s\n", m.ID, m.Created.Local().Format("2006-01-02 15:04"), pad(c.text("cli.train.state."+string(m.State)), 10),
			pad(fmt.Sprintf("%d/%d", m.Done, m.Total), 9), rate(m.Base.Overall), rate(m.Tuned.Overall), sanitize(m.AdapterName, false))
	}
	if len(all) == 0 {
		c.say("cli.exam.none")
	}
	c.damaged(damaged)
	return nil
}

func examRemove(ctx context.Context, c *call, o *examOptions) error {
	m, err := c.host.exams.Find(ctx, o.remove)
	if err != nil {
		return err
	}
	if err := c.confirm(ctx, o.yes, "cli.exam.remove", m.ID, sanitize(m.AdapterName, false)); err != nil {
		return err
	}
	if err := c.host.exams.Remove(ctx, m.ID); err != nil {
		return err
	}
	if c.json {
		return c.emit(map[string]string{"removed": m.ID})
	}
	c.say("cli.exam.removed", m.ID)
	return nil
}
