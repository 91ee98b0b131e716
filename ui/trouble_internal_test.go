package ui

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/storage"
	"fyne.io/fyne/v2/test"

	"kakoi/app/job"
	"kakoi/core"
	"kakoi/index/store"
	"kakoi/resources"
	"kakoi/ui/place"
)

// says whether a notice shows a text.
func (n *notices) says(text string) bool {
	for _, c := range n.cards {
		if strings.HasPrefix(n.said[c], text) {
			return true
		}
	}
	return false
}

// textField is the chat's question field.
type textField interface {
	fyne.Focusable
	Disabled() bool
	SelectedText() string
	TypedShortcut(fyne.Shortcut)
}

// TestFullDisk: what a person does on a full disk is refused in one sentence with a hint, the same one once. What was typed stays, and
// all of it works when there is room again.
func TestFullDisk(t *testing.T) {
	var room atomic.Int64
	room.Store(1 << 40)
	s, q := openShellAs(t, "en", true, store.Options{Free: func(string) (int64, error) { return room.Load(), nil }})
	full, _ := resources.Text("en", "error.store.full")
	file := filepath.Join(t.TempDir(), "予算 (案).txt")
	if err := os.WriteFile(file, []byte("The budget for the move is 24,500 dollars."), 0o600); err != nil {
		t.Fatal(err)
	}
	documents := func() int {
		all, err := s.services.Library.List(t.Context(), "")
		if err != nil {
			return 0 // no collection yet
		}
		return len(all)
	}
	talks := func() int {
		all, _, err := s.services.Conversations.List(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return len(all)
	}

	room.Store(100 << 20)
	s.dropped([]fyne.URI{storage.NewFileURI(file)})
	q.until(t, "the full disk is said", func() bool { return s.notices.says(full) })
	if n := documents(); n != 0 {
		t.Errorf("%d documents on a full disk", n)
	}
	room.Store(1 << 40)
	s.dropped([]fyne.URI{storage.NewFileURI(file)})
	q.until(t, "the file is added", func() bool { return documents() == 1 })

	room.Store(100 << 20)
	s.Navigate(place.Chat)
	const question = "What is the budget for the move?"
	field, ok := s.window.Canvas().Focused().(textField)
	if !ok {
		t.Fatalf("the keyboard is at %T", s.window.Canvas().Focused())
	}
	typed := func() string {
		field.TypedShortcut(&fyne.ShortcutSelectAll{})
		return field.SelectedText()
	}
	q.until(t, "the chat is ready", func() bool { return !field.Disabled() })
	test.Type(field, question)
	field.TypedKey(&fyne.KeyEvent{Name: fyne.KeyReturn})
	q.until(t, "the full disk is said", func() bool { return s.notices.says(full) && typed() == question })
	if n := len(s.notices.cards); n > 2 { // one beside the toast of the drop
		t.Errorf("%d notices for one full disk", n)
	}
	if talks() != 0 {
		t.Error("a conversation on a full disk")
	}
	room.Store(1 << 40)
	field.TypedKey(&fyne.KeyEvent{Name: fyne.KeyReturn})
	q.until(t, "the question is answered", func() bool { return talks() == 1 && typed() == "" })
}

// TestClosingAsksOnce: however often a person presses the button while work goes on.
func TestClosingAsksOnce(t *testing.T) {
	s, q := openShell(t, "en")
	work := s.services.Jobs.Start(s.ctx, job.Name{Key: "job.add"}, func(ctx context.Context, _ core.Progress) error {
		<-ctx.Done()
		return ctx.Err()
	}, nil)
	for range 3 {
		s.asked()
	}
	if n := len(s.window.Canvas().Overlays().List()); n != 1 {
		t.Errorf("%d questions lie over the window", n)
	}
	press(s, fyne.KeyEscape)
	if s.window.Canvas().Overlays().Top() != nil || s.ctx.Err() != nil {
		t.Error("No does not keep the window")
	}
	s.asked()
	press(s, fyne.KeyReturn)
	if s.ctx.Err() == nil {
		t.Error("Yes does not end")
	}
	_ = work.Wait(t.Context()) // cancelled
	q.run()
}
