package widget

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	fynewidget "fyne.io/fyne/v2/widget"
)

// Sheet scrolls one object whose height depends on its width, such as a Box, and can bring a part of it into sight: what has
// the keyboard is never out of it.
type Sheet struct {
	fynewidget.BaseWidget
	scroll  *container.Scroll
	content fyne.CanvasObject
	hold    *fyne.Container
	most    float32 // width of the content; 0: as wide as there is room
}

// NewSheet makes a Sheet; the content is at most so wide, 0 being no limit.
func NewSheet(most float32, content fyne.CanvasObject) *Sheet {
	s := &Sheet{content: content, most: most}
	s.hold = container.New(sheetLayout{s}, content)
	s.scroll = container.NewVScroll(s.hold)
	s.ExtendBaseWidget(s)
	return s
}

// CreateRenderer is fyne.Widget.
func (s *Sheet) CreateRenderer() fyne.WidgetRenderer { return fynewidget.NewSimpleRenderer(s.scroll) }

// MinSize is fyne.CanvasObject.
func (s *Sheet) MinSize() fyne.Size { return fyne.NewSize(80, 40) }

// Resize is fyne.CanvasObject.
func (s *Sheet) Resize(size fyne.Size) {
	s.BaseWidget.Resize(size)
	s.scroll.Resize(size)
	s.Fit()
}

// SetContent shows another object.
func (s *Sheet) SetContent(o fyne.CanvasObject) {
	s.content = o
	s.hold.Objects = []fyne.CanvasObject{o}
	s.Fit()
}

// Fit takes the content's height anew. Call it after the content has changed.
func (s *Sheet) Fit() {
	s.hold.Resize(fyne.NewSize(s.Size().Width, s.height()))
	s.hold.Refresh()
	s.scroll.Refresh()
}

// Top goes to the beginning.
func (s *Sheet) Top() { s.scroll.ScrollToTop() }

// Scrolled is how far down the Sheet is.
func (s *Sheet) Scrolled() float32 { return s.scroll.Offset.Y }

// ScrollTo goes so far down.
func (s *Sheet) ScrollTo(y float32) { s.scroll.ScrollToOffset(fyne.NewPos(0, max(y, 0))) }

// Wheel moves the sheet as the wheel of the mouse does, for a part of it that takes the wheel's events for itself.
func (s *Sheet) Wheel(e *fyne.ScrollEvent) { s.scroll.Scrolled(e) }

// Reveal scrolls as little as is needed to see an object of the content whole.
func (s *Sheet) Reveal(o fyne.CanvasObject) {
	driver := fyne.CurrentApp().Driver()
	at := driver.AbsolutePositionForObject(o).Y - driver.AbsolutePositionForObject(s.hold).Y
	const room = 12
	top, bottom := at-room, at+o.Size().Height+room
	switch {
	case top < s.scroll.Offset.Y:
		s.ScrollTo(top)
	case bottom > s.scroll.Offset.Y+s.Size().Height:
		s.ScrollTo(bottom - s.Size().Height)
	}
}

func (s *Sheet) width() float32 {
	if s.most > 0 {
		return min(s.most, s.Size().Width)
	}
	return s.Size().Width
}

func (s *Sheet) height() float32 { return HeightFor(s.content, max(s.width(), 1)) }

type sheetLayout struct{ s *Sheet }

func (l sheetLayout) MinSize([]fyne.CanvasObject) fyne.Size { return fyne.NewSize(1, l.s.height()) }

func (l sheetLayout) Layout(objects []fyne.CanvasObject, _ fyne.Size) {
	for _, o := range objects {
		o.Move(fyne.NewPos(0, 0))
		o.Resize(fyne.NewSize(l.s.width(), l.s.height()))
	}
}
