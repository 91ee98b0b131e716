package widget

import (
	"image"
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	fynetheme "fyne.io/fyne/v2/theme"
	fynewidget "fyne.io/fyne/v2/widget"
)

// Page is what a PageView shows: a picture with places marked on it, or a text with stretches marked.
type Page struct {
	Key      string // names the page: one with the same Key replaces it where it is scrolled to
	Position string // "12 / 40"
	First    bool   // there is no page before it
	Last     bool   // there is none after it
	Note     string // a line above the page; "" is none

	Picture image.Image       // nil: Text is shown
	Marks   []image.Rectangle // on Picture
	Frames  []image.Rectangle // outlined on Picture
	Letters Letters           // of Text on Picture, for selecting there; nil: nothing can be

	Text      string
	TextMarks []Stretch
	TextParts []int // where parts of Text begin: each gets a sign
}

// Letters say where the characters of a page's text stand on its picture.
type Letters interface {
	At(at image.Point) (char int, ok bool)   // nearest to a point of the picture
	Beside(char, dx, dy int) int             // to the right (dx 1), left, below (dy 1), above
	Places(start, end int) []image.Rectangle // of the characters from start to before end, one for each line
}

// Stretch is a part of a text, in characters.
type Stretch struct{ Start, End int }

// PageView shows one page of a document: as wide as there is room, larger or smaller on demand, scrolled to what is marked.
// With the keyboard: arrows, PageUp, PageDown, Home and End move, Left and Right turn, Ctrl and + - 0 set the size, and
// Ctrl+C copies the selected text. With OnSelect, words are selected on pictures too: the mouse does not drag the page then, the arrows
// go from letter to letter, and with Shift they select.
type PageView struct {
	fynewidget.BaseWidget
	OnTurn   func(by int)              // -1 or 1; only called where there is such a page. May be nil
	OnFiner  func(times float32)       // the picture is shown this many times larger than it is. May be nil
	OnKey    func(*fyne.KeyEvent) bool // sees keys first; true: done. May be nil
	OnEscape func()                    // May be nil
	OnSelect func()                    // Selection is another one now. nil: nothing is selected on pictures, nor by keyboard

	page    Page
	picked  picked
	zoom    float32 // 1: as wide as the view
	focused bool
	toMark  bool      // to be scrolled to its first mark once it is laid out
	toEnd   bool      // to be scrolled to its end: a person came backwards
	asked   int       // width in pixels that OnFiner was last called for
	rest    float32   // where it was scrolled to for a new page: a person has not moved it as long as it is there
	laid    fyne.Size // that rest is for

	head      *fyne.Container
	back, on  *Button
	position  *fynewidget.Label
	note      *Prose
	frame     *canvas.Rectangle
	picture   *pagePicture
	text      *pageText
	wheel     *pageWheel
	modifiers func() fyne.KeyModifier
}

// NewPageView makes an empty view.
func NewPageView() *PageView {
	v := &PageView{zoom: 1, modifiers: currentModifiers}
	button := func(icon fyne.Resource, do func()) *Button {
		b := NewButton("", icon, do)
		b.Importance = fynewidget.LowImportance
		return b
	}
	v.back = button(fynetheme.NavigateBackIcon(), func() { v.turn(-1) })
	v.on = button(fynetheme.NavigateNextIcon(), func() { v.turn(1) })
	v.position = fynewidget.NewLabel("")
	v.head = container.NewHBox(v.back, v.position, v.on, layout.NewSpacer(),
		button(fynetheme.ZoomOutIcon(), func() { v.Zoom(-1) }),
		button(fynetheme.ZoomFitIcon(), v.Fit),
		button(fynetheme.ZoomInIcon(), func() { v.Zoom(1) }))
	v.note = NewProse(NewRuler(captionSize()))
	v.frame = canvas.NewRectangle(color.Transparent)
	v.picture = newPagePicture(v)
	v.text = newPageText(v)
	v.wheel = newPageWheel(v)
	v.ExtendBaseWidget(v)
	v.SetPage(Page{First: true, Last: true})
	return v
}

// SetPage shows a page.
func (v *PageView) SetPage(p Page) {
	same := p.Key == v.page.Key && (p.Picture == nil) == (v.page.Picture == nil)
	if same && p.Picture == nil && p.Text != v.page.Text {
		same = false
	}
	if !same {
		v.toMark, v.asked = true, 0
		v.picked = picked{}
	}
	v.page = p
	v.position.SetText(p.Position)
	v.head.Refresh()
	enable(v.back, !p.First)
	enable(v.on, !p.Last)
	v.note.SetRuns([]Run{{Text: p.Note, Color: fynetheme.ColorNamePlaceHolder}})
	show(v.note, p.Note != "")
	show(v.picture.scroll, p.Picture != nil)
	show(v.text.roll, p.Picture == nil)
	v.picture.set(p)
	v.text.set(p)
	v.Refresh()
	v.settle()
}

// Page is what is shown.
func (v *PageView) Page() Page { return v.page }

// ShowMark scrolls to the first mark.
func (v *PageView) ShowMark() {
	v.toMark = true
	v.settle()
}

func enable(b *Button, on bool) {
	if on {
		b.Enable()
	} else {
		b.Disable()
	}
}

func show(o fyne.CanvasObject, on bool) {
	if on {
		o.Show()
	} else {
		o.Hide()
	}
}

func captionSize() float32 { return fynetheme.Size(fynetheme.SizeNameCaptionText) }

// settle scrolls to where a new page is to be seen from, once there is room to show it in.
func (v *PageView) settle() {
	size := v.body()
	if size.Width <= 0 || size.Height <= 0 {
		return
	}
	if v.toMark {
		switch {
		case v.page.Picture != nil:
			v.picture.toMark(v.toEnd)
		default:
			v.text.toMark(v.toEnd)
		}
		v.toMark, v.toEnd, v.rest, v.laid = false, false, v.offset(), size
	}
	v.finer()
}

// body is the size of what shows the page.
func (v *PageView) body() fyne.Size {
	if v.page.Picture != nil {
		return v.picture.scroll.Size()
	}
	return v.text.roll.Size()
}

// offset is how far down the page is scrolled.
func (v *PageView) offset() float32 {
	if v.page.Picture != nil {
		return v.picture.scroll.Offset.Y
	}
	return v.text.roll.Offset()
}

// finer asks for a finer picture where the one there is would be blown up.
func (v *PageView) finer() {
	if v.page.Picture == nil || v.OnFiner == nil {
		return
	}
	scale := float32(1)
	if c := fyne.CurrentApp().Driver().CanvasForObject(v); c != nil {
		scale = c.Scale()
	}
	has, wanted := v.page.Picture.Bounds().Dx(), int(v.picture.paper().Width*scale)
	if has > 0 && float32(wanted) > 1.2*float32(has) && wanted != v.asked {
		v.asked = wanted
		v.OnFiner(float32(wanted) / float32(has))
	}
}

// turn goes to another page.
func (v *PageView) turn(by int) bool {
	if v.OnTurn == nil || by < 0 && v.page.First || by > 0 && v.page.Last {
		return false
	}
	v.OnTurn(by)
	return true
}

// CreateRenderer is fyne.Widget.
func (v *PageView) CreateRenderer() fyne.WidgetRenderer {
	r := &pageRenderer{view: v}
	r.Refresh()
	return r
}

type pageRenderer struct{ view *PageView }

func (r *pageRenderer) Destroy() {}

func (r *pageRenderer) Objects() []fyne.CanvasObject {
	v := r.view
	return []fyne.CanvasObject{v.head, v.note, v.picture.scroll, v.text.roll, v.frame, v.wheel}
}

func (r *pageRenderer) MinSize() fyne.Size {
	head := r.view.head.MinSize()
	return fyne.NewSize(head.Width, head.Height+120)
}

func (r *pageRenderer) Layout(size fyne.Size) {
	v := r.view
	still := v.rest == v.offset()
	pad := fynetheme.Padding()
	y := v.head.MinSize().Height
	v.head.Resize(fyne.NewSize(size.Width, y))
	if v.note.Visible() {
		h := v.note.HeightFor(size.Width - 2*pad)
		v.note.Move(fyne.NewPos(pad, y))
		v.note.Resize(fyne.NewSize(size.Width-2*pad, h))
		v.note.Refresh()
		y += h + pad
	}
	body := fyne.NewSize(size.Width, max(0, size.Height-y))
	for _, o := range []fyne.CanvasObject{v.frame, v.wheel} {
		o.Move(fyne.NewPos(0, y))
		o.Resize(body)
	}
	v.picture.scroll.Move(fyne.NewPos(0, y))
	v.picture.resize(body)
	v.text.roll.Move(fyne.NewPos(0, y))
	v.text.resize(body)
	if still && body != v.laid { // the window is still finding its size, or a person changes it before reading
		v.toMark = true
	}
	v.settle()
}

func (r *pageRenderer) Refresh() {
	v := r.view
	v.frame.StrokeWidth = 0
	if v.focused {
		v.frame.StrokeWidth = 2
		v.frame.StrokeColor = themeColor(fynetheme.ColorNameFocus)
	}
	v.frame.Refresh()
	r.Layout(v.Size())
	canvas.Refresh(v)
}
