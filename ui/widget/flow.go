package widget

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	fynewidget "fyne.io/fyne/v2/widget"
)

// tall is what knows its height for a width: Prose, and the containers of this file.
type tall interface{ HeightFor(width float32) float32 }

// HeightFor is the height an object takes in a width.
func HeightFor(o fyne.CanvasObject, width float32) float32 {
	if !o.Visible() {
		return 0
	}
	if t, ok := o.(tall); ok {
		return t.HeightFor(width)
	}
	return o.MinSize().Height
}

// Box lays objects out by an arrangement whose height depends on the width.
type Box struct {
	fynewidget.BaseWidget
	Objects []fyne.CanvasObject
	arrange arrangement
	back    fyne.CanvasObject // behind all; nil: nothing
}

// arrangement puts objects into a width and gives the height; without move it only measures.
type arrangement func(objects []fyne.CanvasObject, width float32, move bool) float32

func newBox(a arrangement, objects ...fyne.CanvasObject) *Box {
	b := &Box{Objects: objects, arrange: a}
	b.ExtendBaseWidget(b)
	return b
}

// HeightFor is the height for a width.
func (b *Box) HeightFor(width float32) float32 { return b.arrange(b.Objects, width, false) }

// CreateRenderer is fyne.Widget.
func (b *Box) CreateRenderer() fyne.WidgetRenderer { return &boxRenderer{b} }

type boxRenderer struct{ box *Box }

func (r *boxRenderer) Destroy() {}

func (r *boxRenderer) Layout(size fyne.Size) {
	if r.box.back != nil {
		r.box.back.Resize(size)
	}
	r.box.arrange(r.box.Objects, size.Width, true)
}

func (r *boxRenderer) MinSize() fyne.Size {
	width := r.box.Size().Width
	least := float32(0)
	for _, o := range r.box.Objects {
		if o.Visible() {
			least = max(least, o.MinSize().Width)
		}
	}
	return fyne.NewSize(least, r.box.HeightFor(max(width, least)))
}

func (r *boxRenderer) Objects() []fyne.CanvasObject {
	if r.box.back != nil {
		return append([]fyne.CanvasObject{r.box.back}, r.box.Objects...)
	}
	return r.box.Objects
}

func (r *boxRenderer) Refresh() {
	r.Layout(r.box.Size())
	canvas.Refresh(r.box)
}

// place moves an object, and gives its height.
func place(o fyne.CanvasObject, x, y, width float32, move bool) float32 {
	h := HeightFor(o, width)
	if move {
		o.Move(fyne.NewPos(x, y))
		o.Resize(fyne.NewSize(width, h))
	}
	return h
}

// NewColumn puts objects below each other.
func NewColumn(gap float32, objects ...fyne.CanvasObject) *Box {
	return newBox(func(objects []fyne.CanvasObject, width float32, move bool) float32 {
		y := float32(0)
		for _, o := range objects {
			if !o.Visible() {
				continue
			}
			if y > 0 {
				y += gap
			}
			y += place(o, 0, y, width, move)
		}
		return y
	}, objects...)
}

// NewFlow puts objects beside each other and goes on below when the width is full.
func NewFlow(gap float32, objects ...fyne.CanvasObject) *Box {
	return newBox(func(objects []fyne.CanvasObject, width float32, move bool) float32 {
		var x, y, row float32
		for _, o := range objects {
			if !o.Visible() {
				continue
			}
			size := o.MinSize()
			if x > 0 && x+size.Width > width {
				x, y, row = 0, y+row+gap, 0
			}
			w := min(size.Width, max(width, 1))
			if move {
				o.Move(fyne.NewPos(x, y))
				o.Resize(fyne.NewSize(w, size.Height))
			}
			x += w + gap
			row = max(row, size.Height)
		}
		return y + row
	}, objects...)
}

// NewPair puts two objects side by side in equal widths.
func NewPair(gap float32, left, right fyne.CanvasObject) *Box {
	return newBox(func(objects []fyne.CanvasObject, width float32, move bool) float32 {
		half := max((width-gap)/2, 1)
		return max(place(objects[0], 0, 0, half, move), place(objects[1], half+gap, 0, half, move))
	}, left, right)
}

// NewInset puts room around an object, and a background behind it when back is not nil.
func NewInset(left, top, right, bottom float32, back, o fyne.CanvasObject) *Box {
	b := newBox(func(objects []fyne.CanvasObject, width float32, move bool) float32 {
		return top + bottom + place(objects[0], left, top, max(width-left-right, 1), move)
	}, o)
	b.back = back
	return b
}

// NewPanelBack is a rounded background in a colour of the theme.
func NewPanelBack(name fyne.ThemeColorName) *canvas.Rectangle {
	r := canvas.NewRectangle(themeColor(name))
	r.CornerRadius = 8
	return r
}
