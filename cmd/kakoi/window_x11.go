//go:build x11

package main

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/app"
)

// newApp starts the toolkit. It needs a display.
func newApp(id string) fyne.App { return app.NewWithID(id) }
