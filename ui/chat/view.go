package chat

import (
	"encoding/json"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	fynetheme "fyne.io/fyne/v2/theme"
	fynewidget "fyne.io/fyne/v2/widget"

	"kakoi/app"
	"kakoi/ui/widget"
)

// Shell is what the screen needs of the window.
type Shell interface {
	shell
	Window() fyne.Window
	Confirm(q widget.Question)
	PickSave(name string, then func(path string))
	PickFiles(then func(paths []string))
}

// Params are what the screen needs. Only Adapters, Receipts, Refusing, Samples, Bus and Now may be nil.
type Params struct {
	Shell         Shell
	Conversations conversations
	Models        models
	Adapters      adapters
	Receipts      receipts // nil: no button for them
	Refusing      refuser
	Library       library
	Pages         pages
	Bus           *app.Bus
	Samples       func() // adds the sample collection; nil: no button for it
	Now           func() time.Time
}

// Screen is the chat screen.
type Screen struct {
	p     Params
	m     *Model
	state arrangement

	list       *listView
	transcript *transcriptView
	input      *inputView
	sources    *sourcesView
	title      *fynewidget.Label
	left       *container.Split
	right      *container.Split
	note       *fynewidget.Label // about what is under the pointer
	noteBack   *fyne.Container
	panel      *widget.Panel // over the window; nil: none
	shown      bool
}

// arrangement is how a person left the screen.
type arrangement struct {
	Left         float64 `json:"left"`  // share of the list
	Right        float64 `json:"right"` // share of the transcript beside the sources
	Cards        float64 `json:"cards"` // share of the cards above the page
	Conversation string  `json:"conversation,omitempty"`
}

// New makes the screen. It reads nothing before it is shown.
func New(p Params) *Screen {
	if p.Now == nil {
		p.Now = time.Now
	}
	s := &Screen{p: p, state: arrangement{Left: 0.2, Right: 0.6, Cards: 0.4}}
	s.m = newModel(p.Shell, p.Conversations, p.Models, p.Library, p.Pages, p.Now)
	s.m.adapters, s.m.refusing, s.m.receipts = p.Adapters, p.Refusing, p.Receipts
	p.Bus.Subscribe(func(t app.Topic) {
		p.Shell.Post(func() {
			if s.shown {
				s.m.Heard(t)
			}
		})
	})
	return s
}

// Build makes the view anew.
func (s *Screen) Build() fyne.CanvasObject {
	s.takeSplits()
	clear(s.m.cache) // its rows hold texts
	s.title = fynewidget.NewLabelWithStyle("", fyne.TextAlignLeading, fyne.TextStyle{Bold: true})
	s.title.Truncation = fyne.TextTruncateEllipsis
	s.list = newListView(s)
	s.transcript = newTranscriptView(s)
	s.input = newInputView(s)
	s.sources = newSourcesView(s)
	middle := container.NewBorder(s.title, s.input.object, nil, nil, container.NewStack(s.transcript.object, s.noteLine()))
	s.right = container.NewHSplit(middle, s.sources.object)
	s.left = container.NewHSplit(s.list.object, s.right)
	s.left.SetOffset(s.state.Left)
	s.right.SetOffset(s.state.Right)
	s.m.tell = s.refresh
	s.refresh(changedAll &^ changedOpened)
	return s.left
}

// refresh brings parts of the view up to date.
func (s *Screen) refresh(c change) {
	if s.left == nil {
		return
	}
	if c&changedList != 0 {
		s.list.refresh()
	}
	if c&changedTitle != 0 {
		s.title.SetText(s.m.Title())
	}
	switch {
	case c&changedRows != 0:
		s.transcript.refresh()
	case c&changedLive != 0:
		s.transcript.refreshLive()
	}
	if c&changedOpened != 0 {
		s.transcript.toEnd()
	}
	if c&changedInput != 0 {
		s.input.refresh()
	}
	if c&changedModes != 0 {
		s.input.refreshModes()
	}
	if c&changedSources != 0 {
		s.sources.refresh()
	}
}

// Shown is called when the screen is on the window.
func (s *Screen) Shown() {
	first := !s.shown && s.m.open.ID == "" && !s.m.known
	s.shown = true
	canvas := s.p.Shell.Window().Canvas()
	canvas.AddShortcut(&fyne.ShortcutCopy{}, func(fyne.Shortcut) { s.copy() })
	s.m.Refresh()
	if first && s.state.Conversation != "" {
		s.m.resume(s.state.Conversation)
	}
}

// Hidden is called when another screen is.
func (s *Screen) Hidden() {
	s.shown = false
	s.p.Shell.Window().Canvas().RemoveShortcut(&fyne.ShortcutCopy{})
}

// Focus puts the keyboard into the question field.
func (s *Screen) Focus() {
	if s.input != nil {
		s.p.Shell.Window().Canvas().Focus(s.input.field)
	}
}

// Fields are where a person types: the question, and what conversations are looked for by.
func (s *Screen) Fields() []fyne.Focusable {
	if s.input == nil {
		return make([]fyne.Focusable, 2)
	}
	return []fyne.Focusable{s.input.field, s.list.search}
}

// Go shows a conversation.
func (s *Screen) Go(where any) bool { return s.m.Go(where) }

func (s *Screen) takeSplits() {
	if s.left != nil {
		s.state.Left, s.state.Right, s.state.Cards = s.left.Offset, s.right.Offset, s.sources.split.Offset
	}
}

// State is the arrangement, for the next start.
func (s *Screen) State() json.RawMessage {
	s.takeSplits()
	if s.m.known { // otherwise the screen was never shown, and the one of the last time stays
		s.state.Conversation = s.m.OpenID()
	}
	raw, err := json.Marshal(s.state)
	if err != nil {
		return nil // of numbers and a string: cannot happen
	}
	return raw
}

// SetState takes an arrangement; a broken one is passed over.
func (s *Screen) SetState(raw json.RawMessage) {
	a := s.state
	if json.Unmarshal(raw, &a) != nil || a.Left <= 0 || a.Left >= 1 || a.Right <= 0 || a.Right >= 1 || a.Cards <= 0 || a.Cards >= 1 {
		return
	}
	s.state = a
	if s.left != nil {
		s.left.SetOffset(a.Left)
		s.right.SetOffset(a.Right)
		s.sources.split.SetOffset(a.Cards)
	}
}

// noteLine lies over the lower edge of the transcript while there is something to say.
func (s *Screen) noteLine() fyne.CanvasObject {
	s.note = fynewidget.NewLabel("")
	s.note.Truncation, s.note.SizeName = fyne.TextTruncateEllipsis, fynetheme.SizeNameCaptionText
	s.noteBack = container.NewStack(canvas.NewRectangle(themeColor(fynetheme.ColorNameHeaderBackground)), s.note)
	s.noteBack.Hide()
	return container.NewBorder(nil, s.noteBack, nil, nil)
}

// show opens a panel. While it is open the screen's keys rest, and Escape closes it, whatever has the keyboard.
func (s *Screen) show(p widget.PanelParams, closed func()) *widget.Panel {
	p.Canvas = s.p.Shell.Window().Canvas()
	panel := widget.ShowPanel(p)
	s.panel = panel
	panel.OnClosed = func() {
		if s.panel == panel {
			s.panel = nil
		}
		if closed != nil {
			closed()
		}
	}
	return panel
}

// showNote says something about what is under the pointer.
func (s *Screen) showNote(text string) {
	s.note.SetText(text)
	if text == "" {
		s.noteBack.Hide()
	} else {
		s.noteBack.Show()
	}
}

// copy copies what is selected in the transcript, or else the answer.
func (s *Screen) copy() {
	if text := s.transcript.selected(); text != "" {
		s.p.Shell.Clipboard(text)
		return
	}
	s.m.CopyLast()
}

// text is a text in the current language.
func (s *Screen) text(key string, args ...any) string { return s.p.Shell.Text(key, args...) }

// quiet makes a button of low importance that hands Escape to the screen.
func (s *Screen) quiet(key string, icon fyne.Resource, do func()) *widget.Button {
	text := ""
	if key != "" {
		text = s.text(key)
	}
	b := widget.NewButton(text, icon, do)
	b.Importance, b.OnEscape = fynewidget.LowImportance, s.escape
	return b
}
