package widget

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"
)

// ShiftHeld says whether a shift key is down. Its release goes elsewhere when a shortcut with it opens a Panel, so what a
// widget has counted itself holds only where the driver does not know (in tests).
func ShiftHeld(counted bool) bool {
	if d, ok := fyne.CurrentApp().Driver().(desktop.Driver); ok {
		return d.CurrentKeyModifiers()&fyne.KeyModifierShift != 0
	}
	return counted
}

// forgetShift makes Fyne's Entry forget a shift key whose release it did not see: it would go on selecting.
func (e *Entry) forgetShift() {
	if !ShiftHeld(true) {
		e.Entry.KeyUp(&fyne.KeyEvent{Name: desktop.KeyShiftLeft})
	}
}
