package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"strings"
	"time"

	"kakoi/app"
	"kakoi/app/amount"
	"kakoi/core"
	"kakoi/resources"
)

type ocrOptions struct {
	collection string
	languages  string
	all        bool
	resume     bool
}

func ocrFlags(fs *flag.FlagSet, c *call) {
	o := &ocrOptions{}
	fs.StringVar(&o.collection, "collection", "", "cli.flag.collection")
	fs.StringVar(&o.languages, "languages", "", "cli.flag.ocr_languages")
	fs.BoolVar(&o.all, "all", false, "cli.flag.ocr_all")
	fs.BoolVar(&o.resume, "resume", false, "cli.flag.ocr_resume")
	c.options = o
}

// runOCR lists the pages that are pictures; with documents named, or --all, it reads them.
func runOCR(ctx context.Context, c *call) error {
	o := c.options.(*ocrOptions)
	if (o.all || o.resume) && len(c.args) > 0 || o.all && o.resume {
		return c.want(0, 0)
	}
	plan := app.OCRPlan{Collection: o.collection}
	if o.languages != "" {
		plan.Languages = strings.Split(o.languages, ",")
	}
	switch {
	case o.resume:
		return resumeOCR(ctx, c)
	case o.all:
		return recognise(ctx, c, plan)
	case len(c.args) == 0:
		return listUnread(ctx, c, o.collection)
	}
	for _, which := range c.args {
		if strings.ContainsRune(which, '/') {
			which = c.path(which)
		}
		collection, doc, err := c.host.library.Find(ctx, o.collection, which)
		if err != nil {
			return err
		}
		plan.Collection = collection.Name
		plan.Documents = append(plan.Documents, doc.ID)
	}
	return recognise(ctx, c, plan)
}

// listUnread shows what could be read, and reads nothing.
func listUnread(ctx context.Context, c *call, collection string) error {
	docs, err := c.host.library.Unread(ctx, collection)
	if err != nil && !errors.Is(err, core.ErrEmpty) {
		return err
	}
	if len(docs) == 0 {
		c.say("cli.ocr.nothing")
		return nil
	}
	for _, d := range docs {
		pages := app.UnreadPages(d)
		if c.json {
			if err := c.emit(map[string]any{"document": d.ID, "name": d.Name, "source": d.Source, "pages": pages}); err != nil {
				return err
			}
			continue
		}
		var ranges []string
		for _, f := range d.Findings {
			if f.Readable() {
				ranges = append(ranges, f.Range())
			}
		}
		fmt.Fprintln(c.Out, c.text("cli.ocr.list", d.ID, sanitize(d.Name, false), len(pages), strings.Join(ranges, ", ")))
	}
	reader, err := c.host.library.Tesseract(ctx)
	if err != nil {
		return err
	}
	c.say("cli.ocr.how", sanitize(reader.Version, false), strings.Join(reader.Languages, ", "))
	return nil
}

func recognise(ctx context.Context, c *call, plan app.OCRPlan) error {
	b := c.newBar()
	summary, err := c.host.library.OCR(ctx, plan, app.OCROptions{
		Listen: b.show, Explain: func(err error) (string, string) { return resources.ErrorText(c.lang, err) },
	})
	b.clear()
	if err != nil && summary.Pages+summary.Nothing == 0 && !summary.Cancelled {
		return err
	}
	if c.json {
		if eerr := c.emit(summary); eerr != nil {
			return errors.Join(err, eerr)
		}
	} else {
		for _, f := range summary.Failed {
			fmt.Fprintf(c.Err, "%s: %s\n", sanitize(f.Path, false), resources.WithHint(sanitize(f.Reason, false), sanitize(f.Hint, false)))
		}
		c.say("cli.ocr.done", summary.Pages, summary.Documents, summary.Confidence, summary.Nothing, amount.Clock(time.Duration(summary.Seconds*float64(time.Second))))
		if summary.Cancelled {
			c.say("cli.ocr.stopped")
		}
	}
	if err == nil && len(summary.Failed) > 0 {
		return errFailed
	}
	return err
}

// resumeOCR goes on with every text recognition that was begun and did not end.
func resumeOCR(ctx context.Context, c *call) error {
	entries, plans, err := c.host.library.UnfinishedOCR(ctx)
	if err != nil {
		return err
	}
	n := 0
	var failed error
	for i, plan := range plans {
		if entries[i].Running {
			continue
		}
		n++
		switch err := recognise(ctx, c, plan); {
		case errors.Is(err, core.ErrEmpty): // its pages were read meanwhile
		case errors.Is(err, errFailed):
			failed = err
		case err != nil:
			return err
		}
	}
	if n == 0 {
		c.say("cli.ocr.nothing_unfinished")
	}
	return failed
}
