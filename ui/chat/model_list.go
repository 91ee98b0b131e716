package chat

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"kakoi/app"
	"kakoi/app/record"
	"kakoi/core"
	"kakoi/ui/place"
)

// maxFound is how many places a search of the conversations shows.
const maxFound = 60

// Line is a line of the list of conversations: a heading, a conversation, or a place that was found.
type Line struct {
	Heading bool
	ID      string
	Turn    string // of a place that was found
	Title   string
	Note    string // snippet of a place
	Shown   bool   // it is open
}

// Lines are the conversations by day, or what the search found.
func (m *Model) Lines() []Line {
	if strings.TrimSpace(m.query) != "" {
		return m.foundLines()
	}
	var out []Line
	group := ""
	for _, h := range m.heads {
		if g := m.day(h.Changed); g != group {
			group = g
			out = append(out, Line{Heading: true, Title: m.shell.Text("chat.list." + g)})
		}
		out = append(out, Line{ID: h.ID, Title: h.Title, Shown: h.ID == m.open.ID})
	}
	return out
}

func (m *Model) foundLines() []Line {
	if len(m.found) == 0 {
		return []Line{{Heading: true, Title: m.shell.Text("chat.list.nothing")}}
	}
	out := []Line{{Heading: true, Title: m.shell.Text("chat.list.found", len(m.found))}}
	for _, f := range m.found {
		out = append(out, Line{ID: f.Conversation.ID, Turn: f.Turn, Title: f.Conversation.Title, Note: f.Snippet, Shown: f.Conversation.ID == m.open.ID})
	}
	return out
}

// day is the group of a time: today, yesterday, earlier.
func (m *Model) day(t time.Time) string {
	now := m.now()
	t = t.In(now.Location())
	midnight := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, now.Location())
	switch {
	case !t.Before(midnight):
		return "today"
	case !t.Before(midnight.AddDate(0, 0, -1)):
		return "yesterday"
	}
	return "earlier"
}

// Search looks through all conversations; an empty text shows the list again.
func (m *Model) Search(text string) {
	m.query = text
	m.searches++
	number := m.searches
	if strings.TrimSpace(text) == "" {
		m.found = nil
		m.tell(changedList)
		return
	}
	m.shell.Go(func(ctx context.Context) {
		found, err := m.conversations.Search(ctx, text, maxFound)
		m.shell.Post(func() {
			if number != m.searches {
				return
			}
			if err != nil {
				m.shell.ShowError(err)
			}
			m.found = found
			m.tell(changedList)
		})
	})
}

// New begins a conversation. It is stored with its first question.
func (m *Model) New() {
	m.CancelEdit()
	m.opening++
	m.open = app.Transcript{}
	clear(m.cache)
	m.followSources()
	m.tell(changedAll)
}

// Open shows a conversation, at one of its turns when turn is given.
func (m *Model) Open(id, turn string) {
	m.CancelEdit()
	m.opening++
	now := m.opening
	m.shell.Go(func(ctx context.Context) {
		var err error
		if turn != "" {
			err = m.conversations.Show(ctx, id, turn)
		}
		var t app.Transcript
		if err == nil {
			t, err = m.conversations.Open(ctx, id)
		}
		m.shell.Post(func() {
			if now != m.opening {
				return // another one was asked for since
			}
			if err != nil {
				m.shell.ShowError(err)
				return
			}
			m.take(t)
			if m.liveHere() {
				m.liveStep()
			}
			m.tell(changedAll)
		})
	})
}

// Go shows a place.Conversation.
func (m *Model) Go(where any) bool {
	switch w := where.(type) {
	case place.Conversation:
		m.Open(w.ID, w.Turn)
	case place.Compare:
		m.CompareWith(w.Adapter)
	default:
		return false
	}
	return true
}

// OpenID is the shown conversation, "" while it has no question yet.
func (m *Model) OpenID() string { return m.open.ID }

// Rename gives a conversation another title.
func (m *Model) Rename(id, title string) {
	title = strings.TrimSpace(title)
	if id == "" || title == "" {
		return
	}
	m.work(func(ctx context.Context) error { return m.conversations.Rename(ctx, id, title) })
}

// Delete erases a conversation, and the corrections made in it when corrections is set.
func (m *Model) Delete(id string, corrections bool) {
	if id == "" {
		return
	}
	if m.live != nil && m.live.conversation == id {
		m.Stop()
	}
	if m.open.ID == id {
		m.New()
	}
	m.work(func(ctx context.Context) error { return m.conversations.Delete(ctx, id, corrections) })
}

// TitleOf is the title of a conversation of the list.
func (m *Model) TitleOf(id string) string {
	for _, h := range m.heads {
		if h.ID == id {
			return h.Title
		}
	}
	return ""
}

// ExportName proposes a file name for a conversation.
func (m *Model) ExportName(id, format string) string {
	name := strings.Map(func(r rune) rune {
		if r < ' ' || strings.ContainsRune(`/\:*?"<>|`, r) {
			return ' '
		}
		return r
	}, m.TitleOf(id))
	rs := []rune(strings.Join(strings.Fields(name), " "))
	if len(rs) > 40 {
		rs = rs[:40]
	}
	if name = strings.Trim(string(rs), " ."); name == "" {
		name = "kakoi"
	}
	return name + "." + format
}

// Export writes a conversation to a file: "md" or "pdf", by the path's end. A file that could not be written whole is not left behind.
func (m *Model) Export(id, path string) {
	format := "md"
	if strings.EqualFold(filepath.Ext(path), ".pdf") {
		format = "pdf"
	}
	lang := m.shell.Lang()
	m.shell.Go(func(ctx context.Context) {
		var b bytes.Buffer
		err := m.conversations.Export(ctx, id, &b, format, lang)
		if err == nil {
			err = writeFile(path, b.Bytes())
		}
		m.shell.Post(func() {
			if err != nil {
				m.shell.ShowError(err)
				return
			}
			m.shell.Toast(m.shell.Text("chat.exported", filepath.Base(path)))
		})
	})
}

func writeFile(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".kakoi-*")
	if err != nil {
		return fmt.Errorf("write export: %w", err)
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write export: %w", err), os.Remove(f.Name()))
	}
	return nil
}

// work does something beside the window and shows its error.
func (m *Model) work(do func(ctx context.Context) error) {
	m.shell.Go(func(ctx context.Context) {
		if err := do(ctx); err != nil {
			m.shell.ShowError(err)
		}
		m.shell.Post(m.Refresh)
	})
}

func isGone(err error) bool { return errors.Is(err, core.ErrNotFound) }

// head is the conversation as the list has it.
func (m *Model) head(id string) (record.Conversation, bool) {
	for _, h := range m.heads {
		if h.ID == id {
			return h, true
		}
	}
	return record.Conversation{}, false
}

// resume shows the conversation that was open at the end of the last run, if it still is there.
func (m *Model) resume(id string) {
	m.shell.Go(func(ctx context.Context) {
		t, err := m.conversations.Open(ctx, id)
		if err != nil {
			return // erased meanwhile: a new one begins
		}
		m.shell.Post(func() {
			if m.open.ID == "" && m.live == nil {
				m.take(t)
				m.tell(changedAll)
			}
		})
	})
}
