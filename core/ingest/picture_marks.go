package ingest

import (
	"image"
	"math"
)

// rect is where something stands on a picture, in pixels from the upper left corner.
type rect struct{ left, top, right, bottom float64 }

func (r rect) empty() bool     { return r.right <= r.left || r.bottom <= r.top }
func (r rect) width() float64  { return r.right - r.left }
func (r rect) height() float64 { return r.bottom - r.top }

func (r rect) with(o rect) rect {
	return rect{min(r.left, o.left), min(r.top, o.top), max(r.right, o.right), max(r.bottom, o.bottom)}
}

// apart is how far two stretches of an axis are from each other; less than 0 where they overlap.
func apart(a, b, c, d float64) float64 { return max(c-b, a-d) }

// direction of a line of text.
type direction int

const (
	unknown direction = iota // one character so far
	across
	down
)

// wideGap, in heights of a line, separates columns: what stands between them is not marked.
const wideGap = 3

type line struct {
	rect
	runs direction
}

// take adds a character that stands on the line.
func (l *line) take(c rect) bool {
	height, width := min(l.height(), c.height()), min(l.width(), c.width())
	switch {
	case l.runs != down && -apart(l.top, l.bottom, c.top, c.bottom) > height/2 && apart(l.left, l.right, c.left, c.right) < wideGap*height:
		l.runs = across
	case l.runs != across && -apart(l.left, l.right, c.left, c.right) > width/2 && apart(l.top, l.bottom, c.top, c.bottom) < wideGap*width:
		l.runs = down
	default:
		return false
	}
	l.rect = l.with(c)
	return true
}

// Marks gives the rectangles on Image that the characters from start to before end of Text stand in, one for each line (of
// horizontal and of vertical writing), in reading order. What lies outside of Text is nowhere.
func (p Picture) Marks(start, end int) []image.Rectangle {
	start, end = max(start, 0), min(end, len(p.boxes))
	var lines []line
	fresh := true
	for i := start; i < end; i++ {
		if p.codes[i] == '\n' {
			fresh = true
			continue
		}
		c := p.boxes[i]
		if c.empty() {
			continue
		}
		if fresh || !lines[len(lines)-1].take(c) {
			lines = append(lines, line{rect: c})
		}
		fresh = false
	}
	for i := 1; i < len(lines); i++ {
		part(&lines[i-1], &lines[i])
	}
	out := make([]image.Rectangle, 0, len(lines))
	for _, l := range lines {
		r := image.Rect(int(math.Floor(l.left)), int(math.Floor(l.top)), int(math.Ceil(l.right)), int(math.Ceil(l.bottom)))
		if r = r.Intersect(p.Image.Rect); !r.Empty() {
			out = append(out, r)
		}
	}
	return out
}

// part lets two neighbouring lines meet in the middle where the cells of their letters overlap.
func part(a, b *line) {
	if apart(a.left, a.right, b.left, b.right) >= 0 || apart(a.top, a.bottom, b.top, b.bottom) >= 0 {
		return
	}
	switch {
	case a.runs != down && b.runs != down && b.top > a.top:
		middle := math.Round((a.bottom + b.top) / 2)
		a.bottom, b.top = middle, middle
	case a.runs == down && b.runs != across && b.left < a.left:
		middle := math.Round((b.right + a.left) / 2)
		b.right, a.left = middle, middle
	}
}
