package welcome

import (
	"errors"
	"fmt"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"
	fynewidget "fyne.io/fyne/v2/widget"

	"kakoi/resources"
	"kakoi/ui/theme"
	"kakoi/ui/widget"
)

// window is a shell that does what the real one does: a change of language or size makes the view anew.
type window struct {
	lang   string
	w      fyne.Window
	screen *Screen
	picked []string // answer of the dialogs
	calls  []string

	guarded bool
}

func (f *window) Text(key string, args ...any) string { return resources.Format(f.lang, key, args...) }
func (f *window) Lang() string                        { return f.lang }
func (f *window) Post(do func())                      { do() }
func (f *window) Window() fyne.Window                 { return f.w }
func (f *window) PickFiles(then func([]string))       { then(f.picked) }
func (f *window) PickFolder(then func([]string))      { then(f.picked) }

func (f *window) called(name string, args ...any) {
	f.calls = append(f.calls, strings.TrimSpace(fmt.Sprintln(append([]any{name}, args...)...)))
}

func (f *window) rebuild() {
	f.w.SetContent(f.screen.Build())
	f.screen.Focus()
}

func open(t *testing.T, lang string) (*Screen, fyne.Canvas, *window) {
	t.Helper()
	test.NewTempApp(t).Settings().SetTheme(theme.New(theme.Light, 100, theme.LoadFonts(os.Getenv("KAKOI_FONTS"))))
	f := &window{lang: lang, w: test.NewTempWindow(t, widget.NewEntry())}
	f.screen = New(Params{
		Shell: f, DataDir: "/home/hanako/.local/share/kakoi",
		SetLanguage: func(l string) { f.called("language", l); f.lang = l; f.rebuild() },
		SetTextSize: func(n int) { f.called("size", n); f.rebuild() },
		SetTheme:    func(name string) { f.called("theme", name) },
		AddSamples:  func() { f.called("samples") },
		AddPaths:    func(p []string) { f.called("paths", p) },
		Done:        func() { f.called("done") },
		Guarded:     func() bool { return f.guarded }, Strength: func([]byte) string { return "good" },
		Protect: func(pass []byte) {
			f.called("protect", string(pass))
			f.guarded = true
			f.rebuild()
		},
	})
	f.rebuild()
	f.w.Resize(fyne.NewSize(1024, 700))
	return f.screen, f.w.Canvas(), f
}

func press(c fyne.Canvas, names ...fyne.KeyName) {
	for _, name := range names {
		c.Focused().TypedKey(&fyne.KeyEvent{Name: name})
	}
}

func (f *window) want(t *testing.T, want ...string) {
	t.Helper()
	if !slices.Equal(f.calls, want) {
		t.Fatalf("calls %q, want %q", f.calls, want)
	}
}

func TestWelcomeWithEnterAlone(t *testing.T) {
	_, canvas, f := open(t, "ja")
	press(canvas, fyne.KeyReturn, fyne.KeyReturn, fyne.KeyReturn)
	f.want(t, "samples", "done")
}

func TestChoicesApplyAtOnce(t *testing.T) {
	s, canvas, f := open(t, "ja")
	canvas.Focus(s.buttons["welcome.language.ja"])
	press(canvas, fyne.KeyRight, fyne.KeyReturn)
	f.want(t, "language en")
	if b := s.buttons["welcome.language.en"]; canvas.Focused() != b || b.Importance != fynewidget.HighImportance {
		t.Fatalf("focus on %v, importance %v", canvas.Focused(), b.Importance)
	}
	if got, want := s.buttons["next"].Text, resources.Format("en", "welcome.next"); got != want {
		t.Fatalf("the button says %q, want %q", got, want)
	}
	canvas.Focus(s.buttons["welcome.size.100"])
	press(canvas, fyne.KeyRight, fyne.KeyRight, fyne.KeyRight, fyne.KeySpace)
	canvas.Focus(s.buttons["welcome.theme.system"])
	press(canvas, fyne.KeyLeft, fyne.KeyRight, fyne.KeyRight, fyne.KeyReturn)
	f.want(t, "language en", "size 150", "theme dark")
	for _, name := range []string{"welcome.size.150", "welcome.theme.dark"} {
		if s.buttons[name].Importance != fynewidget.HighImportance {
			t.Errorf("%s is not shown as chosen", name)
		}
	}
	if canvas.Focused() != s.buttons["welcome.theme.dark"] {
		t.Errorf("the focus went to %v", canvas.Focused())
	}
}

func TestEscapeGoesBack(t *testing.T) {
	s, canvas, f := open(t, "en")
	press(canvas, fyne.KeyReturn, fyne.KeyReturn, fyne.KeyEscape)
	if s.m.step != stepPlace || canvas.Focused() != s.buttons["next"] {
		t.Fatalf("at step %d, focus on %v", s.m.step, canvas.Focused())
	}
	press(canvas, fyne.KeyEscape, fyne.KeyEscape)
	if s.m.step != stepLook {
		t.Fatalf("at step %d", s.m.step)
	}
	f.want(t)
}

func TestFilesThatAreDroppedEarlyWait(t *testing.T) {
	s, canvas, f := open(t, "ja")
	if !s.Drop([]string{"/d/規則.pdf"}) {
		t.Fatal("the drop is refused")
	}
	f.want(t)
	press(canvas, fyne.KeyReturn, fyne.KeyReturn)
	if canvas.Focused() != s.buttons["begin"] {
		t.Fatalf("focus on %v", canvas.Focused())
	}
	press(canvas, fyne.KeyReturn)
	f.want(t, "paths [/d/規則.pdf]", "done")
	s.Drop([]string{"/d/late.pdf"})
	f.want(t, "paths [/d/規則.pdf]", "done")
}

func TestDropAndDialogsAtTheLastStep(t *testing.T) {
	s, canvas, f := open(t, "ja")
	press(canvas, fyne.KeyReturn, fyne.KeyReturn)
	s.Drop([]string{"/d/a.pdf", "/d/b"})
	f.want(t, "paths [/d/a.pdf /d/b]", "done")

	s, canvas, f = open(t, "ja")
	press(canvas, fyne.KeyReturn, fyne.KeyReturn)
	canvas.Focus(s.buttons["files"])
	press(canvas, fyne.KeyReturn) // the dialog is left without a choice
	f.want(t)
	f.picked = []string{"/d/c"}
	canvas.Focus(s.buttons["folder"])
	press(canvas, fyne.KeyReturn)
	f.want(t, "paths [/d/c]", "done")
}

func TestLaterAddsNothing(t *testing.T) {
	s, canvas, f := open(t, "ja")
	press(canvas, fyne.KeyReturn, fyne.KeyReturn)
	canvas.Focus(s.buttons["later"])
	press(canvas, fyne.KeyReturn)
	f.want(t, "done")
}

// Every button of every step is reached with the Tab key and lies within a small window at the largest text size offered.
func TestEverythingIsReachedAndFits(t *testing.T) {
	for _, lang := range resources.Languages {
		for step := range steps {
			s, canvas, f := open(t, lang)
			fyne.CurrentApp().Settings().SetTheme(theme.New(theme.Light, 150, theme.LoadFonts(os.Getenv("KAKOI_FONTS"))))
			s.m.step = step
			f.rebuild()
			seen := map[fyne.Focusable]bool{}
			for range 20 {
				canvas.FocusNext()
				seen[canvas.Focused()] = true
			}
			for name, b := range s.buttons {
				at := fyne.CurrentApp().Driver().AbsolutePositionForObject(b)
				end := at.Add(b.Size())
				if !seen[b] {
					t.Errorf("%s, step %d: Tab does not reach %s", lang, step, name)
				}
				if at.X < 0 || end.X > 1024 || at.Y < 0 || end.Y > 700 || b.Size().Width < b.MinSize().Width {
					t.Errorf("%s, step %d: %s lies at %v to %v", lang, step, name, at, end)
				}
			}
		}
	}
}

// A person who drops files and then goes on by the rail has them added, once.
func TestFilesAreAddedWhenTheWelcomeIsLeft(t *testing.T) {
	s, _, f := open(t, "en")
	if s.Leave() {
		t.Error("the welcome is over without anything to add")
	}
	s.Drop([]string{"/d/a.pdf", "/d/b.pdf"})
	s.Drop([]string{"/d/a.pdf"})
	if !s.Leave() || s.Leave() {
		t.Error("leaving with files does not end the welcome, once")
	}
	f.want(t, "paths [/d/a.pdf /d/b.pdf]")
}

// A passphrase is an offer: Enter alone goes past it, one that is typed twice is set on the way on, and half of one keeps the step.
func TestPassphraseOnTheWay(t *testing.T) {
	s, canvas, f := open(t, "en")
	press(canvas, fyne.KeyReturn)
	guard := s.buttons["guard"]
	if guard == nil {
		t.Fatal("no passphrase is offered")
	}
	canvas.Focus(guard)
	press(canvas, fyne.KeyReturn)
	field, ok := canvas.Focused().(*widget.Secret)
	if !ok {
		t.Fatalf("the keyboard is at %T", canvas.Focused())
	}
	test.Type(field, "four grey cats")
	s.next()
	if s.m.step != stepPlace || len(f.calls) != 0 {
		t.Fatalf("half a passphrase leads to step %d, %q", s.m.step, f.calls)
	}
	field.TypedKey(&fyne.KeyEvent{Name: fyne.KeyReturn})
	again, ok := canvas.Focused().(*widget.Secret)
	if !ok || again == field {
		t.Fatalf("the keyboard is at %T", canvas.Focused())
	}
	test.Type(again, "four grey cats")
	press(canvas, fyne.KeyReturn)
	f.want(t, "protect four grey cats")
	if s.m.step != stepDocuments {
		t.Errorf("at step %d", s.m.step)
	}
	press(canvas, fyne.KeyEscape)
	if s.buttons["guard"] != nil {
		t.Error("a second passphrase is offered")
	}
}

// Escape in the field gives the passphrase up, and nothing is cut with the fields shown.
func TestPassphraseGivenUp(t *testing.T) {
	for _, lang := range resources.Languages {
		s, canvas, f := open(t, lang)
		fyne.CurrentApp().Settings().SetTheme(theme.New(theme.Light, 125, theme.LoadFonts(os.Getenv("KAKOI_FONTS"))))
		s.m.step, s.m.guard = stepPlace, true
		f.rebuild()
		canvas.Focus(s.form.First())
		test.Type(canvas.Focused(), "x")
		if dir := os.Getenv("KAKOI_SHOTS"); dir != "" {
			file, err := os.Create(filepath.Join(dir, "welcome-guard-"+lang+".png"))
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(png.Encode(file, canvas.Capture()), file.Close()); err != nil {
				t.Fatal(err)
			}
		}
		press(canvas, fyne.KeyEscape)
		if s.form != nil || s.m.step != stepPlace || canvas.Focused() != s.buttons["next"] {
			t.Errorf("%s: step %d, the keyboard at %T", lang, s.m.step, canvas.Focused())
		}
		f.want(t)
	}
}
