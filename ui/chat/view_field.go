package chat

import (
	"unicode/utf8"

	"fyne.io/fyne/v2"

	"kakoi/ui/widget"
)

// questionField is where the question is typed: Enter sends, Shift+Enter breaks the line. Keys that an input method takes for
// itself never come here.
type questionField struct {
	widget.Entry
	screen *Screen
	shift  bool
}

func newQuestionField(s *Screen) *questionField {
	f := &questionField{screen: s}
	f.MultiLine = true
	f.Wrapping = fyne.TextWrapWord
	f.OnKey = f.key
	f.OnEscape = s.escape
	f.ExtendBaseWidget(f)
	return f
}

// KeyDown is desktop.Keyable.
func (f *questionField) KeyDown(k *fyne.KeyEvent) {
	if k.Name == shiftLeft || k.Name == shiftRight {
		f.shift = true
	}
	f.Entry.KeyDown(k)
}

// KeyUp is desktop.Keyable.
func (f *questionField) KeyUp(k *fyne.KeyEvent) {
	if k.Name == shiftLeft || k.Name == shiftRight {
		f.shift = false
	}
	f.Entry.KeyUp(k)
}

// FocusLost forgets the shift key, whose release goes elsewhere.
func (f *questionField) FocusLost() {
	f.shift = false
	f.Entry.FocusLost()
}

// AcceptsTab is fyne.Tabbable: Tab goes on to the next widget, as everywhere.
func (f *questionField) AcceptsTab() bool { return false }

func (f *questionField) key(k *fyne.KeyEvent) bool {
	switch k.Name {
	case fyne.KeyReturn, fyne.KeyEnter:
		if !widget.ShiftHeld(f.shift) {
			f.screen.m.Ask()
			return true
		}
		f.breakLine()
		return true
	case fyne.KeyPageUp:
		f.screen.transcript.roll.PageBy(-0.9)
		return true
	case fyne.KeyPageDown:
		f.screen.transcript.roll.PageBy(0.9)
		return true
	}
	return false
}

// breakLine types a line end: Fyne would take Shift+Enter for a selection.
func (f *questionField) breakLine() { f.Entry.TypedRune('\n') }

// TypedShortcut copies the answer when nothing is selected here, and keeps what is pasted within the longest question.
func (f *questionField) TypedShortcut(sc fyne.Shortcut) {
	switch sc := sc.(type) {
	case *fyne.ShortcutCopy:
		if f.SelectedText() == "" {
			f.screen.copy()
			return
		}
	case *fyne.ShortcutPaste:
		text := sc.Clipboard.Content()
		room := MaxQuestion + 1 - utf8.RuneCountInString(f.Text) + utf8.RuneCountInString(f.SelectedText())
		if utf8.RuneCountInString(text) > max(room, 0) {
			f.screen.p.Shell.Toast(f.screen.text("chat.pasted", MaxQuestion))
			text = string([]rune(text)[:max(room-1, 0)])
			f.Entry.TypedShortcut(&fyne.ShortcutPaste{Clipboard: fixedClipboard(text)})
			return
		}
	}
	f.Entry.TypedShortcut(sc)
}

// fixedClipboard hands out one text.
type fixedClipboard string

func (c fixedClipboard) Content() string { return string(c) }
func (fixedClipboard) SetContent(string) {}

// toEnd puts the caret behind the text.
func (f *questionField) toEnd() {
	f.TypedKey(&fyne.KeyEvent{Name: fyne.KeyEnd})
	rows := 0
	for _, r := range f.Text {
		if r == '\n' {
			rows++
		}
	}
	if rows > 0 {
		f.CursorRow = rows
		f.TypedKey(&fyne.KeyEvent{Name: fyne.KeyEnd})
	}
}
