package widget

import (
	"image"
	"io"
	"math"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	fynewidget "fyne.io/fyne/v2/widget"

	"kakoi/app/plot"
)

// Bars shows shares with their intervals, in groups that are compared.
type Bars struct {
	fynewidget.BaseWidget
	bars    plot.Bars
	version int
	inks    inks
	picture *canvas.Raster
	drawn   drawn
}

// NewBars makes a widget without bars.
func NewBars() *Bars {
	b := &Bars{}
	b.picture = canvas.NewRaster(b.draw)
	b.ExtendBaseWidget(b)
	return b
}

// SetBars shows other bars.
func (b *Bars) SetBars(bars plot.Bars) {
	b.bars = bars
	b.version++
	b.Refresh()
}

// SavePNG writes the bars as a picture on white.
func (b *Bars) SavePNG(w io.Writer) error { return b.bars.PNG(w, 1200, plot.Light(b.inks.font(), 22)) }

// SaveSVG writes the bars as a drawing on white.
func (b *Bars) SaveSVG(w io.Writer) error { return b.bars.SVG(w, 900, plot.Light(b.inks.font(), 15)) }

func (b *Bars) draw(w, h int) image.Image {
	return b.drawn.of(w, h, b.version, b.Size().Width, &b.inks, b.bars.Draw)
}

// HeightFor is the height in any width.
func (b *Bars) HeightFor(float32) float32 {
	return float32(math.Ceil(float64(b.bars.Height(b.inks.look(1)))))
}

// CreateRenderer is fyne.Widget.
func (b *Bars) CreateRenderer() fyne.WidgetRenderer { return &barsRenderer{b} }

type barsRenderer struct{ bars *Bars }

func (r *barsRenderer) Destroy()                     {}
func (r *barsRenderer) Layout(size fyne.Size)        { r.bars.picture.Resize(size) }
func (r *barsRenderer) MinSize() fyne.Size           { return fyne.NewSize(200, r.bars.HeightFor(0)) }
func (r *barsRenderer) Objects() []fyne.CanvasObject { return []fyne.CanvasObject{r.bars.picture} }
func (r *barsRenderer) Refresh()                     { r.bars.picture.Refresh() }
