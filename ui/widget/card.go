package widget

import (
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/desktop"
	fynetheme "fyne.io/fyne/v2/theme"
	fynewidget "fyne.io/fyne/v2/widget"
)

// Card is a heading with a few words below it that opens something when it is pressed, with the mouse or by Enter.
type Card struct {
	fynewidget.BaseWidget
	OnTapped func()
	OnEscape func() // nil is allowed
	OnFocus  func() // it has the keyboard now. nil is allowed
	body     *Box
	back     *canvas.Rectangle
	chosen   bool
	focused  bool
	over     bool
}

// NewCard makes a Card; text may be empty.
func NewCard(r *Ruler, title, text string, tapped func()) *Card {
	c := &Card{OnTapped: tapped, back: NewPanelBack(fynetheme.ColorNameInputBackground)}
	parts := []fyne.CanvasObject{NewProse(r, Run{Text: title, Bold: true, Color: fynetheme.ColorNameHyperlink})}
	if text != "" {
		parts = append(parts, NewProse(r, Run{Text: text}))
	}
	c.body = NewInset(8, 5, 8, 6, nil, NewColumn(1, parts...))
	c.back.StrokeWidth = 1
	c.ExtendBaseWidget(c)
	return c
}

// SetChosen marks the card as the one that is open.
func (c *Card) SetChosen(on bool) {
	c.chosen = on
	c.Refresh()
}

// HeightFor is the height for a width.
func (c *Card) HeightFor(width float32) float32 { return c.body.HeightFor(width) }

// CreateRenderer is fyne.Widget. Nothing lies over the card that would take the mouse from it.
func (c *Card) CreateRenderer() fyne.WidgetRenderer {
	r := &cardRenderer{card: c, cover: &cover{card: c}}
	r.cover.ExtendBaseWidget(r.cover)
	r.Refresh()
	return r
}

// Tapped is fyne.Tappable.
func (c *Card) Tapped(*fyne.PointEvent) {
	if c.OnTapped != nil {
		c.OnTapped()
	}
}

// FocusGained is fyne.Focusable.
func (c *Card) FocusGained() {
	c.focused = true
	c.Refresh()
	if c.OnFocus != nil {
		c.OnFocus()
	}
}

// FocusLost is fyne.Focusable.
func (c *Card) FocusLost() {
	c.focused = false
	c.Refresh()
}

// TypedRune is fyne.Focusable.
func (c *Card) TypedRune(rune) {}

// TypedKey is fyne.Focusable.
func (c *Card) TypedKey(k *fyne.KeyEvent) {
	switch k.Name {
	case fyne.KeyReturn, fyne.KeyEnter, fyne.KeySpace:
		c.Tapped(nil)
	case fyne.KeyEscape:
		if c.OnEscape != nil {
			c.OnEscape()
		}
	}
}

type cardRenderer struct {
	card  *Card
	cover *cover
}

func (r *cardRenderer) Destroy() {}

func (r *cardRenderer) Layout(size fyne.Size) {
	r.card.back.Resize(size)
	r.card.body.Resize(size)
	r.cover.Resize(size)
}

func (r *cardRenderer) MinSize() fyne.Size {
	return fyne.NewSize(60, r.card.HeightFor(max(60, r.card.Size().Width)))
}

func (r *cardRenderer) Objects() []fyne.CanvasObject {
	return []fyne.CanvasObject{r.card.back, r.card.body, r.cover}
}

func (r *cardRenderer) Refresh() {
	c := r.card
	fill, stroke := fynetheme.ColorNameInputBackground, fynetheme.ColorNameSeparator
	if c.chosen {
		stroke = fynetheme.ColorNamePrimary
	}
	if c.focused {
		stroke = fynetheme.ColorNameFocus
	}
	if c.over {
		fill = fynetheme.ColorNameHeaderBackground
	}
	c.back.FillColor, c.back.StrokeColor, c.back.StrokeWidth = themeColor(fill), themeColor(stroke), 1
	if c.chosen || c.focused {
		c.back.StrokeWidth = 2
	}
	c.back.Refresh()
	c.body.Refresh()
}

// cover lies over the texts of a card, which would select otherwise.
type cover struct {
	fynewidget.BaseWidget
	card *Card
}

func (v *cover) CreateRenderer() fyne.WidgetRenderer {
	return fynewidget.NewSimpleRenderer(canvas.NewRectangle(color.Transparent))
}

// Tapped is fyne.Tappable.
func (v *cover) Tapped(e *fyne.PointEvent) { v.card.Tapped(e) }

// MouseIn is desktop.Hoverable.
func (v *cover) MouseIn(*desktop.MouseEvent) {
	v.card.over = true
	v.card.Refresh()
}

// MouseMoved is desktop.Hoverable.
func (v *cover) MouseMoved(*desktop.MouseEvent) {}

// MouseOut is desktop.Hoverable.
func (v *cover) MouseOut() {
	v.card.over = false
	v.card.Refresh()
}

// Cursor is desktop.Cursorable.
func (v *cover) Cursor() desktop.Cursor { return desktop.PointerCursor }
