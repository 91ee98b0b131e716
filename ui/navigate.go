package ui

import (
	"strings"

	"fyne.io/fyne/v2"

	"kakoi/app"
	"kakoi/ui/place"
	uisettings "kakoi/ui/settings"
)

// Navigate shows a place.Screen, place.Document, place.Conversation or place.Compare.
func (s *Shell) Navigate(where any) {
	if s.locked() {
		return
	}
	name := s.current
	switch w := where.(type) {
	case place.Screen:
		name = w
	case place.Document:
		name = place.Documents
	case place.Conversation, place.Compare:
		name = place.Chat
	}
	s.show(name)
	if e := s.entry(name); e != nil {
		if t, ok := e.screen.(traveller); ok {
			t.Go(where)
		}
	}
}

func (s *Shell) entry(name place.Screen) *entry {
	for _, e := range s.entries {
		if e.name == name {
			return e
		}
	}
	return nil
}

// show puts a screen on the window.
func (s *Shell) show(name place.Screen) {
	if s.locked() {
		return
	}
	next := s.entry(name)
	if next == nil {
		if len(s.entries) == 0 {
			return
		}
		next = s.entries[0]
	}
	if old := s.entry(s.current); old != nil && old != next && old.built != nil {
		old.screen.Hidden()
	}
	if s.greets {
		s.greets = false
		s.state.Welcomed = s.greeting.Leave() || s.state.Welcomed
	}
	s.current = next.name
	s.window.Canvas().Unfocus() // no key reaches a button of a screen that is not shown
	s.frame.put(next.view())
	s.registerShortcuts()
	next.screen.Shown()
	next.screen.Focus()
}

// refocus puts the keyboard where a person would begin in what is shown.
func (s *Shell) refocus() {
	if s.greets {
		s.greeting.Focus()
	} else if e := s.entry(s.current); e != nil && e.built != nil {
		e.screen.Focus()
	}
}

// dropped hands dragged files to the screen that is shown, or else to the documents.
func (s *Shell) dropped(uris []fyne.URI) {
	if s.locked() {
		return
	}
	if s.services == nil {
		s.Toast(s.Text("ui.drop.early"))
		return
	}
	paths := make([]string, 0, len(uris))
	for _, u := range uris {
		// Our GLFW hands over what is not on this computer as "/" and its address.
		if path := u.Path(); u.Scheme() == "file" && !strings.Contains(path, "://") {
			paths = append(paths, path)
		}
	}
	if away := len(uris) - len(paths); away > 0 {
		s.Toast(s.Text("ui.drop.away", away))
	}
	if len(paths) == 0 {
		if len(uris) == 0 {
			s.Toast(s.Text("ui.drop.nothing"))
		}
		return
	}
	if s.greets {
		s.greeting.Drop(paths)
		return
	}
	if len(paths) == 1 && uisettings.IsCapsule(paths[0]) && s.openCapsule(paths[0]) {
		return
	}
	if len(paths) == 1 && app.IsReceipt(paths[0]) {
		s.show(place.Chat)
	}
	if e := s.entry(s.current); e != nil && e.screen.Drop(paths) {
		return
	}
	s.addPaths(paths)
}

// openCapsule leads to the page of capsules and opens one there; false where that cannot be done now.
func (s *Shell) openCapsule(path string) bool {
	e := s.entry(place.Settings)
	if e == nil {
		return false
	}
	screen, ok := e.screen.(*uisettings.Screen)
	return ok && screen.ShowCapsule(path, func() { s.show(place.Settings) })
}

// addPaths hands files and folders to the documents, whichever screen is shown.
func (s *Shell) addPaths(paths []string) {
	if e := s.entry(place.Documents); e != nil && len(paths) > 0 {
		e.view()
		e.screen.Drop(paths)
	}
}
