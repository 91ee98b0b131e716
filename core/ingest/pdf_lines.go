package ingest

import (
	"slices"
	"unicode"
)

// pdfLine is a stretch of a page's characters that stand beside each other: a line of writing, or what of one stands in a column. Boxes
// are those of the sheet as it is shown.
type pdfLine struct {
	chars  []char
	box    Box
	size   float64   // of most of its letters, in points
	bold   bool      // all of its letters
	down   bool      // vertical writing
	turned bool      // not upright
	joined bool      // its last word goes on in the next line
	order  int       // among the lines of the file
	parts  []pdfLine // its stretches between wide gaps, from left to right; nil where there is only one
}

func (b Box) width() float64  { return b.Right - b.Left }
func (b Box) height() float64 { return b.Top - b.Bottom }

func (b Box) with(o Box) Box {
	if b.Empty() {
		return o
	}
	if o.Empty() {
		return b
	}
	return Box{min(b.Left, o.Left), min(b.Bottom, o.Bottom), max(b.Right, o.Right), max(b.Top, o.Top)}
}

// level says how much of the lower of two boxes stands at the height of the other, from 0 to 1.
func (b Box) level(o Box) float64 {
	least := min(b.height(), o.height())
	if least <= 0 {
		return 0
	}
	return max(0, min(b.Top, o.Top)-max(b.Bottom, o.Bottom)) / least
}

// above says how much of the narrower of two boxes stands above or below the other, from 0 to 1.
func (b Box) above(o Box) float64 {
	least := min(b.width(), o.width())
	if least <= 0 {
		return 0
	}
	return max(0, min(b.Right, o.Right)-max(b.Left, o.Left)) / least
}

// gap, in heights of a letter, is no space between words but parts columns or the cells of a row.
const gap = 1.3

const (
	maxParts  = maxGridCol // of a line: one with more is no row of a table
	maxEffort = 3_000_000  // steps of comparing lines of one page; what is left then stays in the order of the file
)

// spend says whether to go on comparing, after n steps more: a hostile page has a hundred thousand lines.
func (s *pdfSheet) spend(n int) bool {
	s.effort += n
	return s.effort < maxEffort
}

// lines cuts the page's characters, in the order of the file, at its line ends, and where writing goes on elsewhere without one.
func (s *pdfSheet) lines(chars []char) []pdfLine {
	var out []pdfLine
	add := func(chars []char, joined bool) {
		l := s.measure(chars)
		l.joined, l.order = joined, len(out)
		if len(l.chars) > 0 {
			out = append(out, l)
		}
	}
	for start := 0; start < len(chars); {
		end, from := start, start
		var line, last Box // since from
		for ; end < len(chars) && !endsLine(chars[end].code); end++ {
			b, ok := s.seen(chars[end])
			if !ok {
				continue
			}
			if !last.Empty() && !s.cells[chars[end].at].turned && elsewhere(line, last, b) {
				add(chars[from:end], false)
				from, line = end, Box{}
			}
			line, last = line.with(b), b
		}
		add(chars[from:end], end < len(chars) && hyphen(chars[end].code))
		start = afterLineEnd(chars, end)
	}
	return out
}

// elsewhere says whether a letter stands neither on the line of writing before it, which ends with last, nor in its column.
func elsewhere(line, last, b Box) bool {
	if last.level(b) > 0.05 && line.level(b) > 0 {
		return false
	}
	wide := line.width() > 1.5*line.height()
	return wide || last.above(b) < 0.05 || last.Bottom-b.Top > 0.9*last.height()
}

// hyphen says whether a character is PDFium's mark for a word divided at a line end: it uses both, by version.
func hyphen(c rune) bool { return c == 0xfffe || c == 2 }

func endsLine(c rune) bool { return c == '\r' || c == '\n' || hyphen(c) }

func afterLineEnd(chars []char, end int) int {
	if end+1 < len(chars) && chars[end].code == '\r' && chars[end+1].code == '\n' {
		return end + 2
	}
	return min(end+1, len(chars))
}

// seen says whether a character can be seen, and where.
func (s *pdfSheet) seen(c char) (Box, bool) {
	if c.at == madeUp || c.code == 0 || c.code == ' ' || c.code == '\t' || c.code == 0xa0 || c.code == 0x3000 {
		return Box{}, false
	}
	b := s.cells[c.at].box
	if b.Empty() {
		return Box{}, false
	}
	return s.shown(b), true
}

// measure makes a line of characters without line ends. One of nothing but white space has none.
func (s *pdfSheet) measure(chars []char) pdfLine {
	var l pdfLine
	var last Box
	from, lastSeen := 0, -1
	across, down, letters, bold, turned := 0, 0, 0, 0, 0
	sizes := tally{}
	for i, c := range chars {
		b, ok := s.seen(c)
		if !ok {
			continue
		}
		cell := &s.cells[c.at]
		letters++
		sizes.add(float64(cell.size), 1)
		if cell.bold {
			bold++
		}
		if cell.turned {
			turned++
		}
		if lastSeen >= 0 {
			switch {
			case below(last, b):
				down++
			case b.Left >= last.Left:
				across++
			}
			if !cell.turned && apartFrom(last, b) {
				l.parts = append(l.parts, pdfLine{chars: trimSpaces(chars[from:i])})
				from = i
			}
		}
		l.box, last, lastSeen = l.box.with(b), b, i
	}
	if letters == 0 {
		if len(chars) > 0 && slices.ContainsFunc(chars, func(c char) bool { return c.code != 0 && !blank(c.code) && c.at != madeUp }) {
			l.chars = chars // letters without a place
		}
		return l
	}
	l.chars = chars
	l.size, l.bold, l.turned = sizes.most(), bold == letters, turned*2 > letters
	l.down = down > across && !l.turned
	if l.down || l.turned || len(l.parts) >= maxParts {
		l.parts = nil
		return l
	}
	if l.parts != nil {
		rest := append(l.parts, pdfLine{chars: trimSpaces(chars[from:])})
		l.parts = l.parts[:0]
		for _, p := range rest {
			p = s.measure(p.chars)
			l.parts = append(l.parts, p)
		}
		slices.SortStableFunc(l.parts, func(a, b pdfLine) int { return sign(a.box.Left - b.box.Left) })
	}
	return l
}

func sign(v float64) int {
	switch {
	case v < 0:
		return -1
	case v > 0:
		return 1
	}
	return 0
}

// below says whether b is the next letter of vertical writing after a.
func below(a, b Box) bool {
	return b.Top+b.Bottom < 2*a.Bottom+0.2*a.height() && b.above(a) > 0.5
}

// apartFrom says whether b does not go on the line of writing that a ends.
func apartFrom(a, b Box) bool {
	high := max(a.height(), b.height())
	return b.Left-a.Right > gap*high || b.Right < a.Left-0.5*high
}

func trimSpaces(chars []char) []char {
	for len(chars) > 0 && (chars[0].code == 0 || blank(chars[0].code)) {
		chars = chars[1:]
	}
	for len(chars) > 0 && (chars[len(chars)-1].code == 0 || blank(chars[len(chars)-1].code)) {
		chars = chars[:len(chars)-1]
	}
	return chars
}

// tally counts sizes, in tenths of a point.
type tally map[int]int

func (t tally) add(size float64, n int) {
	if size > 0 {
		t[int(size*10+0.5)] += n
	}
}

// most is the size counted most; of several the smallest, so that the answer is always the same.
func (t tally) most() float64 {
	best, at := 0, 0
	for size, n := range t {
		if n > best || n == best && size < at {
			best, at = n, size
		}
	}
	return float64(at) / 10
}

// letters counts what is neither white space nor a sign.
func letters(chars []char) int {
	n := 0
	for _, c := range chars {
		if unicode.IsLetter(c.code) || unicode.IsDigit(c.code) {
			n++
		}
	}
	return n
}

// plain is the text of characters, for comparing.
func plain(chars []char) string {
	out := make([]rune, 0, len(chars))
	for _, c := range chars {
		if c.code != 0 {
			out = append(out, c.code)
		}
	}
	return string(out)
}
