package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math"
	"slices"
	"strconv"
	"strings"

	"kakoi/app"
	"kakoi/app/settings"
	"kakoi/core"
)

type searchOptions struct {
	collection string
	top        int
	neighbours int
	parent     bool
}

func searchFlags(fs *flag.FlagSet, c *call) {
	o := &searchOptions{}
	fs.StringVar(&o.collection, "collection", "", "cli.flag.collection")
	fs.IntVar(&o.top, "top", 10, "cli.flag.top")
	fs.IntVar(&o.neighbours, "neighbours", 0, "cli.flag.neighbours")
	fs.BoolVar(&o.parent, "parent", false, "cli.flag.parent")
	c.options = o
}

// found is one line of `kakoi search --json`; field names are stable.
type found struct {
	Rank int `json:"rank"`
	// The Document's name, as in the citations of `kakoi ask --json`.
	Document string  `json:"document"`
	Page     int     `json:"page"`
	Start    int     `json:"start"`
	End      int     `json:"end"`
	Text     string  `json:"text"`
	Score    float64 `json:"score"`
	Dense    float64 `json:"dense"`
	Lexical  float64 `json:"lexical"`
	// With --parent.
	Headings []string `json:"headings,omitempty"` // outermost first
	Section  string   `json:"section,omitempty"`
}

// section is what a passage stands in, as --parent shows it.
type section struct {
	Headings []string `json:"headings"` // outermost first
	Section  string   `json:"section"`
}

// sectionOf finds the section of a passage.
func (c *call) sectionOf(ctx context.Context, collection string, p core.Passage) (*section, error) {
	s, text, err := c.host.library.Section(ctx, collection, p)
	if err != nil {
		return nil, err
	}
	return &section{append([]string{}, s.Titles...), text}, nil
}

// sectionsOf are the sections that the citations of an answer stand in, in their order. The answer is said by then: a section that cannot be found any more, of a
// document that was removed meanwhile, is nil, and told as a remark.
func sectionsOf(a core.Answer, find func(core.Passage) (*section, error), remark func(name string, err error)) []*section {
	out := []*section{}
	for _, cite := range a.Citations {
		s, err := find(core.Passage{Document: cite.ID, Name: cite.Document, Page: cite.Page, Start: cite.Start, End: cite.End})
		if err != nil {
			remark(cite.Document, err)
			s = nil
		}
		out = append(out, s)
	}
	return out
}

// printSection shows it below the passage.
func (c *call) printSection(s *section) {
	fmt.Fprintf(c.Out, "\n    %s\n", c.text("cli.search.section", sanitize(strings.Join(s.Headings, " > "), false)))
	for line := range strings.Lines(s.Section) {
		fmt.Fprintln(c.Out, "    "+sanitize(strings.TrimRight(line, "\n"), false))
	}
	fmt.Fprintln(c.Out)
}

func (c *call) neighbours(n int) error {
	if f, _ := settings.FieldOf("neighbours"); n < 0 || float64(n) > f.Most {
		return core.Explain(fmt.Errorf("neighbours %d: %w", n, core.ErrUsage), "error.usage.value", "--neighbours", fmt.Sprint(n), f.Allowed())
	}
	return nil
}

func runSearch(ctx context.Context, c *call) error {
	if err := c.want(1, -1); err != nil {
		return err
	}
	o := c.options.(*searchOptions)
	if err := c.top(o.top); err != nil {
		return err
	}
	if err := c.neighbours(o.neighbours); err != nil {
		return err
	}
	query := strings.Join(c.args, " ")
	passages, err := c.host.library.SearchAround(ctx, o.collection, query, o.top, o.neighbours)
	if err != nil {
		return err
	}
	for i, p := range passages {
		var above *section
		if o.parent {
			if above, err = c.sectionOf(ctx, o.collection, p); err != nil {
				return err
			}
		}
		if c.json {
			line := found{Rank: i + 1, Document: p.Name, Page: p.Page, Start: p.Start, End: p.End, Text: p.Text, Score: p.Score, Dense: p.Dense, Lexical: p.Lexical}
			if above != nil {
				line.Headings, line.Section = above.Headings, above.Section
			}
			err = c.emit(line)
		} else {
			fmt.Fprintf(c.Out, "[%d] %s  %s\n", i+1, c.place(p.Name, p.Page), c.text("cli.search.scores", p.Score, p.Dense, p.Lexical))
			fmt.Fprintln(c.Out, c.show("    ", p.Text, query))
			if above != nil {
				c.printSection(above)
			}
		}
		if err != nil {
			return err
		}
	}
	if len(passages) == 0 {
		c.say("cli.search.nothing")
	}
	return nil
}

func (c *call) top(n int) error {
	if n < 1 || n > 100 {
		return core.Explain(fmt.Errorf("top %d: %w", n, core.ErrUsage), "error.usage.value", "--top", fmt.Sprint(n), "1 - 100")
	}
	return nil
}

// place names a page of a document for people.
func (c *call) place(name string, page int) string {
	return c.text("cli.place", sanitize(name, false), page)
}

type askOptions struct {
	app.AskOptions
	temperature float64
	neighbours  int
	parent      bool
	refusal     string
	details     bool
	receipt     string // file of the signed receipt
	yes         bool
}

func askFlags(fs *flag.FlagSet, c *call) {
	o := &askOptions{}
	o.register(fs)
	fs.StringVar(&o.Model, "model", "", "cli.flag.model")
	fs.StringVar(&o.Adapter, "adapter", "", "cli.flag.ask_adapter")
	fs.BoolVar(&o.parent, "parent", false, "cli.flag.parent")
	fs.StringVar(&o.receipt, "receipt", "", "cli.flag.receipt")
	fs.BoolVar(&o.yes, "yes", false, "cli.flag.yes")
	c.options = o
}

func (o *askOptions) register(fs *flag.FlagSet) {
	fs.StringVar(&o.Collection, "collection", "", "cli.flag.collection")
	fs.StringVar(&o.Preset, "preset", "", "cli.flag.preset")
	fs.IntVar(&o.Top, "top", 0, "cli.flag.top")
	fs.IntVar(&o.neighbours, "neighbours", -1, "cli.flag.neighbours")
	fs.Float64Var(&o.temperature, "temperature", -1, "cli.flag.temperature")
	fs.IntVar(&o.MaxNewTokens, "max-new-tokens", 0, "cli.flag.max_new_tokens")
	fs.Uint64Var(&o.Seed, "seed", 0, "cli.flag.seed")
	fs.StringVar(&o.refusal, "refusal", "", "cli.flag.refusal")
	fs.BoolVar(&o.details, "details", false, "cli.flag.details")
}

// check looks at the flags and takes the temperature over.
func (o *askOptions) check(c *call) error {
	if o.Top != 0 {
		if err := c.top(o.Top); err != nil {
			return err
		}
	}
	if o.neighbours != -1 {
		if err := c.neighbours(o.neighbours); err != nil {
			return err
		}
		o.Neighbours = &o.neighbours
	}
	switch {
	case o.temperature > 10 || math.IsNaN(o.temperature) || o.temperature < 0 && o.temperature != -1:
		return core.Explain(fmt.Errorf("temperature %g: %w", o.temperature, core.ErrUsage), "error.usage.value", "--temperature", fmt.Sprint(o.temperature), "0 - 10")
	case o.temperature >= 0:
		o.Temperature = &o.temperature
	}
	var err error
	if o.Refusal, err = app.ParseRefusal(o.refusal); err != nil {
		return core.Explain(fmt.Errorf("refusal %q: %w", o.refusal, core.ErrUsage), "error.usage.value", "--refusal", strconv.Quote(o.refusal), strings.Join(settings.Refusals, " | "))
	}
	if o.MaxNewTokens < 0 || o.MaxNewTokens > 1<<16 {
		return core.Explain(fmt.Errorf("max new tokens %d: %w", o.MaxNewTokens, core.ErrUsage), "error.usage.value", "--max-new-tokens", fmt.Sprint(o.MaxNewTokens), "1 - 65536")
	}
	return nil
}

func runAsk(ctx context.Context, c *call) error {
	if err := c.want(1, -1); err != nil {
		return err
	}
	o := c.options.(*askOptions)
	if err := o.check(c); err != nil {
		return err
	}
	if o.receipt != "" { // before the answer is waited for
		if err := c.replacing(ctx, o.yes, c.path(o.receipt)); err != nil {
			return err
		}
	}
	b := c.newBar()
	streamed := false
	answer, err := c.host.chat.Ask(ctx, strings.Join(c.args, " "), o.AskOptions, func(d core.Delta) error {
		if c.json || d.Text == "" {
			return nil
		}
		text := d.Text
		if !streamed {
			b.clear()
			text = strings.TrimLeft(text, " \n")
		}
		streamed = streamed || text != ""
		_, err := fmt.Fprint(c.Out, sanitize(text, true))
		return err
	}, b.progress())
	b.clear()
	if streamed {
		fmt.Fprintln(c.Out)
	}
	if err != nil {
		return err
	}
	whole := answer
	if !o.details {
		answer.Receipt = nil
	}
	var sections []*section
	if o.parent {
		sections = sectionsOf(answer, func(p core.Passage) (*section, error) { return c.sectionOf(ctx, o.Collection, p) }, func(name string, err error) {
			slog.Warn("section of a citation", "document", name, "error", err)
			if !c.quiet {
				fmt.Fprintln(c.Err, c.text("cli.ask.section_gone", sanitize(name, false)))
			}
		})
	}
	switch {
	case c.json && o.parent:
		err = c.emit(struct {
			core.Answer
			Sections []*section `json:"sections"` // by citation
		}{answer, sections})
	case c.json:
		err = c.emit(answer)
	default:
		c.printAnswer(answer, streamed)
		for _, s := range sections {
			if s != nil {
				c.printSection(s)
			}
		}
		c.printReceipt(answer)
	}
	if err == nil && o.receipt != "" {
		of, ferr := c.host.receipts.OfAnswer(ctx, o.Collection, whole)
		if err = ferr; err == nil {
			err = c.writeReceipt(ctx, of, c.path(o.receipt))
		}
	}
	if err == nil && answer.Refused {
		err = errUnanswered
	}
	return err
}

// maxStdinBytes is more than any question may have.
const maxStdinBytes = 1 << 20

// question reads the question from standard input where "-" stands for it. A guest's owner cannot: so it is done before
// the command is handed over.
func (c *call) question(r *request) error {
	if c.command.name != "ask" && c.command.name != "search" || len(c.args) != 1 || c.args[0] != "-" {
		return nil
	}
	raw, err := io.ReadAll(io.LimitReader(stdin(), maxStdinBytes))
	if err != nil {
		return fmt.Errorf("read question: %w", err)
	}
	c.args = []string{string(raw)}
	i := slices.Index(r.Args, "-")
	r.Args = append(slices.Delete(slices.Clone(r.Args), i, i+1), "--", string(raw))
	return nil
}

// printAnswer prints what follows the streamed text: where the answer stands, or the closest places.
func (c *call) printAnswer(a core.Answer, streamed bool) {
	if !streamed {
		fmt.Fprintln(c.Out, sanitize(a.Text, true))
	}
	if c.quiet {
		return
	}
	if a.Refused {
		if len(a.Passages) > 0 {
			fmt.Fprintf(c.Out, "\n%s\n", c.text("cli.ask.closest"))
		} else {
			fmt.Fprintf(c.Out, "\n%s\n", c.text("cli.ask.nothing"))
		}
		for i, p := range a.Passages {
			fmt.Fprintln(c.Out, c.show(fmt.Sprintf("[%d] %s: ", i+1, c.place(p.Name, p.Page)), p.Text, a.Question))
		}
		return
	}
	if len(a.Citations) > 0 {
		fmt.Fprintln(c.Out)
	}
	for i, cite := range a.Citations {
		fmt.Fprintln(c.Out, c.show(fmt.Sprintf("[%d] %s: ", i+1, c.place(cite.Document, cite.Page)), cite.Text, cite.Sentence+" "+a.Question))
	}
	for _, sentence := range a.Unsupported {
		fmt.Fprintf(c.Out, "\n%s\n", c.text("cli.ask.unsupported", sanitize(sentence, false)))
	}
}
