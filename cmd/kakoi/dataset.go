package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"kakoi/app"
	"kakoi/app/record"
	"kakoi/core"
	"kakoi/core/dataset"
	"kakoi/resources"
)

// datasetArgs as help shows them.
const datasetArgs = "build | import FILE | corrections | list | show [DATASET] | row ROW | keep|drop|open ROW... | edit ROW | export FILE | rename DATASET NAME | remove DATASET"

type datasetOptions struct {
	plan    app.DatasetPlan
	columns dataset.Columns
	preview bool

	dataset  string // of the rows
	search   string
	state    string
	held     bool
	refusals bool
	from, n  int

	question, answer string
	form             string
	yes              bool
}

func datasetFlags(fs *flag.FlagSet, c *call) {
	o := &datasetOptions{}
	fs.StringVar(&o.plan.Name, "name", "", "cli.flag.dataset_name")
	named(fs, &o.plan.Collection, "collection", "cli.flag.collection")
	fs.Func("elsewhere", "cli.flag.dataset_elsewhere", func(name string) error {
		o.plan.Elsewhere = append(o.plan.Elsewhere, name)
		return nil
	})
	fs.Float64Var(&o.plan.Share, "share", dataset.DefaultShare, "cli.flag.dataset_share")
	fs.Float64Var(&o.plan.Held, "held", dataset.DefaultHeld, "cli.flag.dataset_held")
	fs.IntVar(&o.plan.Rows, "rows", dataset.DefaultRows, "cli.flag.dataset_rows")
	fs.Uint64Var(&o.plan.Seed, "seed", 0, "cli.flag.dataset_seed")
	fs.BoolVar(&o.plan.NoModel, "no-model", false, "cli.flag.dataset_no_model")
	fs.BoolVar(&o.plan.NoCorrections, "no-corrections", false, "cli.flag.dataset_no_corrections")
	for _, column := range []struct {
		name string
		to   *string
	}{
		{"question-column", &o.columns.Question}, {"answer-column", &o.columns.Answer}, {"passages-column", &o.columns.Passages},
		{"refusal-column", &o.columns.Refusal}, {"inputs-column", &o.columns.Inputs}, {"labels-column", &o.columns.Labels},
	} {
		fs.StringVar(column.to, column.name, "", "cli.flag.dataset_"+strings.ReplaceAll(column.name, "-", "_"))
	}
	fs.BoolVar(&o.preview, "preview", false, "cli.flag.dataset_preview")
	named(fs, &o.dataset, "dataset", "cli.flag.dataset_of")
	fs.StringVar(&o.search, "search", "", "cli.flag.dataset_search")
	fs.StringVar(&o.state, "state", "", "cli.flag.dataset_state")
	fs.BoolVar(&o.held, "held-only", false, "cli.flag.dataset_held_only")
	fs.BoolVar(&o.refusals, "refusals-only", false, "cli.flag.dataset_refusals_only")
	fs.IntVar(&o.from, "from", 1, "cli.flag.dataset_from")
	fs.IntVar(&o.n, "n", 20, "cli.flag.dataset_n")
	fs.StringVar(&o.question, "question", "", "cli.flag.dataset_question")
	fs.StringVar(&o.answer, "answer", "", "cli.flag.dataset_answer")
	fs.StringVar(&o.form, "form", app.ExportRecipeJSON, "cli.flag.dataset_form")
	fs.BoolVar(&o.yes, "yes", false, "cli.flag.yes")
	c.options = o
}

// datasetVerb is a word behind `kakoi dataset`.
type datasetVerb = verb[*datasetOptions]

func datasetVerbs() map[string]datasetVerb {
	mark := func(s core.RowState) datasetVerb {
		return datasetVerb{1, -1, func(ctx context.Context, c *call, o *datasetOptions, args []string) error {
			return datasetMark(ctx, c, o, s, args)
		}}
	}
	return map[string]datasetVerb{
		"build":       {0, 0, datasetBuild},
		"import":      {1, 1, datasetImport},
		"corrections": {0, 0, datasetCorrections},
		"list":        {0, 0, datasetList},
		"show":        {0, 1, datasetShow},
		"row":         {1, 1, datasetRow},
		"keep":        mark(core.RowKept),
		"drop":        mark(core.RowDropped),
		"open":        mark(core.RowOpen),
		"edit":        {1, 1, datasetEdit},
		"export":      {1, 1, datasetExport},
		"rename":      {2, -1, datasetRename},
		"remove":      {1, 1, datasetRemove},
	}
}

func runDataset(ctx context.Context, c *call) error {
	o := c.options.(*datasetOptions)
	// A person's 0 means none; the plan's means the default.
	if o.plan.Share == 0 {
		o.plan.Share = -1
	}
	if o.plan.Held == 0 {
		o.plan.Held = -1
	}
	if len(c.args) == 0 {
		return datasetList(ctx, c, o, nil)
	}
	verb, err := verbOf(c, datasetVerbs())
	if err != nil {
		return err
	}
	return verb.run(ctx, c, o, c.args[1:])
}

func datasetBuild(ctx context.Context, c *call, o *datasetOptions, _ []string) error {
	if o.plan.Rows <= 0 {
		return core.Explain(fmt.Errorf("%d rows: %w", o.plan.Rows, core.ErrUsage), "error.dataset.rows", o.plan.Rows)
	}
	b := c.newBar()
	s, err := c.host.datasets.Build(ctx, o.plan, app.DatasetOptions{Listen: b.show})
	b.clear()
	if err != nil {
		return err
	}
	return c.made(s)
}

func datasetCorrections(ctx context.Context, c *call, o *datasetOptions, _ []string) error {
	b := c.newBar()
	s, err := c.host.datasets.Corrections(ctx, o.plan, app.DatasetOptions{Listen: b.show})
	b.clear()
	if err != nil {
		return err
	}
	return c.made(s)
}

func datasetImport(ctx context.Context, c *call, o *datasetOptions, args []string) error {
	plan := app.ImportPlan{DatasetPlan: o.plan, Columns: o.columns}
	path := c.path(args[0])
	if o.preview {
		t, err := c.host.datasets.Preview(ctx, path, plan)
		c.problems(t.Problems)
		if err != nil {
			return err
		}
		return c.previewed(t)
	}
	b := c.newBar()
	s, err := c.host.datasets.Import(ctx, path, plan, app.DatasetOptions{Listen: b.show})
	b.clear()
	if err != nil {
		// Of a file without a good line all lines are told.
		if t, terr := c.host.datasets.Preview(ctx, path, plan); terr != nil {
			c.problems(t.Problems)
		}
		return err
	}
	return c.made(s)
}

// previewed shows what a file would come to.
func (c *call) previewed(t dataset.Table) error {
	if c.json {
		return c.emit(t)
	}
	fmt.Fprintln(c.Out, c.text("cli.dataset.columns", sanitize(strings.Join(t.Names, ", "), false)))
	for _, r := range t.Records {
		question, answer := r.Question, r.Answer
		if t.Given() {
			question, answer = r.Inputs, r.Labels
		}
		fmt.Fprintf(c.Out, "%4d  %s\n      -> %s\n", r.Line, sanitize(shortLine(question), false), sanitize(shortLine(answer), false))
	}
	return nil
}

// shortLine is the end of a text on one line: of a prompt that is the question.
func shortLine(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if rs := []rune(s); len(rs) > 100 {
		return "…" + string(rs[len(rs)-100:])
	}
	return s
}

// problems tells what is wrong with a file's lines, on standard error; with --json they are in the answer.
func (c *call) problems(all []dataset.Problem) {
	if c.json || c.quiet {
		return
	}
	for _, p := range all {
		fmt.Fprintln(c.Err, c.text("cli.dataset.line", p.Line, sanitize(c.text(p.Key, p.Args...), false)))
	}
}

// made tells of a new dataset.
func (c *call) made(s record.Dataset) error {
	if c.json {
		return c.emit(s)
	}
	if !c.quiet {
		for _, p := range s.Problems {
			fmt.Fprintln(c.Err, c.text("cli.dataset.line", p.Line, sanitize(c.text(p.Key, p.Values()...), false)))
		}
		if n := s.ProblemCount - len(s.Problems); n > 0 {
			fmt.Fprintln(c.Err, c.text("cli.dataset.more_lines", n))
		}
	}
	c.say("cli.dataset.made", sanitize(s.Name, false), s.ID)
	if !c.quiet {
		c.described(s)
	}
	return nil
}

// described prints what a dataset holds.
func (c *call) described(s record.Dataset) {
	fmt.Fprintln(c.Out, c.text("cli.dataset.counts", s.Counts.Rows, s.Counts.Train, s.Counts.Held, s.Counts.Refusals))
	for _, origin := range []core.RowOrigin{core.RowRule, core.RowModel, core.RowFile, core.RowCorrection, core.RowWithout, core.RowContrast, core.RowElsewhere} {
		if n := s.Counts.Origins[origin]; n > 0 {
			fmt.Fprintf(c.Out, "  %5d  %s\n", n, c.text("dataset.origin."+string(origin)))
		}
	}
	if len(s.Left) > 0 {
		fmt.Fprintln(c.Out, c.text("cli.dataset.left"))
		for _, l := range s.Left {
			fmt.Fprintf(c.Out, "  %5d  %s\n", l.N, c.text("dataset.left."+l.Reason))
		}
	}
	if s.ProblemCount > 0 {
		fmt.Fprintln(c.Out, c.text("cli.dataset.problems", s.ProblemCount))
	}
	var held []string
	for _, d := range s.Documents {
		if d.Held {
			held = append(held, d.Name)
		}
	}
	if len(held) > 0 {
		fmt.Fprintln(c.Out, c.text("cli.dataset.held", sanitize(strings.Join(held, ", "), false)))
	}
	for _, key := range s.Warnings {
		fmt.Fprintln(c.Out, resources.WithHint(c.text(key), c.text(key+".hint")))
	}
}

func datasetList(ctx context.Context, c *call, _ *datasetOptions, _ []string) error {
	all, damaged, err := c.host.datasets.List(ctx)
	if err != nil {
		return err
	}
	for _, s := range all {
		if c.json {
			if err := c.emit(s); err != nil {
				return err
			}
			continue
		}
		fmt.Fprintf(c.Out, "%s  %s  %s  %s\n", s.ID, s.Created.Local().Format("2006-01-02 15:04"), sanitize(s.Name, false), c.text("cli.dataset.short", s.Counts.Rows, s.Counts.Held, s.Counts.Refusals))
	}
	if len(all) == 0 && !c.json {
		c.say("cli.dataset.none")
	}
	for _, d := range damaged {
		fmt.Fprintln(c.Err, c.text("cli.dataset.damaged", d.ID))
	}
	return nil
}

// stateWord reads a row's state as a person writes it.
func stateWord(word string) (*core.RowState, error) {
	words := map[string]core.RowState{"open": core.RowOpen, "kept": core.RowKept, "dropped": core.RowDropped}
	if word == "" {
		return nil, nil
	}
	s, ok := words[word]
	if !ok {
		return nil, core.Explain(fmt.Errorf("state %q: %w", word, core.ErrUsage), "error.usage.value", "--state", word, "open, kept, dropped")
	}
	return &s, nil
}

func datasetShow(ctx context.Context, c *call, o *datasetOptions, args []string) error {
	which := o.dataset
	if len(args) > 0 {
		which = args[0]
	}
	state, err := stateWord(o.state)
	if err != nil {
		return err
	}
	s, err := c.host.datasets.Find(ctx, which)
	if err != nil {
		return err
	}
	f := app.RowFilter{Search: o.search, State: state}
	truth := true
	if o.held {
		f.Held = &truth
	}
	if o.refusals {
		f.Refusal = &truth
	}
	page, err := c.host.datasets.Page(ctx, s.ID, f, o.from-1, o.n)
	if err != nil {
		return err
	}
	if c.json {
		if err := c.emit(s); err != nil {
			return err
		}
		for _, r := range page.Rows {
			if err := c.emit(r); err != nil {
				return err
			}
		}
		return nil
	}
	fmt.Fprintln(c.Out, c.text("cli.dataset.head", sanitize(s.Name, false), s.ID, sanitize(s.Collection, false)))
	c.described(s)
	fmt.Fprintln(c.Out)
	for _, r := range page.Rows {
		c.listed(r)
	}
	if last := page.Offset + len(page.Rows); last < page.Total {
		fmt.Fprintln(c.Out, c.text("cli.dataset.page", page.Offset+1, last, page.Total))
	}
	return nil
}

// listed prints a row on two lines.
func (c *call) listed(r core.Row) {
	marks := c.text("dataset.origin." + string(r.Origin) + ".short")
	if r.Held {
		marks += ", " + c.text("dataset.held")
	}
	if r.State != core.RowOpen {
		marks += ", " + c.text("dataset.state."+string(r.State))
	}
	where := ""
	if r.Source != nil {
		where = fmt.Sprintf("  %s:%d", sanitize(r.Source.Name, false), r.Source.Page)
	}
	fmt.Fprintf(c.Out, "%s  %s\n    -> %s\n    %s%s\n", r.ID[:8], sanitize(shortLine(r.Question), false), sanitize(shortLine(r.Answer), false), marks, where)
}

// row finds a row of the dataset that --dataset names.
func (c *call) row(ctx context.Context, o *datasetOptions, which string) (record.Dataset, core.Row, error) {
	s, err := c.host.datasets.Find(ctx, o.dataset)
	if err != nil {
		return s, core.Row{}, err
	}
	r, err := c.host.datasets.Row(ctx, s.ID, which)
	return s, r, err
}

func datasetRow(ctx context.Context, c *call, o *datasetOptions, args []string) error {
	_, r, err := c.row(ctx, o, args[0])
	if err != nil {
		return err
	}
	if c.json {
		return c.emit(r)
	}
	c.listed(r)
	fmt.Fprintf(c.Out, "\n%s%s\n", sanitize(r.Inputs, true), sanitize(r.Labels, true))
	return nil
}

func datasetMark(ctx context.Context, c *call, o *datasetOptions, state core.RowState, rows []string) error {
	s, err := c.host.datasets.Find(ctx, o.dataset)
	if err != nil {
		return err
	}
	if err := c.host.datasets.SetState(ctx, s.ID, state, rows...); err != nil {
		return err
	}
	if s, err = c.host.datasets.Find(ctx, s.ID); err != nil {
		return err
	}
	if c.json {
		return c.emit(s)
	}
	c.say("cli.dataset.marked", s.Counts.Open, s.Counts.Kept, s.Counts.Dropped)
	return nil
}

func datasetEdit(ctx context.Context, c *call, o *datasetOptions, args []string) error {
	if o.question == "" && o.answer == "" {
		return core.Explain(fmt.Errorf("edit nothing: %w", core.ErrUsage), "error.dataset.edit")
	}
	s, err := c.host.datasets.Find(ctx, o.dataset)
	if err != nil {
		return err
	}
	r, err := c.host.datasets.Edit(ctx, s.ID, args[0], o.question, o.answer)
	if err != nil {
		return err
	}
	if c.json {
		return c.emit(r)
	}
	c.listed(r)
	return nil
}

func datasetExport(ctx context.Context, c *call, o *datasetOptions, args []string) error {
	if !slices.Contains(app.ExportForms, o.form) {
		return core.Explain(fmt.Errorf("form %q: %w", o.form, core.ErrUsage), "error.usage.value", "--form", o.form, strings.Join(app.ExportForms, ", "))
	}
	path := c.path(args[0])
	// The file's ending chooses between the two ways of writing, unless the form was named.
	if strings.EqualFold(filepath.Ext(path), ".csv") && o.form == app.ExportRecipeJSON {
		o.form = app.ExportRecipeCSV
	}
	s, err := c.host.datasets.Find(ctx, o.dataset)
	if err != nil {
		return err
	}
	if _, err := os.Stat(path); err == nil {
		if err := c.confirm(ctx, o.yes, "cli.chat.overwrite", sanitize(path, false)); err != nil {
			return err
		}
	}
	n, err := c.host.datasets.Export(ctx, s.ID, path, o.form)
	if err != nil {
		return err
	}
	if c.json {
		return c.emit(map[string]any{"exported": n, "path": path, "form": o.form, "dataset": s.ID})
	}
	c.say("cli.dataset.exported", n, sanitize(path, false))
	return nil
}

func datasetRename(ctx context.Context, c *call, _ *datasetOptions, args []string) error {
	s, err := c.host.datasets.Find(ctx, args[0])
	if err == nil {
		err = c.host.datasets.Rename(ctx, s.ID, strings.Join(args[1:], " "))
	}
	if err != nil {
		return err
	}
	if s, err = c.host.datasets.Find(ctx, s.ID); err != nil {
		return err
	}
	if c.json {
		return c.emit(s)
	}
	c.say("cli.dataset.renamed", sanitize(s.Name, false))
	return nil
}

func datasetRemove(ctx context.Context, c *call, o *datasetOptions, args []string) error {
	s, err := c.host.datasets.Find(ctx, args[0])
	if err != nil {
		return err
	}
	if err := c.confirm(ctx, o.yes, "cli.dataset.remove_ask", sanitize(s.Name, false), s.Counts.Rows); err != nil {
		return err
	}
	if err := c.host.datasets.Remove(ctx, s.ID); err != nil {
		return err
	}
	if c.json {
		return c.emit(map[string]any{"removed": s.ID, "name": s.Name})
	}
	c.say("cli.dataset.removed", sanitize(s.Name, false))
	return nil
}
