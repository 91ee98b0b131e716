package models

import (
	"cmp"
	"context"
	"os"
	"path/filepath"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"

	"kakoi/app"
	"kakoi/app/settings"
	"kakoi/ui/theme"
	"kakoi/ui/uitest"
	"kakoi/ui/widget"
)

// stage is the screen on a window of the test driver, as wide as it is beside the rail in a window of 1024.
func stage(t *testing.T, lang, mode string, percent int) (*Screen, *desk, *shelf, *books) {
	t.Helper()
	a := test.NewTempApp(t)
	fonts := theme.LoadFonts(cmp.Or(os.Getenv("KAKOI_FONTS"), filepath.Join("..", "..", "bin", "fonts"))) // set-up puts them there
	if fonts.Regular == nil {
		t.Fatal("no fonts: make setup puts them into bin/fonts")
	}
	a.Settings().SetTheme(theme.New(mode, percent, fonts))
	w := test.NewTempWindow(t, widget.NewEntry())
	w.SetPadded(false)
	d, m, b := &desk{lang: lang, window: w}, newShelf(), &books{}
	s := newScreen(d, m, b, &app.Bus{})
	w.SetContent(s.Build())
	w.Resize(fyne.NewSize(1024-96, 700))
	s.Shown()
	s.Focus()
	return s, d, m, b
}

func TestLooks(t *testing.T) {
	s, _, m, b := stage(t, "ja", theme.Light, 100)
	b.stale = 12
	s.m.refresh()
	m.fail = errTorn
	s.Drop([]string{t.TempDir()})
	s.m.imports[0].path, s.m.imports[0].name = "/media/usb/rinna-broken", "rinna-broken"
	s.update()
	uitest.LooksLike(t, "models-ja-light.png", s.shell.Window().Canvas().Capture())

	s, _, _, _ = stage(t, "en", theme.Dark, 150)
	uitest.LooksLike(t, "models-en-dark-150.png", s.shell.Window().Canvas().Capture())
}

func TestEverythingByKeyboard(t *testing.T) {
	s, d, _, _ := stage(t, "en", theme.Light, 100)
	canvas := d.window.Canvas()
	seen := map[fyne.Focusable]bool{}
	texts := map[string]int{}
	for range 80 {
		f := canvas.Focused()
		if f == nil || seen[f] {
			break
		}
		seen[f] = true
		button, ok := f.(*widget.Button)
		if !ok {
			t.Fatalf("the keyboard is on %T", f)
		}
		texts[button.Text]++
		if at := fyne.CurrentApp().Driver().AbsolutePositionForObject(button); at.Y < 0 || at.Y+button.Size().Height > canvas.Size().Height {
			t.Errorf("%s has the keyboard at %v, out of sight", button.Text, at)
		}
		canvas.FocusNext()
	}
	for text, n := range map[string]int{"models.import": 1, "models.use": 2, "models.measure": 4, "models.check": 4, "models.licence": 1, "models.details": 4, "models.remove": 4} {
		if got := texts[s.shell.Text(text)]; got != n {
			t.Errorf("%s is reached %d times, want %d", text, got, n)
		}
	}
}

// A card keeps its widgets, and so the keyboard, while progress comes in.
func TestProgressKeepsTheKeyboard(t *testing.T) {
	s, d, _, _ := stage(t, "en", theme.Light, 100)
	check := s.cards[settings.StarterModel].check
	d.window.Canvas().Focus(check)
	s.m.card(settings.StarterModel).work = &work{kind: "check"}
	s.update()
	s.m.card(settings.StarterModel).work = nil
	s.update()
	if d.window.Canvas().Focused() != check {
		t.Errorf("the keyboard went to %v", d.window.Canvas().Focused())
	}
}

// When a folder's card is closed by keyboard, the keyboard stays on the screen.
func TestClosedImportLeavesTheKeyboard(t *testing.T) {
	s, d, m, _ := stage(t, "en", theme.Light, 100)
	m.fail = errTorn
	s.Drop([]string{t.TempDir()})
	end := s.folders[s.m.imports[0].id].end
	d.window.Canvas().Focus(end)
	end.TypedKey(&fyne.KeyEvent{Name: fyne.KeyReturn})
	if len(s.m.imports) != 0 || d.window.Canvas().Focused() != s.add {
		t.Errorf("%d imports, the keyboard is on %v", len(s.m.imports), d.window.Canvas().Focused())
	}
}

func TestLicenceAndDetailsAreShown(t *testing.T) {
	s, d, _, _ := stage(t, "en", theme.Light, 100)
	canvas := d.window.Canvas()
	test.Tap(s.cards["rinna-4b-instruct"].licence)
	if canvas.Overlays().Top() == nil {
		t.Fatal("no licence is shown")
	}
	copyButton, ok := canvas.Focused().(*widget.Button)
	if !ok || copyButton.Text != s.shell.Text("models.close") {
		t.Fatalf("the keyboard is on %v", canvas.Focused())
	}
	copyButton.TypedKey(&fyne.KeyEvent{Name: fyne.KeyEscape})
	if canvas.Overlays().Top() != nil {
		t.Error("Escape does not close the licence")
	}
	s.details("rinna-4b-instruct")
	if canvas.Overlays().Top() == nil {
		t.Fatal("no details are shown")
	}
}

func TestRefreshAfterNews(t *testing.T) {
	s, _, m, _ := stage(t, "en", theme.Light, 100)
	if err := m.Remove(context.Background(), "rinna-4b-instruct"); err != nil {
		t.Fatal(err)
	}
	s.bus.Tell(app.TopicModels)
	if s.m.card("rinna-4b-instruct") != nil {
		t.Error("a removed model is still shown")
	}
	s.Hidden()
	if err := m.Remove(context.Background(), "all-MiniLM-L6-v2"); err != nil {
		t.Fatal(err)
	}
	s.bus.Tell(app.TopicModels)
	if s.m.card("all-MiniLM-L6-v2") == nil {
		t.Error("a hidden screen looks at the models")
	}
}
