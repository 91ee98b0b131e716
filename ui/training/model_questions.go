package training

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"kakoi/app"
	"kakoi/app/job"
	"kakoi/app/record"
	"kakoi/core"
	"kakoi/core/dataset"
	"kakoi/resources"
	"kakoi/ui/place"
	"kakoi/ui/widget"
)

// source is where questions come from.
type source string

const (
	fromDocuments   source = "build"
	fromCorrections source = "corrections"
	fromFile        source = "import"
)

// plan is what the datasets are asked for.
func (m *model) plan() app.DatasetPlan {
	p := m.build
	p.Collection = m.host.Collection()
	return p
}

// make makes questions from documents or corrections.
func (m *model) make(from source) {
	p := m.plan()
	var made record.Dataset
	m.begin(string(from), func(ctx context.Context, listen func(job.State)) (err error) {
		opt := app.DatasetOptions{Listen: listen}
		if from == fromCorrections {
			made, err = m.datasets.Corrections(ctx, p, opt)
		} else {
			made, err = m.datasets.Build(ctx, p, opt)
		}
		return err
	}, func(err error) { m.made(made, err) })
}

// made takes new questions.
func (m *model) made(d record.Dataset, err error) {
	if err != nil {
		m.click = false
		m.host.ShowError(err)
		return
	}
	m.sets = append([]record.Dataset{d}, slices.DeleteFunc(m.sets, func(o record.Dataset) bool { return o.ID == d.ID })...)
	m.choose(d.ID)
	m.goOn()
}

// preview reads the beginning of a file.
func (m *model) preview(path string, columns dataset.Columns, then func(dataset.Table, error)) {
	m.host.Go(func(ctx context.Context) {
		t, err := m.datasets.Preview(ctx, path, app.ImportPlan{DatasetPlan: m.plan(), Columns: columns})
		m.host.Post(func() { then(t, err) })
	})
}

// bring makes questions from a file.
func (m *model) bring(path string, columns dataset.Columns) {
	p := m.plan()
	p.Name = strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))
	var made record.Dataset
	m.begin(string(fromFile), func(ctx context.Context, listen func(job.State)) (err error) {
		made, err = m.datasets.Import(ctx, path, app.ImportPlan{DatasetPlan: p, Columns: columns}, app.DatasetOptions{Listen: listen})
		return err
	}, func(err error) { m.made(made, err) })
}

// remove asks, then erases the chosen dataset.
func (m *model) remove() {
	d, ok := m.dataset()
	if !ok || m.work != nil {
		return
	}
	m.host.Confirm(widget.Question{
		Title: m.text("training.remove.title", d.Name), Text: m.text("training.remove.text", d.Counts.Rows), Yes: m.text("training.remove.yes"), Danger: true,
		Then: func() {
			m.host.Go(func(ctx context.Context) {
				err := m.datasets.Remove(ctx, d.ID)
				m.host.Post(func() {
					if err != nil {
						m.host.ShowError(err)
						return
					}
					m.set = ""
					m.refresh()
				})
			})
		},
	})
}

// export writes the chosen dataset to a file; what kind is said by its name.
func (m *model) export(path string) {
	d, ok := m.dataset()
	if !ok {
		return
	}
	form := "rows"
	if strings.Contains(filepath.Base(path), "recipe") {
		form = "recipe"
	}
	kind := ".jsonl"
	if strings.EqualFold(filepath.Ext(path), ".csv") {
		kind = ".csv"
	}
	m.host.Go(func(ctx context.Context) {
		n, err := m.datasets.Export(ctx, d.ID, path, form+kind)
		m.host.Post(func() {
			if err != nil {
				m.host.ShowError(err)
				return
			}
			m.host.Toast(m.text("training.exported", n))
		})
	})
}

// line is a sentence about something, with its weight.
type line struct {
	text string
	kind lineKind
}

type lineKind int

const (
	linePlain lineKind = iota
	lineQuiet
	lineWarn
	lineBad
	lineGood
)

// about is what is told of a dataset: how many rows, how they are parted, what was left out, and what a person should look at.
func (m *model) about(d record.Dataset) []line {
	c := d.Counts
	used := c.Train + c.Held
	counts := m.text("training.counts", used, c.Train, c.Held)
	if used > 0 {
		counts += "   " + m.text("training.counts.refusals", c.Refusals, 100*float64(c.Refusals)/float64(used))
	}
	lines := []line{{counts, linePlain}}
	held := 0
	for _, doc := range d.Documents {
		if doc.Held {
			held++
		}
	}
	if len(d.Documents) > 0 {
		lines = append(lines, line{m.text("training.counts.documents", len(d.Documents), held), lineQuiet})
	}
	var left []string
	n := 0
	for _, l := range d.Left {
		n += l.N
		left = append(left, m.text("training.left.one", m.text("dataset.left."+l.Reason), l.N))
	}
	if n > 0 {
		lines = append(lines, line{m.text("training.left", n, strings.Join(left, m.text("training.comma"))), lineQuiet})
	}
	if c.Dropped > 0 {
		lines = append(lines, line{m.text("training.counts.dropped", c.Dropped), lineQuiet})
	}
	for _, w := range d.Warnings {
		lines = append(lines, line{m.warning(w), lineWarn})
	}
	if d.ProblemCount > 0 {
		lines = append(lines, line{m.text("training.problems", d.ProblemCount), lineWarn})
	}
	return lines
}

// warning is the text of a key with its hint.
func (m *model) warning(key string) string {
	text := m.text(key)
	if hint, ok := resources.Text(m.host.Lang(), key+".hint"); ok {
		text += m.space() + hint
	}
	return text
}

// problems lists what an import could not take, line by line.
func (m *model) problems(d record.Dataset) string {
	var out []string
	for _, p := range d.Problems {
		out = append(out, m.text("training.problem.line", p.Line, m.text(p.Key, p.Values()...)))
	}
	if rest := d.ProblemCount - len(d.Problems); rest > 0 {
		out = append(out, m.text("training.problem.rest", rest))
	}
	return strings.Join(out, "\n")
}

// space parts one sentence from the next: Japanese needs none.
func (m *model) space() string {
	if m.host.Lang() == "ja" {
		return ""
	}
	return " "
}

// openSource shows the page that a row was made of.
func (m *model) openSource(s *core.RowSource, collection string) {
	if s != nil {
		m.host.Navigate(place.Document{Collection: collection, ID: s.Document, Page: s.Page, Start: s.Start, End: s.End})
	}
}

// where names the page of a source.
func (m *model) where(s *core.RowSource) string {
	switch {
	case s == nil:
		return ""
	case s.Page > 0:
		return m.text("training.source.page", s.Name, s.Page)
	}
	return s.Name
}

// sentence is an error with its hint.
func (m *model) sentence(err error) string {
	if err == nil || errors.Is(err, context.Canceled) {
		return ""
	}
	text, hint := resources.ErrorText(m.host.Lang(), err)
	if hint == "" {
		return text
	}
	return text + m.space() + hint
}

// named are the datasets to choose from: names that are there twice are told apart by their time.
func (m *model) named() []string {
	out := make([]string, len(m.sets))
	for i, d := range m.sets {
		out[i] = m.text("training.dataset.name", d.Name, d.Counts.Train+d.Counts.Held, d.Created.Local().Format("2006-01-02 15:04"))
		if slices.Contains(out[:i], out[i]) { // a chooser knows its lines by their texts
			out[i] += fmt.Sprintf(" (%d)", i)
		}
	}
	return out
}
