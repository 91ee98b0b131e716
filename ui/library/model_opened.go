package library

import (
	"context"
	"fmt"
	"log/slog"
	"strings"

	"kakoi/app"
	"kakoi/app/amount"
	"kakoi/core"
)

// baseDPI is what a page is drawn at first.
const baseDPI = 110

// maxDPI bounds what a person can zoom into.
const maxDPI = 300

// opened is the document that is shown as pages, with its passages outlined.
type opened struct {
	m          *model
	doc        core.Document
	collection string
	page       int
	marks      []app.Span
	dpi        int
	view       *app.PageView // nil while the first page is on its way
	relatives  []app.Relative
	turn       int // counts what was asked for: late answers are dropped
}

// is says whether a document is open.
func (o *opened) is() bool { return o.doc.ID != "" }

// open shows a document from its first page.
func (o *opened) open(doc core.Document, page int, marks ...app.Span) {
	if doc.State == core.DocumentFailed && doc.Chunks == 0 {
		return // there is nothing to see but the reason, which is below the table
	}
	o.doc, o.collection, o.page, o.marks, o.dpi, o.view = doc, o.m.list.collection, max(1, page), marks, baseDPI, nil
	o.relatives = nil
	o.m.part = partDocuments
	o.m.tell(changedPart)
	o.load()
	o.look()
}

// close goes back to the table.
func (o *opened) close() {
	if !o.is() {
		return
	}
	o.doc, o.view = core.Document{}, nil
	o.turn++
	o.m.tell(changedPart)
}

// goBy turns pages.
func (o *opened) goBy(by int) {
	if next := o.page + by; o.is() && next >= 1 && (o.view == nil || next <= o.view.Pages) {
		o.page, o.marks = next, nil
		o.load()
	}
}

// finer draws the page so many times larger.
func (o *opened) finer(times float32) {
	if dpi := min(maxDPI, int(float32(o.dpi)*times)); dpi > o.dpi {
		o.dpi = dpi
		o.load()
	}
}

func (o *opened) load() {
	m := o.m
	o.turn++
	turn := o.turn
	q := app.PageQuery{Collection: o.collection, Document: o.doc.ID, Page: o.page, DPI: o.dpi, Marks: o.marks, Outline: true}
	m.Go(func(ctx context.Context) {
		v, err := m.pages.View(ctx, q)
		m.Post(func() {
			switch {
			case turn != o.turn:
			case err != nil:
				o.close()
				m.ShowError(err)
			default:
				o.view = &v
				m.tell(changedOpened)
			}
		})
	})
}

// look finds the copies and versions of the open document.
func (o *opened) look() {
	m, id, collection := o.m, o.doc.ID, o.collection
	m.Go(func(ctx context.Context) {
		found, err := m.lib.Relatives(ctx, collection, id)
		if err != nil {
			slog.Warn("look for copies and versions", "document", id, "error", err)
			return
		}
		m.Post(func() {
			if o.doc.ID == id && len(found) > 0 {
				o.relatives = found
				m.tell(changedOpened)
			}
		})
	})
}

// kin says which documents are copies or versions of the open one, the nearest first.
func (o *opened) kin() string {
	const most = 5
	var lines []string
	for i, r := range o.relatives {
		if i == most {
			lines = append(lines, o.m.Text("alike.more", len(o.relatives)-most))
			break
		}
		lines = append(lines, r.Say(o.m.Text, r.Name))
	}
	return strings.Join(lines, "\n")
}

// fact is one line of what is known of a document.
type fact struct{ name, value string }

// facts are the data of the open document.
func (o *opened) facts() []fact {
	m, d := o.m, o.doc
	text := func(key, value string) fact { return fact{m.Text("documents.fact." + key), value} }
	out := []fact{
		text("path", d.Source), text("collection", o.collection), text("size", amount.Bytes(d.Size)),
		text("pages", m.Text("documents.fact.counts", d.Pages, d.Chunks)),
		text("added", d.Added.Local().Format("2006-01-02 15:04:05")), text("modified", d.Modified.Local().Format("2006-01-02 15:04:05")),
		text("embedder", d.Embedder), text("split", d.Split), text("sha", d.SHA256),
	}
	if len(o.relatives) > 0 {
		out = append([]fact{text("alike", o.kin())}, out...)
	}
	if d.Reason != "" {
		out = append(out, text("reason", d.Reason+" "+d.Hint))
	}
	return append(out, text("health", o.wellness()))
}

// position is "12 / 40".
func (o *opened) position() string {
	if o.view == nil {
		return ""
	}
	return fmt.Sprintf("%d / %d", o.view.Number, o.view.Pages)
}

// find opens a document by id, wherever in the library it is named from.
func (m *model) find(collection, id string, page, start, end int) {
	if collection != "" && collection != m.list.collection {
		m.SetCollection(collection)
	}
	wanted := m.Collection()
	m.Go(func(ctx context.Context) {
		docs, err := m.lib.List(ctx, wanted)
		m.Post(func() {
			if err != nil {
				m.ShowError(err)
				return
			}
			for _, d := range docs {
				if d.ID != id {
					continue
				}
				if wanted != "" {
					m.list.collection = wanted
				}
				m.list.cursor = id
				var marks []app.Span
				if end > start {
					marks = append(marks, app.Span{Start: start, End: end})
				}
				m.opened.open(d, page, marks...)
				return
			}
			m.ShowError(core.Explain(fmt.Errorf("open document %s: %w", id, core.ErrNotFound), "error.library.document", id))
		})
	})
}
