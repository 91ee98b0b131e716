package chat

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"fyne.io/fyne/v2"

	"kakoi/app"
	"kakoi/app/record"
	"kakoi/core"
	"kakoi/resources"
	"kakoi/ui/widget"
)

// fakeShell runs what is posted on the goroutine of the test, as the window's loop would.
type fakeShell struct {
	t          testing.TB
	lang       string
	posts      chan func()
	running    int // pieces of work; of the test's goroutine
	ctx        context.Context
	window     fyne.Window
	collection string

	mu        sync.Mutex
	errors    []error
	toasts    []string
	clipboard string
	went      []any
	asked     []widget.Question
	saveTo    string
	picked    []string
}

func newFakeShell(t testing.TB, lang string) *fakeShell {
	ctx, cancel := context.WithCancel(context.Background())
	s := &fakeShell{t: t, lang: lang, posts: make(chan func(), 10_000), ctx: ctx}
	t.Cleanup(func() {
		cancel()
		s.settle()
	})
	return s
}

func (s *fakeShell) Text(key string, args ...any) string {
	return resources.Format(s.lang, key, args...)
}
func (s *fakeShell) Lang() string  { return s.lang }
func (s *fakeShell) Post(f func()) { s.posts <- f }
func (s *fakeShell) Go(work func(context.Context)) {
	s.running++
	go func() {
		work(s.ctx)
		s.posts <- func() { s.running-- }
	}()
}
func (s *fakeShell) Window() fyne.Window       { return s.window }
func (s *fakeShell) Collection() string        { return s.collection }
func (s *fakeShell) Navigate(where any)        { s.went = append(s.went, where) }
func (s *fakeShell) Clipboard(text string)     { s.clipboard = text }
func (s *fakeShell) Confirm(q widget.Question) { s.asked = append(s.asked, q) }
func (s *fakeShell) PickSave(name string, then func(string)) {
	then(s.saveTo + "/" + name)
}

func (s *fakeShell) PickFiles(then func([]string)) { then(s.picked) }

func (s *fakeShell) ShowError(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.errors = append(s.errors, err)
}

func (s *fakeShell) Toast(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.toasts = append(s.toasts, text)
}

// until runs what is posted until something holds.
func (s *fakeShell) until(what string, holds func() bool) {
	s.t.Helper()
	end := time.After(20 * time.Second)
	for !holds() {
		select {
		case f := <-s.posts:
			f()
		case <-end:
			s.t.Fatalf("never: %s", what)
		}
	}
}

// settle runs what is posted until nothing is under way.
func (s *fakeShell) settle() {
	s.t.Helper()
	s.until("work ends", func() bool { return s.running == 0 && len(s.posts) == 0 })
}

// fakeTalks keeps conversations in memory and answers as it is told.
type fakeTalks struct {
	mu      sync.Mutex
	heads   []record.Conversation
	turns   map[string][]record.Turn // by conversation, in the order asked
	answer  func(ctx context.Context, model, question string, hear func(app.Event), place int) (record.Given, error)
	calls   []string
	asks    []app.AskTurn
	kept    []record.Correction
	full    bool // the disk is: no correction is kept
	deleted []string
	found   []app.FoundTurn
	now     time.Time
	next    int
}

func newFakeTalks(now time.Time) *fakeTalks {
	return &fakeTalks{turns: map[string][]record.Turn{}, now: now, answer: plainAnswer}
}

// plainAnswer answers at once.
func plainAnswer(_ context.Context, model, question string, hear func(app.Event), place int) (record.Given, error) {
	text := "入社から6か月後に10日付与されます。"
	hear(app.Delta{Given: place, Text: text, Tokens: 9})
	return givenText(model, question, text), nil
}

func givenText(model, question, text string) record.Given {
	return record.Given{Mode: record.ModeModel, Model: model, Answer: core.Answer{
		Question: question, Text: text, Model: model, PromptTokens: 412, NewTokens: 18, Seconds: 1.9,
		Receipt: &core.Receipt{
			Prompt: "参考資料:\n" + text + "\n\n質問: " + question, PromptSHA256: strings.Repeat("ab12", 16), ReplySHA256: strings.Repeat("cd34", 16), ModelID: "0123456789abcdef",
			EmbedderID: "fedcba9876543210", Device: "CPU", DType: "fp32", Sampling: core.Sampling{MaxNewTokens: 96}, PrefillSeconds: 0.8, DecodeSeconds: 0.9,
		},
	}}
}

func (f *fakeTalks) note(format string, args ...any) {
	f.calls = append(f.calls, fmt.Sprintf(format, args...))
}

func (f *fakeTalks) List(context.Context) ([]record.Conversation, []record.Damage, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]record.Conversation(nil), f.heads...), nil, nil
}

func (f *fakeTalks) head(id string) *record.Conversation {
	for i := range f.heads {
		if f.heads[i].ID == id {
			return &f.heads[i]
		}
	}
	return nil
}

func (f *fakeTalks) Open(_ context.Context, id string) (app.Transcript, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	h := f.head(id)
	if h == nil {
		return app.Transcript{}, fmt.Errorf("open %s: %w", id, core.ErrNotFound)
	}
	t := app.Transcript{Conversation: *h}
	byID := map[string]record.Turn{}
	for _, turn := range f.turns[id] {
		turn.Answers = append([]record.Given(nil), turn.Answers...)
		t.All = append(t.All, turn)
		byID[turn.ID] = turn
	}
	for leaf := h.Leaf; leaf != ""; leaf = byID[leaf].Parent {
		step := app.Step{Turn: byID[leaf]}
		for _, other := range t.All {
			if other.Parent == step.Parent {
				step.Siblings = append(step.Siblings, other.ID)
				if other.ID == leaf {
					step.Branch = len(step.Siblings)
				}
			}
		}
		t.Path = append([]app.Step{step}, t.Path...)
	}
	return t, nil
}

func (f *fakeTalks) Rename(_ context.Context, id, title string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.head(id).Title = title
	return nil
}

func (f *fakeTalks) Delete(_ context.Context, id string, corrections bool) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range f.heads {
		if f.heads[i].ID == id {
			f.heads = append(f.heads[:i:i], f.heads[i+1:]...)
			break
		}
	}
	f.deleted = append(f.deleted, fmt.Sprint(id, corrections))
	return nil
}

func (f *fakeTalks) Search(context.Context, string, int) ([]app.FoundTurn, error) {
	return f.found, nil
}

func (f *fakeTalks) Ask(ctx context.Context, ask app.AskTurn, hear func(app.Event)) (record.Turn, error) {
	f.mu.Lock()
	f.asks = append(f.asks, ask)
	f.next++
	turn := record.Turn{ID: fmt.Sprintf("turn%d", f.next), Conversation: ask.Conversation, Parent: ask.Parent, Question: ask.Question, Collection: ask.Collection, Asked: f.now}
	if turn.Conversation == "" {
		turn.Conversation = fmt.Sprintf("talk%d", f.next)
		f.heads = append([]record.Conversation{{ID: turn.Conversation, Title: ask.Question, Created: f.now, Changed: f.now}}, f.heads...)
	}
	h := f.head(turn.Conversation)
	h.Leaf = turn.ID
	f.turns[turn.Conversation] = append(f.turns[turn.Conversation], turn)
	head := *h
	f.mu.Unlock()
	return f.give(ctx, head, turn, ask.Models, hear)
}

func (f *fakeTalks) Again(ctx context.Context, conversation, turn string, models []string, _ app.AskOptions, hear func(app.Event)) (record.Turn, error) {
	f.mu.Lock()
	head := *f.head(conversation)
	t := *f.turn(conversation, turn)
	f.mu.Unlock()
	return f.give(ctx, head, t, models, hear)
}

func (f *fakeTalks) turn(conversation, id string) *record.Turn {
	for i := range f.turns[conversation] {
		if f.turns[conversation][i].ID == id {
			return &f.turns[conversation][i]
		}
	}
	return nil
}

func (f *fakeTalks) give(ctx context.Context, head record.Conversation, turn record.Turn, models []string, hear func(app.Event)) (record.Turn, error) {
	first := len(turn.Answers)
	hear(app.TurnStarted{Conversation: head, Turn: turn, First: first})
	if len(models) == 0 {
		models = []string{""}
	}
	var failed error
	for i, name := range models {
		g, err := f.answer(ctx, name, turn.Question, hear, first+i)
		f.mu.Lock()
		f.next++
		g.ID, g.At = fmt.Sprintf("given%d", f.next), f.now
		if len(models) > 1 {
			g.Mode, g.Group = record.ModeCompare, "group"+turn.ID
		}
		switch {
		case ctx.Err() != nil:
			g.Stopped, err = true, ctx.Err()
		case err != nil:
			g.Failure = record.Failed(err)
		}
		t := f.turn(turn.Conversation, turn.ID)
		t.Answers = append(t.Answers, g)
		t.Shown = first
		turn = *t
		turn.Answers = append([]record.Given(nil), t.Answers...)
		f.mu.Unlock()
		hear(app.Answered{Given: first + i, Answer: g})
		if err != nil {
			failed = err
			break
		}
	}
	hear(app.Finished{Turn: turn})
	return turn, failed
}

func (f *fakeTalks) Show(_ context.Context, conversation, turn string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.head(conversation).Leaf = turn
	return nil
}

func (f *fakeTalks) ShowAnswer(_ context.Context, conversation, turn string, i int) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.turn(conversation, turn).Shown = i
	return nil
}

func (f *fakeTalks) Replay(_ context.Context, conversation, turn, given string, _ core.Progress) (app.Replayed, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, _, ok := f.turn(conversation, turn).Given(given); !ok {
		return app.Replayed{}, core.ErrNotFound
	}
	return app.Replayed{Text: "x", Identical: true, DecodeSeconds: 1, NewTokens: 18}, nil
}

func (f *fakeTalks) Judge(_ context.Context, conversation, turn, given string, v record.Verdict) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	t := f.turn(conversation, turn)
	for i := range t.Answers {
		if t.Answers[i].ID == given {
			t.Answers[i].Verdict = v
		}
	}
	return nil
}

func (f *fakeTalks) Correct(_ context.Context, k record.Correction) (record.Correction, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.full {
		return k, core.Explain(fmt.Errorf("put correction: %w", core.ErrNoSpace), "error.store.full")
	}
	f.kept = append(f.kept, k)
	return k, nil
}

func (f *fakeTalks) Export(_ context.Context, id string, w io.Writer, format, lang string) error {
	_, err := fmt.Fprintf(w, "%s %s %s", id, format, lang)
	return err
}

// fakeLibrary is a library of two documents, and models.
type fakeLibrary struct {
	mu     sync.Mutex
	status app.Status
	docs   []core.Document
	models []app.Model
	views  []app.PageQuery
	text   string
	kin    map[string][]app.Relative
}

func newFakeLibrary() *fakeLibrary {
	return &fakeLibrary{
		status: app.Status{Collections: []app.CollectionStatus{{Name: "main", Documents: 2, Chunks: 90}}},
		docs: []core.Document{
			{ID: "d1", Name: "就業規則.pdf", Pages: 40, State: core.DocumentReady}, {ID: "d2", Name: "broken.pdf", State: core.DocumentFailed},
			{ID: "d3", Name: "経費精算の手引き.txt", Pages: 1, State: core.DocumentReady},
		},
		models: []app.Model{{Name: "starter", Kind: app.KindChat, InUse: true}, {Name: "gemma", Kind: app.KindChat}, {Name: "e5", Kind: app.KindEmbedder, InUse: true}},
		text:   "第22条 年次有給休暇\n" + strings.Repeat("従業員が6か月間継続して勤務し、所定労働日の8割以上出勤したときは、10日の年次有給休暇を付与する。\n", 8),
	}
}

func (f *fakeLibrary) Status(context.Context) (app.Status, error) { return f.status, nil }

func (f *fakeLibrary) Relatives(_ context.Context, _, id string) ([]app.Relative, error) {
	return f.kin[id], nil
}

func (f *fakeLibrary) List(context.Context, string) ([]core.Document, error) {
	return append([]core.Document(nil), f.docs...), nil
}

func (f *fakeLibrary) View(_ context.Context, q app.PageQuery) (app.PageView, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.views = append(f.views, q)
	for _, d := range f.docs {
		if d.ID == q.Document {
			v := app.PageView{Document: d, Number: q.Page, Pages: d.Pages, Text: f.text}
			for _, m := range q.Marks {
				v.Marks = append(v.Marks, app.Mark{Span: m})
			}
			return v, nil
		}
	}
	return app.PageView{}, core.Explain(fmt.Errorf("view: %w", core.ErrNotFound), "error.library.document", q.Document)
}

type fakeModels struct{ *fakeLibrary }

func (f fakeModels) List(context.Context) ([]app.Model, error) { return f.models, nil }

// rig is a screen, or a model alone, over fakes.
type rig struct {
	*fakeShell
	talks   *fakeTalks
	library *fakeLibrary
	m       *Model
	screen  *Screen
}

func clock() time.Time { return time.Date(2026, 11, 27, 9, 0, 0, 0, time.UTC) }

// newRig makes the model.
func newRig(t testing.TB) *rig {
	r := &rig{fakeShell: newFakeShell(t, "ja"), talks: newFakeTalks(clock()), library: newFakeLibrary()}
	r.m = newModel(r.fakeShell, r.talks, fakeModels{r.library}, r.library, r.library, clock)
	return r
}

// ask sends a question and waits for its answer.
func (r *rig) ask(question string) {
	r.t.Helper()
	r.m.SetDraft(question)
	if !r.m.CanAsk() {
		r.t.Fatal("cannot ask")
	}
	r.m.Ask()
	r.settle()
}

// cited is an answer with a cited sentence and one without support.
func cited(model, question string) record.Given {
	g := givenText(model, question, "入社から6か月後に10日付与されます。繰り越しは翌年度までです。申請は上長に行います。")
	g.Answer.Citations = []core.Citation{
		{Sentence: "入社から6か月後に10日付与されます。", ID: "d1", Document: "就業規則.pdf", Page: 12, Start: 12, End: 60, Text: "従業員が6か月間継続して勤務し、所定労働日の8割以上出勤したときは、10日の年次有給休暇を付与する。"},
		{Sentence: "繰り越しは翌年度までです。", ID: "d1", Document: "就業規則.pdf", Page: 13, Start: 0, End: 20, Text: "年次有給休暇の残日数は翌年度に限り繰り越すことができる。"},
	}
	g.Answer.Unsupported = []string{"申請は上長に行います。"}
	g.Answer.Passages = []core.Passage{
		{Document: "d1", Name: "就業規則.pdf", Page: 12, Start: 0, End: 300, Text: "第22条 年次有給休暇…", Score: 0.033, Dense: 0.81, Lexical: 12.4},
		{Document: "d3", Name: "経費精算の手引き.txt", Page: 1, Start: 0, End: 200, Text: "経費の申請は翌月の5営業日までに行います。", Score: 0.021, Dense: 0.52, Lexical: 3.1},
	}
	return g
}
