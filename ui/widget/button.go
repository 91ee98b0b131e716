package widget

import (
	"fyne.io/fyne/v2"
	fynewidget "fyne.io/fyne/v2/widget"
)

// Button is Fyne's, pressed by Enter as well as by the space bar while it has the focus.
type Button struct {
	fynewidget.Button
	OnEscape func()                    // nil is allowed
	OnKey    func(*fyne.KeyEvent) bool // sees keys first; true: done. May be nil
	OnFocus  func()                    // it has the keyboard now. May be nil
}

// FocusGained is fyne.Focusable.
func (b *Button) FocusGained() {
	b.Button.FocusGained()
	if b.OnFocus != nil {
		b.OnFocus()
	}
}

// NewButton makes a button; icon may be nil.
func NewButton(text string, icon fyne.Resource, tapped func()) *Button {
	b := &Button{}
	b.Text, b.Icon, b.OnTapped = text, icon, tapped
	b.ExtendBaseWidget(b)
	return b
}

// TypedKey is fyne.Focusable.
func (b *Button) TypedKey(k *fyne.KeyEvent) {
	switch {
	case b.OnKey != nil && b.OnKey(k):
	case (k.Name == fyne.KeyReturn || k.Name == fyne.KeyEnter) && !b.Disabled():
		if b.OnTapped != nil {
			b.OnTapped()
		}
	case k.Name == fyne.KeyEscape && b.OnEscape != nil:
		b.OnEscape()
	case k.Name == fyne.KeySpace:
		b.Button.TypedKey(k)
	default:
		forwardKey(b, k)
	}
}
