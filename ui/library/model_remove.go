package library

import (
	"context"
	"errors"
	"log/slog"
	"strings"

	"kakoi/app"
	"kakoi/core"
)

// remove asks, erases the open document or else those that are chosen in the table, and says what was checked.
func (m *model) remove() {
	docs, collection := m.list.chosen(), m.list.collection
	if m.opened.is() { // marks of the table are out of sight
		docs, collection = []core.Document{m.opened.doc}, m.opened.collection
	}
	if len(docs) == 0 {
		return
	}
	q := question{key: "documents.remove", args: []any{docs[0].Name, docs[0].Source}, danger: true}
	if len(docs) > 1 {
		q = question{key: "documents.remove.many", args: []any{len(docs)}, danger: true}
	}
	q.then = func() { m.erase(collection, docs) }
	ids := make([]string, len(docs))
	for i, d := range docs {
		ids[i] = d.ID
	}
	m.askKnowing(q, func(context.Context) ([]string, error) { return ids, nil })
}

// askKnowing asks what removes documents, and names what holds text of them elsewhere or learned from them, which stays, and the backups that lose
// it too.
func (m *model) askKnowing(q question, documents func(ctx context.Context) ([]string, error)) {
	if m.quotes == nil && m.backups == nil {
		m.ask(q)
		return
	}
	m.Go(func(ctx context.Context) {
		var found app.Quotes
		var kept app.BackupsStatus
		var undo bool
		var err error
		if m.quotes != nil {
			var ids []string
			if ids, err = documents(ctx); err == nil {
				found, err = m.quotes.Quoting(ctx, ids...)
			}
		}
		if m.backups != nil {
			var e error
			kept, e = m.backups.Status(ctx)
			err = errors.Join(err, e)
		}
		if m.repairs != nil {
			var e error
			_, undo, e = m.repairs.Undoable()
			err = errors.Join(err, e)
		}
		if err != nil {
			slog.Warn("what holds text of documents", "error", err)
		}
		m.Post(func() {
			q.more = m.staying(found) + m.backedUp(kept)
			if undo {
				q.more += "\n\n" + m.Text("documents.remove.undo")
			}
			m.ask(q)
		})
	})
}

// backedUp says what becomes of daily backups, in which a document that is removed is too; "" where there are none.
func (m *model) backedUp(st app.BackupsStatus) string {
	switch n := len(st.Kept); {
	case n == 0:
		return ""
	case !st.Inside:
		return "\n\n" + m.Text("documents.remove.backups.stay", n, st.Folder)
	case st.Daily:
		return "\n\n" + m.Text("documents.remove.backups.go", n) + " " + m.Text("documents.remove.backups.next")
	default:
		return "\n\n" + m.Text("documents.remove.backups.go", n)
	}
}

// staying says what a removal leaves elsewhere; "" for nothing.
func (m *model) staying(q app.Quotes) string {
	more := ""
	if len(q.Adapters) > 0 {
		names := make([]string, len(q.Adapters))
		for i, x := range q.Adapters {
			names[i] = x.Name
		}
		more = "\n\n" + m.Text("documents.remove.learned", strings.Join(names, ", "))
	}
	var parts []string
	for _, x := range []struct {
		key string
		n   int
	}{
		{"conversations", len(q.Conversations)}, {"corrections", len(q.Corrections)}, {"datasets", len(q.Datasets)}, {"runs", len(q.Runs)}, {"exams", len(q.Exams)},
	} {
		if x.n > 0 {
			parts = append(parts, m.Text("documents.remove.in."+x.key, x.n))
		}
	}
	if len(parts) > 0 {
		more += "\n\n" + m.Text("documents.remove.quoted", strings.Join(parts, ", "))
	}
	return more
}

func (m *model) erase(collection string, docs []core.Document) {
	m.opened.close()
	m.Go(func(ctx context.Context) {
		c, err := m.lib.Collection(ctx, collection)
		if err == nil { // before anything goes: no check of a linked folder falls in between
			err = m.links.LeaveOut(ctx, c.Name, docs...)
		}
		var sum app.Erasure
		n, passages := 0, 0
		for _, d := range docs {
			if err != nil {
				break
			}
			var e app.Erasure
			if e, err = m.lib.Erase(ctx, c, d); errors.Is(err, core.ErrNotFound) {
				err = nil // someone else was faster
				continue
			}
			if err == nil {
				n, passages = n+1, passages+d.Chunks
				sum.Before, sum.Pictures = sum.Before.Plus(e.Before), sum.Pictures+e.Pictures
			}
		}
		m.Post(func() {
			if err != nil {
				m.ShowError(err)
			}
			if n > 0 {
				m.list.marked = map[string]bool{}
				name := docs[0].Name
				if n == 1 {
					m.Toast(m.Text("documents.removed", name, m.checked(passages, sum)))
				} else {
					m.Toast(m.Text("documents.removed.many", n, m.checked(passages, sum)))
				}
			}
			m.reload()
		})
	})
}

// checked says what was looked for after a removal, and how many entries of the library there had been.
func (m *model) checked(passages int, e app.Erasure) string {
	return m.Text("documents.checked", passages, e.Before.Total()+e.Pictures)
}
