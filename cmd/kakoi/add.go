package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"kakoi/app"
	"kakoi/app/amount"
	"kakoi/app/settings"
	"kakoi/core"
	"kakoi/resources"
)

type addOptions struct {
	collection string
	splitter   string
	resume     bool
	discard    bool
	samples    bool
	passwords  string // a file
}

func addFlags(fs *flag.FlagSet, c *call) {
	o := &addOptions{}
	fs.StringVar(&o.collection, "collection", "", "cli.flag.collection")
	fs.StringVar(&o.splitter, "splitter", "", "cli.flag.splitter")
	fs.BoolVar(&o.resume, "resume", false, "cli.flag.resume")
	fs.BoolVar(&o.discard, "discard", false, "cli.flag.discard")
	fs.BoolVar(&o.samples, "samples", false, "cli.flag.samples")
	fs.StringVar(&o.passwords, "password-file", "", "cli.flag.passwords")
	c.options = o
}

func runAdd(ctx context.Context, c *call) error {
	o := c.options.(*addOptions)
	if o.splitter != "" && !slices.Contains(settings.Splitters, o.splitter) {
		return core.Explain(fmt.Errorf("splitter %q: %w", o.splitter, core.ErrUsage), "error.usage.value", "--splitter", o.splitter, strings.Join(settings.Splitters, ", "))
	}
	if o.resume || o.discard || o.samples {
		if err := c.want(0, 0); err != nil {
			return err
		}
	}
	if err := unlock(c, o.passwords); err != nil {
		return err
	}
	switch {
	case o.resume:
		return resume(ctx, c)
	case o.discard:
		return discard(ctx, c)
	case o.samples:
		opt, b := c.addOptions()
		plan := app.AddPlan{Collection: o.collection, Splitter: o.splitter}
		summary, err := c.host.library.AddSamples(ctx, resources.Samples, filepath.Join(c.data, "samples"), plan, opt)
		b.clear()
		return c.graphs(ctx, c.summary(summary, err))
	}
	if err := c.want(1, -1); err != nil {
		return err
	}
	plan := app.AddPlan{Collection: o.collection, Splitter: o.splitter}
	for _, p := range c.args {
		plan.Paths = append(plan.Paths, c.path(p))
	}
	return add(ctx, c, plan)
}

func add(ctx context.Context, c *call, plan app.AddPlan) error {
	opt, b := c.addOptions()
	summary, err := c.host.library.Add(ctx, plan, opt)
	b.clear()
	return c.graphs(ctx, c.summary(summary, err))
}

// graphs makes searches fast where very many passages are in now, unless what was done before ended early; err is how that ended.
func (c *call) graphs(ctx context.Context, err error) error {
	if err != nil && !errors.Is(err, errFailed) {
		return err
	}
	b := c.newBar()
	n, gerr := c.host.library.BuildGraphs(ctx, b.show)
	b.clear()
	switch {
	case c.json:
	case errors.Is(gerr, context.Canceled):
		c.say("cli.graph.later")
	case gerr == nil && n > 0:
		c.say("cli.graph.done", n)
	}
	return cmp.Or(gerr, err)
}

// addOptions prints failures as they come, above the bar.
func (c *call) addOptions() (app.AddOptions, *bar) {
	b := c.newBar()
	return app.AddOptions{
		Listen:  b.show,
		Explain: func(err error) (string, string) { return resources.ErrorText(c.lang, err) },
		Failed: func(f app.Failure) {
			if c.json {
				return // in the summary
			}
			b.clear()
			fmt.Fprintf(c.Err, "%s: %s\n", sanitize(f.Path, false), resources.WithHint(sanitize(f.Reason, false), sanitize(f.Hint, false)))
		},
	}, b
}

// pictures says what can be done with pictures that were added.
func (c *call) pictures(n int) {
	c.say("cli.add.pictures", n)
	if _, err := c.host.library.Tesseract(context.Background()); errors.Is(err, core.ErrNotFound) && !c.quiet {
		fmt.Fprintln(c.Out, resources.ErrorLine(c.lang, err))
	}
}

// summary prints what an add or a refresh did; err is how it ended.
func (c *call) summary(s app.Summary, err error) error {
	if c.json {
		if s.Failed == nil {
			s.Failed = []app.Failure{}
		}
		if eerr := c.emit(s); eerr != nil {
			return errors.Join(err, eerr)
		}
	} else if err == nil || s.Added+s.Updated+s.Unchanged+s.Pictures+len(s.Failed) > 0 {
		c.say("cli.add.done", s.Added, s.Updated, s.Unchanged, len(s.Failed))
		if s.Chunks > 0 {
			c.say("cli.add.chunks", s.Chunks, s.Embedded, amount.Clock(time.Duration(s.Seconds*float64(time.Second))))
		}
		if s.Pictures > 0 {
			c.pictures(s.Pictures)
		}
		if s.Skipped > 0 {
			c.say("cli.add.skipped", s.Skipped)
		}
		if s.Cancelled {
			c.say("cli.add.resume")
		}
	}
	if err == nil && len(s.Failed) > 0 {
		return errFailed
	}
	return err
}

// resume goes on with every add that was begun and did not end.
func resume(ctx context.Context, c *call) error {
	entries, plans, err := c.host.library.Unfinished(ctx)
	if err != nil {
		return err
	}
	refresh, err := c.host.library.NeedsRefresh(ctx)
	if err != nil {
		return err
	}
	stale, err := c.host.library.Stale(ctx)
	if err != nil {
		return err
	}
	var failed error
	n := 0
	for i, plan := range plans {
		if entries[i].Running {
			continue
		}
		n++
		c.say("cli.add.resuming", sanitize(strings.Join(plan.Paths, ", "), false))
		if err := add(ctx, c, plan); errors.Is(err, errFailed) {
			failed = err
		} else if err != nil {
			return err
		}
	}
	if refresh || len(stale) > 0 {
		n++
		if err := refreshAll(ctx, c); errors.Is(err, errFailed) {
			failed = err
		} else if err != nil {
			return err
		}
	}
	if n == 0 {
		linked, err := c.host.library.GraphsWanted(ctx)
		if err != nil {
			return err
		}
		if linked == 0 {
			c.say("cli.add.nothing_unfinished")
		}
		return c.graphs(ctx, nil)
	}
	return failed
}

// discard gives up every add that was begun and did not end.
func discard(ctx context.Context, c *call) error {
	entries, _, err := c.host.library.Unfinished(ctx)
	if err != nil {
		return err
	}
	n := 0
	for _, e := range entries {
		if e.Running {
			continue
		}
		if err := c.host.library.Discard(ctx, e.ID); err != nil {
			return err
		}
		n++
	}
	if c.json {
		return c.emit(map[string]int{"discarded": n})
	}
	c.say("cli.add.discarded", n)
	return nil
}

// refreshAll gives all documents vectors of the embedder in use.
func refreshAll(ctx context.Context, c *call) error {
	opt, b := c.addOptions()
	summary, err := c.host.library.Refresh(ctx, opt)
	b.clear()
	return c.graphs(ctx, c.summary(summary, err))
}

// mostPasswordBytes of a file of passwords are read.
const mostPasswordBytes = 64 << 10

// unlock remembers the passwords in a file, one a line, for protected PDFs. (A password among the arguments would be seen by every user of
// the machine.)
func unlock(c *call, name string) error {
	if name == "" {
		return nil
	}
	f, err := os.Open(c.path(name))
	if err != nil {
		return core.Explain(fmt.Errorf("read passwords: %w", err), "error.file.unreadable", name)
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, mostPasswordBytes))
	if err != nil {
		return core.Explain(fmt.Errorf("read passwords: %w", err), "error.file.unreadable", name)
	}
	for line := range strings.Lines(string(raw)) {
		c.host.library.Unlock(strings.TrimRight(line, "\r\n"))
	}
	return nil
}
