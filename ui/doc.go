// Package ui is the window: frame, navigation, error notices, the strip of running jobs, and the composition of the
// screens. Each screen is a package below it: a view of widgets over a plain-Go model, with the slice of the Shell that it
// needs as a private interface.
//
// Everything of Fyne happens on one goroutine, the window's. Work runs in goroutines begun with Shell.Go, whose context ends with
// the window, and comes back through Shell.Post; nobody else calls fyne.Do, nobody waits for it.
//
// A screen's widgets are made anew by Build when the language or the text size changes; what a person did is in the model.
package ui
