package ingest

import (
	"image"
	"math"
	"unicode"
)

func (r rect) middle() (x, y float64) { return (r.left + r.right) / 2, (r.top + r.bottom) / 2 }

// stands says whether a character can be seen; the box of what parts words and lines may be anywhere.
func (p Picture) stands(i int) bool { return !p.boxes[i].empty() && !unicode.IsSpace(p.codes[i]) }

// At is the character of Text that stands nearest to a point of Image, by its number; false where nothing stands on the page.
func (p Picture) At(at image.Point) (char int, ok bool) {
	x, y := float64(at.X), float64(at.Y)
	best := math.Inf(1)
	for i, b := range p.boxes {
		if !p.stands(i) {
			continue
		}
		// From the edge first; of cells that overlap, the one whose middle is nearer.
		mx, my := b.middle()
		d := math.Hypot(max(0, apart(b.left, b.right, x, x)), max(0, apart(b.top, b.bottom, y, y))) + math.Hypot(mx-x, my-y)/1000
		if d < best {
			best, char, ok = d, i, true
		}
	}
	return char, ok
}

// Beside is the character next to another one on the page, to the right (dx 1) or left (-1), below (dy 1) or above (-1), whichever way
// the text runs. Where nothing stands there it is the next or the one before in the order of reading, and at the ends the same one.
func (p Picture) Beside(char, dx, dy int) int {
	if char < 0 || char >= len(p.boxes) {
		return char
	}
	from := p.boxes[char]
	fx, fy := from.middle()
	best, found := math.Inf(1), -1
	for i, b := range p.boxes {
		if !p.stands(i) {
			continue
		}
		x, y := b.middle()
		ahead, across := (x-fx)*float64(dx), -apart(from.top, from.bottom, b.top, b.bottom)
		if dx == 0 {
			ahead, across = (y-fy)*float64(dy), -apart(from.left, from.right, b.left, b.right)
		}
		least := min(from.width(), b.width()) / 4 // a letter below is not beside, though their cells touch
		if dx == 0 {
			least = min(from.height(), b.height()) / 2
		}
		if d := ahead + math.Hypot(x-fx, y-fy)/10; ahead > least && across > 0 && d < best {
			best, found = d, i
		}
	}
	if found >= 0 {
		return found
	}
	step := 1
	if dx+dy < 0 {
		step = -1
	}
	for i := char + step; i >= 0 && i < len(p.boxes); i += step {
		if p.stands(i) {
			return i
		}
	}
	return char
}
