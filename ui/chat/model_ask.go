package chat

import (
	"context"
	"strings"
	"sync"
	"time"

	"kakoi/app"
	"kakoi/app/amount"
	"kakoi/app/record"
	"kakoi/core"
)

// tick is the shortest time between two updates of an answer that is being given.
const tick = 40 * time.Millisecond

// live is an answer that is being given.
type live struct {
	cancel       context.CancelFunc
	conversation string // "" until the question is stored
	turn         record.Turn
	started      bool
	first        int        // place of the first answer in Turn.Answers
	texts        []*growing // of the answers, in order
	passages     [][]core.Passage
	loading      core.Update
	loadBegan    time.Time
	stopping     bool
	from, to     int // its rows, of those that were last asked for

	mu        sync.Mutex
	events    []app.Event
	scheduled bool
	last      time.Time
}

// Answering says whether an answer is being given, in whichever conversation.
func (m *Model) Answering() bool { return m.live != nil }

// liveHere says whether it is in the shown one.
func (m *Model) liveHere() bool {
	return m.live != nil && m.live.started && m.live.conversation == m.open.ID
}

// Ask sends the draft: a new question, or an edited one beside the one it was made of.
func (m *Model) Ask() {
	if !m.CanAsk() {
		return
	}
	models, adapters := m.modes.ask()
	ask := app.AskTurn{
		Conversation: m.open.ID, Parent: m.leaf(), Question: strings.TrimSpace(m.draft),
		Collection: m.shell.Collection(), Models: models, Adapters: adapters,
	}
	if s := m.step(m.editing); s != nil {
		ask.Parent = s.Parent
	}
	m.draft, m.editing, m.before = "", "", ""
	m.begin(max(len(models), len(adapters)), func(ctx context.Context, hear func(app.Event)) (record.Turn, error) {
		return m.conversations.Ask(ctx, ask, hear)
	}, ask.Question)
}

// AskThis asks a question that was proposed.
func (m *Model) AskThis(question string) {
	m.draft = question
	m.Ask()
}

// Again has a turn answered once more, by the chosen models.
func (m *Model) Again(turn string) {
	if m.live != nil || m.open.ID == "" || m.modes.same() || m.modes.mixed() {
		return
	}
	id := m.open.ID
	models, adapters := m.modes.ask()
	m.begin(max(len(models), len(adapters)), func(ctx context.Context, hear func(app.Event)) (record.Turn, error) {
		return m.conversations.Again(ctx, id, turn, models, app.AskOptions{Adapters: adapters}, hear)
	}, "")
}

// AgainLast is Again for the last question.
func (m *Model) AgainLast() {
	if leaf := m.leaf(); leaf != "" {
		m.Again(leaf)
	}
}

// begin runs one asking, of so many at once. unsent goes back into the field when nothing was stored.
func (m *Model) begin(answers int, ask func(context.Context, func(app.Event)) (record.Turn, error), unsent string) {
	ctx, cancel := context.WithCancel(context.Background())
	l := &live{cancel: cancel}
	for range max(1, answers) {
		l.texts = append(l.texts, &growing{})
		l.passages = append(l.passages, nil)
	}
	m.live = l
	m.shell.Go(func(window context.Context) {
		defer context.AfterFunc(window, cancel)()
		turn, err := ask(ctx, func(e app.Event) { m.hear(l, e) })
		cancel()
		m.shell.Post(func() { m.ended(l, turn, err, unsent) })
	})
	m.tell(changedInput | changedRows)
}

// Stop ends the answer that is being given; what came of it stays.
func (m *Model) Stop() {
	if m.live != nil {
		m.live.stopping = true
		m.live.cancel()
		m.tell(changedInput)
	}
}

// hear collects events, from the goroutine that asks, and has them taken at most once a tick.
func (m *Model) hear(l *live, e app.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.events = append(l.events, e)
	if l.scheduled {
		return
	}
	l.scheduled = true
	take := func() { m.shell.Post(func() { m.drain(l) }) }
	if wait := tick - time.Since(l.last); wait > 0 {
		time.AfterFunc(wait, take)
		return
	}
	take()
}

// drain takes what was heard since the last time.
func (m *Model) drain(l *live) {
	l.mu.Lock()
	events := l.events
	l.events, l.scheduled, l.last = nil, false, time.Now()
	l.mu.Unlock()
	if m.live != l {
		return
	}
	var what change
	for _, e := range events {
		what |= m.heard(l, e)
	}
	if what != 0 {
		m.tell(what)
	}
}

func (m *Model) heard(l *live, e app.Event) change {
	switch e := e.(type) {
	case app.TurnStarted:
		fresh := l.conversation == "" && m.open.ID == "" || m.open.ID == e.Conversation.ID
		l.conversation, l.turn, l.first, l.started = e.Conversation.ID, e.Turn, e.First, true
		if !fresh {
			return changedList
		}
		m.open.Conversation = e.Conversation
		m.liveStep()
		m.sources.clear(e.Turn.ID)
		return changedRows | changedOpened | changedTitle | changedSources | changedInput
	case app.PassagesFound:
		if i := e.Given - l.first; i >= 0 && i < len(l.passages) {
			l.passages[i] = e.Passages
			l.loading = core.Update{}
			m.followSources()
		}
		return changedLive | changedSources
	case app.Loading:
		if l.loading.Stage != e.Update.Stage {
			l.loadBegan = m.now()
		}
		l.loading = e.Update
		return changedLive
	case app.Delta:
		if i := e.Given - l.first; i >= 0 && i < len(l.texts) {
			l.texts[i].add(e.Text)
		}
		l.loading = core.Update{}
		return changedLive
	case app.Answered:
		if i := e.Given - l.first; i >= 0 && i < len(l.texts) {
			l.texts[i].done = &e.Answer
		}
		return changedRows
	}
	return 0
}

// liveStep puts the turn that is being answered at the end of its branch.
func (m *Model) liveStep() {
	t := m.live.turn
	for i := range m.open.Path {
		if m.open.Path[i].ID == t.ID { // asked again
			return
		}
	}
	keep := 0
	for i := range m.open.Path {
		if m.open.Path[i].ID == t.Parent {
			keep = i + 1
		}
	}
	step := app.Step{Turn: t}
	for _, other := range m.open.All {
		if other.Parent == t.Parent {
			step.Siblings = append(step.Siblings, other.ID)
		}
	}
	step.Siblings = append(step.Siblings, t.ID)
	step.Branch = len(step.Siblings)
	m.open.Path = append(m.open.Path[:keep:keep], step)
	m.open.All = append(m.open.All[:len(m.open.All):len(m.open.All)], t)
}

// ended takes the turn as it is stored.
func (m *Model) ended(l *live, turn record.Turn, err error, unsent string) {
	m.drain(l)
	if m.live != l {
		return
	}
	here := m.liveHere()
	m.live = nil
	if !l.started { // nothing was stored: the question goes back
		if m.draft == "" {
			m.draft = unsent
		}
		m.shell.ShowError(err)
		m.tell(changedInput | changedRows)
		return
	}
	if here && turn.ID != "" {
		if s := m.step(turn.ID); s != nil {
			s.Turn = turn
		}
		for i := range m.open.All {
			if m.open.All[i].ID == turn.ID {
				m.open.All[i] = turn
			}
		}
		delete(m.cache, turn.ID)
		m.followSources()
	}
	if err != nil && len(turn.Answers) <= l.first { // it could not even be noted at the turn
		m.shell.ShowError(err)
	}
	m.tell(changedInput | changedRows | changedSources | changedList)
	m.Refresh()
}

// Progress is what stands in place of an answer that has not begun, and how far it is; -1 when that is not known.
func (m *Model) Progress() (text string, share float64) {
	l := m.live
	switch {
	case l == nil:
		return "", 0
	case l.stopping:
		return m.shell.Text("chat.stopping"), -1
	case l.loading.Stage != "":
		text = m.shell.Text("stage." + l.loading.Stage)
		u := l.loading
		if u.Total <= 0 || u.Done < 0 {
			return text + "…", -1
		}
		share = min(1, float64(u.Done)/float64(u.Total))
		spent := m.now().Sub(l.loadBegan)
		if share > 0.05 && share < 1 && spent > time.Second {
			left := time.Duration(float64(spent) * (1 - share) / share)
			return m.shell.Text("chat.progress.left", text, int(share*100), amount.Clock(left)), share
		}
		return m.shell.Text("chat.progress", text, int(share*100)), share
	}
	for i, t := range l.texts {
		if t.done == nil {
			if l.passages[i] != nil {
				return m.shell.Text("stage.prefill") + "…", -1
			}
			break
		}
	}
	return m.shell.Text("stage.search") + "…", -1
}
