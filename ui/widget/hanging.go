package widget

import "fyne.io/fyne/v2"

// NewHanging puts a label of a width beside a text whose lines all begin at the same place.
func NewHanging(width float32, label, text fyne.CanvasObject) *Box {
	return newBox(func(objects []fyne.CanvasObject, all float32, move bool) float32 {
		return max(place(objects[0], 0, 0, width, move), place(objects[1], width, 0, max(all-width, 1), move))
	}, label, text)
}
