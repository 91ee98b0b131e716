package lock

import (
	"context"
	"fmt"
	"image/png"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"

	"kakoi/resources"
	"kakoi/ui/theme"
	"kakoi/ui/widget"
)

// pane is a shell with a window of the test driver. What is posted waits until enter runs it: the look at the caps lock posts from a
// goroutine of its own.
type pane struct {
	desk
	window fyne.Window

	mu   sync.Mutex
	work []func()
}

func (p *pane) Post(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.work = append(p.work, f)
}

// enter presses Enter in a field and runs what that leads to.
func (p *pane) enter(field *widget.Secret) {
	field.TypedKey(&fyne.KeyEvent{Name: fyne.KeyReturn})
	p.mu.Lock()
	work := p.work
	p.work = nil
	p.mu.Unlock()
	for _, f := range work {
		f()
	}
}

func (p *pane) Window() fyne.Window               { return p.window }
func (p *pane) Go(work func(ctx context.Context)) { work(context.Background()) }

// keyboard is what the display knows of keys.
type keyboard struct{ plain, caps bool }

func (k *keyboard) keys() widget.SecretKeys {
	return widget.SecretKeys{Plain: func(on bool) { k.plain = on }, CapsLock: func() bool { return k.caps }}
}

func show(t *testing.T, lang, mode string, percent int) (*Screen, *pane, *door, *keyboard, *int) {
	t.Helper()
	app := test.NewApp()
	t.Cleanup(app.Quit)
	app.Settings().SetTheme(theme.New(mode, percent, theme.LoadFonts(os.Getenv("KAKOI_FONTS"))))
	p, d, k, opened := &pane{desk: desk{lang: lang}, window: app.NewWindow("Kakoi")}, &door{right: "seven grey cats"}, &keyboard{}, 0
	p.window.SetPadded(false)
	s := New(Params{Shell: p, Keys: k.keys(), Open: d.open, Opened: func() { opened++ }, Quit: func() {}})
	p.window.Resize(fyne.NewSize(1024, 640))
	p.window.SetContent(s.Build())
	s.Focus()
	t.Cleanup(s.Leave)
	return s, p, d, k, &opened
}

// A passphrase is typed and sent by Enter; it shows only when that is asked for, and keys go past the input method meanwhile.
func TestTypeAndUnlock(t *testing.T) {
	s, p, d, k, opened := show(t, "en", theme.Light, 100)
	canvas := p.window.Canvas()
	if canvas.Focused() != fyne.Focusable(s.field) || !k.plain || !s.field.Password {
		t.Fatalf("begins with the keyboard at %T, plain keys %v, hidden %v", canvas.Focused(), k.plain, s.field.Password)
	}
	if !s.open.Disabled() {
		t.Error("an empty passphrase can be sent")
	}
	test.Type(s.field, "wrong")
	s.show.SetChecked(true)
	if s.field.Password {
		t.Error("it is not shown when asked for")
	}
	s.show.SetChecked(false)
	p.enter(s.field)
	if s.field.Text != "" || canvas.Focused() != fyne.Focusable(s.field) || *opened != 0 {
		t.Errorf("after a wrong one: %q in the field, keyboard at %T", s.field.Text, canvas.Focused())
	}
	test.Type(s.field, d.right)
	p.enter(s.field)
	if *opened != 1 || s.field.Text != "" {
		t.Errorf("opened %d times, %q left in the field", *opened, s.field.Text)
	}
	canvas.Unfocus()
	if k.plain {
		t.Error("keys go past the input method after the field was left")
	}
	order := []fyne.Focusable{s.field, s.show, s.open, s.quit}
	test.Type(s.field, "x") // enables the button
	canvas.Focus(s.field)
	for i, want := range order {
		if canvas.Focused() != want {
			t.Errorf("Tab %d leads to %T", i, canvas.Focused())
		}
		canvas.FocusNext()
	}
}

// The caps lock is told as soon as the field has the keyboard.
func TestCapsLock(t *testing.T) {
	s, p, _, k, _ := show(t, "ja", theme.Light, 100)
	p.window.Canvas().Unfocus()
	k.caps = true
	s.Focus()
	if text, _ := s.m.says(); text != resources.Format("ja", "lock.caps") {
		t.Errorf("says %q", text)
	}
	p.window.Canvas().Unfocus()
	if text, _ := s.m.says(); text != "" {
		t.Errorf("says %q without the keyboard", text)
	}
}

// Nothing is cut, in any language, in a small window with large text.
func TestFits(t *testing.T) {
	for _, lang := range resources.Languages {
		for _, mode := range []string{theme.Light, theme.Dark} {
			s, p, _, _, _ := show(t, lang, mode, 150)
			p.window.Resize(fyne.NewSize(640, 480))
			test.Type(s.field, "wrong")
			p.enter(s.field)
			if least := p.window.Content().MinSize(); least.Width > 640 || least.Height > 480 {
				t.Errorf("%s: needs %v", lang, least)
			}
			for _, o := range []fyne.CanvasObject{s.open, s.quit, s.show} {
				if o.Size().Width+0.5 < o.MinSize().Width || o.Position().Y+o.Size().Height > s.column.Size().Height+0.5 {
					t.Errorf("%s: %T has %v of %v", lang, o, o.Size(), o.MinSize())
				}
			}
			if dir := os.Getenv("KAKOI_SHOTS"); dir != "" {
				f, err := os.Create(filepath.Join(dir, fmt.Sprintf("lock-%s-%s.png", lang, mode)))
				if err != nil {
					t.Fatal(err)
				}
				if err := png.Encode(f, p.window.Canvas().Capture()); err != nil {
					t.Fatal(err)
				}
				f.Close()
			}
			s.Leave()
		}
	}
}
