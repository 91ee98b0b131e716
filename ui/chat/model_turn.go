package chat

import (
	"context"

	"kakoi/app/record"
	"kakoi/resources"
	"kakoi/ui/place"

	"kakoi/app"
)

// Edit puts a question into the field; Ask then makes a branch of it.
func (m *Model) Edit(turn string) {
	s := m.step(turn)
	if s == nil || m.live != nil {
		return
	}
	if m.editing == "" {
		m.before = m.draft
	}
	m.editing, m.draft = turn, s.Question
	m.tell(changedInput)
}

// EditLast is Edit for the last question.
func (m *Model) EditLast() { m.Edit(m.leaf()) }

// Editing says whether a question is being edited.
func (m *Model) Editing() bool { return m.editing != "" }

// CancelEdit gives the field back what it held before.
func (m *Model) CancelEdit() {
	if m.editing != "" {
		m.editing, m.draft, m.before = "", m.before, ""
		m.tell(changedInput)
	}
}

// Branch shows the branch before (-1) or after (+1) at a turn.
func (m *Model) Branch(turn string, by int) {
	s := m.step(turn)
	if s == nil || m.live != nil {
		return
	}
	to := s.Branch - 1 + by
	if to < 0 || to >= len(s.Siblings) {
		return
	}
	m.Open(m.open.ID, s.Siblings[to])
}

// SwitchAnswer shows the answer before (-1) or after (+1) of a turn.
func (m *Model) SwitchAnswer(turn string, by int) {
	s := m.step(turn)
	if s == nil || m.live != nil {
		return
	}
	// Answers that were given together are one step.
	var firsts []int
	for i, g := range s.Answers {
		if i == 0 || g.Group == "" || g.Group != s.Answers[i-1].Group {
			firsts = append(firsts, i)
		}
	}
	number, _ := shownGroup(s.Turn)
	to := number - 1 + by
	if to < 0 || to >= len(firsts) {
		return
	}
	s.Shown = firsts[to]
	for i := range m.open.All {
		if m.open.All[i].ID == turn {
			m.open.All[i].Shown = s.Shown
		}
	}
	delete(m.cache, turn)
	m.sources.clear("")
	m.followSources()
	m.tell(changedRows | changedSources)
	id, shown := m.open.ID, s.Shown
	m.work(func(ctx context.Context) error { return m.conversations.ShowAnswer(ctx, id, turn, shown) })
}

// given finds an answer of the shown branch.
func (m *Model) givenOf(turn, given string) (*app.Step, record.Given, bool) {
	s := m.step(turn)
	if s == nil {
		return nil, record.Given{}, false
	}
	if given == "" {
		g, ok := s.Answer()
		return s, g, ok
	}
	g, _, ok := s.Given(given)
	return s, g, ok
}

// Judge marks an answer; the same verdict again takes it back.
func (m *Model) Judge(turn, given string, v record.Verdict) {
	s, g, ok := m.givenOf(turn, given)
	if !ok {
		return
	}
	if g.Verdict == v {
		v = record.Unjudged
	}
	m.setVerdict(s, given, v)
	id := m.open.ID
	m.work(func(ctx context.Context) error { return m.conversations.Judge(ctx, id, turn, given, v) })
}

// setVerdict shows a verdict before it is stored.
func (m *Model) setVerdict(s *app.Step, given string, v record.Verdict) {
	for i := range s.Answers {
		if s.Answers[i].ID == given {
			s.Answers[i].Verdict = v
		}
	}
	delete(m.cache, s.ID)
	m.tell(changedRows)
}

// Copy puts an answer on the clipboard, with its sources or without.
func (m *Model) Copy(turn, given string, sources bool) {
	_, g, ok := m.givenOf(turn, given)
	if !ok {
		return
	}
	text := g.Answer.Text
	if sources {
		text = m.WithSources(turn, g.ID)
	}
	m.shell.Clipboard(text)
	m.shell.Toast(m.shell.Text("chat.copied"))
}

// CopyLast copies the answer that the panel is about.
func (m *Model) CopyLast() {
	turn := m.sources.turn
	if turn == "" {
		turn = m.leaf()
	}
	m.Copy(turn, m.sources.given, false)
}

// Empty says what an empty transcript shows.
type Empty struct {
	Title, Text string
	Questions   []string // to ask
	Documents   bool     // a button to the documents
	Samples     bool     // a button that adds the sample collection
}

// maxSuggested is how many questions are proposed.
const maxSuggested = 4

// Empty is what to do next; false while there is a transcript.
func (m *Model) Empty() (Empty, bool) {
	if len(m.open.Path) > 0 || m.live != nil {
		return Empty{}, false
	}
	if !m.known {
		return Empty{Title: m.shell.Text("chat.empty.reading")}, true
	}
	var ready, pending int
	samples := false
	wanted := m.shell.Collection()
	for _, c := range m.status.Collections {
		if wanted != "" && c.Name != wanted {
			continue
		}
		ready += c.Documents
		pending += c.Pending
		samples = samples || c.Name == app.SampleCollection && c.Documents > 0
	}
	switch {
	case ready == 0 && (pending > 0 || len(m.status.Unfinished) > 0):
		return Empty{Title: m.shell.Text("chat.empty.pending"), Text: m.shell.Text("chat.empty.pending.text"), Documents: true}, true
	case ready == 0:
		return Empty{Title: m.shell.Text("chat.empty.none"), Text: m.shell.Text("chat.empty.none.text"), Documents: true, Samples: true}, true
	case samples:
		return Empty{Title: m.shell.Text("chat.empty.ask"), Text: m.shell.Text("chat.empty.samples"), Questions: m.suggested()}, true
	}
	return Empty{Title: m.shell.Text("chat.empty.ask"), Text: m.shell.Text("chat.empty.ask.text")}, true
}

// suggested are questions about the samples, those in the window's language first.
func (m *Model) suggested() []string {
	all, err := resources.Questions()
	if err != nil {
		return nil // a test of resources keeps them readable
	}
	var out []string
	for _, own := range []bool{true, false} {
		for _, q := range all {
			if q.Document != "" && (q.Lang == m.shell.Lang()) == own && len(out) < maxSuggested {
				out = append(out, q.Text)
			}
		}
	}
	return out
}

// GoDocuments shows the documents.
func (m *Model) GoDocuments() { m.shell.Navigate(place.Documents) }
