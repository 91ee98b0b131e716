package widget

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"
	fynewidget "fyne.io/fyne/v2/widget"
)

// Entry is a text field for screens: Fyne's swallows every shortcut while it has the focus; this one hands those that are not
// about text on to the window. Escape calls OnEscape, where there is one.
type Entry struct {
	fynewidget.Entry
	OnEscape func()
	OnKey    func(*fyne.KeyEvent) bool // sees keys first; true keeps the key from the text. May be nil
	OnFocus  func()                    // it has the keyboard now. May be nil
	OnLeave  func()                    // it has it no more. May be nil
}

// FocusGained is fyne.Focusable.
func (e *Entry) FocusGained() {
	e.Entry.FocusGained()
	if e.OnFocus != nil {
		e.OnFocus()
	}
}

// AcceptsTab is fyne.Tabbable: Tab goes on to the next widget, in fields of several lines too, or the keyboard could not leave them.
func (e *Entry) AcceptsTab() bool { return false }

// FocusLost is fyne.Focusable.
func (e *Entry) FocusLost() {
	e.Entry.FocusLost()
	if e.OnLeave != nil {
		e.OnLeave()
	}
}

// Caret is where the next letter goes.
func (e *Entry) Caret() (row, column int) { return e.CursorRow, e.CursorColumn }

// SetCaret puts it elsewhere in the text.
func (e *Entry) SetCaret(row, column int) {
	e.CursorRow, e.CursorColumn = row, column
	e.Refresh()
}

// Select selects the first letters of a field of one line: what is typed takes their place.
func (e *Entry) Select(letters int) {
	e.SetCaret(0, 0)
	shift := &fyne.KeyEvent{Name: desktop.KeyShiftLeft}
	e.Entry.KeyDown(shift)
	for range letters {
		e.Entry.TypedKey(&fyne.KeyEvent{Name: fyne.KeyRight})
	}
	e.Entry.KeyUp(shift)
}

// NewEntry makes a field of one line.
func NewEntry() *Entry {
	e := &Entry{}
	e.ExtendBaseWidget(e)
	return e
}

// NewMultiLineEntry makes a field of several lines that wraps at words.
func NewMultiLineEntry() *Entry {
	e := &Entry{}
	e.MultiLine = true
	e.Wrapping = fyne.TextWrapWord
	e.ExtendBaseWidget(e)
	return e
}

// TypedKey is fyne.Focusable.
func (e *Entry) TypedKey(k *fyne.KeyEvent) {
	e.forgetShift()
	switch {
	case e.OnKey != nil && e.OnKey(k):
	case k.Name == fyne.KeyEscape && e.OnEscape != nil:
		e.OnEscape()
	case functionKey(k.Name):
		forwardKey(e, k)
	default:
		e.Entry.TypedKey(k)
	}
}

// functionKey says whether a key is F1 to F12, which no text field uses.
func functionKey(name fyne.KeyName) bool {
	return len(name) > 1 && name[0] == 'F' && name[1] >= '1' && name[1] <= '9'
}

// TypedShortcut is fyne.Shortcutable.
func (e *Entry) TypedShortcut(s fyne.Shortcut) {
	if custom, ok := s.(*desktop.CustomShortcut); ok && !movesText(custom) {
		forward(e, s)
		return
	}
	e.Entry.TypedShortcut(s)
}

// movesText says whether a shortcut is one of an entry's own: jumping, selecting and deleting by words.
func movesText(s *desktop.CustomShortcut) bool {
	switch s.KeyName {
	case fyne.KeyLeft, fyne.KeyRight, fyne.KeyBackspace, fyne.KeyDelete, fyne.KeyHome, fyne.KeyEnd:
		return true
	}
	return false
}

// forward gives a shortcut to the window where o, which has the focus, is.
func forward(o fyne.CanvasObject, s fyne.Shortcut) {
	if c, ok := canvasOf(o).(fyne.Shortcutable); ok {
		c.TypedShortcut(s)
	}
}

// forwardKey gives a key that means nothing to o to the window, as if nothing had the focus.
func forwardKey(o fyne.CanvasObject, k *fyne.KeyEvent) {
	if c := canvasOf(o); c != nil && c.OnTypedKey() != nil {
		c.OnTypedKey()(k)
	}
}

// canvasOf is the canvas that o is on. A field inside a screen's own type is not known to the driver by itself: then it is that
// of the window where something has the focus.
func canvasOf(o fyne.CanvasObject) fyne.Canvas {
	driver := fyne.CurrentApp().Driver()
	if c := driver.CanvasForObject(o); c != nil {
		return c
	}
	for _, w := range driver.AllWindows() {
		if w.Canvas().Focused() != nil {
			return w.Canvas()
		}
	}
	return nil
}
