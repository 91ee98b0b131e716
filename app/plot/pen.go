package plot

import (
	"encoding/xml"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"io"
	"math"
	"strings"

	"golang.org/x/image/font"
	"golang.org/x/image/math/fixed"
)

// xy is a point of a picture, in pixels from its upper left corner.
type xy struct{ x, y float64 }

// anchor says which end of a text stands at a point.
type anchor int

const (
	begin anchor = iota
	middle
	end
)

// pen draws: into pixels, or as SVG.
type pen interface {
	box(x0, y0, x1, y1, radius float64, c color.NRGBA)
	line(points []xy, width float64, c color.NRGBA)
	dot(at xy, radius float64, c color.NRGBA)
	text(at xy, text string, size float64, a anchor, c color.NRGBA) // at is on the base line
}

// raster is the pen of a picture. Shapes have smooth edges.
type raster struct {
	img  draw.Image
	font *Font
}

// cover lays c over a pixel, as thick as share.
func (r raster) cover(mask *image.Alpha, c color.NRGBA) {
	draw.DrawMask(r.img, mask.Rect, image.NewUniform(c), image.Point{}, mask, mask.Rect.Min, draw.Over)
}

// shape draws what is within a distance of 0 of the points of an area; distance is negative inside.
func (r raster) shape(x0, y0, x1, y1 float64, c color.NRGBA, distance func(x, y float64) float64) {
	area := image.Rect(int(math.Floor(x0)), int(math.Floor(y0)), int(math.Ceil(x1))+1, int(math.Ceil(y1))+1).Intersect(r.img.Bounds())
	if area.Empty() {
		return
	}
	mask := image.NewAlpha(area)
	stamp(mask, area, distance)
	r.cover(mask, c)
}

// stamp makes a mask at least as thick as a shape is in an area.
func stamp(mask *image.Alpha, area image.Rectangle, distance func(x, y float64) float64) {
	if area = area.Intersect(mask.Rect); area.Empty() {
		return
	}
	for y := area.Min.Y; y < area.Max.Y; y++ {
		row := mask.Pix[mask.PixOffset(area.Min.X, y):]
		for i := range area.Dx() {
			d := 0.5 - distance(float64(area.Min.X+i)+0.5, float64(y)+0.5)
			if d <= 0 {
				continue
			}
			row[i] = max(row[i], uint8(255*math.Min(1, d)))
		}
	}
}

func (r raster) box(x0, y0, x1, y1, radius float64, c color.NRGBA) {
	if area := image.Rect(int(x0), int(y0), int(x1), int(y1)); radius == 0 && x0 == math.Trunc(x0) && y0 == math.Trunc(y0) && x1 == math.Trunc(x1) && y1 == math.Trunc(y1) {
		draw.Draw(r.img, area, image.NewUniform(c), image.Point{}, draw.Over) // whole pixels: the paper, most of all
		return
	}
	mx, my, hx, hy := (x0+x1)/2, (y0+y1)/2, (x1-x0)/2, (y1-y0)/2
	radius = math.Max(0, math.Min(radius, math.Min(hx, hy)))
	r.shape(x0-1, y0-1, x1+1, y1+1, c, func(x, y float64) float64 {
		dx, dy := math.Abs(x-mx)-hx+radius, math.Abs(y-my)-hy+radius
		return math.Hypot(math.Max(dx, 0), math.Max(dy, 0)) + math.Min(math.Max(dx, dy), 0) - radius
	})
}

func (r raster) dot(at xy, radius float64, c color.NRGBA) {
	r.shape(at.x-radius-1, at.y-radius-1, at.x+radius+1, at.y+radius+1, c, func(x, y float64) float64 {
		return math.Hypot(x-at.x, y-at.y) - radius
	})
}

// line draws all pieces into one mask first, so that they are no darker where they meet.
func (r raster) line(points []xy, width float64, c color.NRGBA) {
	if len(points) == 0 {
		return
	}
	low, high := points[0], points[0]
	for _, p := range points {
		low = xy{math.Min(low.x, p.x), math.Min(low.y, p.y)}
		high = xy{math.Max(high.x, p.x), math.Max(high.y, p.y)}
	}
	half := width / 2
	grow := half + 1
	area := image.Rect(int(low.x-grow), int(low.y-grow), int(high.x+grow)+2, int(high.y+grow)+2).Intersect(r.img.Bounds())
	if area.Empty() {
		return
	}
	mask := image.NewAlpha(area)
	for i := range max(1, len(points)-1) {
		a := points[i]
		b := points[min(i+1, len(points)-1)]
		dx, dy := b.x-a.x, b.y-a.y
		long := dx*dx + dy*dy
		piece := image.Rect(int(math.Min(a.x, b.x)-grow), int(math.Min(a.y, b.y)-grow), int(math.Max(a.x, b.x)+grow)+2, int(math.Max(a.y, b.y)+grow)+2)
		stamp(mask, piece, func(x, y float64) float64 {
			x, y = x-a.x, y-a.y
			if long > 0 {
				t := max(0, min(1, (x*dx+y*dy)/long))
				x, y = x-t*dx, y-t*dy
			}
			return math.Sqrt(x*x+y*y) - half
		})
	}
	r.cover(mask, c)
}

func (r raster) text(at xy, text string, size float64, a anchor, c color.NRGBA) {
	switch w := r.font.width(text, size); a {
	case middle:
		at.x -= w / 2
	case end:
		at.x -= w
	}
	r.font.use(size, func(face font.Face) {
		d := font.Drawer{Dst: r.img, Src: image.NewUniform(c), Face: face, Dot: fixed.Point26_6{X: fixed.Int26_6(math.Round(at.x) * 64), Y: fixed.Int26_6(math.Round(at.y) * 64)}}
		d.DrawString(text)
	})
}

// drawing is the pen of an SVG file.
type drawing struct{ strings.Builder }

func paint(c color.NRGBA) string {
	if c.A == 0xff {
		return fmt.Sprintf(`"#%02x%02x%02x"`, c.R, c.G, c.B)
	}
	return fmt.Sprintf(`"rgba(%d,%d,%d,%.2f)"`, c.R, c.G, c.B, float64(c.A)/255)
}

func (d *drawing) box(x0, y0, x1, y1, radius float64, c color.NRGBA) {
	fmt.Fprintf(d, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" rx=\"%.1f\" fill=%s/>\n", x0, y0, x1-x0, y1-y0, radius, paint(c))
}

func (d *drawing) line(points []xy, width float64, c color.NRGBA) {
	if len(points) == 1 {
		d.dot(points[0], width/2, c)
		return
	}
	d.WriteString(`<polyline fill="none" stroke-linejoin="round" stroke-linecap="round" stroke-width="`)
	fmt.Fprintf(d, "%.1f\" stroke=%s points=\"", width, paint(c))
	for i, p := range points {
		if i > 0 {
			d.WriteByte(' ')
		}
		fmt.Fprintf(d, "%.1f,%.1f", p.x, p.y)
	}
	d.WriteString("\"/>\n")
}

func (d *drawing) dot(at xy, radius float64, c color.NRGBA) {
	fmt.Fprintf(d, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\" fill=%s/>\n", at.x, at.y, radius, paint(c))
}

func (d *drawing) text(at xy, text string, size float64, a anchor, c color.NRGBA) {
	fmt.Fprintf(d, "<text x=\"%.1f\" y=\"%.1f\" font-size=\"%.1f\" text-anchor=\"%s\" fill=%s>", at.x, at.y, size, [...]string{"start", "middle", "end"}[a], paint(c))
	_ = xml.EscapeText(d, []byte(text)) // a strings.Builder takes everything
	d.WriteString("</text>\n")
}

// svg writes what draw draws.
func svg(w io.Writer, width, height int, draw func(pen)) error {
	d := &drawing{}
	fmt.Fprintf(d, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\" font-family=\"'Noto Sans JP', sans-serif\">\n", width, height, width, height)
	draw(d)
	d.WriteString("</svg>\n")
	_, err := io.WriteString(w, d.String())
	return err
}
