package library

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"kakoi/app"
	"kakoi/app/amount"
	"kakoi/core"
	"kakoi/core/ocr"
)

// health is what is unwell in the collection, and what can be done.
type health struct {
	m       *model
	groups  []ailment
	pending []core.Document
	stale   int // documents of all collections
	chunks  int // of them

	locked []core.Document // that a password would open

	report    app.HealthReport
	findings  []finding
	reader    ocr.Reader // Tesseract, where there are pages that it could read
	readerErr error      // why there is none
}

// ailment is files that failed for one reason.
type ailment struct {
	reason, hint string
	docs         []core.Document
}

func (h *health) take(rows []row, stale []app.StaleDocument) {
	h.groups, h.pending, h.locked, h.stale, h.chunks = nil, nil, nil, len(stale), 0
	for _, s := range stale {
		h.chunks += s.Document.Chunks
	}
	at := map[string]int{}
	for _, r := range rows {
		d := r.doc
		if d.State == core.DocumentPending {
			h.pending = append(h.pending, d)
		}
		if d.State == core.DocumentFailed && slices.ContainsFunc(d.Findings, func(f core.Finding) bool { return f.What == core.FindingLocked }) {
			h.locked = append(h.locked, d)
			continue
		}
		if d.Reason == "" || d.State == core.DocumentFailed && len(app.UnreadPages(d)) > 0 { // those are offered to be read
			continue
		}
		// The same trouble with another file has another name in its sentence.
		key := strings.ReplaceAll(d.Reason, d.Name, "…") + "\x00" + d.Hint
		i, ok := at[key]
		if !ok {
			i = len(h.groups)
			at[key] = i
			h.groups = append(h.groups, ailment{reason: strings.ReplaceAll(d.Reason, d.Name, "…"), hint: d.Hint})
		}
		h.groups[i].docs = append(h.groups[i].docs, d)
	}
	for i, g := range h.groups {
		if len(g.docs) == 1 {
			h.groups[i].reason = g.docs[0].Reason
		}
	}
	slices.SortStableFunc(h.groups, func(a, b ailment) int { return cmp.Compare(len(b.docs), len(a.docs)) })
}

// well says that there is nothing to do.
func (h *health) well() bool {
	return len(h.groups) == 0 && len(h.pending) == 0 && h.stale == 0 && len(h.findings) == 0 && len(h.locked) == 0
}

// retry reads the files of an ailment again.
func (h *health) retry(docs []core.Document) {
	paths := make([]string, len(docs))
	for i, d := range docs {
		paths[i] = d.Source
	}
	h.m.adding.add(paths)
	h.m.show(partDocuments)
}

// unlock tries a password on the files that need one.
func (h *health) unlock(password string) {
	if password == "" {
		return
	}
	h.m.lib.Unlock(password)
	h.retry(h.locked)
}

// cost says what computing the vectors anew takes.
func (h *health) cost() string {
	if rate := h.m.adding.rate; rate > 0 {
		return h.m.Text("documents.stale.time", h.stale, h.chunks, amount.Clock(time.Duration(float64(h.chunks)/rate*float64(time.Second))))
	}
	return h.m.Text("documents.stale.text", h.stale, h.chunks)
}

// refresh asks with the cost, and computes the vectors anew.
func (h *health) refresh() {
	h.m.ask(question{key: "documents.refresh", args: []any{h.cost()}, then: func() {
		h.m.adding.refresh()
		h.m.show(partDocuments)
	}})
}

// search is the test of the searches.
type search struct {
	m      *model
	query  string
	typed  string // what stands in the field
	asked  string // what the results are of
	busy   bool
	result *app.Retrieval
	turn   int
}

// searchTop is how many hits each column shows.
const searchTop = 10

// run searches.
func (s *search) run(query string) {
	s.typed = query
	s.query = query
	if strings.TrimSpace(query) == "" {
		return
	}
	m := s.m
	s.turn++
	turn, collection := s.turn, m.list.collection
	s.busy = true
	m.tell(changedPart)
	m.Go(func(ctx context.Context) {
		r, err := m.lib.Retrieve(ctx, collection, query, searchTop)
		m.Post(func() {
			if turn != s.turn {
				return
			}
			s.busy = false
			if err != nil {
				m.ShowError(err)
			} else {
				s.result, s.asked = &r, query
			}
			m.tell(changedPart)
		})
	})
}

// hit is one line of a column.
type hit struct {
	rank        int
	place, text string
	score       string
	doc         string
	page        int
	start, end  int
}

// hitText is how much of a passage a column shows, in characters.
const hitText = 110

// columns are the hits by meaning, by words and fused.
func (s *search) columns() [3][]hit {
	var out [3][]hit
	if s.result == nil {
		return out
	}
	for i, hits := range [][]core.Hit{s.result.Dense, s.result.Lexical, s.result.Fused} {
		for k, h := range hits {
			c := h.Chunk
			one := hit{rank: k + 1, place: s.m.Text("documents.search.place", h.Name, c.Page), doc: c.Document, page: c.Page, start: c.Start, end: c.End}
			text := []rune(strings.Join(strings.Fields(c.Text), " "))
			one.text = string(text[:min(len(text), hitText)])
			if len(text) > hitText {
				one.text += "…"
			}
			switch i {
			case 0:
				one.score = fmt.Sprintf("%.3f", h.Dense)
			case 1:
				one.score = fmt.Sprintf("%.2f", h.Lexical)
			default:
				one.score = fmt.Sprintf("%.4f  (%s, %s)", h.Score, rank(h.DenseRank), rank(h.LexicalRank))
			}
			out[i] = append(out[i], one)
		}
	}
	return out
}

func rank(n int) string {
	if n == 0 {
		return "–"
	}
	return fmt.Sprint(n)
}
