package chat

import (
	"context"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"kakoi/app"
	"kakoi/app/record"
	"kakoi/core"
	"kakoi/core/calibrate"
)

// MaxQuestion is the longest question, in characters. It is app.Chat's bound.
const MaxQuestion = 20_000

// conversations is app.Conversations.
type conversations interface {
	List(ctx context.Context) ([]record.Conversation, []record.Damage, error)
	Open(ctx context.Context, id string) (app.Transcript, error)
	Rename(ctx context.Context, id, title string) error
	Delete(ctx context.Context, id string, corrections bool) error
	Search(ctx context.Context, text string, most int) ([]app.FoundTurn, error)
	Ask(ctx context.Context, ask app.AskTurn, hear func(app.Event)) (record.Turn, error)
	Again(ctx context.Context, conversation, turn string, models []string, opt app.AskOptions, hear func(app.Event)) (record.Turn, error)
	Show(ctx context.Context, conversation, turn string) error
	ShowAnswer(ctx context.Context, conversation, turn string, i int) error
	Replay(ctx context.Context, conversation, turn, given string, p core.Progress) (app.Replayed, error)
	Judge(ctx context.Context, conversation, turn, given string, v record.Verdict) error
	Correct(ctx context.Context, k record.Correction) (record.Correction, error)
	Export(ctx context.Context, id string, w io.Writer, format, lang string) error
}

// models is app.Models.
type models interface {
	List(ctx context.Context) ([]app.Model, error)
}

// refuser is app.Chat: how the model in use is to refuse.
type refuser interface {
	Refusal(ctx context.Context) (mode calibrate.Mode, works bool)
	SetRefusal(mode calibrate.Mode) error
}

// library is app.Library.
type library interface {
	Status(ctx context.Context) (app.Status, error)
	List(ctx context.Context, collection string) ([]core.Document, error)
	Relatives(ctx context.Context, collection, id string) ([]app.Relative, error)
}

// pages is app.Pages.
type pages interface {
	View(ctx context.Context, q app.PageQuery) (app.PageView, error)
}

// shell is the window as the model sees it.
type shell interface {
	Text(key string, args ...any) string
	Lang() string
	Post(f func())
	Go(work func(ctx context.Context))
	ShowError(err error)
	Toast(text string)
	Collection() string
	Navigate(where any)
	Clipboard(text string)
}

// change says which part of the screen is out of date.
type change uint

const (
	changedList change = 1 << iota
	changedRows
	changedLive // only the answer that is being given
	changedSources
	changedInput
	changedModes
	changedTitle
	changedOpened // another conversation or branch is shown: go to its end
	changedAll    = 1<<iota - 1
)

// Model is the screen without its widgets. All methods are called on the window's goroutine.
type Model struct {
	shell         shell
	conversations conversations
	models        models
	adapters      adapters // nil: there are none
	receipts      receipts // nil: none are written or read
	refusing      refuser  // nil: there is no choice
	library       library
	pages         pages
	now           func() time.Time
	tell          func(change) // set by the view

	refusal  refusal
	heads    []record.Conversation
	query    string
	found    []app.FoundTurn
	searches int // counts them: only the last one's result is taken

	open    app.Transcript // ID "": one that begins with the next question
	opening int            // counts what was asked to be shown: a slow one that comes late is dropped
	draft   string
	editing string // Turn.ID of the question that is being edited; "": none
	before  string // the draft before the editing
	live    *live
	cache   map[string]turnRows // of finished turns, by id
	status  app.Status
	known   bool // status was read
	modes   modes
	sources sources
	kin     map[string][]app.Relative // by document, of those that were shown as sources
	reading bool                      // something is being read
	unread  int                       // and these parts are wanted after it
}

func newModel(s shell, c conversations, m models, l library, p pages, now func() time.Time) *Model {
	return &Model{
		shell: s, conversations: c, models: m, library: l, pages: p, now: now, tell: func(change) {}, cache: map[string]turnRows{}, kin: map[string][]app.Relative{},
		sources: sources{chosen: -1, dpi: pageDPI},
	}
}

// Parts of what is read.
const (
	readTalks = 1 << iota
	readModels
	readStatus
	readAll = 1<<iota - 1
)

// Heard follows changes that were made elsewhere.
func (m *Model) Heard(t app.Topic) {
	switch t {
	case app.TopicConversations:
		m.read(readTalks)
	case app.TopicDocuments:
		clear(m.kin)
		m.read(readStatus)
	case app.TopicModels, app.TopicSettings, app.TopicAdapters:
		m.read(readModels)
	}
}

// Refresh reads everything anew.
func (m *Model) Refresh() { m.read(readAll) }

// read reads parts anew, once however often it is called meanwhile.
func (m *Model) read(parts int) {
	m.unread |= parts
	if m.reading {
		return
	}
	m.reading = true
	parts, m.unread = m.unread, 0
	id := m.open.ID
	m.shell.Go(func(ctx context.Context) {
		var what change
		var err error
		var take []func()
		part := func(bit int, read func() (func(), error), shows change) {
			if parts&bit == 0 || err != nil {
				return
			}
			var then func()
			if then, err = read(); err == nil {
				take, what = append(take, then), what|shows
			}
		}
		part(readTalks, m.readTalks(ctx, id), changedList|changedTitle|changedRows|changedSources)
		part(readModels, func() (func(), error) {
			all, err := m.models.List(ctx)
			var has []app.AdapterInfo
			if m.adapters != nil && err == nil {
				has, err = m.adapters.List(ctx)
			}
			refusal := refusal{mode: calibrate.Balanced}
			if m.refusing != nil {
				refusal.mode, refusal.works = m.refusing.Refusal(ctx)
			}
			return func() {
				m.refusal = refusal
				m.modes.take(all, has, func(model string) string { return m.shell.Text("chat.mode.bare", model) })
			}, err
		}, changedModes|changedInput)
		part(readStatus, func() (func(), error) {
			status, err := m.library.Status(ctx)
			return func() { m.status, m.known = status, true }, err
		}, changedRows)
		m.shell.Post(func() {
			m.reading = false
			for _, t := range take {
				t()
			}
			if err != nil {
				m.shell.ShowError(err)
			}
			m.tell(what)
			if m.unread != 0 {
				m.read(0)
			}
		})
	})
}

// readTalks reads the list and the shown conversation.
func (m *Model) readTalks(ctx context.Context, id string) func() (func(), error) {
	return func() (func(), error) {
		heads, _, err := m.conversations.List(ctx)
		if err != nil || id == "" {
			return func() { m.heads = heads }, err
		}
		opened, openErr := m.conversations.Open(ctx, id)
		if openErr != nil && !isGone(openErr) {
			return nil, openErr
		}
		return func() {
			m.heads = heads
			m.reopened(id, opened, openErr)
		}, nil
	}
}

// reopened takes a transcript that was read again. While an answer is being given the turn on the screen is the newer one.
func (m *Model) reopened(id string, t app.Transcript, err error) {
	if id == "" || id != m.open.ID || m.liveHere() {
		return
	}
	if err != nil { // erased elsewhere
		m.open = app.Transcript{}
		clear(m.cache)
		m.followSources()
		return
	}
	m.take(t)
}

// take shows a transcript.
func (m *Model) take(t app.Transcript) {
	if t.ID != m.open.ID {
		clear(m.cache)
	}
	m.open = t
	if m.editing != "" && m.step(m.editing) == nil {
		m.editing = ""
	}
	m.followSources()
}

// step is a turn of the shown branch.
func (m *Model) step(turn string) *app.Step {
	for i := range m.open.Path {
		if m.open.Path[i].ID == turn {
			return &m.open.Path[i]
		}
	}
	return nil
}

// leaf is the last turn of the shown branch, "" when there is none.
func (m *Model) leaf() string {
	if n := len(m.open.Path); n > 0 {
		return m.open.Path[n-1].ID
	}
	return ""
}

// Title is the shown conversation's.
func (m *Model) Title() string {
	if m.open.ID == "" {
		return m.shell.Text("chat.new")
	}
	return m.open.Title
}

// Damaged counts the records of the conversation that could not be read.
func (m *Model) Damaged() int { return len(m.open.Damaged) }

// SetDraft is called as the question is typed.
func (m *Model) SetDraft(text string) {
	was := m.TooLong()
	had := strings.TrimSpace(m.draft) != ""
	m.draft = text
	if m.TooLong() != was || had != (strings.TrimSpace(text) != "") {
		m.tell(changedInput)
	}
}

// Draft is the question as typed so far.
func (m *Model) Draft() string { return m.draft }

// TooLong says whether the question is over MaxQuestion.
func (m *Model) TooLong() bool {
	return len(m.draft) > MaxQuestion && utf8.RuneCountInString(m.draft) > MaxQuestion
}

// InputNote is what stands below the question field, "" for nothing.
func (m *Model) InputNote() string {
	switch {
	case m.TooLong():
		return m.shell.Text("chat.toolong", utf8.RuneCountInString(m.draft), MaxQuestion)
	case m.editing != "":
		return m.shell.Text("chat.editing")
	case m.modes.same():
		return m.shell.Text("chat.mode.same")
	case m.modes.mixed():
		return m.shell.Text("chat.mode.mixed")
	}
	return ""
}

// CanAsk says whether Enter would send.
func (m *Model) CanAsk() bool {
	return m.live == nil && !m.TooLong() && !m.modes.same() && !m.modes.mixed() && strings.TrimSpace(m.draft) != ""
}
