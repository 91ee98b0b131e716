package library

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/test"

	"kakoi/app"
	"kakoi/app/record"
	"kakoi/core"
	"kakoi/ui/place"
	"kakoi/ui/theme"
	"kakoi/ui/uitest"
	"kakoi/ui/widget"
)

// onWindow builds a screen into a window of a test.
func onWindow(t testing.TB, d *desk, s *Screen, mode string, percent int, size fyne.Size) fyne.Window {
	t.Helper()
	a := test.NewTempApp(t)
	a.Settings().SetTheme(theme.New(mode, percent, fonts(t)))
	w := test.NewTempWindow(t, nil)
	d.window = w
	w.SetPadded(false)
	w.SetContent(s.Build())
	w.Resize(size)
	// As the shell does with keys that nobody took.
	w.Canvas().SetOnTypedKey(func(k *fyne.KeyEvent) {
		for _, sc := range s.Shortcuts() {
			if sc.Modifier == 0 && sc.Key == k.Name {
				sc.Do()
				return
			}
		}
	})
	s.Shown()
	d.until("loaded", func() bool { return s.m.list.loaded })
	return w
}

// key presses a key where the keyboard is, with Shift when shift is set.
func key(w fyne.Window, shift bool, names ...fyne.KeyName) {
	for _, name := range names {
		focused := w.Canvas().Focused()
		if shift {
			if k, ok := focused.(desktop.Keyable); ok {
				k.KeyDown(&fyne.KeyEvent{Name: desktop.KeyShiftLeft})
				defer k.KeyUp(&fyne.KeyEvent{Name: desktop.KeyShiftLeft})
			}
		}
		if focused != nil {
			focused.TypedKey(&fyne.KeyEvent{Name: name})
		} else if f := w.Canvas().OnTypedKey(); f != nil {
			f(&fyne.KeyEvent{Name: name})
		}
	}
}

// tabTo presses Tab until something has the keyboard.
func tabTo(t *testing.T, w fyne.Window, what string, is func(fyne.Focusable) bool) {
	t.Helper()
	for range 40 {
		if f := w.Canvas().Focused(); f != nil && is(f) {
			return
		}
		w.Canvas().FocusNext()
	}
	t.Fatalf("Tab does not lead to %s", what)
}

func buttonCalled(text string) func(fyne.Focusable) bool {
	return func(f fyne.Focusable) bool {
		b, ok := f.(*widget.Button)
		return ok && b.Text == text
	}
}

// TestByKeyboardAlone adds a file, selects its document, opens it, turns back and removes it without the mouse.
func TestByKeyboardAlone(t *testing.T) {
	w := newWorld(t)
	for i := range 3 {
		w.file(fmt.Sprint("paper ", i, ".txt"), fmt.Sprint("The budget of department ", i, " is 24,500 dollars."))
	}
	w.picked = []string{filepath.Join(w.dir, "docs")}
	s := w.screen()
	win := onWindow(t, w.desk, s, theme.Light, 100, fyne.NewSize(900, 600))
	s.Focus()
	if !buttonCalled(w.Text("documents.addfiles"))(win.Canvas().Focused()) {
		t.Fatalf("an empty library begins at %T", win.Canvas().Focused())
	}
	key(win, false, fyne.KeyReturn)
	w.until("added", func() bool { return len(s.m.adding.tasks) == 0 && len(s.m.list.all) == 3 })
	tabTo(t, win, "the table", func(f fyne.Focusable) bool { return f == s.table.table.Focus() })
	key(win, false, fyne.KeyDown)
	if got, _ := s.m.list.current(); got.Name != "paper 1.txt" {
		t.Fatalf("Down leads to %q", got.Name)
	}
	key(win, true, fyne.KeyDown)
	if got := len(s.m.list.chosen()); got != 2 {
		t.Errorf("Shift and Down mark %d", got)
	}
	key(win, false, fyne.KeyUp)
	key(win, false, fyne.KeyReturn)
	w.until("opened", func() bool { return s.m.opened.view != nil })
	if got := s.page.view.Page(); !strings.Contains(got.Text, "department 1") || len(got.TextParts) == 0 {
		t.Errorf("opened %+v", got)
	}
	if win.Canvas().Focused() != s.page.view {
		t.Errorf("the keyboard is at %T", win.Canvas().Focused())
	}
	key(win, false, fyne.KeyEscape)
	if s.m.opened.is() || win.Canvas().Focused() != s.table.table.Focus() {
		t.Fatalf("Escape leads to %T", win.Canvas().Focused())
	}
	learned := &pupils{}
	s.m.quotes = learned
	s.m.backups = &safe{}
	key(win, false, fyne.KeyDelete)
	w.until("asked", func() bool { return len(w.asked) == 1 })
	if !w.asked[0].Danger || !strings.Contains(w.asked[0].Text, "paper 1.txt") || !strings.Contains(w.asked[0].Text, "Quick one, 規則") ||
		!strings.Contains(w.asked[0].Text, "datasets: 1, training runs: 2, exams: 1") || !strings.Contains(w.asked[0].Text, "data folder (2) are deleted with it") {
		t.Fatalf("asked %+v", w.asked)
	}
	if len(learned.asked) != 1 || learned.asked[0] != core.DocumentID(filepath.Join(w.dir, "docs", "paper 1.txt")) {
		t.Errorf("looked for who learned from %v", learned.asked)
	}
	w.asked[0].Then()
	w.until("removed", func() bool { return len(w.toasts) > 0 && len(s.m.list.all) == 2 })
	if got := w.toasts[len(w.toasts)-1]; !strings.Contains(got, "paper 1.txt") || !strings.Contains(got, "none of it was found") {
		t.Errorf("said %s", got)
	}
	if len(w.errors) > 0 {
		t.Errorf("errors: %v", w.errors)
	}
}

// safe has two daily backups in the data folder, unless they lie elsewhere.
type safe struct{ elsewhere string }

func (f *safe) Status(context.Context) (app.BackupsStatus, error) {
	return app.BackupsStatus{Daily: true, Keep: 3, Folder: f.elsewhere, Inside: f.elsewhere == "", Kept: make([]app.KeptBackup, 2)}, nil
}

// A removal says what becomes of backups: those that go with it, and those that stay.
func TestRemovalTellsOfBackups(t *testing.T) {
	d := newDesk(t)
	m := New(Params{Shell: d, Library: &shelf{docs: docs(1)}, Folders: &links{}, Bus: d.bus}).m
	for _, c := range []struct {
		st   app.BackupsStatus
		want string
	}{
		{app.BackupsStatus{Daily: true, Inside: true}, ""},
		{app.BackupsStatus{Daily: true, Inside: true, Kept: make([]app.KeptBackup, 3)}, "(3) are deleted with it, because it is in them too. A new one"},
		{app.BackupsStatus{Inside: true, Kept: make([]app.KeptBackup, 1)}, "because it is in them too."},
		{app.BackupsStatus{Folder: "/usb", Kept: make([]app.KeptBackup, 2)}, "made before (2), until you delete them: /usb."},
	} {
		if got := m.backedUp(c.st); !strings.Contains(got, c.want) || c.want == "" && got != "" || !c.st.Daily && strings.Contains(got, "A new one") {
			t.Errorf("%+v: says %q", c.st, got)
		}
	}
}

// pupils are adapters that learned from everything, and what else holds it.
type pupils struct{ asked []string }

func (p *pupils) Quoting(_ context.Context, documents ...string) (app.Quotes, error) {
	p.asked = documents
	return app.Quotes{
		Adapters: []record.Adapter{{Name: "Quick one"}, {Name: "規則"}}, Datasets: make([]record.Dataset, 1), Runs: make([]record.Run, 2), Exams: make([]record.Exam, 1),
	}, nil
}

// TestEveryPartByKeyboard: Tab and Enter reach all parts.
func TestEveryPartByKeyboard(t *testing.T) {
	d := newDesk(t)
	s := New(Params{Shell: d, Library: &shelf{docs: docs(3)}, Folders: &links{}, Bus: d.bus})
	win := onWindow(t, d, s, theme.Light, 100, fyne.NewSize(900, 600))
	for _, p := range parts {
		win.Canvas().Unfocus()
		tabTo(t, win, string(p), buttonCalled(d.Text("documents.part."+string(p))))
		key(win, false, fyne.KeyReturn)
		if s.m.part != p {
			t.Errorf("Enter on %s leads to %s", p, s.m.part)
		}
	}
}

func TestDropOnAnotherScreen(t *testing.T) {
	d := newDesk(t)
	shelf := &shelf{docs: docs(3)}
	s := New(Params{Shell: d, Library: shelf, Folders: &links{}, Bus: d.bus})
	if !s.Drop([]string{"/srv/資料 (1)"}) || s.Drop(nil) {
		t.Error("what was dropped is not taken")
	}
	d.until("added", func() bool { return len(s.m.adding.tasks) == 0 })
	if len(shelf.added) != 1 || shelf.added[0].Paths[0] != "/srv/資料 (1)" || len(d.toasts) != 1 {
		t.Errorf("added %v, said %v", shelf.added, d.toasts)
	}
}

// TestPlaceIsShown: another screen sends a person to a passage.
func TestPlaceIsShown(t *testing.T) {
	w := newWorld(t)
	w.file("a.txt", "The budget is 24,500 dollars.")
	s := w.screen()
	onWindow(t, w.desk, s, theme.Light, 100, fyne.NewSize(800, 500))
	s.Drop([]string{filepath.Join(w.dir, "docs")})
	w.until("added", func() bool { return len(s.m.list.all) == 1 && len(s.m.adding.tasks) == 0 })
	if !s.Go(place.Document{Collection: "main", ID: s.m.list.all[0].doc.ID, Page: 1, Start: 4, End: 10}) {
		t.Fatal("it does not go there")
	}
	w.until("opened", func() bool { return s.m.opened.view != nil })
	if got := s.page.view.Page().TextMarks; len(got) != 1 || got[0] != (widget.Stretch{Start: 4, End: 10}) {
		t.Errorf("marked %v", got)
	}
}

// TestLooks compares pictures of the screen.
func TestLooks(t *testing.T) {
	zone := time.Local
	time.Local = time.UTC
	t.Cleanup(func() { time.Local = zone })
	for _, c := range []struct {
		name, lang, mode string
		percent          int
		n                int
	}{
		{"empty_ja", "ja", theme.Light, 100, 0},
		{"table_ja", "ja", theme.Light, 100, 6},
		{"table_en_150", "en", theme.Dark, 150, 6},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newDesk(t)
			d.lang = c.lang
			all := docs(c.n)
			if c.n > 0 {
				all[1].State, all[1].Reason, all[1].Hint = core.DocumentFailed, "壊れています。", "取り寄せ直してください。"
			}
			s := New(Params{Shell: d, Library: &shelf{docs: all}, Folders: &links{}, Bus: d.bus})
			w := onWindow(t, d, s, c.mode, c.percent, fyne.NewSize(760, 380))
			if c.n > 0 {
				s.m.list.goTo(0, widget.MoveOnly)
				s.m.list.goTo(1, widget.MoveExtend)
				s.Focus()
			}
			uitest.LooksLike(t, c.name+".png", w.Canvas().Capture())
		})
	}
}

// BenchmarkScroll20000 jumps through the table, as the mouse wheel does.
func BenchmarkScroll20000(b *testing.B) {
	d := newDesk(b)
	s := New(Params{Shell: d, Library: &shelf{docs: docs(20_000)}, Folders: &links{}, Bus: d.bus})
	w := onWindow(b, d, s, theme.Light, 100, fyne.NewSize(1000, 700))
	b.Run("scroll", func(b *testing.B) {
		y := float32(0)
		for b.Loop() {
			y += 137
			if y > 500_000 {
				y = 0
			}
			s.table.table.ScrollTo(y)
		}
	})
	b.Run("key", func(b *testing.B) {
		w.Canvas().Focus(s.table.table.Focus())
		for b.Loop() {
			key(w, false, fyne.KeyDown)
		}
	})
	b.Run("reload", func(b *testing.B) {
		rows := s.m.list.all
		for b.Loop() {
			s.m.list.take("main", rows)
			s.changed(changedList)
		}
	})
	b.Run("filter", func(b *testing.B) {
		for b.Loop() {
			s.m.list.setFilter("9 資料")
		}
	})
}
