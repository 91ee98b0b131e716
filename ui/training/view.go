package training

import (
	"encoding/json"
	"fmt"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	fynetheme "fyne.io/fyne/v2/theme"
	fynewidget "fyne.io/fyne/v2/widget"

	"kakoi/app"
	"kakoi/ui/widget"
)

// shell is what the screen needs of the window.
type shell interface {
	host
	Window() fyne.Window
	Clipboard(text string)
	PickFiles(then func(paths []string))
	PickSave(name string, then func(path string))
}

// Params is what New needs.
type Params struct {
	Shell    shell
	Datasets *app.Datasets
	Training *app.Training
	Adapters *app.Adapters
	Exams    *app.Exams
	Models   *app.Models
	Bus      *app.Bus
}

// Screen is the training screen. Make it with New.
type Screen struct {
	shell shell
	m     *model
	bus   *app.Bus
	shown bool
	stale bool // news came while another screen was shown

	ink       ink
	steps     [nSteps]*widget.Button
	head      *widget.Box
	banner    *banner
	center    *fyne.Container
	root      *fyne.Container
	pages     [nSteps]*page
	questions *questions
	wants     *widget.Button // has the keyboard for want of anything else
	at        step           // page that stands in the center
}

// page is one step as it is shown.
type page struct {
	view   fyne.CanvasObject
	update func(change)
	focus  func() fyne.Focusable
}

// ink measures texts in the current text size.
type ink struct {
	body, small, head *widget.Ruler
	scale             float32
}

func newInk() ink {
	size := fynetheme.TextSize()
	return ink{widget.NewRuler(size), widget.NewRuler(fynetheme.Size(fynetheme.SizeNameCaptionText)), widget.NewRuler(fynetheme.Size(fynetheme.SizeNameSubHeadingText)), size / 14}
}

// gap lies between what belongs together.
const gap = 6

// New makes the training screen.
func New(p Params) *Screen {
	return newScreen(p.Shell, p.Bus, newModel(p.Shell, p.Datasets, p.Training, p.Adapters, p.Exams, p.Models))
}

func newScreen(s shell, bus *app.Bus, m *model) *Screen {
	screen := &Screen{shell: s, m: m, bus: bus}
	bus.Subscribe(func(t app.Topic) {
		s.Post(func() {
			if screen.shown {
				m.heard(t)
			} else {
				screen.stale = true
			}
		})
	})
	return screen
}

// Build makes the view in the current language and text size.
func (s *Screen) Build() fyne.CanvasObject {
	s.ink = newInk()
	var row []fyne.CanvasObject
	for i := range nSteps {
		b := widget.NewButton("", nil, func() { s.m.show(i) })
		s.steps[i] = b
		row = append(row, b)
	}
	s.head = widget.NewFlow(4, row...)
	s.banner = newBanner(s)
	s.center = container.NewStack()
	s.root = container.New(widget.Down{Fill: 2, Gap: gap}, s.head, s.banner.box, s.center)
	s.pages = [nSteps]*page{}
	s.m.tell = s.changed
	s.changed(changedAll)
	return container.NewPadded(s.root)
}

// Shown is called when the screen is on the window.
func (s *Screen) Shown() {
	s.shown = true
	if s.stale || !s.m.loaded {
		s.stale = false
		s.m.refresh()
	}
}

// Hidden is called when another screen is: what runs goes on.
func (s *Screen) Hidden() { s.shown = false }

// Drop takes one file of questions; whatever else is dragged in is for the documents.
func (s *Screen) Drop(paths []string) bool {
	if len(paths) != 1 || !questionFile(paths[0]) || s.m.work != nil {
		return false
	}
	s.m.show(stepQuestions)
	s.importFile(paths[0])
	return true
}

// Focus puts the keyboard where a person would begin.
func (s *Screen) Focus() {
	if s.root == nil {
		return
	}
	s.wants = nil
	if b := s.banner.goOn; s.m.asks() && b.Visible() { // it waits for a person
		s.shell.Window().Canvas().Focus(b)
		return
	}
	if p := s.pages[s.m.step]; p != nil {
		if f := p.focus(); f != nil {
			s.shell.Window().Canvas().Focus(f)
			return
		}
	}
	s.wants = s.steps[s.m.step] // until the page has something to press
	s.shell.Window().Canvas().Focus(s.steps[s.m.step])
}

// Shortcuts of the screen.
func (s *Screen) Shortcuts() []widget.Shortcut {
	list := []widget.Shortcut{
		{Modifier: fyne.KeyModifierControl, Key: fyne.KeyPageDown, Text: "training.shortcut.next", Do: func() { s.leaf(1) }},
		{Modifier: fyne.KeyModifierControl, Key: fyne.KeyPageUp, Text: "training.shortcut.before", Do: func() { s.leaf(-1) }},
		{Modifier: fyne.KeyModifierControl, Key: fyne.KeyF, Text: "training.shortcut.filter", Do: s.toFilter},
		{Modifier: fyne.KeyModifierControl, Key: fyne.KeyT, Text: "training.shortcut.click", Do: s.m.clickAll},
		{Modifier: fyne.KeyModifierControl, Key: fyne.KeyZ, Text: "training.shortcut.undo", Do: s.undo},
		{Key: fyne.KeyA, Text: "training.shortcut.accept", Do: func() { s.decide(rowKept) }},
		{Key: fyne.KeyE, Text: "training.shortcut.edit", Do: s.editRow},
		{Key: fyne.KeyD, Text: "training.shortcut.drop", Do: func() { s.decide(rowDropped) }},
		{Key: fyne.KeyO, Text: "training.shortcut.source", Do: s.openSource},
	}
	return list
}

func (s *Screen) leaf(by int) {
	s.m.show(s.m.step + step(by))
	s.Focus()
}

// arrangement is how the screen was left: records that are shown, and what was chosen.
type arrangement struct {
	Step     step            `json:"step"`
	Dataset  string          `json:"dataset"`
	Run      string          `json:"run"`
	Exam     string          `json:"exam"`
	Click    bool            `json:"click"` // the steps went by themselves
	Known    string          `json:"known"` // dataset whose warnings were seen
	Base     string          `json:"base"`
	Build    app.DatasetPlan `json:"build"`
	Log      bool            `json:"log"`
	All      bool            `json:"all"`
	Settings json.RawMessage `json:"settings"`
	Hushed   string          `json:"hushed,omitempty"` // run of which the banner says no more
}

// State is kept for the next start.
func (s *Screen) State() json.RawMessage {
	m := s.m
	settings, err := json.Marshal(m.settings.TrainSettings)
	if err != nil {
		return nil
	}
	raw, err := json.Marshal(arrangement{m.step, m.set, m.run, m.exam, m.click || m.left, m.known, m.settings.base, m.build, m.live.log, m.settings.all, settings, m.hushed})
	if err != nil {
		return nil
	}
	return raw
}

// SetState arranges the screen as it was left.
func (s *Screen) SetState(raw json.RawMessage) {
	var a arrangement
	if json.Unmarshal(raw, &a) != nil || a.Step < 0 || a.Step >= nSteps {
		return
	}
	m := s.m
	m.step, m.set, m.run, m.exam, m.left, m.known = a.Step, a.Dataset, a.Run, a.Exam, a.Click, a.Known
	m.hushed = a.Hushed
	m.settings.base, m.build, m.live.log, m.settings.all = a.Base, a.Build, a.Log, a.All
	kept := m.settings.TrainSettings
	if json.Unmarshal(a.Settings, &kept) == nil && kept.Rank > 0 {
		m.settings.TrainSettings = kept
	}
}

func (s *Screen) text(key string, args ...any) string { return s.shell.Text(key, args...) }

// changed shows anew what the model says has changed.
func (s *Screen) changed(c change) {
	if s.root == nil {
		return // not built yet
	}
	if c&changedStep != 0 {
		s.relabel()
		s.banner.update()
	}
	if c&changedRun != 0 {
		s.banner.update()
	}
	now := s.m.step
	p := s.pages[now]
	moved := len(s.center.Objects) == 0 || s.at != now
	if p == nil {
		p = s.makePage(now)
		s.pages[now] = p
		c = changedAll
	}
	if moved {
		c = changedAll
	}
	p.update(c)
	if moved {
		had := s.root.Visible() && s.shown && s.inside()
		s.at = now
		s.center.Objects = []fyne.CanvasObject{p.view}
		s.center.Refresh()
		if had {
			s.Focus()
		}
	}
	if c&changedStep != 0 || moved {
		s.root.Refresh()
	}
	if b, ok := s.shell.Window().Canvas().Focused().(*widget.Button); ok && s.shown && (!b.Visible() || b == s.wants) {
		s.Focus() // the button that was pressed is gone: the keyboard goes to what comes next
	}
}

// inside says whether nothing but the steps has the keyboard: then it goes along to another page.
func (s *Screen) inside() bool {
	f := s.shell.Window().Canvas().Focused()
	if f == nil {
		return true
	}
	for _, b := range s.steps {
		if f == fyne.Focusable(b) {
			return false
		}
	}
	return s.shell.Window().Canvas().Overlays().Top() == nil
}

func (s *Screen) makePage(at step) *page {
	switch at {
	case stepSettings:
		return s.makeSettings()
	case stepRun:
		return s.makeRun()
	case stepExam:
		return s.makeExam()
	case stepAdopt:
		return s.makeAdopt()
	}
	return s.makeQuestions()
}

// relabel shows which step is chosen, and which are done.
func (s *Screen) relabel() {
	for i, b := range s.steps {
		text := fmt.Sprintf("%d  %s", i+1, s.text("training.step."+stepNames[i]))
		if s.m.done(step(i)) {
			text += "  ✓"
		}
		importance := fynewidget.LowImportance
		if step(i) == s.m.step {
			importance = fynewidget.HighImportance
		}
		if b.Text != text || b.Importance != importance {
			b.Importance = importance
			b.SetText(text)
		}
	}
	s.head.Refresh()
}
