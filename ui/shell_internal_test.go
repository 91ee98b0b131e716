package ui

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/lang"
	"fyne.io/fyne/v2/storage"
	"fyne.io/fyne/v2/test"
	fynewidget "fyne.io/fyne/v2/widget"

	"kakoi/app"
	"kakoi/app/apptest"
	"kakoi/app/job"
	"kakoi/app/settings"
	"kakoi/core/closed"
	"kakoi/index"
	"kakoi/index/store"
	"kakoi/resources"
	"kakoi/ui/place"
	"kakoi/ui/widget"
)

// openServices opens a data folder as the composition root does, over an engine without a process.
func openServices(t *testing.T, data string, disk store.Options) *Services {
	t.Helper()
	bundled := filepath.Join(t.TempDir(), "models")
	if err := apptest.Folders(bundled); err != nil {
		t.Fatal(err)
	}
	x, err := index.Open(filepath.Join(data, "library"), index.Options{Store: disk})
	if err != nil {
		t.Fatal(err)
	}
	set, err := settings.Open(filepath.Join(data, "settings.json"))
	if err != nil {
		t.Fatal(err)
	}
	bus := &app.Bus{}
	set.Watch(func(_, _ settings.Settings) { bus.Tell(app.TopicSettings) })
	runner := job.NewRunner()
	kept := app.Indexed{Index: x}
	engine := app.NewEngine(func(context.Context) (app.Client, error) { return &apptest.Client{Wide: true}, nil })
	models := &app.Models{Bundled: bundled, Dir: filepath.Join(data, "models"), Settings: set, Jobs: runner, Engine: engine, Bus: bus, Store: kept}
	library := &app.Library{Store: kept, Models: models, Settings: set, Jobs: runner, Log: job.NewLog(kept), Bus: bus}
	adapters := &app.Adapters{Dir: filepath.Join(data, "adapters"), Runs: filepath.Join(data, "runs"), Store: kept, Models: models, Jobs: runner, Bus: bus}
	chat := &app.Chat{Library: library, Models: models, Settings: set, Prompts: []fs.FS{resources.Prompts}, Adapters: adapters}
	datasets := &app.Datasets{Store: kept, Chat: chat, Bus: bus}
	pages := app.OpenPages(library)
	prompts := app.Prompts{Dir: filepath.Join(data, "prompts"), Shipped: resources.Prompts}
	doctor := &app.Doctor{Library: library, Models: models, Engine: engine, Jobs: runner, Store: x, Data: data}
	return &Services{
		Prompts: prompts, Doctor: doctor, Datasets: datasets, Adapters: adapters,
		Training: &app.Training{Dir: filepath.Join(data, "runs"), Store: kept, Models: models, Datasets: datasets, Adapters: adapters, Jobs: runner, Bus: bus, Text: resources.Format},
		Exams:    &app.Exams{Store: kept, Chat: chat, Datasets: datasets, Bus: bus},
		Library:  library, Chat: chat, Models: models, Engine: engine, Pages: pages, Settings: set, Jobs: runner, Bus: bus,
		Conversations: &app.Conversations{Store: kept, Chat: chat, Bus: bus, Text: resources.Format},
		Folders:       &app.Folders{Store: kept, Library: library, Bus: bus, Explain: func(err error) (string, string) { return resources.ErrorText("en", err) }},
		Close:         func() error { return errors.Join(pages.Close(), engine.Close(), x.Close()) },
	}
}

// queue is the window's goroutine of a test: what is posted waits until the test itself runs it, as Fyne's test driver would
// run it at once in whichever goroutine it came from.
type queue struct {
	mu   sync.Mutex
	work []func()
}

func (q *queue) post(f func()) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.work = append(q.work, f)
}

// run runs what was posted.
func (q *queue) run() {
	for {
		q.mu.Lock()
		work := q.work
		q.work = nil
		q.mu.Unlock()
		if len(work) == 0 {
			return
		}
		for _, f := range work {
			f()
		}
	}
}

// until runs what is posted until something holds.
func (q *queue) until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		q.run()
		if holds() {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("not within 20 s: %s", what)
		}
	}
}

// openShell is a window on the test driver with everything in it. It is stopped with the test.
func openShell(t *testing.T, language string) (*Shell, *queue) {
	t.Helper()
	return openShellAs(t, language, true, store.Options{})
}

// openShellAs opens a data folder that a person was welcomed to, or a new one.
func openShellAs(t *testing.T, language string, welcomed bool, disk store.Options) (*Shell, *queue) {
	t.Helper()
	data := t.TempDir()
	fyneApp := test.NewApp()
	t.Cleanup(fyneApp.Quit)
	look := settings.Default()
	s := newShell(t.Context(), Params{
		App: fyneApp, Data: data, Language: language, Look: look,
		Proof: closed.Proof{When: time.Now(), Attempts: []closed.Attempt{{What: "socket AF_INET", Refused: true, Error: "permission denied"}}},
	})
	q := &queue{}
	s.post = q.post
	s.state.Welcomed = welcomed
	s.window.Resize(s.state.size())
	s.window.SetContent(s.frame.build())
	s.opened = openServices(t, data, disk)
	s.services = s.opened
	s.start()
	t.Cleanup(func() {
		if err := s.stop(); err != nil {
			t.Error(err)
		}
	})
	q.run()
	return s, q
}

func TestEveryScreenOpensInBothLanguages(t *testing.T) {
	s, q := openShell(t, "ja")
	if len(s.entries) != 6 {
		t.Fatalf("%d screens, want 6", len(s.entries))
	}
	for _, language := range resources.Languages {
		if err := s.services.Settings.Update(func(set *settings.Settings) { set.Language = language }); err != nil {
			t.Fatal(err)
		}
		q.until(t, "language "+language, func() bool { return s.Lang() == language })
		if got, want := lang.L("Paste"), map[string]string{"en": "Paste", "ja": "貼り付け"}[language]; got != want {
			t.Errorf("%s: Fyne says %q, want %q", language, got, want)
		}
		for _, e := range s.entries {
			s.Navigate(e.name)
			if s.current != e.name || len(s.frame.body.Objects) != 1 || s.frame.body.Objects[0] != e.built {
				t.Errorf("%s: %s is not shown", language, e.name)
			}
		}
	}
}

func TestConfirm(t *testing.T) {
	s, _ := openShell(t, "en")
	done := 0
	s.Confirm(widget.Question{Title: "t", Text: "x", Yes: "Do it", Then: func() { done++ }})
	press(s, fyne.KeyReturn)
	if done != 1 {
		t.Error("Enter does not say yes")
	}
	s.Confirm(widget.Question{Title: "t", Text: "x", Yes: "Lose it", Danger: true, Then: func() { done++ }})
	press(s, fyne.KeyReturn) // the focus is on no
	if done != 1 {
		t.Error("Enter loses something")
	}
	s.Confirm(widget.Question{Title: "t", Text: "x", Yes: "Do it", Then: func() { done++ }})
	press(s, fyne.KeyEscape)
	if done != 1 || s.window.Canvas().Overlays().Top() != nil {
		t.Errorf("Escape did not close the question (%d)", done)
	}
}

// press types a key where the focus is.
func press(s *Shell, key fyne.KeyName) {
	if f := s.window.Canvas().Focused(); f != nil {
		f.TypedKey(&fyne.KeyEvent{Name: key})
		return
	}
	s.typed(&fyne.KeyEvent{Name: key})
}

func TestErrorsAreShownWithHintAndChain(t *testing.T) {
	s, q := openShell(t, "en")
	s.ShowError(context.Canceled)
	q.run()
	if len(s.notices.cards) != 0 {
		t.Error("a cancelled job is shown as an error")
	}
	for range 2 {
		s.ShowError(errors.New("disk on fire"))
	}
	q.run()
	if len(s.notices.cards) != 1 {
		t.Errorf("%d notices say the same", len(s.notices.cards))
	}
	for i := range maxNotices {
		s.Toast(fmt.Sprint("note ", i))
	}
	q.run()
	if len(s.notices.cards) != maxNotices || !s.notices.stays[s.notices.cards[0]] {
		t.Errorf("%d notices lie over the window; an error goes before toasts do", len(s.notices.cards))
	}
	var texts []string
	for _, o := range test.LaidOutObjects(s.notices.cards[0]) {
		switch o := o.(type) {
		case *fynewidget.Label:
			texts = append(texts, o.Text)
		case *widget.Prose:
			texts = append(texts, o.Text())
		}
	}
	sentence, hint := resources.ErrorText("en", errors.New("disk on fire"))
	for _, want := range []string{sentence, hint} {
		found := false
		for _, text := range texts {
			found = found || text == want
		}
		if !found {
			t.Errorf("%q is not among %q", want, texts)
		}
	}
}

// TestErrorGivesTheKeyboardBack: after its notice was closed by keyboard, keys go to the screen again.
func TestErrorGivesTheKeyboardBack(t *testing.T) {
	s, q := openShell(t, "en")
	s.Navigate(place.Help)
	began := s.window.Canvas().Focused()
	s.ShowError(errors.New("disk on fire"))
	q.run()
	for _, o := range test.LaidOutObjects(s.notices.cards[0]) {
		if b, ok := o.(*widget.Button); ok {
			s.window.Canvas().Focus(b)
		}
	}
	press(s, fyne.KeyEscape)
	if len(s.notices.cards) != 0 || s.window.Canvas().Focused() != began {
		t.Errorf("%d notices, the keyboard is at %T", len(s.notices.cards), s.window.Canvas().Focused())
	}
}

// TestWelcomeKeepsTheKeyboardUnderThePalette, and lets a person go from it to a screen, to which dropped files and a new look then
// belong.
func TestWelcomeKeepsTheKeyboardUnderThePalette(t *testing.T) {
	s, q := openShellAs(t, "en", false, store.Options{})
	began := s.window.Canvas().Focused()
	if began == nil {
		t.Fatal("the welcome has no keyboard")
	}
	s.openPalette()
	press(s, fyne.KeyEscape)
	if s.palette != nil || s.window.Canvas().Focused() != began {
		t.Errorf("after the palette the keyboard is at %T", s.window.Canvas().Focused())
	}
	s.show(place.Settings)
	if err := s.services.Settings.Update(func(set *settings.Settings) { set.Language = "ja" }); err != nil {
		t.Fatal(err)
	}
	q.until(t, "another language", func() bool { return s.Lang() == "ja" })
	if s.frame.body.Objects[0] != s.entry(place.Settings).built {
		t.Error("a new language leads back to the welcome")
	}
	file := filepath.Join(t.TempDir(), "a.txt")
	if err := os.WriteFile(file, []byte("The budget is 24,500 dollars."), 0o600); err != nil {
		t.Fatal(err)
	}
	s.dropped([]fyne.URI{storage.NewFileURI(file)})
	q.until(t, "the file is added", func() bool {
		docs, err := s.services.Library.List(t.Context(), "")
		return err == nil && len(docs) == 1
	})
}

// TestClosedWhileOpening: a data folder that opens after the window was closed is closed too.
func TestClosedWhileOpening(t *testing.T) {
	fyneApp := test.NewApp()
	t.Cleanup(fyneApp.Quit)
	data, closes := t.TempDir(), 0
	s := newShell(t.Context(), Params{App: fyneApp, Data: data, Language: "en", Look: settings.Default()})
	q := &queue{}
	s.post = q.post
	s.window.SetContent(s.frame.build())
	s.p.Open = func(context.Context) (*Services, error) {
		s.cancel() // a person closes the window
		return &Services{Close: func() error { closes++; return nil }}, nil
	}
	s.Go(s.open)
	s.session.work.Wait()
	q.run()
	if err := s.stop(); err != nil || closes != 1 {
		t.Errorf("closed %d times: %v", closes, err)
	}
}

func TestF1ShowsHelp(t *testing.T) {
	s, _ := openShell(t, "en")
	s.Navigate(place.Chat)
	press(s, fyne.KeyF1)
	if s.current != place.Help {
		t.Errorf("F1 shows %s", s.current)
	}
}

func TestPaletteJumps(t *testing.T) {
	s, _ := openShell(t, "en")
	s.Navigate(place.Chat)
	s.openPalette()
	s.palette.entry.SetText("hel")
	press(s, fyne.KeyReturn)
	if s.current != place.Help || s.palette != nil {
		t.Errorf("the palette leads to %s", s.current)
	}
}

// Fyne sends Ctrl+Z under a name of its own: under that the screen's shortcut has to be registered.
func TestUndoIsRegisteredAsFyneSendsIt(t *testing.T) {
	s, _ := openShell(t, "en")
	s.Navigate(place.Training)
	found := false
	for _, sc := range s.registered {
		undo := shortcutOf(sc.Key, sc.Modifier).ShortcutName() == (&fyne.ShortcutUndo{}).ShortcutName()
		if undo != (sc.Text == "training.shortcut.undo") {
			t.Errorf("%s is registered as %q", sc.Keys(), shortcutOf(sc.Key, sc.Modifier).ShortcutName())
		}
		found = found || undo
	}
	if !found {
		t.Error("the training has no way to undo")
	}
}

// Both Enter keys are the same key, also with Ctrl.
func TestEnterOfTheNumberPad(t *testing.T) {
	s, _ := openShell(t, "en")
	s.Navigate(place.Documents)
	s.window.Canvas().Unfocus()
	did := 0
	for i, sc := range s.registered {
		if sc.Key == fyne.KeyReturn {
			s.registered[i].Do = func() { did++ }
		}
	}
	press(s, fyne.KeyReturn)
	press(s, fyne.KeyEnter)
	if did != 2 {
		t.Errorf("pressed %d times of 2", did)
	}
}

// Whoever types goes on typing when the desktop turns dark, or a command of a terminal changes the language: every view is made anew.
func TestTypingOutlivesANewLook(t *testing.T) {
	s, q := openShell(t, "ja")
	file := filepath.Join(t.TempDir(), "試用期間.txt")
	if err := os.WriteFile(file, []byte("試用期間は3か月とする。\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.services.Library.Add(t.Context(), app.AddPlan{Paths: []string{file}}, app.AddOptions{}); err != nil {
		t.Fatal(err)
	}
	canvas := s.window.Canvas()
	look := func(mode, language string) {
		t.Helper()
		if err := s.services.Settings.Update(func(set *settings.Settings) { set.Theme, set.Language = mode, language }); err != nil {
			t.Fatal(err)
		}
		q.until(t, "the new look", func() bool { return s.look.mode == mode && s.look.language == language })
	}
	entry := func() interface {
		fyne.Focusable
		careted
	} {
		t.Helper()
		e, ok := canvas.Focused().(interface {
			fyne.Focusable
			careted
		})
		if !ok {
			t.Fatalf("%s: the keyboard is at %T", s.current, canvas.Focused())
		}
		return e
	}
	text := func() string {
		switch e := canvas.Focused().(type) {
		case *widget.Entry:
			return e.Text
		case interface{ SelectedText() string }:
			return s.entry(place.Chat).screen.(drafter).Draft()
		}
		return ""
	}
	for i, name := range []place.Screen{place.Chat, place.Chat, place.Documents, place.Help} {
		s.show(name)
		if name == place.Documents { // an empty library has no filter
			q.until(t, "the document is listed", func() bool {
				return slices.ContainsFunc(test.LaidOutObjects(s.window.Content()), func(o fyne.CanvasObject) bool {
					b, ok := o.(*widget.Button)
					return ok && b.Text == s.Text("documents.remove") && b.Visible() && b.Size().Width > 2
				})
			})
		}
		field := 0
		if i == 1 {
			field = 1 // the search in conversations
		}
		canvas.Focus(s.entry(name).screen.(typing).Fields()[field])
		test.Type(entry(), "試用x")
		entry().TypedKey(&fyne.KeyEvent{Name: fyne.KeyLeft})
		was := canvas.Focused()
		look([]string{"dark", "light"}[i%2], []string{"en", "ja"}[i%2])
		if canvas.Focused() == was {
			t.Fatalf("%s: the view is the old one", name)
		}
		test.Type(entry(), "期間")
		if got := text(); got != "試用期間x" {
			t.Errorf("%s: what was typed is %q", name, got)
		}
	}
}
