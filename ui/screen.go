package ui

import (
	"encoding/json"

	"fyne.io/fyne/v2"

	"kakoi/ui/place"
	"kakoi/ui/widget"
)

// Screen is one of the places of the rail. All methods are called on the window's goroutine.
type Screen interface {
	Build() fyne.CanvasObject // the view, made anew in the current language and text size
	Shown()                   // it is on the window now
	Hidden()                  // another one is
	Drop(paths []string) bool // takes files and folders that were dragged in; false: not mine
	Focus()                   // puts the keyboard where a person would begin
}

// traveller is a Screen that can show a place within itself.
type traveller interface{ Go(where any) bool }

// keyed is a Screen with shortcuts of its own.
type keyed interface{ Shortcuts() []widget.Shortcut }

// keeper is a Screen that remembers how it was arranged.
type keeper interface {
	State() json.RawMessage
	SetState(json.RawMessage)
}

// typing is a Screen with fields for text whose text outlives Build: always the same ones in the same order, nil where one is not there now.
type typing interface{ Fields() []fyne.Focusable }

// entry is a Screen in the rail.
type entry struct {
	name   place.Screen
	icon   fyne.Resource
	screen Screen
	built  fyne.CanvasObject // nil: not yet, or out of date
}

// view is the screen's view, made where there is none.
func (e *entry) view() fyne.CanvasObject {
	if e.built == nil {
		e.built = e.screen.Build()
	}
	return e.built
}
