package lock

import (
	"context"
	"image/color"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	fynetheme "fyne.io/fyne/v2/theme"
	fynewidget "fyne.io/fyne/v2/widget"

	"kakoi/ui/theme"
	"kakoi/ui/widget"
)

// shell is what the screen needs of the window.
type shell interface {
	host
	Window() fyne.Window
}

// Params is what New needs.
type Params struct {
	Shell  shell
	Keys   widget.SecretKeys
	Open   func(ctx context.Context, pass []byte) error // vault.ErrPassphrase for a wrong one; pass is zeroed afterwards
	Opened func()                                       // on the window's goroutine
	Failed func(err error) bool                         // it did not open although the passphrase was right; true: something else is shown now. May be nil
	Quit   func()
}

// Screen is the lock screen: the whole content of the window. Make it with New.
type Screen struct {
	p      Params
	m      *model
	field  *widget.Secret
	show   *widget.Tick
	open   *widget.Button
	quit   *widget.Button
	said   *widget.Prose
	column *widget.Box
	root   *fyne.Container
}

// New makes the lock screen.
func New(p Params) *Screen {
	s := &Screen{p: p, m: &model{host: p.Shell, open: p.Open, opened: p.Opened, broken: p.Failed, now: time.Now}}
	s.m.changed = s.refresh
	s.m.refused = func() {
		if s.field != nil {
			s.field.SetText("")
			s.Focus()
		}
	}
	return s
}

// width of the column, in a text size of 100%.
const width = 420

// Build makes the view in the current language and text size.
func (s *Screen) Build() fyne.CanvasObject {
	th := fyne.CurrentApp().Settings().Theme()
	size := th.Size(fynetheme.SizeNameText)
	scale := size / 14
	body, head := widget.NewRuler(size), widget.NewRuler(th.Size(fynetheme.SizeNameHeadingText))
	t := s.p.Shell.Text
	s.Leave()
	s.field = widget.NewSecret(s.p.Keys, s.p.Shell.Post)
	s.field.SetPlaceHolder(t("lock.field"))
	s.field.OnSubmitted = func(string) { s.try() }
	s.field.OnChanged = func(string) { s.refresh() }
	s.field.OnCaps = func(on bool) {
		s.m.caps = on
		s.refresh()
	}
	s.show = widget.NewTick(t("lock.show"), func(on bool) { s.field.Reveal(on) })
	s.open = widget.NewButton(t("lock.open"), nil, s.try)
	s.open.Importance = fynewidget.HighImportance
	s.quit = widget.NewButton(t("ui.shortcut.quit"), nil, s.p.Quit)
	s.quit.Importance = fynewidget.LowImportance
	s.said = widget.NewProse(body)
	s.column = widget.NewColumn(12,
		widget.NewProse(head, widget.Run{Text: "囲い Kakoi", Bold: true}),
		widget.NewProse(body, widget.Run{Text: t("lock.text")}),
		s.field,
		s.show,
		s.said,
		container.NewHBox(s.open, layout.NewSpacer(), s.quit),
	)
	back := canvas.NewRectangle(color.Transparent)
	s.root = container.New(middle{width * scale}, back, s.column)
	s.refresh()
	return s.root
}

// try tries what is in the field.
func (s *Screen) try() {
	if s.m.ready() && s.field.Text != "" {
		s.m.try(s.field.Take())
	}
}

// Focus puts the keyboard into the field.
func (s *Screen) Focus() {
	if s.field != nil {
		s.p.Shell.Window().Canvas().Focus(s.field)
	}
}

// Leave gives the keys back to the input method and forgets what was typed. Call it before the view is taken away.
func (s *Screen) Leave() {
	if s.field != nil {
		s.field.Clear()
		s.field.Leave()
	}
}

// Busy says whether a passphrase is being tried.
func (s *Screen) Busy() bool { return s.m.busy }

// Behind says whether work goes on while the screen is locked.
func (s *Screen) Behind(on bool) {
	if s.m.behind != on {
		s.m.behind = on
		s.refresh()
	}
}

// Ending says that the window ends: nothing can be typed any more.
func (s *Screen) Ending(text string) {
	s.m.ending = text
	s.Leave()
	s.refresh()
}

func (s *Screen) refresh() {
	if s.root == nil {
		return
	}
	text, bad := s.m.says()
	name := theme.ColorSecondary
	switch {
	case bad:
		name = fynetheme.ColorNameError
	case s.m.warns():
		name = fynetheme.ColorNameWarning
	}
	if text == "" {
		text = " " // keeps its line: the buttons do not jump
	}
	s.said.SetRuns([]widget.Run{{Text: text, Color: name}})
	if s.m.ready() && s.field.Text != "" {
		s.open.Enable()
	} else {
		s.open.Disable()
	}
	s.column.Refresh()
	s.root.Refresh()
}

// middle puts a column of a width into the middle, a little above it.
type middle struct{ most float32 }

func (m middle) MinSize(objects []fyne.CanvasObject) fyne.Size {
	return fyne.NewSize(min(m.most, 320), widget.HeightFor(objects[1], m.most))
}

func (m middle) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	objects[0].Resize(size)
	w := min(size.Width-32, m.most)
	h := widget.HeightFor(objects[1], w)
	objects[1].Resize(fyne.NewSize(w, h))
	objects[1].Move(fyne.NewPos((size.Width-w)/2, max(0, (size.Height-h)*0.4)))
}
