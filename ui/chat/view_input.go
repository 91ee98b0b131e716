package chat

import (
	"slices"
	"strings"
	"unicode/utf8"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	fynetheme "fyne.io/fyne/v2/theme"
	fynewidget "fyne.io/fyne/v2/widget"

	"kakoi/ui/widget"
)

// maxInputLines is how far the question field grows before it scrolls.
const maxInputLines = 6

// inputView is the question field, with who answers above it.
type inputView struct {
	screen *Screen
	object *fyne.Container
	field  *questionField
	send   *widget.Button
	note   *fynewidget.Label
	mode   *widget.Choice
	left   *widget.Choice
	right  *widget.Choice
	pair   *fyne.Container
	refuse *widget.Choice // how the model refuses; hidden where it has no bounds
	filled bool           // the widgets are being set: changes are not a person's
	lines  int
}

func newInputView(s *Screen) *inputView {
	v := &inputView{screen: s, lines: 1}
	v.field = newQuestionField(s)
	v.field.SetPlaceHolder(s.text("chat.field"))
	v.field.SetMinRowsVisible(1)
	v.field.OnChanged = v.typed
	v.send = widget.NewButton("", nil, v.press)
	v.send.OnEscape = s.escape
	v.note = fynewidget.NewLabel("")
	v.note.Wrapping, v.note.Importance = fyne.TextWrapWord, fynewidget.WarningImportance
	v.note.Hide()
	choose := func(chosen func(int)) *widget.Choice {
		c := widget.NewChoice(nil, chosen)
		c.PlaceHolder, c.OnEscape = "      ", s.escape
		return c
	}
	v.mode = choose(s.m.SetMode)
	both := func(int) { s.m.SetCompared(v.left.Selected, v.right.Selected) }
	v.left, v.right = choose(both), choose(both)
	v.pair = container.NewGridWithColumns(2, v.left, v.right)
	v.pair.Hide()
	v.refuse = choose(s.m.SetRefusal)
	v.refuse.Hide()
	who := container.NewVBox(container.NewBorder(nil, nil, nil, v.refuse, v.mode), v.pair)
	v.object = container.NewPadded(container.NewBorder(who, v.note, nil, container.NewVBox(v.send), v.field))
	v.refresh()
	v.refreshModes()
	return v
}

func (v *inputView) press() {
	if v.screen.m.Answering() {
		v.screen.m.Stop()
		return
	}
	v.screen.m.Ask()
	v.screen.Focus()
}

func (v *inputView) typed(text string) {
	if !v.filled {
		v.screen.m.SetDraft(text)
	}
	v.grow()
}

// grow fits the field to its text.
func (v *inputView) grow() {
	width := v.field.Size().Width - 4*fynetheme.InnerPadding()
	lines := 1
	if width > 40 {
		lines = max(1, v.screen.transcript.ruler.Lines(v.field.Text, width, maxInputLines))
	}
	if lines != v.lines {
		v.lines = lines
		v.field.SetMinRowsVisible(lines)
		v.screen.right.Refresh()
	}
}

func (v *inputView) refresh() {
	s := v.screen
	m := s.m
	if v.field.Text != m.Draft() {
		v.filled = true
		v.field.SetText(m.Draft())
		v.field.toEnd()
		v.filled = false
		v.grow()
	}
	v.send.Enable()
	switch {
	case m.Answering():
		v.send.SetIcon(fynetheme.MediaStopIcon())
		v.send.Importance = fynewidget.MediumImportance
		v.send.SetText(s.text("chat.stop"))
	default:
		v.send.SetIcon(fynetheme.MailSendIcon())
		v.send.Importance = fynewidget.HighImportance
		v.send.SetText(s.text("chat.send"))
		if !m.CanAsk() {
			v.send.Disable()
		}
	}
	if text := m.InputNote(); text != v.note.Text {
		v.note.SetText(text)
		v.note.Hidden = text == ""
		v.object.Refresh()
	}
}

func (v *inputView) refreshModes() {
	m := v.screen.m
	v.mode.Options = m.ModeLines()
	v.mode.Choose(m.Mode())
	all, left, right, compare := m.Compared()
	v.left.Options, v.right.Options = all, all
	v.left.Choose(slices.Index(all, left))
	v.right.Choose(slices.Index(all, right))
	lines, chosen := m.Refusals()
	for _, line := range lines { // a chooser is as wide as this text
		if utf8.RuneCountInString(line) > utf8.RuneCountInString(strings.TrimSpace(v.refuse.PlaceHolder)) {
			v.refuse.PlaceHolder = line
		}
	}
	if v.refuse.Options = lines; chosen >= 0 {
		v.refuse.Choose(chosen)
	}
	if v.refuse.Visible() != (len(lines) > 0) {
		v.refuse.Hidden = len(lines) == 0
		v.object.Refresh()
	}
	if v.pair.Visible() != compare {
		v.pair.Hidden = !compare
		v.object.Refresh()
	}
}
