package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"kakoi/app/record"
	"kakoi/core"
)

// chatJudge remembers right or wrong, and with wrong what it should have been.
func chatJudge(ctx context.Context, c *call, o *chatOptions, args []string, v record.Verdict) error {
	step, g, err := c.given(ctx, args)
	if err != nil {
		return err
	}
	k, corrected, err := c.correction(ctx, o, step.Collection)
	if err != nil {
		return err
	}
	if corrected && v != record.Wrong {
		return core.Explain(fmt.Errorf("correct an answer that is %s: %w", v, core.ErrUsage), "error.chat.corrected")
	}
	if !corrected {
		if err := c.host.conversations.Judge(ctx, step.Conversation, step.ID, g.ID, v); err != nil {
			return err
		}
		if c.json {
			return c.emit(map[string]string{"conversation": step.Conversation, "turn": step.ID, "answer": g.ID, "verdict": string(v)})
		}
		c.say("cli.chat.judged")
		return nil
	}
	k.Conversation, k.Turn, k.Given = step.Conversation, step.ID, g.ID
	if k, err = c.host.conversations.Correct(ctx, k); err != nil {
		return err
	}
	if c.json {
		return c.emit(k)
	}
	c.say("cli.chat.corrected", k.ID)
	return nil
}

// correction is what the flags say; false without one.
func (c *call) correction(ctx context.Context, o *chatOptions, collection string) (k record.Correction, given bool, err error) {
	n := 0
	if o.answer != "" {
		n++
		k.Kind, k.Answer = record.CorrectAnswer, o.answer
	}
	if o.absent {
		n++
		k.Kind = record.CorrectAbsent
	}
	if o.place != "" {
		n++
		at := strings.LastIndex(o.place, ":")
		page := 0
		if at > 0 {
			page, err = strconv.Atoi(o.place[at+1:])
		}
		if at <= 0 || err != nil || page < 1 {
			return k, false, core.Explain(fmt.Errorf("place %q: %w", o.place, core.ErrUsage), "error.usage.value", "--place", o.place, "DOCUMENT:PAGE")
		}
		_, doc, err := c.host.library.Find(ctx, collection, o.place[:at])
		if err != nil {
			return k, false, err
		}
		k.Kind, k.Place = record.CorrectPlace, &record.Place{Document: doc.ID, Name: doc.Name, Page: page}
	}
	if n > 1 {
		return k, false, core.Explain(fmt.Errorf("%d corrections at once: %w", n, core.ErrUsage), "error.chat.corrections")
	}
	return k, n == 1, nil
}

func chatCorrections(ctx context.Context, c *call, o *chatOptions, args []string) error {
	all, damaged, err := c.host.conversations.Corrections(ctx)
	if err != nil {
		return err
	}
	if len(args) > 0 {
		if len(args) != 2 || args[0] != "remove" {
			return core.Explain(fmt.Errorf("chat corrections %q: %w", args, core.ErrUsage), "error.usage.missing", "kakoi chat corrections remove ID")
		}
		return c.removeCorrection(ctx, o, all, args[1])
	}
	for _, k := range all {
		if c.json {
			if err := c.emit(k); err != nil {
				return err
			}
			continue
		}
		fmt.Fprintf(c.Out, "%s  %s\n    %s\n", k.ID, sanitize(k.Question, false), sanitize(c.should(k), false))
	}
	if len(all) == 0 {
		c.say("cli.chat.nocorrections")
	}
	c.damaged(damaged)
	return nil
}

// should says what an answer should have been.
func (c *call) should(k record.Correction) string {
	switch {
	case k.Kind == record.CorrectAbsent:
		return c.text("export.absent")
	case k.Kind == record.CorrectPlace && k.Place != nil:
		return c.place(k.Place.Name, k.Place.Page)
	}
	return k.Answer
}

func (c *call) removeCorrection(ctx context.Context, o *chatOptions, all []record.Correction, which string) error {
	var found []record.Correction
	for _, k := range all {
		if k.ID == which || len(which) >= 4 && strings.HasPrefix(k.ID, which) {
			found = append(found, k)
		}
	}
	if len(found) != 1 {
		return core.Explain(fmt.Errorf("correction %q: %d match: %w", which, len(found), core.ErrNotFound), "error.chat.correction")
	}
	if err := c.confirm(ctx, o.yes, "cli.chat.remove_correction", sanitize(found[0].Question, false)); err != nil {
		return err
	}
	if err := c.host.conversations.RemoveCorrection(ctx, found[0].ID); err != nil {
		return err
	}
	if c.json {
		return c.emit(map[string]string{"removed": found[0].ID})
	}
	c.say("cli.chat.correction_removed")
	return nil
}

// replayed is what `kakoi chat replay --json` prints; field names are stable.
type replayed struct {
	Answer    string  `json:"answer"`
	Identical bool    `json:"identical"`
	NewTokens int     `json:"new_tokens"`
	Seconds   float64 `json:"seconds"`
}

func chatReplay(ctx context.Context, c *call, _ *chatOptions, args []string) error {
	step, g, err := c.given(ctx, args)
	if err != nil {
		return err
	}
	b := c.newBar()
	r, err := c.host.conversations.Replay(ctx, step.Conversation, step.ID, g.ID, b.progress())
	b.clear()
	if err != nil {
		return err
	}
	if c.json {
		return c.emit(replayed{r.Text, r.Identical, r.NewTokens, r.PrefillSeconds + r.DecodeSeconds})
	}
	fmt.Fprintln(c.Out, sanitize(r.Text, true))
	if r.Identical {
		c.say("cli.chat.identical")
	} else {
		c.say("cli.chat.different")
	}
	return nil
}

// chatExport writes beside the file first, so that a failure leaves no half of one.
func chatExport(ctx context.Context, c *call, o *chatOptions, args []string) (err error) {
	h, err := c.conversation(ctx, args[0])
	if err != nil {
		return err
	}
	path := c.path(args[1])
	if _, err := os.Stat(path); err == nil {
		if err := c.confirm(ctx, o.yes, "cli.chat.overwrite", sanitize(path, false)); err != nil {
			return err
		}
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".kakoi-export-*")
	if err != nil {
		return core.Explain(fmt.Errorf("export: %w", err), "error.chat.file", path)
	}
	defer os.Remove(f.Name()) // a no-op after the rename
	format := strings.ToLower(strings.TrimPrefix(filepath.Ext(path), "."))
	err = c.host.conversations.Export(ctx, h.ID, f, format, c.lang)
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return core.Explain(fmt.Errorf("export: %w", err), "error.chat.file", path)
	}
	if c.json {
		return c.emit(map[string]string{"exported": h.ID, "file": path})
	}
	c.say("cli.chat.exported", sanitize(path, false))
	return nil
}
