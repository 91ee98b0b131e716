package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"strings"

	"kakoi/app"
	"kakoi/core"
	"kakoi/resources"
)

type healthOptions struct {
	collection string
	all        bool
}

func healthFlags(fs *flag.FlagSet, c *call) {
	o := &healthOptions{}
	fs.StringVar(&o.collection, "collection", "", "cli.flag.collection")
	fs.BoolVar(&o.all, "all", false, "cli.flag.health_all")
	c.options = o
}

// healthLine is an entry in JSON.
type healthLine struct {
	Document string `json:"document"`
	Name     string `json:"name"`
	Source   string `json:"source"`
	Kind     string `json:"kind"`
	core.Finding
	Sentence string `json:"sentence"`
	Hint     string `json:"hint"`
}

// runHealth tells of the documents of a collection, or of those that are named, what was not read and what can be done.
func runHealth(ctx context.Context, c *call) error {
	o := c.options.(*healthOptions)
	report, err := healthReport(ctx, c, o.collection)
	if errors.Is(err, core.ErrEmpty) {
		c.say("cli.health.empty")
		return nil
	}
	if err != nil {
		return err
	}
	last := ""
	for _, e := range report.Entries {
		if !o.all && !e.Attention() {
			continue
		}
		sentence, hint := e.Said(c.text)
		if c.json {
			line := healthLine{Document: e.Document.ID, Name: e.Document.Name, Source: e.Document.Source, Kind: e.Kind, Finding: e.Finding, Sentence: sentence, Hint: hint}
			if err := c.emit(line); err != nil {
				return err
			}
			continue
		}
		if e.Document.ID != last {
			last = e.Document.ID
			fmt.Fprintf(c.Out, "%s  %s\n", e.Document.ID, sanitize(e.Document.Source, false))
		}
		fmt.Fprintf(c.Out, "%s%s\n", strings.Repeat(" ", 18), resources.WithHint(sanitize(sentence, false), sanitize(hint, false)))
	}
	if report.Well == report.Documents {
		c.say("cli.health.well", report.Documents)
	} else {
		c.say("cli.health.sum", report.Documents, report.Documents-report.Well)
	}
	if report.Unread == 0 {
		return nil
	}
	reader, err := c.host.library.Tesseract(ctx)
	switch {
	case err == nil:
		c.say("cli.health.unread", report.Unread, len(report.UnreadIn), sanitize(reader.Version, false), strings.Join(reader.Best(), ", "))
	case errors.Is(err, core.ErrNotFound):
		c.say("cli.health.unread.missing", report.Unread, len(report.UnreadIn))
		if !c.json && !c.quiet {
			fmt.Fprintln(c.Out, resources.ErrorLine(c.lang, err))
		}
	default:
		return err
	}
	return nil
}

// healthReport is that of a collection, or of the documents that are named.
func healthReport(ctx context.Context, c *call, collection string) (app.HealthReport, error) {
	if len(c.args) == 0 {
		return c.host.library.Health(ctx, collection)
	}
	var docs, waiting []core.Document
	for _, which := range c.args {
		if strings.ContainsRune(which, '/') {
			which = c.path(which)
		}
		place, doc, err := c.host.library.Find(ctx, collection, which)
		if err != nil {
			return app.HealthReport{}, err
		}
		newer, err := c.host.library.Waiting(ctx, place.ID, []core.Document{doc})
		if err != nil {
			return app.HealthReport{}, err
		}
		docs, waiting = append(docs, doc), append(waiting, newer...)
	}
	return app.HealthOf(collection, docs, waiting), nil
}
