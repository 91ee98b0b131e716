package chat

import (
	"context"

	"kakoi/app"
	"kakoi/app/record"
	"kakoi/core"
	"kakoi/ui/place"
)

// pageDPI is fine enough for a panel of the usual width.
const pageDPI = 110

// sources is the right panel: the places of one answer and the page of the chosen one.
type sources struct {
	turn   string
	given  string
	pinned bool // a person chose this answer; a later one does not take the panel
	chosen int  // in Cards; -1: none
	dpi    int

	want  app.PageQuery // the page that is shown or on its way
	view  app.PageView
	err   error
	ready bool
	asked int // counts the pages asked for: only the last one is taken
}

func (s *sources) clear(turn string) {
	*s = sources{turn: turn, chosen: -1, dpi: s.dpi, asked: s.asked + 1}
}

// Card is a place of the answer in the sources panel.
type Card struct {
	Number int // 1 and on for cited places, 0 for those that were only read
	Place
	Note   string // that it says the same as an earlier one; "": it does not
	Chosen bool
}

// Cards are the cited places, then those that the model read besides. For a refusal all are only the closest.
func (m *Model) Cards() []Card {
	var out []Card
	collection, a, ok := m.sourceAnswer()
	if !ok {
		return nil
	}
	list, _ := sourcesOf(collection, a)
	for i, s := range list {
		out = append(out, Card{Number: i + 1, Place: Place{Title: m.place(s.name, s.at.Page), Text: oneLine(s.text, 140), At: s.at}})
	}
	for _, p := range m.passages(collection, uncited(a)) {
		out = append(out, Card{Place: p})
	}
	for i := range out {
		out[i].Note = m.kinNote(out[i].At, out[:i])
	}
	if c := m.sources.chosen; c >= 0 && c < len(out) {
		out[c].Chosen = true
	}
	return out
}

// uncited are the passages that no citation lies in.
func uncited(a core.Answer) []core.Passage {
	var out []core.Passage
	for _, p := range a.Passages {
		inside := false
		for _, c := range a.Citations {
			inside = inside || c.ID == p.Document && c.Page == p.Page && c.Start < p.End && c.End > p.Start
		}
		if !inside {
			out = append(out, p)
		}
	}
	return out
}

// sourceAnswer is the answer that the panel is about.
func (m *Model) sourceAnswer() (collection string, a core.Answer, ok bool) {
	s := m.step(m.sources.turn)
	if s == nil {
		return "", a, false
	}
	if m.liveHere() && m.live.turn.ID == s.ID {
		for i, g := range m.live.texts {
			if g.done != nil {
				return s.Collection, g.done.Answer, true
			}
			if m.live.passages[i] != nil {
				return s.Collection, core.Answer{Passages: m.live.passages[i]}, true
			}
		}
		return "", a, false
	}
	g, ok := m.sourceGiven(s)
	return s.Collection, g.Answer, ok
}

func (m *Model) sourceGiven(s *app.Step) (record.Given, bool) {
	if g, _, ok := s.Given(m.sources.given); ok {
		return g, true
	}
	return s.Answer()
}

// followSources turns the panel to the last answer, unless a person turned it to another that is still shown.
func (m *Model) followSources() {
	if m.sources.pinned && m.step(m.sources.turn) != nil {
		return
	}
	leaf := m.leaf()
	s := m.step(leaf)
	if s == nil {
		m.sources.clear("")
		return
	}
	given := ""
	if g, ok := s.Answer(); ok && !(m.liveHere() && m.live.turn.ID == leaf) {
		given = g.ID
	}
	if m.sources.turn == leaf && m.sources.given == given && m.sources.chosen >= 0 {
		return
	}
	m.sources.clear(leaf)
	m.sources.given = given
	if len(m.Cards()) > 0 {
		m.choose(0)
	}
}

// OpenSource shows source n (from 1) of an answer; it is what a marker does.
func (m *Model) OpenSource(turn, given string, n int) {
	if m.sources.turn != turn || m.sources.given != given {
		m.sources.clear(turn)
		m.sources.given = given
	}
	m.sources.pinned = turn != m.leaf()
	for i, c := range m.Cards() {
		if c.Number == n {
			m.choose(i)
		}
	}
	m.tell(changedSources)
}

// OpenNumber shows source n of the answer that the panel is about.
func (m *Model) OpenNumber(n int) {
	for i, c := range m.Cards() {
		if c.Number == n || c.Number == 0 && i == n-1 {
			m.choose(i)
			m.tell(changedSources)
			return
		}
	}
}

// OpenPlace shows a place that is listed below a refusal.
func (m *Model) OpenPlace(turn, given string, at place.Document) {
	if m.sources.turn != turn || m.sources.given != given {
		m.sources.clear(turn)
		m.sources.given = given
	}
	for i, c := range m.Cards() {
		if c.At == at {
			m.choose(i)
			m.tell(changedSources)
			return
		}
	}
}

// Choose shows a card's page.
func (m *Model) Choose(card int) {
	m.sources.pinned = m.sources.turn != m.leaf()
	m.choose(card)
	m.tell(changedSources)
}

func (m *Model) choose(card int) {
	cards := m.Cards()
	if card < 0 || card >= len(cards) {
		return
	}
	m.sources.chosen = card
	m.loadPage(cards[card].At)
	m.seekKin(cards)
}

// Turn goes to the page before (-1) or after (+1).
func (m *Model) Turn(by int) {
	q := m.sources.want
	page := q.Page + by
	if q.Document == "" || page < 1 || m.sources.ready && page > m.sources.view.Pages {
		return
	}
	at := place.Document{Collection: q.Collection, ID: q.Document, Page: page}
	if cards := m.Cards(); m.sources.chosen >= 0 && m.sources.chosen < len(cards) && cards[m.sources.chosen].At.Page == page {
		at = cards[m.sources.chosen].At
	}
	m.loadPage(at)
	m.tell(changedSources)
}

// SetDPI says how fine the picture of a page has to be.
func (m *Model) SetDPI(dpi int) {
	if dpi = min(max(dpi, 72), 220); dpi > m.sources.dpi+20 {
		m.sources.dpi = dpi
		if q := m.sources.want; q.Document != "" {
			at := place.Document{Collection: q.Collection, ID: q.Document, Page: q.Page}
			if len(q.Marks) > 0 {
				at.Start, at.End = q.Marks[0].Start, q.Marks[0].End
			}
			m.loadPage(at)
		}
	}
}

func (m *Model) loadPage(at place.Document) {
	s := &m.sources
	q := app.PageQuery{Collection: at.Collection, Document: at.ID, Page: max(1, at.Page), DPI: s.dpi}
	if at.End > at.Start {
		q.Marks = []app.Span{{Start: at.Start, End: at.End}}
	}
	s.want, s.ready, s.err = q, false, nil
	s.asked++
	number := s.asked
	m.shell.Go(func(ctx context.Context) {
		view, err := m.pages.View(ctx, q)
		m.shell.Post(func() {
			if number != m.sources.asked {
				return
			}
			m.sources.view, m.sources.err, m.sources.ready = view, err, true
			m.tell(changedSources)
		})
	})
}

// Page is the page of the chosen place. While ready is false the one before may go on being shown.
func (m *Model) Page() (view app.PageView, ready bool, err error) {
	return m.sources.view, m.sources.ready, m.sources.err
}

// PageWanted is the place whose page is shown.
func (m *Model) PageWanted() (at place.Document, ok bool) {
	q := m.sources.want
	at = place.Document{Collection: q.Collection, ID: q.Document, Page: q.Page}
	if len(q.Marks) > 0 {
		at.Start, at.End = q.Marks[0].Start, q.Marks[0].End
	}
	return at, q.Document != ""
}

// OpenDocument goes to the shown page on the documents screen.
func (m *Model) OpenDocument() {
	if at, ok := m.PageWanted(); ok {
		m.shell.Navigate(at)
	}
}
