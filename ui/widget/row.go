package widget

import "fyne.io/fyne/v2"

// NewEqual puts objects side by side in equal widths.
func NewEqual(gap float32, objects ...fyne.CanvasObject) *Box {
	return newBox(func(objects []fyne.CanvasObject, width float32, move bool) float32 {
		n := float32(len(objects))
		each := max((width-(n-1)*gap)/n, 1)
		high := float32(0)
		for i, o := range objects {
			high = max(high, place(o, float32(i)*(each+gap), 0, each, move))
		}
		return high
	}, objects...)
}

// NewEdge puts the first object into the room that the others leave; they stand at the right edge, as small as they are.
func NewEdge(gap float32, objects ...fyne.CanvasObject) *Box {
	return newBox(func(objects []fyne.CanvasObject, width float32, move bool) float32 {
		x, high := width, float32(0)
		for i := len(objects) - 1; i > 0; i-- {
			if !objects[i].Visible() {
				continue
			}
			least := objects[i].MinSize()
			x -= least.Width
			if move {
				objects[i].Move(fyne.NewPos(x, 0))
				objects[i].Resize(least)
			}
			x -= gap
			high = max(high, least.Height)
		}
		h := HeightFor(objects[0], max(x, 1))
		if move {
			objects[0].Move(fyne.NewPos(0, max(0, (high-h)/2)))
			objects[0].Resize(fyne.NewSize(max(x, 1), h))
		}
		return max(high, h)
	}, objects...)
}
