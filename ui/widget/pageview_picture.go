package widget

import (
	"image"
	"image/color"
	"image/draw"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	fynetheme "fyne.io/fyne/v2/theme"
	fynewidget "fyne.io/fyne/v2/widget"

	"kakoi/ui/theme"
)

// pagePicture is the sheet of paper in a PageView: it scrolls, and is dragged with the mouse.
type pagePicture struct {
	fynewidget.BaseWidget
	view   *PageView
	scroll *container.Scroll
	image  *canvas.Image
	sheet  image.Rectangle // of the picture
	edge   *canvas.Rectangle
	marks  []placed // images
	frames []placed // rectangles
	chosen []placed // the selection
	caret  []placed // one rectangle, or none
	began  int      // letter where the selection that is being dragged begins
	drags  bool     // it is
	room   fyne.Size
	marker color.Color // that the marks are painted in
}

// placed is a rectangle of the picture and what shows it.
type placed struct {
	place image.Rectangle
	shape fyne.CanvasObject
}

func newPagePicture(v *PageView) *pagePicture {
	p := &pagePicture{view: v, image: &canvas.Image{}, edge: canvas.NewRectangle(color.Transparent)}
	p.image.FillMode = canvas.ImageFillStretch
	p.image.ScaleMode = canvas.ImageScaleFastest // by the graphics card: software would stop the window
	p.ExtendBaseWidget(p)
	p.scroll = container.NewScroll(p)
	return p
}

func (p *pagePicture) set(page Page) {
	p.image.Image, p.sheet = page.Picture, image.Rectangle{}
	if page.Picture != nil {
		p.sheet = page.Picture.Bounds()
	}
	p.marks, p.frames = p.marks[:0], p.frames[:0]
	for _, r := range page.Marks {
		p.marks = append(p.marks, placed{r, &canvas.Image{FillMode: canvas.ImageFillStretch, ScaleMode: canvas.ImageScaleFastest}})
	}
	for _, r := range page.Frames {
		frame := canvas.NewRectangle(color.Transparent)
		frame.StrokeWidth, frame.CornerRadius = 1, 2
		p.frames = append(p.frames, placed{r, frame})
	}
	p.marker = nil
	p.image.Refresh()
	p.setPicked()
}

// setPicked shows what is selected.
func (p *pagePicture) setPicked() {
	p.chosen, p.caret = p.chosen[:0], p.caret[:0]
	page, pick := p.view.page, p.view.picked
	if page.Letters != nil && pick.on {
		s := pick.stretch([]rune(page.Text))
		for _, r := range page.Letters.Places(s.Start, s.End) {
			p.chosen = append(p.chosen, placed{r, canvas.NewRectangle(color.Transparent)})
		}
		for _, r := range page.Letters.Places(pick.now, pick.now+1) {
			p.caret = append(p.caret, placed{r, canvas.NewRectangle(color.Transparent)})
		}
	}
	p.Refresh()
}

// highlight paints a mark: a piece of the picture under a marker's ink, so that letters stay black.
func (p *pagePicture) highlight(m placed) {
	shape, ok := m.shape.(*canvas.Image)
	if !ok {
		return
	}
	r := m.place.Intersect(p.sheet)
	piece := image.NewRGBA(image.Rectangle{Max: r.Size()})
	draw.Draw(piece, piece.Rect, p.image.Image, r.Min, draw.Src)
	paper := image.NewRGBA(image.Rect(0, 0, 1, 1))
	draw.Draw(paper, paper.Rect, image.White, image.Point{}, draw.Src)
	ink := color.NRGBAModel.Convert(p.marker).(color.NRGBA)
	ink.A = 0x90 // as on white paper, whatever stands around it
	draw.Draw(paper, paper.Rect, image.NewUniform(ink), image.Point{}, draw.Over)
	for i := 0; i < len(piece.Pix); i += 4 {
		for j := range 3 {
			piece.Pix[i+j] = uint8(int(piece.Pix[i+j]) * int(paper.Pix[j]) / 255)
		}
	}
	shape.Image = piece
	shape.Refresh()
}

// paper is the size in which the picture is shown.
func (p *pagePicture) paper() fyne.Size {
	if p.sheet.Empty() || p.room.Width <= 0 {
		return fyne.Size{}
	}
	width := max(p.room.Width-2*fynetheme.Padding(), 1) * p.view.zoom
	return fyne.NewSize(width, width*float32(p.sheet.Dy())/float32(p.sheet.Dx()))
}

// MinSize is that of the paper with its margin.
func (p *pagePicture) MinSize() fyne.Size {
	paper, pad := p.paper(), 2*fynetheme.Padding()
	return fyne.NewSize(paper.Width+pad, paper.Height+pad)
}

func (p *pagePicture) resize(room fyne.Size) {
	if room.Width != p.room.Width && p.room.Width > 0 { // what is at the top stays there
		p.scroll.Offset.Y *= room.Width / p.room.Width
	}
	p.room = room
	p.scroll.Resize(room)
	p.scroll.Refresh()
}

// zoomed follows a change of size by a factor; at stays where it is.
func (p *pagePicture) zoomed(times float32, at *fyne.Position) {
	middle := fyne.NewPos(p.room.Width/2, p.room.Height/2)
	if at != nil {
		middle = *at
	}
	offset := p.scroll.Offset.Add(middle)
	p.Refresh()
	p.to(fyne.NewPos(offset.X*times-middle.X, offset.Y*times-middle.Y))
}

// to scrolls to an offset, as far as that goes.
func (p *pagePicture) to(offset fyne.Position) {
	all := p.MinSize()
	p.scroll.Offset = fyne.NewPos(
		max(0, min(offset.X, all.Width-p.room.Width)),
		max(0, min(offset.Y, all.Height-p.room.Height)))
	p.scroll.Refresh()
}

func (p *pagePicture) scrollBy(dx, dy float32) bool {
	before := p.scroll.Offset
	p.to(before.AddXY(dx, dy))
	moved := p.scroll.Offset.Subtract(before)
	return moved.X*moved.X+moved.Y*moved.Y > 0.5
}

// toMark brings the first mark into the upper part of the view, or the beginning of the page, or its end.
func (p *pagePicture) toMark(end bool) {
	switch {
	case len(p.marks) > 0:
		first := p.spot(p.marks[0].place)
		p.to(fyne.NewPos(first.left+first.width/2-p.room.Width/2, first.top-p.room.Height/4))
	case end:
		p.to(fyne.NewPos(0, 1e9))
	default:
		p.to(fyne.Position{})
	}
}

type spot struct{ left, top, width, height float32 }

// spot is where a rectangle of the picture is shown.
func (p *pagePicture) spot(r image.Rectangle) spot {
	paper := p.paper()
	if p.sheet.Empty() {
		return spot{}
	}
	scale := paper.Width / float32(p.sheet.Dx())
	corner := p.corner()
	r = r.Sub(p.sheet.Min)
	return spot{corner.X + float32(r.Min.X)*scale, corner.Y + float32(r.Min.Y)*scale, float32(r.Dx()) * scale, float32(r.Dy()) * scale}
}

// corner is where the paper begins: a narrow one stands in the middle.
func (p *pagePicture) corner() fyne.Position {
	pad := fynetheme.Padding()
	return fyne.NewPos(max(pad, (p.Size().Width-p.paper().Width)/2), pad)
}

// Dragged is fyne.Draggable: it selects where that is possible, and moves the page otherwise.
func (p *pagePicture) Dragged(e *fyne.DragEvent) {
	v := p.view
	if !v.selectable() {
		p.scrollBy(-e.Dragged.DX, -e.Dragged.DY)
		return
	}
	now, ok := v.page.Letters.At(p.point(e.Position))
	if !ok {
		return
	}
	if !p.drags { // the first step tells how far it is from where the button went down
		p.drags = true
		p.began, _ = v.page.Letters.At(p.point(e.Position.SubtractXY(e.Dragged.DX, e.Dragged.DY)))
	}
	v.pick(picked{on: true, selects: true, began: p.began, now: now})
	switch y := e.Position.Y - p.scroll.Offset.Y; { // beyond the edge
	case y < 0:
		p.scrollBy(0, y)
	case y > p.room.Height:
		p.scrollBy(0, y-p.room.Height)
	}
}

// DragEnd is fyne.Draggable.
func (p *pagePicture) DragEnd() {
	p.drags = false
	if p.view.selectable() {
		p.view.takeFocus()
	}
}

// Tapped is fyne.Tappable: it puts the caret there, and takes a selection away.
func (p *pagePicture) Tapped(e *fyne.PointEvent) {
	v := p.view
	v.takeFocus()
	if !v.selectable() {
		return
	}
	if i, ok := v.page.Letters.At(p.point(e.Position)); ok {
		v.pick(picked{on: true, began: i, now: i})
	}
}

// CreateRenderer is fyne.Widget.
func (p *pagePicture) CreateRenderer() fyne.WidgetRenderer { return &pictureRenderer{p} }

type pictureRenderer struct{ picture *pagePicture }

func (r *pictureRenderer) Destroy()           {}
func (r *pictureRenderer) MinSize() fyne.Size { return r.picture.MinSize() }

func (r *pictureRenderer) Objects() []fyne.CanvasObject {
	p := r.picture
	all := []fyne.CanvasObject{p.image, p.edge}
	for _, list := range [][]placed{p.frames, p.marks, p.chosen, p.caret} {
		for _, m := range list {
			all = append(all, m.shape)
		}
	}
	return all
}

func (r *pictureRenderer) Layout(fyne.Size) {
	p := r.picture
	paper := p.paper()
	for _, o := range []fyne.CanvasObject{p.image, p.edge} {
		o.Move(p.corner())
		o.Resize(paper)
	}
	for _, m := range p.marks {
		put(m, p.spot(m.place.Intersect(p.sheet)), 0)
	}
	for _, m := range p.frames {
		put(m, p.spot(m.place), 3)
	}
	for _, m := range p.chosen {
		put(m, p.spot(m.place), 0)
	}
	for _, m := range p.caret {
		put(m, p.spot(m.place), 2)
	}
}

// put shows a rectangle with a little room around it.
func put(m placed, s spot, room float32) {
	m.shape.Move(fyne.NewPos(s.left-room, s.top))
	m.shape.Resize(fyne.NewSize(s.width+2*room, s.height))
}

func (r *pictureRenderer) Refresh() {
	p := r.picture
	p.edge.StrokeWidth, p.edge.StrokeColor = 1, themeColor(fynetheme.ColorNameSeparator)
	marker := themeColor(theme.ColorMark)
	if marker != p.marker {
		p.marker = marker
		for _, m := range p.marks {
			p.highlight(m)
		}
	}
	for _, m := range p.frames {
		if frame, ok := m.shape.(*canvas.Rectangle); ok {
			frame.StrokeColor = themeColor(fynetheme.ColorNamePrimary)
			frame.Refresh()
		}
	}
	primary := color.NRGBAModel.Convert(themeColor(fynetheme.ColorNamePrimary)).(color.NRGBA)
	for _, m := range p.chosen {
		shape := m.shape.(*canvas.Rectangle)
		shape.FillColor = color.NRGBA{primary.R, primary.G, primary.B, 0x50} // paper is white in both themes: letters stay legible
		shape.Refresh()
	}
	for _, m := range p.caret {
		shape := m.shape.(*canvas.Rectangle)
		shape.StrokeWidth, shape.StrokeColor = 2, primary
		if !p.view.focused {
			shape.StrokeWidth = 0
		}
		shape.Refresh()
	}
	p.edge.Refresh()
	r.Layout(p.Size())
	canvas.Refresh(p)
}
