package chat

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"unicode"

	"kakoi/app"
	"kakoi/app/record"
	"kakoi/core"
	"kakoi/resources"
)

// Correction is the small editor that "wrong" opens. It belongs to the window's goroutine, like its Model.
type Correction struct {
	m     *Model
	turn  string
	given string

	Kind      record.CorrectionKind
	Answer    string
	Documents []core.Document // to choose from, by name
	Document  int             // in Documents; -1: none
	Page      int
	start     int // of what was selected, in characters of the page's text
	end       int // one past it; 0: the whole page
	dpi       int
	view      app.PageView
	asked     int
	changed   func()
}

// Correct opens the editor for an answer; changed is called when its page or its documents have come.
func (m *Model) Correct(turn, given string, changed func()) *Correction {
	s, g, ok := m.givenOf(turn, given)
	if !ok {
		return nil
	}
	c := &Correction{m: m, turn: turn, given: g.ID, Kind: record.CorrectAnswer, Document: -1, Page: 1, dpi: pageDPI, changed: changed}
	if g.Verdict != record.Wrong {
		m.Judge(turn, g.ID, record.Wrong)
	}
	first := ""
	if len(g.Answer.Passages) > 0 {
		first, c.Page = g.Answer.Passages[0].Document, g.Answer.Passages[0].Page
	}
	collection := s.Collection
	m.shell.Go(func(ctx context.Context) {
		docs, err := m.library.List(ctx, collection)
		m.shell.Post(func() {
			if err != nil {
				m.shell.ShowError(err)
				return
			}
			c.Documents = slices.DeleteFunc(docs, func(d core.Document) bool { return d.State == core.DocumentFailed })
			for i, d := range c.Documents {
				if d.ID == first {
					c.Document = i
				}
			}
			c.load()
			c.changed()
		})
	})
	return c
}

// SetKind says what the answer should have been.
func (c *Correction) SetKind(k record.CorrectionKind) {
	c.Kind = k
	c.changed()
}

// SetDocument chooses the document of the place.
func (c *Correction) SetDocument(i int) {
	if i != c.Document && i >= 0 && i < len(c.Documents) {
		c.Document, c.Page = i, 1
		c.leave()
		c.load()
	}
}

// Turn goes to another page of the document.
func (c *Correction) Turn(by int) {
	if page := c.Page + by; c.Document >= 0 && page >= 1 && page <= max(1, c.Documents[c.Document].Pages) {
		c.Page = page
		c.leave()
		c.load()
	}
}

// leave forgets the page that was shown: its text must not be saved under another one's number before that has come.
func (c *Correction) leave() { c.view, c.start, c.end = app.PageView{}, 0, 0 }

func (c *Correction) load() {
	if c.Document < 0 {
		return
	}
	c.asked++
	number := c.asked
	s := c.m.step(c.turn)
	if s == nil {
		return
	}
	q := app.PageQuery{Collection: s.Collection, Document: c.Documents[c.Document].ID, Page: c.Page, DPI: c.dpi}
	c.m.shell.Go(func(ctx context.Context) {
		view, err := c.m.pages.View(ctx, q)
		c.m.shell.Post(func() {
			if number != c.asked {
				return
			}
			if err != nil {
				c.m.shell.ShowError(err)
			}
			c.view = view
			c.changed()
		})
	})
}

// PageText is the text of the chosen page.
func (c *Correction) PageText() string { return c.view.Text }

// Select takes what was selected of the page's text, in characters; nothing is the whole page.
func (c *Correction) Select(start, end int) {
	text := []rune(c.view.Text)
	start, end = max(0, start), min(end, len(text))
	for start < end && unicode.IsSpace(text[start]) {
		start++
	}
	for end > start && unicode.IsSpace(text[end-1]) {
		end--
	}
	c.start, c.end = start, end
	if end <= start {
		c.start, c.end = 0, 0
	}
}

// Chosen is the selected text, in one line; "" for the whole page.
func (c *Correction) Chosen() string {
	if text := []rune(c.view.Text); c.end > 0 && c.end <= len(text) {
		return strings.Join(strings.Fields(string(text[c.start:c.end])), " ")
	}
	return ""
}

// Finer has the page drawn larger.
func (c *Correction) Finer(times float32) {
	if dpi := min(220, int(float32(c.dpi)*times+0.5)); dpi > c.dpi+20 {
		c.dpi = dpi
		c.load()
	}
}

// record is the correction as it is stored.
func (c *Correction) record() record.Correction {
	k := record.Correction{Conversation: c.m.open.ID, Turn: c.turn, Given: c.given, Kind: c.Kind}
	if s := c.m.step(c.turn); s != nil {
		k.Question, k.Collection = s.Question, s.Collection
	}
	switch c.Kind {
	case record.CorrectAnswer:
		k.Answer = strings.TrimSpace(c.Answer)
	case record.CorrectPlace:
		if c.Document < 0 {
			break
		}
		d := c.Documents[c.Document]
		p := &record.Place{Document: d.ID, Name: d.Name, Page: c.Page, Text: c.view.Text}
		if text := []rune(c.view.Text); c.end > 0 && c.end <= len(text) {
			p.Start, p.End, p.Text = c.start, c.end, string(text[c.start:c.end])
		}
		k.Place = p
	}
	return k
}

// Save stores the correction; saved is called when it is. Otherwise failed is given what a person reads: the editor stays open, over
// the window's notices.
func (c *Correction) Save(saved func(), failed func(text string)) {
	refused := func(err error) {
		failed(resources.ErrorLine(c.m.shell.Lang(), err))
	}
	k := c.record()
	if err := k.Validate(); err != nil {
		refused(err)
		return
	}
	c.m.shell.Go(func(ctx context.Context) {
		_, err := c.m.conversations.Correct(ctx, k)
		c.m.shell.Post(func() {
			if err != nil {
				slog.Error("shown", "error", err)
				refused(err)
				return
			}
			saved()
			c.m.shell.Toast(c.m.shell.Text("chat.corrected"))
			c.m.Refresh()
		})
	})
}
