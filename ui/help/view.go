package help

import (
	"log/slog"
	"slices"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	fynetheme "fyne.io/fyne/v2/theme"
	fynewidget "fyne.io/fyne/v2/widget"

	"kakoi/docs"
	"kakoi/ui/widget"
)

// shell is what the help needs of the window.
type shell interface {
	Text(key string, args ...any) string
	Lang() string
	Window() fyne.Window
}

// Params is what New needs.
type Params struct {
	Shell     shell
	Shortcuts func() []widget.ShortcutGroup // of the whole window first
}

// Screen is the help. Make it with New.
type Screen struct {
	p        Params
	m        model
	search   *widget.Entry
	contents *fyne.Container
	buttons  []*widget.Button
	roll     *widget.Roll
	none     *fynewidget.Label
	look     look
}

// New makes the help screen.
func New(p Params) *Screen { return &Screen{p: p} }

// Build makes the view in the current language and text size.
func (s *Screen) Build() fyne.CanvasObject {
	s.look = newLook()
	s.read()
	text := ""
	if s.search != nil {
		text = s.search.Text
	}
	s.search = widget.NewEntry()
	s.search.SetPlaceHolder(s.p.Shell.Text("help.search"))
	s.search.SetText(text)
	s.search.OnChanged = s.find
	s.search.OnEscape = func() { s.search.SetText("") }
	s.search.OnKey = s.scrolled
	s.contents = container.NewVBox()
	s.roll = widget.NewRoll(s.keys, s.guess, s.make)
	s.roll.Still = true
	s.none = fynewidget.NewLabel(s.p.Shell.Text("help.nothing"))
	s.none.Alignment, s.none.Wrapping = fyne.TextAlignCenter, fyne.TextWrapWord
	s.find(text)
	s.roll.ToOffset(0)
	left := container.NewBorder(container.NewPadded(s.search), nil, nil, nil, container.NewVScroll(container.NewPadded(s.contents)))
	right := container.New(column{most: s.look.scale * 760}, container.NewStack(s.roll, s.none))
	return container.NewBorder(nil, nil, container.NewBorder(nil, nil, nil, fynewidget.NewSeparator(), container.New(column{least: s.look.scale * 200, most: s.look.scale * 400}, left)), nil, right)
}

// Fields are where a person types.
func (s *Screen) Fields() []fyne.Focusable {
	if s.search == nil {
		return make([]fyne.Focusable, 1)
	}
	return []fyne.Focusable{s.search}
}

// read takes guide and shortcuts in the current language.
func (s *Screen) read() {
	var err error
	if s.m.sections, err = loadGuide(docs.Files, s.p.Shell.Lang()); err != nil {
		slog.Error("guide", "error", err)
	}
	for i := range s.m.sections {
		s.m.sections[i].blocks = slices.DeleteFunc(s.m.sections[i].blocks, func(b block) bool {
			return b.kind == picture && readPicture(docs.Files, b.file, false) == nil
		})
	}
	s.takeKeys()
}

// takeKeys lists the shortcuts as they are now.
func (s *Screen) takeKeys() {
	s.m.groups = nil
	for _, g := range s.p.Shortcuts() {
		group := keyGroup{title: s.p.Shell.Text(g.Title)}
		for _, k := range g.Shortcuts {
			group.lines = append(group.lines, keyLine{k.Keys(), s.p.Shell.Text(k.Text)})
		}
		s.m.groups = append(s.m.groups, group)
	}
}

// find shows what has the words of a text.
func (s *Screen) find(text string) {
	s.m.search(text, s.p.Shell.Text("help.shortcuts"))
	s.buttons = nil
	s.contents.Objects = nil
	for i, c := range s.m.chapters {
		b := widget.NewButton(c.title, nil, func() { s.roll.ToRow(c.row) })
		b.Alignment, b.Importance = fynewidget.ButtonAlignLeading, fynewidget.LowImportance
		b.OnKey = func(k *fyne.KeyEvent) bool { return s.chapterKey(i, k) || s.scrolled(k) }
		b.OnEscape = s.Focus
		s.buttons = append(s.buttons, b)
		s.contents.Add(b)
	}
	s.contents.Refresh()
	s.none.Hidden = len(s.m.rows) > 0
	s.none.Refresh()
	s.roll.Update()
	s.roll.ToOffset(0)
}

// chapterKey moves between the entries of the contents.
func (s *Screen) chapterKey(i int, k *fyne.KeyEvent) bool {
	switch {
	case k.Name == fyne.KeyDown && i+1 < len(s.buttons):
		s.p.Shell.Window().Canvas().Focus(s.buttons[i+1])
	case k.Name == fyne.KeyUp && i > 0:
		s.p.Shell.Window().Canvas().Focus(s.buttons[i-1])
	case k.Name == fyne.KeyUp:
		s.Focus()
	default:
		return false
	}
	return true
}

// scrolled moves the text by the keys that a field of one line has no use for.
func (s *Screen) scrolled(k *fyne.KeyEvent) bool {
	canvas := s.p.Shell.Window().Canvas()
	switch k.Name {
	case fyne.KeyPageDown:
		s.roll.PageBy(0.9)
	case fyne.KeyPageUp:
		s.roll.PageBy(-0.9)
	case fyne.KeyDown:
		if canvas.Focused() == s.search && len(s.buttons) > 0 {
			canvas.Focus(s.buttons[0])
		} else {
			s.roll.PageBy(0.1)
		}
	case fyne.KeyUp:
		s.roll.PageBy(-0.1)
	default:
		return false
	}
	return true
}

// Shown is called when the screen is on the window: shortcuts may have changed meanwhile.
func (s *Screen) Shown() {
	s.takeKeys()
	s.find(s.search.Text)
}

// Hidden is called when another screen is.
func (s *Screen) Hidden() {}

// Drop takes no files: they go to the documents.
func (s *Screen) Drop([]string) bool { return false }

// Focus puts the keyboard into the search field.
func (s *Screen) Focus() { s.p.Shell.Window().Canvas().Focus(s.search) }

// Shortcuts of the help itself.
func (s *Screen) Shortcuts() []widget.Shortcut {
	return []widget.Shortcut{{Modifier: fyne.KeyModifierControl, Key: fyne.KeyF, Text: "help.key.find", Do: s.Focus}}
}

// column is as wide as there is room, up to a width in which lines are read with ease.
type column struct{ least, most float32 }

func (c column) MinSize(objects []fyne.CanvasObject) fyne.Size {
	least := fyne.NewSize(c.least, 0)
	for _, o := range objects {
		least = least.Max(o.MinSize())
	}
	return least
}

func (c column) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	width := min(size.Width, c.most)
	for _, o := range objects {
		o.Move(fyne.NewPos(0, 0))
		o.Resize(fyne.NewSize(width, size.Height))
	}
}

// look is what the text is measured with.
type look struct {
	scale                  float32
	body, small, head, top *widget.Ruler
}

func newLook() look {
	th := fyne.CurrentApp().Settings().Theme()
	size := func(name fyne.ThemeSizeName) *widget.Ruler { return widget.NewRuler(th.Size(name)) }
	return look{
		scale: th.Size(fynetheme.SizeNameText) / 14,
		body:  size(fynetheme.SizeNameText), small: size(fynetheme.SizeNameCaptionText),
		head: size(fynetheme.SizeNameSubHeadingText), top: size(fynetheme.SizeNameHeadingText),
	}
}
