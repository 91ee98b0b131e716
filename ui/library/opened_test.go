package library

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"

	"kakoi/app"
	"kakoi/ui/theme"
	"kakoi/ui/widget"
)

// TestRemoveWhileOpen: the document that is shown is removed, not what is marked in the table that is out of sight.
func TestRemoveWhileOpen(t *testing.T) {
	s := &shelf{docs: docs(5)}
	m, d, _ := loaded(t, s)
	m.list.goTo(1, widget.MoveOnly)
	m.list.goTo(2, widget.MoveExtend)
	m.opened.doc, m.opened.collection = s.docs[4], m.list.collection
	m.remove()
	d.until("removed", func() bool { return len(d.toasts) == 1 })
	if got := strings.Join(s.erased, " "); got != "d4" {
		t.Errorf("erased %s, not the open document", got)
	}
}

// TestBuildAnewWhileOpen: a change of language leaves a document open.
func TestBuildAnewWhileOpen(t *testing.T) {
	w := newWorld(t)
	w.file("a.txt", "The budget is 24,500 dollars.")
	s := w.screen()
	win := onWindow(t, w.desk, s, theme.Light, 100, fyne.NewSize(800, 500))
	s.Drop([]string{filepath.Join(w.dir, "docs")})
	w.until("added", func() bool { return len(s.m.list.all) == 1 && len(s.m.adding.tasks) == 0 })
	s.open()
	w.until("opened", func() bool { return s.m.opened.view != nil })
	before := s.page
	w.lang = "ja"
	win.SetContent(s.Build())
	if !s.m.opened.is() || s.page == before || s.page.view.Page().Text == "" {
		t.Error("the document is not shown any more")
	}
}

// TestQuickTicks: a second tick right after the first one does not undo it.
func TestQuickTicks(t *testing.T) {
	d, linked := newDesk(t), &links{fail: errors.New("a full disk")}
	s := New(Params{Shell: d, Library: &shelf{docs: docs(3)}, Folders: linked, Bus: d.bus})
	win := onWindow(t, d, s, theme.Light, 100, fyne.NewSize(800, 500))
	folder := app.Folder{ID: "f", Path: "/srv/docs", Collection: "main", Watch: true}
	win.SetContent(s.folderCard(folder))
	for _, o := range test.LaidOutObjects(win.Content()) {
		if tick, ok := o.(*widget.Tick); ok {
			tick.SetChecked(!tick.Checked)
		}
	}
	d.until("both are told of", func() bool { return len(d.errors) == 2 && !s.m.loading.running })
	if !slices.ContainsFunc(linked.set, func(f app.Folder) bool { return !f.Watch && f.Remove }) {
		t.Errorf("the folder is set to %+v", linked.set)
	}
}

// TestNewsLeavesTheKeyboardOnABanner: what is read anew and has not changed leaves the keyboard where it is.
func TestNewsLeavesTheKeyboardOnABanner(t *testing.T) {
	d := newDesk(t)
	s := New(Params{Shell: d, Library: &shelf{docs: docs(3)}, Folders: &links{}, Bus: d.bus})
	win := onWindow(t, d, s, theme.Light, 100, fyne.NewSize(800, 500))
	s.m.adding.summary = &app.Summary{Added: 3}
	s.m.tell(changedNotice)
	tabTo(t, win, "Close", buttonCalled(d.Text("documents.close")))
	at := win.Canvas().Focused()
	s.m.tell(changedNotice)
	if objects := test.LaidOutObjects(s.root); !slices.ContainsFunc(objects, func(o fyne.CanvasObject) bool { return o == at.(fyne.CanvasObject) }) {
		t.Error("the button with the keyboard was made anew")
	}
	key(win, false, fyne.KeyReturn)
	if s.m.adding.summary != nil || win.Canvas().Focused() != s.table.table.Focus() {
		t.Errorf("after Close the keyboard is at %T", win.Canvas().Focused())
	}
}
