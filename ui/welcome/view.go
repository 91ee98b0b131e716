package welcome

import (
	"fmt"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	fynetheme "fyne.io/fyne/v2/theme"
	fynewidget "fyne.io/fyne/v2/widget"

	"kakoi/ui/lock"
	"kakoi/ui/widget"
)

// shell is what the welcome needs of the window.
type shell interface {
	Text(key string, args ...any) string
	Lang() string
	Window() fyne.Window
	PickFiles(then func(paths []string))
	PickFolder(then func(paths []string))
	Post(f func())
}

// Params is what New needs. The functions are called on the window's goroutine.
type Params struct {
	Shell       shell
	DataDir     string
	TextSize    int    // percent, as it is set
	Theme       string // "system", "light" or "dark", as it is set
	SetLanguage func(lang string)
	SetTextSize func(percent int)
	SetTheme    func(name string)
	Guarded     func() bool       // a passphrase keeps the library; nil: none can be set, and none is offered
	Protect     func(pass []byte) // encrypts the library with a passphrase, which zeroes it; the window shows the welcome anew when that is done
	Keys        widget.SecretKeys // for the field of the passphrase
	Strength    func(pass []byte) string
	AddSamples  func()               // begins to add the sample collection
	AddPaths    func(paths []string) // begins to add files and folders
	Done        func()               // the welcome is over; called once, after AddSamples or AddPaths
}

// Screen is the welcome. Make it with New.
type Screen struct {
	p       Params
	m       model
	root    *fyne.Container
	focus   string // which button has the keyboard, or had it before the view was made anew
	buttons map[string]*widget.Button
	first   string     // the button a person would press
	form    *lock.Form // of the passphrase; nil: it is not shown
	scale   float32
	body    *widget.Ruler
}

// New makes the welcome.
func New(p Params) *Screen { return &Screen{p: p, m: newModel(p.TextSize, p.Theme)} }

// Build makes the view in the current language and text size, at the step where it was.
func (s *Screen) Build() fyne.CanvasObject {
	s.root = container.NewStack()
	s.fill()
	return s.root
}

// fill shows the step.
func (s *Screen) fill() {
	th := fyne.CurrentApp().Settings().Theme()
	s.scale = th.Size(fynetheme.SizeNameText) / 14
	s.body = widget.NewRuler(th.Size(fynetheme.SizeNameText))
	s.buttons = map[string]*widget.Button{}
	s.leaveForm()
	page := []func() fyne.CanvasObject{s.look, s.place, s.documents}[s.m.step]()
	roll := widget.NewRoll(func() []string { return []string{"page"} }, func(int, float32) float32 { return 400 }, func(int) fyne.CanvasObject { return page })
	roll.Still = true
	roll.ToOffset(0)
	s.root.Objects = []fyne.CanvasObject{container.New(middle{680 * s.scale}, container.NewBorder(s.head(), s.foot(), nil, nil, roll))}
	s.root.Refresh()
}

// head says where in the welcome a person is.
func (s *Screen) head() fyne.CanvasObject {
	name := fynewidget.NewLabelWithStyle("囲い Kakoi", fyne.TextAlignLeading, fyne.TextStyle{Bold: true})
	name.SizeName = fynetheme.SizeNameHeadingText
	step := fynewidget.NewLabel(fmt.Sprintf("%d / %d", s.m.step+1, steps))
	step.Importance = fynewidget.LowImportance
	return container.NewPadded(container.NewHBox(name, layout.NewSpacer(), step))
}

// foot has the buttons between the steps.
func (s *Screen) foot() fyne.CanvasObject {
	row := container.NewHBox()
	if s.m.step > 0 {
		row.Add(s.button("back", "welcome.back", nil, func() { s.turn(s.m.back()) }))
	}
	row.Add(layout.NewSpacer())
	if s.m.step < steps-1 {
		next := s.button("next", "welcome.next", nil, s.next)
		next.Importance = fynewidget.HighImportance
		row.Add(next)
		s.first = "next"
	} else {
		later := s.button("later", "welcome.later", nil, func() { s.finish(nil) })
		later.Importance = fynewidget.LowImportance
		row.Add(later)
	}
	return container.NewPadded(row)
}

// button makes a button that is found again by its name after the view was made anew.
func (s *Screen) button(name, key string, icon fyne.Resource, tapped func()) *widget.Button {
	b := widget.NewButton(s.p.Shell.Text(key), icon, func() {
		s.focus = name
		tapped()
	})
	b.OnEscape = func() { s.turn(s.m.back()) }
	s.buttons[name] = b
	return b
}

// next goes on: through the step of the place with the passphrase, where one was typed. Half of one stays where it is.
func (s *Screen) next() {
	if s.form == nil || s.form.Empty() {
		s.turn(s.m.next())
		return
	}
	if !s.form.Ready() {
		s.p.Shell.Window().Canvas().Focus(s.form.First())
		return
	}
	_, pass := s.form.Take()
	s.leaveForm()
	s.m.guard, s.focus = false, ""
	s.m.next()
	s.p.Protect(pass)
}

// leaveForm empties the fields of the passphrase.
func (s *Screen) leaveForm() {
	if s.form != nil {
		s.form.Leave()
		s.form = nil
	}
}

// turn shows another step.
func (s *Screen) turn(turned bool) {
	if !turned {
		return
	}
	s.focus = ""
	s.fill()
	s.Focus()
}

// apply has the window take a choice, and shows it where the window has not made the view anew itself.
func (s *Screen) apply(set func()) {
	root := s.root
	set()
	if s.root == root && !s.m.ended {
		s.fill()
		s.Focus()
	}
}

// finish ends the welcome; add is nil when there is nothing to add.
func (s *Screen) finish(add func()) {
	if !s.m.end() {
		return
	}
	if add != nil {
		add()
	}
	s.p.Done()
}

// add takes files and folders: at the last step they are added and the welcome ends, before it they wait.
func (s *Screen) add(paths []string) {
	if len(paths) == 0 || s.m.ended {
		return
	}
	s.m.take(paths)
	if s.m.step == steps-1 {
		s.finish(func() { s.p.AddPaths(s.m.paths) })
		return
	}
	s.fill()
	s.Focus()
}

// Drop takes files and folders that were dragged in.
func (s *Screen) Drop(paths []string) bool {
	s.add(paths)
	return true
}

// Shown is called when the welcome is on the window.
func (s *Screen) Shown() {}

// Leave is called when a person goes to another screen instead. Files that wait are added, and the welcome is over then.
func (s *Screen) Leave() (over bool) {
	if len(s.m.paths) == 0 || !s.m.end() {
		return false
	}
	s.p.AddPaths(s.m.paths)
	return true
}

// Focus puts the keyboard where it was, or on the button that goes on.
func (s *Screen) Focus() {
	b := s.buttons[s.focus]
	if b == nil {
		b = s.buttons[s.first]
	}
	if b != nil {
		s.p.Shell.Window().Canvas().Focus(b)
	}
}

// middle is a column in the middle, no wider than is read with ease.
type middle struct{ most float32 }

func (m middle) MinSize(objects []fyne.CanvasObject) fyne.Size { return objects[0].MinSize() }

func (m middle) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	width := min(size.Width, m.most)
	above := min(size.Height/12, 48)
	objects[0].Move(fyne.NewPos((size.Width-width)/2, above))
	objects[0].Resize(fyne.NewSize(width, size.Height-above))
}
