package ui

import (
	"slices"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"

	"kakoi/ui/place"
	"kakoi/ui/widget"
)

// own are the shortcuts of the whole window.
func (s *Shell) own() []widget.Shortcut {
	list := []widget.Shortcut{
		{Modifier: fyne.KeyModifierControl, Key: fyne.KeyK, Text: "ui.shortcut.palette", Do: s.openPalette},
		{Modifier: fyne.KeyModifierControl, Key: fyne.KeyO, Text: "ui.shortcut.add", Do: s.addFiles},
		{Modifier: fyne.KeyModifierControl, Key: fyne.KeyQ, Text: "ui.shortcut.quit", Do: s.asked},
	}
	if s.protected() {
		list = append(list, widget.Shortcut{Modifier: fyne.KeyModifierControl | fyne.KeyModifierShift, Key: fyne.KeyL, Text: "lock.now", Do: s.Lock})
	}
	for i, e := range s.entries {
		if e.name == place.Help {
			continue
		}
		list = append(list, widget.Shortcut{
			Modifier: fyne.KeyModifierAlt, Key: fyne.KeyName(rune('1' + i)), Text: "ui.screen." + string(e.name), Do: func() { s.show(e.name) },
		})
	}
	return list
}

// registerShortcuts puts the window's shortcuts and those of the shown screen on the canvas. F1 is a plain key: it reaches
// the canvas while nothing that types has the focus, and Entry hands it on.
func (s *Shell) registerShortcuts() {
	s.unregisterShortcuts()
	canvas := s.window.Canvas()
	s.registered = s.own()
	if e := s.entry(s.current); e != nil {
		if k, ok := e.screen.(keyed); ok {
			s.registered = append(s.registered, k.Shortcuts()...)
		}
	}
	for _, sc := range s.registered {
		if sc.Modifier == 0 || sc.Modifier == fyne.KeyModifierShift {
			continue // a plain key: Fyne sends it to the focus or to the canvas
		}
		for _, name := range keysOf(sc) {
			canvas.AddShortcut(shortcutOf(name, sc.Modifier), func(fyne.Shortcut) {
				if !s.covered() {
					sc.Do()
				}
			})
		}
	}
	canvas.SetOnTypedKey(s.typed)
}

// unregisterShortcuts takes them from the canvas.
func (s *Shell) unregisterShortcuts() {
	canvas := s.window.Canvas()
	for _, sc := range s.registered {
		for _, name := range keysOf(sc) {
			canvas.RemoveShortcut(shortcutOf(name, sc.Modifier))
		}
	}
	s.registered = nil
	canvas.SetOnTypedKey(nil)
}

// shortcutOf is a shortcut as Fyne sends it: that of undoing has a name of its own.
func shortcutOf(key fyne.KeyName, modifier fyne.KeyModifier) fyne.Shortcut {
	if key == fyne.KeyZ && modifier == fyne.KeyModifierControl {
		return &fyne.ShortcutUndo{}
	}
	return &desktop.CustomShortcut{KeyName: key, Modifier: modifier}
}

// keysOf are the keys of a shortcut: there are two with Enter on them, the other one on the number pad.
func keysOf(sc widget.Shortcut) []fyne.KeyName {
	if sc.Key == fyne.KeyReturn {
		return []fyne.KeyName{fyne.KeyReturn, fyne.KeyEnter}
	}
	return []fyne.KeyName{sc.Key}
}

// typed sees the keys that no field took.
func (s *Shell) typed(k *fyne.KeyEvent) {
	if s.covered() {
		return
	}
	if k.Name == fyne.KeyF1 {
		s.show(place.Help)
		return
	}
	for _, sc := range s.registered {
		if sc.Modifier == 0 && slices.Contains(keysOf(sc), k.Name) {
			sc.Do()
			return
		}
	}
}

// addFiles opens the dialog for documents, whichever screen is shown.
func (s *Shell) addFiles() {
	if s.services == nil {
		return
	}
	s.PickFiles(s.addPaths)
}

// covered says whether a panel lies over the screen: then its keys are not for the screen.
func (s *Shell) covered() bool { return s.window.Canvas().Overlays().Top() != nil }
