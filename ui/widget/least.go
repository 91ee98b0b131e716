package widget

import "fyne.io/fyne/v2"

// AtLeast is a layout that gives one object a least size.
type AtLeast struct{ Width, Height float32 }

// Layout is fyne.Layout.
func (l AtLeast) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	for _, o := range objects {
		o.Move(fyne.NewPos(0, 0))
		o.Resize(size)
	}
}

// MinSize is fyne.Layout.
func (l AtLeast) MinSize(objects []fyne.CanvasObject) fyne.Size {
	size := fyne.NewSize(l.Width, l.Height)
	for _, o := range objects {
		size = size.Max(o.MinSize())
	}
	return size
}
