package main

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"strings"

	"kakoi/app"
	"kakoi/app/record"
	"kakoi/core"
)

func chatAsk(ctx context.Context, c *call, o *chatOptions, args []string) error {
	ask := app.AskTurn{Question: strings.Join(args[1:], " "), Collection: o.Collection, Models: o.models, Options: o.AskOptions}
	switch {
	case args[0] != "new" && o.edit != 0: // asked in the place of another question
		t, step, err := c.step(ctx, args[0], strconv.Itoa(o.edit))
		if err != nil {
			return err
		}
		ask.Conversation, ask.Parent = t.ID, step.Parent
	case args[0] != "new":
		t, step, err := c.step(ctx, args[0], "")
		if err != nil {
			return err
		}
		ask.Conversation, ask.Parent = t.ID, step.ID
	case o.edit != 0:
		return core.Explain(fmt.Errorf("edit question %d of a new conversation: %w", o.edit, core.ErrUsage), "error.chat.number", 0)
	}
	return c.answering(o, func(hear func(app.Event)) (record.Turn, error) { return c.host.conversations.Ask(ctx, ask, hear) })
}

func chatAgain(ctx context.Context, c *call, o *chatOptions, args []string) error {
	number := ""
	if len(args) > 1 {
		number = args[1]
	}
	t, step, err := c.step(ctx, args[0], number)
	if err != nil {
		return err
	}
	return c.answering(o, func(hear func(app.Event)) (record.Turn, error) {
		return c.host.conversations.Again(ctx, t.ID, step.ID, o.models, o.AskOptions, hear)
	})
}

// answering prints answers as they come, and what belongs to each when it is done.
func (c *call) answering(o *chatOptions, ask func(hear func(app.Event)) (record.Turn, error)) error {
	b := c.newBar()
	progress := b.progress()
	several, first := len(o.models) > 1 || len(o.Adapters) > 1, 0
	streamed := false
	// Models answer one after the other; adapters at the same time, so that theirs are printed when they are done.
	atOnce := len(o.Adapters) > 1
	begin := func(name string) {
		b.clear()
		if several {
			fmt.Fprintf(c.Out, "— %s\n", sanitize(name, false))
		}
	}
	turn, err := ask(func(e app.Event) {
		switch e := e.(type) {
		case app.TurnStarted:
			first = e.First
			// The question is stored: a guest whose owner is lost from here on must not ask it a second time.
			if _, err := c.Out.Write(nil); err != nil {
				slog.Warn("tell that the question is stored", "error", err)
			}
		case app.Loading:
			progress.Report(e.Update)
		case app.Delta:
			text := e.Text
			if !streamed {
				text = strings.TrimLeft(text, " \n")
			}
			if c.json || text == "" || atOnce {
				return
			}
			if !streamed {
				name := ""
				if several {
					name = o.models[e.Given-first]
				}
				begin(name)
			}
			streamed = true
			fmt.Fprint(c.Out, sanitize(text, true))
		case app.Answered:
			if c.json {
				return
			}
			if streamed {
				fmt.Fprintln(c.Out)
			} else {
				begin(e.Answer.By())
			}
			if e.Answer.Failure == nil && !e.Answer.Stopped {
				c.printGiven(e.Answer, o.details, streamed)
			}
			streamed = false
		}
	})
	b.clear()
	if err != nil {
		return err
	}
	if c.json {
		if err := c.emit(withoutReceipts(turn, o.details)); err != nil {
			return err
		}
	} else if !c.quiet {
		fmt.Fprintf(c.Out, "\n%s\n", c.text("cli.chat.id", turn.Conversation))
	}
	if g, ok := turn.Answer(); ok && g.Answer.Refused {
		return errUnanswered
	}
	return nil
}

// printGiven prints an answer with what is to be said about it.
func (c *call) printGiven(g record.Given, details, streamed bool) {
	if !details {
		g.Answer.Receipt = nil
	}
	if g.Failure == nil || g.Answer.Text != "" {
		c.printAnswer(g.Answer, streamed)
	}
	c.printReceipt(g.Answer)
	if c.quiet {
		return
	}
	if g.Pending > 0 {
		fmt.Fprintln(c.Out, c.text("cli.chat.pending"))
	}
	if g.Stopped {
		fmt.Fprintln(c.Out, c.text("export.stopped"))
	}
	if g.Failure != nil {
		fmt.Fprintln(c.Out, c.text("export.failed"))
	}
	switch g.Verdict {
	case record.Right:
		fmt.Fprintln(c.Out, c.text("export.right"))
	case record.Wrong:
		fmt.Fprintln(c.Out, c.text("export.wrong"))
	}
}

// withoutReceipts leaves the receipts out of the JSON where they were not asked for.
func withoutReceipts(t record.Turn, details bool) record.Turn {
	if details {
		return t
	}
	answers := make([]record.Given, len(t.Answers))
	for i, g := range t.Answers {
		g.Answer.Receipt = nil
		answers[i] = g
	}
	t.Answers = answers
	return t
}

// shownTurn is one line of `kakoi chat show --json`; field names are stable.
type shownTurn struct {
	Number   int      `json:"number"`
	Branch   int      `json:"branch"` // of those below, from 1
	Siblings []string `json:"siblings"`
	record.Turn
}

func chatShow(ctx context.Context, c *call, o *chatOptions, args []string) error {
	h, err := c.conversation(ctx, args[0])
	if err != nil {
		return err
	}
	t, err := c.host.conversations.Open(ctx, h.ID)
	if err != nil {
		return err
	}
	if !c.json {
		fmt.Fprintln(c.Out, sanitize(t.Title, false))
	}
	for i, step := range t.Path {
		if c.json {
			if err := c.emit(shownTurn{i + 1, step.Branch, step.Siblings, withoutReceipts(step.Turn, o.details)}); err != nil {
				return err
			}
			continue
		}
		branch := ""
		if len(step.Siblings) > 1 {
			branch = "  " + c.text("cli.chat.branch", step.Branch, len(step.Siblings))
		}
		fmt.Fprintf(c.Out, "\n%d. %s%s\n\n", i+1, sanitize(step.Question, true), branch)
		shown, ok := step.Answer()
		if !ok {
			fmt.Fprintln(c.Out, c.text("export.unanswered"))
			continue
		}
		for _, g := range step.Answers {
			if g.ID != shown.ID && (shown.Group == "" || g.Group != shown.Group) {
				continue
			}
			if shown.Group != "" {
				fmt.Fprintf(c.Out, "— %s\n", sanitize(g.By(), false))
			}
			c.printGiven(g, o.details, false)
		}
	}
	c.damaged(t.Damaged)
	return nil
}

func chatBranch(ctx context.Context, c *call, o *chatOptions, args []string) error {
	t, step, err := c.step(ctx, args[0], args[1])
	if err != nil {
		return err
	}
	k, err := strconv.Atoi(args[2])
	if err != nil || k < 1 || k > len(step.Siblings) {
		return core.Explain(fmt.Errorf("branch %q of %d: %w", args[2], len(step.Siblings), core.ErrUsage), "error.chat.branch", len(step.Siblings))
	}
	if err := c.host.conversations.Show(ctx, t.ID, step.Siblings[k-1]); err != nil {
		return err
	}
	return chatShow(ctx, c, o, []string{t.ID})
}
