package main

import (
	"context"
	"flag"
	"fmt"
	"strconv"
	"strings"

	"kakoi/app"
	"kakoi/app/record"
	"kakoi/core"
)

// chatArgs as help shows them.
const chatArgs = "list | show ID | ask ID|new QUESTION | again ID [N] | branch ID N K | search TEXT | export ID FILE.md|FILE.pdf | rename ID TITLE | " +
	"delete ID | right|wrong|unjudged ID [N] | replay ID [N] | corrections [remove ID]"

type chatOptions struct {
	askOptions
	models      []string
	edit        int
	answer      string
	absent      bool
	place       string
	corrections bool
	yes         bool
}

func chatFlags(fs *flag.FlagSet, c *call) {
	o := &chatOptions{}
	o.register(fs)
	fs.Func("model", "cli.flag.chat_model", func(name string) error {
		o.models = append(o.models, name)
		return nil
	})
	fs.Func("adapter", "cli.flag.chat_adapter", func(name string) error {
		o.Adapters = append(o.Adapters, name)
		return nil
	})
	fs.IntVar(&o.edit, "edit", 0, "cli.flag.edit")
	fs.StringVar(&o.answer, "answer", "", "cli.flag.answer")
	fs.BoolVar(&o.absent, "absent", false, "cli.flag.absent")
	fs.StringVar(&o.place, "place", "", "cli.flag.place")
	fs.BoolVar(&o.corrections, "corrections", false, "cli.flag.corrections")
	fs.BoolVar(&o.yes, "yes", false, "cli.flag.yes")
	c.options = o
}

// chatVerb is a word behind `kakoi chat`.
type chatVerb = verb[*chatOptions]

func chatVerbs() map[string]chatVerb {
	judge := func(v record.Verdict) chatVerb {
		return chatVerb{1, 2, func(ctx context.Context, c *call, o *chatOptions, args []string) error {
			return chatJudge(ctx, c, o, args, v)
		}}
	}
	return map[string]chatVerb{
		"list":        {0, 0, chatList},
		"show":        {1, 1, chatShow},
		"ask":         {2, -1, chatAsk},
		"again":       {1, 2, chatAgain},
		"branch":      {3, 3, chatBranch},
		"search":      {1, -1, chatSearch},
		"export":      {2, 2, chatExport},
		"rename":      {2, -1, chatRename},
		"delete":      {1, 1, chatDelete},
		"right":       judge(record.Right),
		"wrong":       judge(record.Wrong),
		"unjudged":    judge(record.Unjudged),
		"replay":      {1, 2, chatReplay},
		"corrections": {0, 2, chatCorrections},
	}
}

func runChat(ctx context.Context, c *call) error {
	o := c.options.(*chatOptions)
	if len(c.args) == 0 {
		return chatList(ctx, c, o, nil)
	}
	verb, err := verbOf(c, chatVerbs())
	if err != nil {
		return err
	}
	if err := o.check(c); err != nil {
		return err
	}
	return verb.run(ctx, c, o, c.args[1:])
}

// conversation finds the one a person means: by its id or its beginning (4 digits or more), or "last", the one changed last.
func (c *call) conversation(ctx context.Context, which string) (record.Conversation, error) {
	heads, _, err := c.host.conversations.List(ctx)
	if err != nil {
		return record.Conversation{}, err
	}
	var found []record.Conversation
	for i, h := range heads {
		if h.ID == which || which == "last" && i == 0 {
			return h, nil
		}
		if len(which) >= 4 && strings.HasPrefix(h.ID, which) {
			found = append(found, h)
		}
	}
	if len(found) == 1 {
		return found[0], nil
	}
	if len(found) > 1 {
		return record.Conversation{}, core.Explain(fmt.Errorf("conversation %q: %d match: %w", which, len(found), core.ErrUsage), "error.chat.ambiguous", which, len(found))
	}
	return record.Conversation{}, core.Explain(fmt.Errorf("conversation %q: %w", which, core.ErrNotFound), "error.chat.conversation")
}

// step finds a question of the shown branch by its number, from 1; "" is the last one.
func (c *call) step(ctx context.Context, which, number string) (app.Transcript, app.Step, error) {
	h, err := c.conversation(ctx, which)
	if err != nil {
		return app.Transcript{}, app.Step{}, err
	}
	t, err := c.host.conversations.Open(ctx, h.ID)
	if err != nil {
		return t, app.Step{}, err
	}
	n := len(t.Path)
	if number != "" {
		if n, err = strconv.Atoi(number); err != nil {
			n = 0
		}
	}
	if n < 1 || n > len(t.Path) {
		err := fmt.Errorf("question %q of %d: %w", number, len(t.Path), core.ErrUsage)
		return t, app.Step{}, core.Explain(err, "error.chat.number", len(t.Path))
	}
	return t, t.Path[n-1], nil
}

// given is the answer that is shown of a question.
func (c *call) given(ctx context.Context, args []string) (app.Step, record.Given, error) {
	number := ""
	if len(args) > 1 {
		number = args[1]
	}
	_, step, err := c.step(ctx, args[0], number)
	if err != nil {
		return step, record.Given{}, err
	}
	g, ok := step.Answer()
	if !ok {
		return step, g, core.Explain(fmt.Errorf("turn %s has no answer: %w", step.ID, core.ErrNotFound), "error.chat.turn")
	}
	return step, g, nil
}

func chatList(ctx context.Context, c *call, _ *chatOptions, _ []string) error {
	heads, damaged, err := c.host.conversations.List(ctx)
	if err != nil {
		return err
	}
	for _, h := range heads {
		if c.json {
			if err := c.emit(h); err != nil {
				return err
			}
			continue
		}
		fmt.Fprintf(c.Out, "%s  %s  %s  %s\n", h.ID, h.Changed.Local().Format("2006-01-02 15:04"), c.text("cli.chat.turns", h.Turns), sanitize(h.Title, false))
	}
	if len(heads) == 0 {
		c.say("cli.chat.none")
	}
	c.damaged(damaged)
	return nil
}

// damaged tells of records that cannot be read; they keep nothing else from being read.
func (c *call) damaged(all []record.Damage) {
	for _, d := range all {
		if !c.quiet {
			fmt.Fprintln(c.Err, c.text("cli.chat.damaged", d.Kind, d.ID))
		}
	}
}

func chatRename(ctx context.Context, c *call, _ *chatOptions, args []string) error {
	h, err := c.conversation(ctx, args[0])
	if err != nil {
		return err
	}
	if err := c.host.conversations.Rename(ctx, h.ID, strings.Join(args[1:], " ")); err != nil {
		return err
	}
	if !c.json {
		c.say("cli.chat.renamed")
		return nil
	}
	t, err := c.host.conversations.Open(ctx, h.ID)
	if err != nil {
		return err
	}
	return c.emit(t.Conversation)
}

func chatDelete(ctx context.Context, c *call, o *chatOptions, args []string) error {
	h, err := c.conversation(ctx, args[0])
	if err != nil {
		return err
	}
	if err := c.confirm(ctx, o.yes, "cli.chat.delete", sanitize(h.Title, false), h.Turns); err != nil {
		return err
	}
	if err := c.host.conversations.Delete(ctx, h.ID, o.corrections); err != nil {
		return err
	}
	if c.json {
		return c.emit(map[string]string{"deleted": h.ID})
	}
	c.say("cli.chat.deleted", sanitize(h.Title, false))
	return nil
}

// foundTurn is one line of `kakoi chat search --json`; field names are stable.
type foundTurn struct {
	Conversation string `json:"conversation"`
	Title        string `json:"title"`
	Turn         string `json:"turn"`
	Answer       int    `json:"answer"` // place among the turn's answers, from 0; -1 in the question
	Snippet      string `json:"snippet"`
	Start        int    `json:"start"`
	End          int    `json:"end"`
}

func chatSearch(ctx context.Context, c *call, _ *chatOptions, args []string) error {
	const most = 200
	found, err := c.host.conversations.Search(ctx, strings.Join(args, " "), most)
	if err != nil {
		return err
	}
	for _, f := range found {
		if c.json {
			if err := c.emit(foundTurn{f.Conversation.ID, f.Conversation.Title, f.Turn, f.Given, f.Snippet, f.Start, f.End}); err != nil {
				return err
			}
			continue
		}
		fmt.Fprintf(c.Out, "%s  %s\n    %s\n", f.Conversation.ID, sanitize(f.Conversation.Title, false), sanitize(f.Snippet, false))
	}
	if len(found) == 0 {
		c.say("cli.chat.notfound")
	}
	return nil
}
