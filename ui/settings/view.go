package settings

import (
	"encoding/json"
	"image/color"
	"slices"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	fynetheme "fyne.io/fyne/v2/theme"
	fynewidget "fyne.io/fyne/v2/widget"

	"kakoi/app"
	"kakoi/app/settings"
	"kakoi/core/closed"
	"kakoi/ui/theme"
	"kakoi/ui/widget"
)

// shell is what the screen needs of the window.
type shell interface {
	host
	Window() fyne.Window
	Clipboard(text string)
	Navigate(where any)
}

// Params is what New needs.
type Params struct {
	Shell     shell
	Settings  *settings.File
	Models    *app.Models
	Library   *app.Library
	Chat      *app.Chat
	Prompts   app.Prompts
	Doctor    *app.Doctor
	Backup    *app.Backup                   // nil: none is offered
	Backups   *app.Backups                  // nil: none are made by themselves
	Capsule   *app.Capsule                  // nil: none is offered
	Vault     Passphrase                    // nil: no passphrase can be set
	Proof     closed.Proof                  // of this process
	Shortcuts func() []widget.ShortcutGroup // of the whole window first
	Bus       *app.Bus
}

// Screen is the settings screen. Make it with New.
type Screen struct {
	shell     shell
	m         *model
	bus       *app.Bus
	shortcuts func() []widget.ShortcutGroup
	heard     func() // ends the subscription

	ink    ink
	rail   []*widget.Button
	sheet  *widget.Sheet
	update func()                    // of the group that is shown
	last   map[string]fyne.Focusable // by field: its control
	touch  string                    // field that a person changed last
}

// ink measures texts in the current text size.
type ink struct {
	body, small, head *widget.Ruler
	scale             float32
}

// New makes the settings screen.
func New(p Params) *Screen {
	m := &model{host: p.Shell, now: p.Settings, store: p.Models, library: p.Library, doctor: p.Doctor, prompts: p.Prompts, chat: p.Chat, own: p.Proof, vault: p.Vault}
	if p.Backup != nil {
		m.keeper, m.past, m.mender = p.Backup, app.Keep{Data: p.Backup.Data}, p.Doctor
	}
	if p.Backup != nil {
		m.keyed = func(pass []byte) keeper {
			b := *p.Backup
			b.Passphrase = pass
			return &b
		}
	}
	if p.Backups != nil {
		m.daily = p.Backups
	}
	if p.Capsule != nil {
		m.capsules, m.linker = p.Capsule, p.Library
	}
	return newScreen(p.Shell, m, p.Shortcuts, p.Bus)
}

func newScreen(s shell, m *model, shortcuts func() []widget.ShortcutGroup, bus *app.Bus) *Screen {
	screen := &Screen{shell: s, m: m, shortcuts: shortcuts, bus: bus}
	m.group, m.wrong, m.templates = groupGeneral, map[string]error{}, map[string]*template{}
	m.changed = func() {
		if screen.update != nil {
			screen.update()
			screen.sheet.Fit()
		}
	}
	return screen
}

// Build makes the view in the current language and text size.
func (s *Screen) Build() fyne.CanvasObject {
	th := fyne.CurrentApp().Settings().Theme()
	size := th.Size(fynetheme.SizeNameText)
	s.ink = ink{widget.NewRuler(size), widget.NewRuler(th.Size(fynetheme.SizeNameCaptionText)), widget.NewRuler(th.Size(fynetheme.SizeNameSubHeadingText)), size / 14}
	s.rail = nil
	list := container.NewVBox()
	for i, g := range groups {
		b := widget.NewButton(s.shell.Text("settings.group."+g), nil, func() {
			s.show(g)
			s.shell.Window().Canvas().Focus(s.rail[i]) // a click too: Tab goes on from here
		})
		b.Alignment = fynewidget.ButtonAlignLeading
		b.OnKey = func(k *fyne.KeyEvent) bool { return s.railKey(i, k) }
		s.rail = append(s.rail, b)
		list.Add(b)
	}
	s.sheet = widget.NewSheet(860*s.ink.scale, widget.NewColumn(0))
	s.show(s.m.group)
	side := container.NewBorder(nil, nil, nil, fynewidget.NewSeparator(), container.NewVScroll(container.NewPadded(list)))
	gap := canvas.NewRectangle(color.Transparent)
	gap.SetMinSize(fyne.NewSize(170*s.ink.scale, 0))
	// The Tab key goes from the groups to what one has: the order of the objects counts.
	left := container.NewStack(gap, side)
	return container.New(layout.NewBorderLayout(nil, nil, left, nil), left, s.sheet)
}

// railKey moves between the groups, and from them into the one that is shown.
func (s *Screen) railKey(i int, k *fyne.KeyEvent) bool {
	switch {
	case k.Name == fyne.KeyRight:
		canvas := s.shell.Window().Canvas()
		canvas.Focus(s.rail[len(s.rail)-1])
		canvas.FocusNext()
		return true
	case k.Name == fyne.KeyDown && i+1 < len(s.rail):
		i++
	case k.Name == fyne.KeyUp && i > 0:
		i--
	default:
		return false
	}
	s.show(groups[i])
	s.shell.Window().Canvas().Focus(s.rail[i])
	return true
}

// show puts a group on the screen.
func (s *Screen) show(group string) {
	s.m.group = group
	clear(s.m.wrong) // the fields are made anew, with what is kept
	s.last, s.update = map[string]fyne.Focusable{}, nil
	for i, b := range s.rail {
		b.Importance = fynewidget.LowImportance
		if groups[i] == group {
			b.Importance = fynewidget.MediumImportance
		}
		b.Refresh()
	}
	head := s.prose(s.ink.head, widget.Run{Text: s.shell.Text("settings.group." + group), Bold: true})
	var parts []fyne.CanvasObject
	switch group {
	case groupPrompts:
		parts, s.update = s.promptGroup()
	case groupLibrary:
		parts, s.update = s.libraryGroup()
	case groupSecurity:
		parts, s.update = s.securityGroup()
	case groupBackups:
		parts, s.update = s.backupsGroup()
	case groupClosed:
		parts, s.update = s.closedGroup()
	case groupShortcuts:
		parts = s.shortcutGroup()
	case groupLicences:
		parts = s.licenceGroup()
	default:
		parts, s.update = s.fieldGroup(fields[group])
	}
	s.sheet.SetContent(widget.NewInset(22, 16, 22, 24, nil, widget.NewColumn(16, append([]fyne.CanvasObject{head}, parts...)...)))
	s.sheet.Top()
	if s.update != nil {
		s.update()
		s.sheet.Fit()
	}
}

// Shown is called when the screen is on the window.
func (s *Screen) Shown() {
	if s.heard == nil {
		s.heard = s.bus.Subscribe(func(t app.Topic) {
			if t == app.TopicSettings {
				s.shell.Post(s.m.changed)
			}
		})
	}
	s.m.changed()
}

// Hidden is called when another screen is.
func (s *Screen) Hidden() {
	if s.heard != nil {
		s.heard()
		s.heard = nil
	}
}

// Drop takes no files: they go to the documents.
func (s *Screen) Drop([]string) bool { return false }

// Focus puts the keyboard where it was, or on the group that is shown.
func (s *Screen) Focus() {
	canvas := s.shell.Window().Canvas()
	if f := s.last[s.touch]; f != nil {
		canvas.Focus(f)
		return
	}
	for i, g := range groups {
		if g == s.m.group {
			canvas.Focus(s.rail[i])
		}
	}
}

// left is how a person left the screen.
type left struct {
	Group string `json:"group"`
}

// State is how the screen was left.
func (s *Screen) State() json.RawMessage {
	raw, err := json.Marshal(left{s.m.group})
	if err != nil {
		return nil // of a string: cannot happen
	}
	return raw
}

// SetState shows the group that was shown.
func (s *Screen) SetState(raw json.RawMessage) {
	var l left
	if json.Unmarshal(raw, &l) == nil && slices.Contains(groups, l.Group) {
		s.m.group = l.Group
	}
}

// Shortcuts of the screen.
func (s *Screen) Shortcuts() []widget.Shortcut {
	return []widget.Shortcut{
		{Modifier: fyne.KeyModifierControl, Key: fyne.KeyPageDown, Text: "settings.shortcut.next", Do: func() { s.step(1) }},
		{Modifier: fyne.KeyModifierControl, Key: fyne.KeyPageUp, Text: "settings.shortcut.previous", Do: func() { s.step(-1) }},
	}
}

func (s *Screen) step(by int) {
	for i, g := range groups {
		if g == s.m.group {
			next := (i + by + len(groups)) % len(groups)
			s.show(groups[next])
			s.shell.Window().Canvas().Focus(s.rail[next])
			return
		}
	}
}

func (s *Screen) prose(r *widget.Ruler, runs ...widget.Run) *widget.Prose {
	return widget.NewProse(r, runs...)
}

// about is a paragraph that explains.
func (s *Screen) about(text string) *widget.Prose {
	return s.prose(s.ink.small, widget.Run{Text: text, Color: theme.ColorSecondary})
}

// set shows a text, or nothing where it is empty.
func set(p *widget.Prose, text string, color fyne.ThemeColorName) {
	p.Hidden = text == ""
	p.SetRuns([]widget.Run{{Text: text, Color: color}})
}

// button is one that is brought into sight when it gets the keyboard.
func (s *Screen) button(key string, tapped func()) *widget.Button {
	b := widget.NewButton(s.shell.Text(key), nil, tapped)
	b.OnFocus = func() { s.sheet.Reveal(b) }
	return b
}

// sized gives a control a size in the current text size; 0 is its own.
func (s *Screen) sized(o fyne.CanvasObject, width, height float32) fyne.CanvasObject {
	return container.New(sized{width * s.ink.scale, height * s.ink.scale}, o)
}

type sized struct{ width, height float32 }

func (z sized) MinSize(objects []fyne.CanvasObject) fyne.Size {
	least := fyne.NewSize(z.width, z.height)
	if z.height == 0 {
		least.Height = objects[0].MinSize().Height
	}
	return least
}

func (z sized) Layout(objects []fyne.CanvasObject, size fyne.Size) { objects[0].Resize(size) }

// refresh lays boxes out anew, inner ones first.
func refresh(boxes ...*widget.Box) {
	for _, b := range boxes {
		b.Refresh()
	}
}
