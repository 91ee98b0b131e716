package library

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"kakoi/app"
	"kakoi/app/amount"
	"kakoi/app/job"
	"kakoi/core"
	"kakoi/resources"
)

// unfinishedOCR is a text recognition that did not end and does not run.
type unfinishedOCR struct {
	entry job.Entry
	plan  app.OCRPlan
}

// finding is what was found of one kind in the documents.
type finding struct {
	kind    string // HealthEntry.Kind
	entries []app.HealthEntry
	pages   int // that they are about
	docs    int
}

// findingOrder is from what costs a reader most to what costs least.
var findingOrder = []string{
	string(core.FindingPicture), string(core.FindingGarbled), string(core.FindingBroken), string(core.FindingInside), string(core.FindingCut), string(core.FindingPartly),
	string(core.FindingEncoding), string(core.FindingNoOCR), string(core.FindingOCR), string(core.FindingMore), app.HealthOutdated,
}

// takeReport groups what needs attention by kind. Files that failed as a whole are in groups of their own (health.take).
func (h *health) takeReport(s snapshot) {
	h.report, h.reader, h.readerErr, h.findings = s.report, s.reader, s.readerErr, nil
	at := map[string]int{}
	for _, e := range s.report.Entries {
		if e.Kind == app.HealthFailed || e.Kind == string(core.FindingLocked) || !e.Attention() {
			continue
		}
		i, ok := at[e.Kind]
		if !ok {
			i = len(h.findings)
			at[e.Kind] = i
			h.findings = append(h.findings, finding{kind: e.Kind})
		}
		f := &h.findings[i]
		if n := len(f.entries); n == 0 || f.entries[n-1].Document.ID != e.Document.ID {
			f.docs++
		}
		f.entries = append(f.entries, e)
		f.pages += e.Finding.Pages()
	}
	slices.SortStableFunc(h.findings, func(a, b finding) int {
		return cmp.Compare(slices.Index(findingOrder, a.kind), slices.Index(findingOrder, b.kind))
	})
}

// title is the line above a kind of findings.
func (h *health) title(f finding) string {
	name := h.m.Text("documents.health.kind." + f.kind)
	if f.pages > 0 {
		return h.m.Text("documents.health.group.pages", name, f.pages, f.docs)
	}
	return h.m.Text("documents.health.group", name, len(f.entries), f.docs)
}

// offered is what the pages that are pictures can be read with: a title, a sentence, and whether there is a button.
func (h *health) offered() (title, text string, can bool) {
	m := h.m
	title = m.Text("documents.ocr.title", h.report.Unread)
	if h.readerErr != nil {
		sentence, hint := m.explain(h.readerErr)
		return title, resources.WithHint(sentence, hint), false
	}
	return title, m.Text("documents.ocr.text", len(h.report.UnreadIn), h.reader.Version, strings.Join(h.reader.Best(), ", ")), true
}

// recognise asks, and reads the pages of documents that are pictures.
func (h *health) recognise(docs []core.Document) {
	pages, ids := 0, make([]string, len(docs))
	for i, d := range docs {
		pages, ids[i] = pages+len(app.UnreadPages(d)), d.ID
	}
	plan := app.OCRPlan{Collection: h.report.Collection, Documents: ids, Languages: h.reader.Best()}
	h.m.ask(question{key: "documents.ocr.confirm", args: []any{pages, len(docs), strings.Join(plan.Languages, ", ")}, then: func() { h.m.adding.recognise(plan) }})
}

// recognise reads pages that are pictures, as a task beside the adds.
func (a *adding) recognise(plan app.OCRPlan) {
	m := a.m
	a.unreadOCR = nil // read anew when it has begun
	a.start(&task{ocr: true}, func(ctx context.Context, _ *task, opt app.AddOptions) (app.Summary, error) {
		s, err := m.lib.OCR(ctx, plan, app.OCROptions{Explain: opt.Explain, Listen: opt.Listen, Count: func(c app.OCRCount) {
			name := c.Name
			if c.Page > 0 {
				name = m.Text("documents.ocr.page", c.Name, c.Page)
			}
			opt.Count(app.AddCount{Files: c.Pages, Of: c.Of, Name: name})
		}})
		if err == nil || s.Cancelled {
			m.Post(func() { a.read = &s })
		}
		return app.Summary{Failed: s.Failed, Seconds: s.Seconds, Cancelled: s.Cancelled || err != nil}, err
	})
	if m.part == partHealth {
		m.tell(changedPart) // its buttons rest meanwhile
	}
}

// readSums is the sentence about a text recognition that has ended.
func (a *adding) readSums() string {
	s, m := a.read, a.m
	if s.Cancelled {
		return m.Text("documents.ocr.summary.paused", s.Pages)
	}
	return m.Text("documents.ocr.summary", s.Pages, s.Documents, s.Confidence, s.Nothing, amount.Clock(time.Duration(s.Seconds*float64(time.Second))))
}

// wellness is what is to be known of the open document and its pages.
func (o *opened) wellness() string {
	var lines []string
	for _, e := range app.EntriesOf(o.doc) {
		if e.Kind == app.HealthFailed {
			continue // a fact of its own
		}
		sentence, hint := e.Said(o.m.Text)
		lines = append(lines, resources.WithHint(sentence, hint))
	}
	if len(lines) == 0 {
		return o.m.Text("documents.fact.health.well")
	}
	return strings.Join(lines, "\n")
}
