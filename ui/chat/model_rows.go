package chat

import (
	"cmp"
	"fmt"
	"strings"

	"kakoi/app"
	"kakoi/app/record"
	"kakoi/core"
	"kakoi/resources"
	"kakoi/ui/place"
)

// RowKind says what a row of the transcript is.
type RowKind int

// Rows from top to bottom of a turn.
const (
	RowQuestion RowKind = iota // a stretch of the question; the last one has its buttons
	RowText                    // a stretch of the answer
	RowAbsent                  // "not in the documents", or "not ready yet", with the closest places
	RowFailure                 // what became of the answer instead
	RowProgress                // it has not begun
	RowFoot                    // what can be done with the answer
	RowPair                    // two rows side by side
	RowNotice                  // a calm remark
)

// Row is a row of the transcript. Key changes with everything that is shown of it, but for the row of an answer that grows.
type Row struct {
	Key    string
	Kind   RowKind
	Turn   string
	Given  string
	Pieces []Piece
	Text   string // below an answer: what its underlining means
	Hint   string
	Places []Place
	First  bool // of its kind in the turn
	Last   bool
	Live   bool
	Half   bool // beside another

	Branch, Branches int            // of a question
	Number, Numbers  int            // of an answer, when there are several to switch between
	Caption          string         // who answered
	Verdict          record.Verdict // of a foot
	Stopped          bool
	Pair             [2]*Row // of RowPair; nil: nothing on that side
}

// Place is somewhere in a document, as it is listed.
type Place struct {
	Title string
	Text  string
	At    place.Document
}

// Rows are the rows of the transcript.
func (m *Model) Rows() []Row {
	var out []Row
	if n := len(m.open.Damaged); n > 0 {
		out = append(out, Row{Key: fmt.Sprintf("damaged|%d", n), Kind: RowNotice, Text: m.shell.Text("chat.damaged", n)})
	}
	for i := range m.open.Path {
		s := &m.open.Path[i]
		if m.liveHere() && m.live.turn.ID == s.ID {
			out = append(out, m.question(s)...)
			m.live.from = len(out)
			out = append(out, m.liveRows()...)
			m.live.to = len(out)
			continue
		}
		now := fingerprint(s)
		cached, ok := m.cache[s.ID]
		if !ok || cached.print != now {
			cached = turnRows{now, append(m.question(s), m.answer(s)...)}
			m.cache[s.ID] = cached
		}
		out = append(out, cached.rows...)
	}
	return out
}

// turnRows are the rows of a turn as it was when they were made.
type turnRows struct {
	print string
	rows  []Row
}

// fingerprint changes with everything of a stored turn that can change and is shown.
func fingerprint(s *app.Step) string {
	b := make([]byte, 0, 64)
	b = fmt.Appendf(b, "%d %d %d", s.Shown, s.Branch, len(s.Siblings))
	for i := range s.Answers {
		b = append(append(append(b, ' '), s.Answers[i].ID...), s.Answers[i].Verdict...)
	}
	return string(b)
}

func (m *Model) question(s *app.Step) []Row {
	var out []Row
	rest := s.Question
	for i := 0; rest != "" || i == 0; i++ {
		n, _ := chunk(rest)
		out = append(out, Row{Kind: RowQuestion, Turn: s.ID, Pieces: []Piece{{Text: rest[:n]}}, First: i == 0})
		rest = rest[n:]
	}
	last := &out[len(out)-1]
	last.Last, last.Branch, last.Branches = true, s.Branch, len(s.Siblings)
	for i := range out {
		out[i].Key = fmt.Sprintf("q|%s|%d|%d/%d", s.ID, i, s.Branch, len(s.Siblings))
	}
	return out
}

// answer are the rows below a question: those of the shown answer, or of the two that were given together.
func (m *Model) answer(s *app.Step) []Row {
	g, ok := s.Answer()
	if !ok {
		return []Row{{Key: "e|" + s.ID, Kind: RowFailure, Turn: s.ID, Text: m.shell.Text("chat.unanswered"), Hint: m.shell.Text("chat.unanswered.hint")}}
	}
	number, numbers := shownGroup(s.Turn)
	together := groupOf(s.Turn, g)
	var sides [][]Row
	for _, one := range together {
		sides = append(sides, m.given(s, one, number, numbers))
	}
	if len(sides) == 1 {
		return sides[0]
	}
	return pairs(s.ID, sides[0], sides[1])
}

// groupOf are the answers that were given together with g, at most two.
func groupOf(t record.Turn, g record.Given) []record.Given {
	if g.Group == "" {
		return []record.Given{g}
	}
	var out []record.Given
	for _, other := range t.Answers {
		if other.Group == g.Group && len(out) < 2 {
			out = append(out, other)
		}
	}
	return out
}

// shownGroup counts the answers to switch between: those given together count once.
func shownGroup(t record.Turn) (number, numbers int) {
	for i, g := range t.Answers {
		if i == 0 || g.Group == "" || g.Group != t.Answers[i-1].Group {
			numbers++
		}
		if i == t.Shown {
			number = numbers
		}
	}
	return number, numbers
}

// given are the rows of one answer.
func (m *Model) given(s *app.Step, g record.Given, number, numbers int) []Row {
	var out []Row
	base := s.ID + "|" + g.ID
	a := g.Answer
	switch {
	case g.Failure != nil && a.Text == "":
	case a.Refused:
		out = append(out, m.absent(s, g, base))
	default:
		_, of := sourcesOf(s.Collection, a)
		unsure := map[string]bool{}
		for _, u := range a.Unsupported {
			unsure[u] = true
		}
		rest := a.Text
		for i := 0; rest != ""; i++ {
			n, _ := chunk(rest)
			out = append(out, Row{
				Key: fmt.Sprintf("t|%s|%d", base, i), Kind: RowText, Turn: s.ID, Given: g.ID, First: i == 0,
				Pieces: pieces(rest[:n], of, unsure),
			})
			rest = rest[n:]
		}
	}
	if g.Failure != nil {
		sentence, hint := resources.ErrorText(m.shell.Lang(), g.Failure.Err())
		out = append(out, Row{Key: "f|" + base, Kind: RowFailure, Turn: s.ID, Given: g.ID, Text: sentence, Hint: hint})
	}
	if g.Failure != nil && a.Text == "" && numbers < 2 {
		return out // there is nothing to be done with it but to ask again
	}
	legend := ""
	if len(a.Unsupported) > 0 && !a.Refused {
		legend = m.shell.Text("chat.unsure.legend")
	}
	return append(out, Row{
		Text: legend,
		Key:  fmt.Sprintf("b|%s|%s|%d/%d", base, g.Verdict, number, numbers), Kind: RowFoot, Turn: s.ID, Given: g.ID,
		Verdict: g.Verdict, Number: number, Numbers: numbers, Caption: m.caption(g), Stopped: g.Stopped, Last: true,
	})
}

// caption says who answered: "starter", with its adapter, and when compared with the hashes of what answered.
func (m *Model) caption(g record.Given) string {
	name := g.Model
	if name == "" {
		name = g.Answer.Model
	}
	if g.Adapter != "" {
		name += " + " + cmp.Or(g.AdapterName, shortHash(g.Adapter))
	}
	if r := g.Answer.Receipt; g.Group != "" && r != nil && r.ModelID != "" {
		name += " · " + shortHash(r.ModelID)
		if r.AdapterID != "" {
			name += " + " + shortHash(r.AdapterID)
		}
	}
	if g.Stopped {
		name = strings.TrimPrefix(name+" · "+m.shell.Text("chat.stopped"), " · ")
	}
	return name
}

func shortHash(id string) string {
	if len(id) > 8 {
		return id[:8]
	}
	return id
}

// absent tells "not in the documents" from "not ready yet".
func (m *Model) absent(s *app.Step, g record.Given, base string) Row {
	r := Row{Key: "n|" + base, Kind: RowAbsent, Turn: s.ID, Given: g.ID, Text: g.Answer.Text, First: true}
	if r.Text == "" {
		r.Text = m.shell.Text("chat.absent")
	}
	switch {
	case g.Pending > 0:
		r.Text, r.Hint = m.shell.Text("chat.pending"), m.shell.Text("chat.pending.hint", g.Pending)
	case len(g.Answer.Passages) > 0:
		r.Hint = m.shell.Text("chat.absent.closest")
	default:
		r.Hint = m.shell.Text("chat.absent.nothing")
	}
	r.Places = m.passages(s.Collection, g.Answer.Passages)
	return r
}

func (m *Model) passages(collection string, all []core.Passage) []Place {
	out := make([]Place, 0, len(all))
	for _, p := range all {
		out = append(out, Place{
			Title: m.place(p.Name, p.Page), Text: oneLine(p.Text, 90),
			At: place.Document{Collection: collection, ID: p.Document, Page: p.Page, Start: p.Start, End: p.End},
		})
	}
	return out
}

// LiveRows are the rows of the answer that is being given when they are the last ones: those from row from on.
func (m *Model) LiveRows(rows int) (from int, live []Row, ok bool) {
	if !m.liveHere() || m.live.to != rows {
		return 0, nil, false
	}
	live = m.liveRows()
	m.live.to = m.live.from + len(live)
	return m.live.from, live, true
}

// liveRows are those of the answers that are being given.
func (m *Model) liveRows() []Row {
	l := m.live
	var sides [][]Row
	step := m.step(l.turn.ID)
	waiting := true
	for i, g := range l.texts {
		if g.done != nil && step != nil {
			sides = append(sides, m.given(step, *g.done, 1, 1))
			continue
		}
		base := fmt.Sprintf("%s|live%d", l.turn.ID, i)
		var rows []Row
		for j, text := range append(g.whole[:len(g.whole):len(g.whole)], g.rest) {
			if text != "" {
				rows = append(rows, Row{Key: fmt.Sprintf("l|%s|%d", base, j), Kind: RowText, Turn: l.turn.ID, Pieces: []Piece{{Text: text}}, First: j == 0, Live: true})
			}
		}
		if len(rows) == 0 && waiting {
			rows = append(rows, Row{Key: "p|" + base, Kind: RowProgress, Turn: l.turn.ID, Live: true})
		}
		waiting = false
		sides = append(sides, rows)
	}
	if len(sides) == 1 {
		return sides[0]
	}
	return pairs(l.turn.ID, sides[0], sides[1])
}

// pairs puts the rows of two answers side by side.
func pairs(turn string, left, right []Row) []Row {
	var out []Row
	// The feet stand beside each other, below the longer answer.
	cut := func(rows []Row) (body []Row, foot *Row) {
		if n := len(rows); n > 0 && rows[n-1].Kind == RowFoot {
			return rows[:n-1], &rows[n-1]
		}
		return rows, nil
	}
	l, lf := cut(left)
	r, rf := cut(right)
	add := func(a, b *Row) {
		row := Row{Kind: RowPair, Turn: turn, Pair: [2]*Row{a, b}, Key: "2"}
		for _, one := range row.Pair {
			if one != nil {
				one.Half = true
				row.Key += "|" + one.Key
				row.Live = row.Live || one.Live
			}
		}
		out = append(out, row)
	}
	for i := range max(len(l), len(r)) {
		var a, b *Row
		if i < len(l) {
			a = &l[i]
		}
		if i < len(r) {
			b = &r[i]
		}
		add(a, b)
	}
	if lf != nil || rf != nil {
		add(lf, rf)
	}
	return out
}
