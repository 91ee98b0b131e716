package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"kakoi/app"
	"kakoi/app/job"
	"kakoi/app/settings"
	"kakoi/core"
	"kakoi/core/exam"
)

// naturalOptions are the flags of exam that only natural questions have.
type naturalOptions struct {
	set, model, out    string
	refusal            string
	gold, whole, check bool
}

func (o *naturalOptions) register(fs *flag.FlagSet) {
	named(fs, &o.set, "set", "cli.flag.exam_set")
	named(fs, &o.model, "model", "cli.flag.model")
	named(fs, &o.refusal, "refusal", "cli.flag.refusal")
	named(fs, &o.out, "out", "cli.flag.exam_out")
	named(fs, &o.out, "o", "cli.flag.exam_o")
	fs.BoolVar(&o.gold, "gold", false, "cli.flag.exam_gold")
	fs.BoolVar(&o.whole, "whole", false, "cli.flag.exam_whole")
	fs.BoolVar(&o.check, "check", false, "cli.flag.exam_check")
}

// given says whether one of them was.
func (o naturalOptions) given() bool { return o != naturalOptions{} }

// natural says whether the exam is one on natural questions (package core/exam) rather than of an adapter.
func (o *examOptions) natural(ctx context.Context, c *call) (bool, error) {
	switch {
	case o.plan.Questions == "" && o.given():
		return false, core.Explain(fmt.Errorf("exam without --questions: %w", core.ErrUsage), "error.questions.flags")
	case o.plan.Questions == "":
		return false, nil
	}
	path := c.path(o.plan.Questions)
	_, err := os.Stat(path) // one that is not there is said to be missing, with an adapter or without
	forAdapter := o.plan.Against != "" || o.plan.Dataset != "" || o.resume != ""
	natural := o.given() || err != nil || app.IsQuestionFile(path)
	if !natural && o.plan.Adapter == "" && !forAdapter {
		adapters, err := c.host.adapters.List(ctx)
		if err != nil {
			return false, err
		}
		natural = len(adapters) == 0 // what is wrong with the file is told, not that there is no adapter
	}
	if natural && forAdapter {
		return false, core.Explain(fmt.Errorf("natural questions with a flag of adapters: %w", core.ErrUsage), "error.questions.adapters")
	}
	return natural, nil
}

// naturalSeed is that of the intervals of means.
const naturalSeed = 1

// examNatural asks natural questions and prints what the answers came to. Stopped, it prints what the answers until then came to.
func examNatural(ctx context.Context, c *call, o *examOptions) error {
	plan := app.QuestionPlan{
		Path: c.path(o.plan.Questions), Set: o.set, Collection: o.plan.Collection, Model: o.model, Adapter: o.plan.Adapter, Limit: o.plan.Limit,
	}
	var err error
	if plan.Refusal, err = app.ParseRefusal(o.refusal); err != nil {
		return core.Explain(fmt.Errorf("refusal %q: %w", o.refusal, core.ErrUsage), "error.usage.value", "--refusal", strconv.Quote(o.refusal), strings.Join(settings.Refusals, ", "))
	}
	if o.gold {
		plan.Settings = append(plan.Settings, app.AskGold)
	}
	if o.whole {
		plan.Settings = append(plan.Settings, app.AskWhole)
	}
	if o.check {
		return checkNatural(ctx, c, plan)
	}
	b := c.newBar()
	defer b.clear()
	sheet, err := c.host.exams.OpenQuestions(ctx, plan, b.progress())
	if err != nil {
		return err
	}
	file := answerFile{path: o.out}
	if o.out != "" {
		file.path = c.path(o.out)
	}
	known, err := file.open(sheet.Key)
	if err != nil {
		return err
	}
	defer file.close()
	kept := len(known)
	known = sheetOnly(known, sheet)
	file.more = len(known) < kept
	began, done := time.Now(), 0
	show := func(note string) {
		s := job.State{Update: core.Update{Stage: "exam", Done: int64(len(known) + done), Total: int64(sheet.Total()), Note: note}}
		if done > 0 {
			s.Left = time.Since(began) / time.Duration(done) * time.Duration(sheet.Total()-len(known)-done)
		}
		b.show(s)
	}
	show(sheet.Model)
	all, err := sheet.Run(ctx, known, func(a app.QuestionAnswer) error {
		done++
		show(a.Question)
		return file.keep(a)
	})
	b.clear()
	if err != nil && !errors.Is(err, context.Canceled) {
		return errors.Join(err, file.close())
	}
	report := reportOf(sheet, all)
	if err == nil {
		if err := file.finish(report); err != nil {
			return err
		}
	}
	if perr := c.printNatural(report, o.details); perr != nil {
		return perr
	}
	if err != nil && !c.json {
		c.say("cli.exam.natural.stopped", len(all), sheet.Total())
		if o.out != "" {
			c.say("cli.exam.natural.again", o.out)
		}
	}
	return err
}

// sheetOnly are the answers that a sheet asks for, so that the count of those done is right.
func sheetOnly(known []app.QuestionAnswer, sheet *app.QuestionSheet) []app.QuestionAnswer {
	return slices.DeleteFunc(known, func(a app.QuestionAnswer) bool {
		return !slices.Contains(sheet.Settings, a.Setting) || !slices.ContainsFunc(sheet.Questions, func(q exam.Natural) bool { return q.Line == a.Line })
	})
}

// checkNatural prints what of the questions does not fit the documents.
func checkNatural(ctx context.Context, c *call, plan app.QuestionPlan) error {
	n, problems, err := c.host.exams.CheckQuestions(ctx, plan)
	if err != nil {
		return err
	}
	for _, p := range problems {
		if c.json {
			if err := c.emit(p); err != nil {
				return err
			}
			continue
		}
		c.say("cli.exam.natural.problem."+p.Kind, p.Line, sanitize(p.Detail, false))
	}
	if c.json {
		err = c.emit(map[string]any{"questions": n, "problems": len(problems)})
	} else {
		c.say("cli.exam.natural.checked", n, len(problems))
	}
	if err == nil && len(problems) > 0 {
		err = errFailed
	}
	return err
}
