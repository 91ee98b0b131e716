package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"strings"

	"kakoi/app"
	"kakoi/app/amount"
	"kakoi/core"
	"kakoi/resources"
)

type listOptions struct{ collection string }

func listFlags(fs *flag.FlagSet, c *call) {
	o := &listOptions{}
	fs.StringVar(&o.collection, "collection", "", "cli.flag.collection")
	c.options = o
}

func runList(ctx context.Context, c *call) error {
	if err := c.want(0, 0); err != nil {
		return err
	}
	docs, err := c.host.library.List(ctx, c.options.(*listOptions).collection)
	if errors.Is(err, core.ErrEmpty) {
		c.say("cli.list.empty")
		return nil
	}
	if err != nil {
		return err
	}
	relatives, err := c.host.library.AllRelatives(ctx, c.options.(*listOptions).collection)
	if err != nil { // the list is worth having without
		slog.Warn("look for copies and versions", "error", err)
	}
	if c.json {
		for _, d := range docs {
			if err := c.emit(listed{d, relatives[d.ID]}); err != nil {
				return err
			}
		}
		return nil
	}
	if len(docs) == 0 {
		c.say("cli.list.empty")
	}
	width := 4
	for _, d := range docs {
		width = max(width, min(48, columns(sanitize(d.Name, false))))
	}
	for _, d := range docs {
		name := pad(shorten(sanitize(d.Name, false), width), width)
		line := fmt.Sprintf("%s  %s  %s", d.ID, name, c.text("cli.list.counts", d.Pages, d.Chunks, amount.Bytes(d.Size)))
		if d.State != core.DocumentReady {
			line = fmt.Sprintf("%s  %s  %s", d.ID, name, c.text("cli.state."+string(d.State)))
		}
		fmt.Fprintln(c.Out, line)
		if d.Reason != "" {
			fmt.Fprintf(c.Out, "%s%s\n", strings.Repeat(" ", 18), resources.WithHint(sanitize(d.Reason, false), sanitize(d.Hint, false)))
		}
		for i, r := range relatives[d.ID] {
			const most = 3
			if i == most {
				fmt.Fprintf(c.Out, "%s%s\n", strings.Repeat(" ", 18), c.text("alike.more", len(relatives[d.ID])-most))
				break
			}
			fmt.Fprintf(c.Out, "%s%s\n", strings.Repeat(" ", 18), r.Say(c.text, sanitize(r.Name, false)))
		}
	}
	return nil
}

// listed is a document with its copies and versions.
type listed struct {
	core.Document
	Relatives []app.Relative `json:"relatives,omitempty"`
}

func runStatus(ctx context.Context, c *call) error {
	if err := c.want(0, 0); err != nil {
		return err
	}
	s, err := c.host.library.Status(ctx)
	if err != nil {
		return err
	}
	s.Data = c.data
	if c.json {
		return c.emit(s)
	}
	fmt.Fprintln(c.Out, c.text("cli.status.data", sanitize(s.Data, false)))
	fmt.Fprintln(c.Out, c.text("cli.status.models", sanitize(s.ChatModel, false), sanitize(s.Embedder, false)))
	if len(s.Collections) == 0 {
		fmt.Fprintln(c.Out, c.text("cli.list.empty"))
	}
	for _, k := range s.Collections {
		fmt.Fprintln(c.Out, c.text("cli.status.collection", sanitize(k.Name, false), k.Documents, k.Chunks))
		if k.Failed > 0 {
			fmt.Fprintln(c.Out, c.text("cli.status.failed", k.Failed))
		}
	}
	if s.Stale > 0 {
		fmt.Fprintln(c.Out, c.text("cli.status.stale", s.Stale))
	}
	for _, u := range s.Unfinished {
		key := "cli.status.unfinished"
		if u.Running {
			key = "cli.status.running"
		}
		fmt.Fprintln(c.Out, c.text(key, sanitize(strings.Join(u.Paths, ", "), false)))
	}
	c.tellBackups(ctx)
	return nil
}
