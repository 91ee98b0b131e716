package plot

import (
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"io"
	"math"
)

// Bars are shares with their intervals, in groups: of an exam, a group for each figure with a bar for each that was examined.
type Bars struct{ Groups []Group }

// Group is bars that are compared.
type Group struct {
	Name string
	Note string // beside the name: what is good
	Bars []Bar
}

// Bar is a share with its interval.
type Bar struct {
	Name      string
	Value     float64 // 0 to 1; NaN: there is none
	Low, High float64 // of the interval
	Text      string  // at its end: "82% (41 of 50)"
	Second    bool    // in the second colour
}

// Heights of a row, in text sizes.
const (
	barHead  = 2.0
	barRow   = 1.75
	barAfter = 0.7
	barEdge  = 0.4
)

// Height is how high the picture is, in pixels.
func (b Bars) Height(look Look) int {
	rows := 2 * barEdge
	for _, g := range b.Groups {
		rows += barHead + barRow*float64(len(g.Bars)) + barAfter
	}
	return int(math.Ceil(rows * look.Size))
}

// draw puts the picture onto a pen: names at the left, figures at the right, the bars between them on one scale from 0 to 1.
func (b Bars) draw(width float64, look Look, p pen) {
	size := look.Size
	if look.Back.A > 0 {
		p.box(0, 0, width, float64(b.Height(look)), 0, look.Back)
	}
	names, texts := 0.0, 0.0
	for _, g := range b.Groups {
		for _, bar := range g.Bars {
			names = math.Max(names, look.Font.width(bar.Name, size))
			texts = math.Max(texts, look.Font.width(bar.Text, size))
		}
	}
	names = math.Min(names, 0.3*width)
	left, right := names+1.4*size, width-texts-1.2*size
	right = math.Max(right, left+1)
	at := func(share float64) float64 { return left + math.Max(0, math.Min(1, share))*(right-left) }
	y := barEdge * size
	for _, g := range b.Groups {
		y += barHead * size
		p.text(xy{0.5 * size, y - 0.55*size}, g.Name, 1.08*size, begin, look.Ink)
		if x := 1.5*size + look.Font.width(g.Name, 1.08*size); g.Note != "" && x+look.Font.width(g.Note, 0.92*size) < width { // the name alone where it is narrow
			p.text(xy{x, y - 0.55*size}, g.Note, 0.92*size, begin, look.Faint)
		}
		for _, bar := range g.Bars {
			mid := y + barRow*size/2
			p.text(xy{left - 0.6*size, mid + 0.36*size}, shorten(bar.Name, names+1, size, look.Font), size, end, look.Faint)
			half := 0.5 * size
			p.box(left, mid-half, right, mid+half, 0.25*size, look.Grid)
			if !math.IsNaN(bar.Value) {
				c := look.First
				if bar.Second {
					c = look.Second
				}
				if bar.Value > 0 {
					p.box(left, mid-half, math.Max(at(bar.Value), left+2), mid+half, 0.25*size, c)
				}
				whisker(p, at(bar.Low), at(bar.High), mid, 0.34*size, math.Max(1.2, size/9), look.Ink)
			}
			p.text(xy{width - 0.5*size, mid + 0.36*size}, bar.Text, size, end, look.Ink)
			y += barRow * size
		}
		y += barAfter * size
	}
}

// whisker is the interval: a line with an end on both sides.
func whisker(p pen, from, to, y, half, line float64, c color.NRGBA) {
	p.line([]xy{{from, y}, {to, y}}, line, c)
	for _, x := range []float64{from, to} {
		p.line([]xy{{x, y - half}, {x, y + half}}, line, c)
	}
}

func shorten(text string, width, size float64, f *Font) string {
	if f.width(text, size) <= width {
		return text
	}
	rs := []rune(text)
	for n := len(rs) - 1; n > 0; n-- {
		if short := string(rs[:n]) + "…"; f.width(short, size) <= width {
			return short
		}
	}
	return "…"
}

// Draw fills a picture from the top.
func (b Bars) Draw(img draw.Image, look Look) {
	b.draw(float64(img.Bounds().Dx()), look, raster{img, look.Font})
}

// PNG writes the picture as a file of pixels.
func (b Bars) PNG(w io.Writer, width int, look Look) error {
	img := image.NewRGBA(image.Rect(0, 0, width, b.Height(look)))
	b.Draw(img, look)
	if err := png.Encode(w, img); err != nil {
		return fmt.Errorf("write picture: %w", err)
	}
	return nil
}

// SVG writes the picture as boxes and letters.
func (b Bars) SVG(w io.Writer, width int, look Look) error {
	return svg(w, width, b.Height(look), func(p pen) { b.draw(float64(width), look, p) })
}
