package widget

import (
	"strings"

	"fyne.io/fyne/v2"
)

// Shortcut is a key of a screen. The shell registers it while the screen is shown and lists it under F1.
type Shortcut struct {
	Modifier fyne.KeyModifier
	Key      fyne.KeyName
	Text     string // key of the translations: what it does
	Do       func()
}

// Keys names the keys as they are written on a keyboard: "Ctrl+Shift+N".
func (s Shortcut) Keys() string {
	var parts []string
	for _, m := range []struct {
		modifier fyne.KeyModifier
		name     string
	}{{fyne.KeyModifierControl, "Ctrl"}, {fyne.KeyModifierAlt, "Alt"}, {fyne.KeyModifierShift, "Shift"}, {fyne.KeyModifierSuper, "Super"}} {
		if s.Modifier&m.modifier != 0 {
			parts = append(parts, m.name)
		}
	}
	name := string(s.Key)
	switch s.Key {
	case fyne.KeyEscape:
		name = "Esc"
	case fyne.KeyReturn:
		name = "Enter"
	case fyne.KeyUp:
		name = "↑"
	case fyne.KeyDown:
		name = "↓"
	case fyne.KeyPageUp:
		name = "PageUp"
	case fyne.KeyPageDown:
		name = "PageDown"
	}
	return strings.Join(append(parts, name), "+")
}

// ShortcutGroup is what one screen's shortcuts are listed under.
type ShortcutGroup struct {
	Title     string // key of the translations
	Shortcuts []Shortcut
}
