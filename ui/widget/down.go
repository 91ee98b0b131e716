package widget

import "fyne.io/fyne/v2"

// Down is a layout that puts objects below each other, as high as they need to be in the width there is; the one at Fill takes the rest.
type Down struct {
	Fill int
	Gap  float32
}

// Layout is fyne.Layout.
func (d Down) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	used := float32(0)
	for i, o := range objects {
		if i != d.Fill && o.Visible() {
			if h := HeightFor(o, size.Width); h > 0 {
				used += h + d.Gap
			}
		}
	}
	y := float32(0)
	for i, o := range objects {
		if !o.Visible() {
			continue
		}
		h := HeightFor(o, size.Width)
		if i == d.Fill {
			h = max(0, size.Height-used)
		}
		o.Move(fyne.NewPos(0, y))
		o.Resize(fyne.NewSize(size.Width, h))
		if h > 0 {
			y += h + d.Gap
		}
	}
}

// MinSize is fyne.Layout: heights depend on the width, so only that is asked for.
func (d Down) MinSize(objects []fyne.CanvasObject) fyne.Size {
	size := fyne.NewSize(0, 160)
	for _, o := range objects {
		if o.Visible() {
			size.Width = max(size.Width, o.MinSize().Width)
		}
	}
	return size
}
