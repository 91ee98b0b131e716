package ingest

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// view is what is known of the pages around one.
type view struct {
	around map[int]margins // by distance
	pages  int             // of the document
	titles map[string]bool // of the document's outline that lead to the page, in the form of titleKey
}

// text is the page's text and, for each of its characters, where that came from.
func (s *pdfSheet) layout(lines []pdfLine, own margins, v view) (string, []char) {
	s.effort = 0 // a page that is looked at again and again is laid out the same each time
	body := s.bodySize(own, v)
	rest, apart := setApart(lines, own, v.around, v.pages, body)
	rest = rightToLeft(rest)
	rest = sorted(rest)
	blocks := s.inColumns(s.ruled(rest))
	blocks = s.footnotes(blocks, body)
	headings(blocks, body, v.titles)
	for _, l := range apart {
		blocks = append(blocks, block{kind: blockApart, line: l})
	}
	return pageText(assemble(blocks))
}

// bodySize is the size that most of a page and its neighbours is set in.
func (s *pdfSheet) bodySize(own margins, v view) float64 {
	all := tally{}
	for size, n := range own.sizes {
		all[size] += n
	}
	for _, m := range v.around {
		for size, n := range m.sizes {
			all[size] += n
		}
	}
	return all.most()
}

// assemble joins blocks: with line ends, and empty lines around headings, tables and what is set apart.
func assemble(blocks []block) []char {
	var out []char
	for i, b := range blocks {
		if i > 0 {
			before := blocks[i-1]
			switch {
			case before.line.joined && before.kind == b.kind && before.line.continues(b.line):
			case before.kind == b.kind && b.kind != blockTable && !(b.kind == blockHeading && !before.runsOn(b)):
				out = before.hyphened(out)
				out = append(out, char{'\n', madeUp})
			default:
				out = before.hyphened(out)
				out = append(out, char{'\n', madeUp}, char{'\n', madeUp})
			}
		}
		out = append(out, b.line.chars...)
	}
	if n := len(blocks); n > 0 {
		out = blocks[n-1].hyphened(out)
	}
	return out
}

// continues says whether a line has the other half of the word that is divided at the end of the one before it.
func (l pdfLine) continues(next pdfLine) bool {
	if next.order == l.order+1 {
		return true
	}
	for _, c := range next.chars {
		if c.code != 0 {
			return unicode.IsLower(c.code) && near(l.size, next.size, 0.6)
		}
	}
	return false
}

// hyphened gives a divided word its hyphen back, where its other half does not follow.
func (b block) hyphened(out []char) []char {
	if b.line.joined {
		return append(out, char{'-', madeUp})
	}
	return out
}

// runsOn says whether a heading goes on in the next one.
func (b block) runsOn(next block) bool {
	return near(b.line.size, next.line.size, 0.6) && b.line.box.Bottom-next.line.box.Top < 0.8*b.line.size && next.line.box.Top < b.line.box.Top
}

// Headings.
const (
	headingSize   = 1.18 // times the size of the text
	longHeading   = 100  // characters
	strongHeading = 60   // characters of a bold one in the size of the text
)

// headings finds lines that name what follows: those of the outline, larger ones, bold ones.
func headings(blocks []block, body float64, titles map[string]bool) {
	for i := range blocks {
		b := &blocks[i]
		l := b.line
		if b.kind != blockText || l.turned || l.joined || letters(l.chars) < 1 {
			continue
		}
		text := strings.TrimSpace(plain(l.chars))
		n := utf8.RuneCountInString(text)
		switch {
		case n > longHeading:
		case titles[titleKey(text)]:
			b.kind = blockHeading
		case l.size >= headingSize*body && body > 0 && letters(l.chars) > 1:
			b.kind = blockHeading
		case l.bold && l.size >= 0.98*body && n <= strongHeading && len(l.parts) == 0 && !endsSentence(text) && stands(blocks, i):
			b.kind = blockHeading
		}
	}
	// A page of nothing but headings is a cover, a slide or large print: its lines are lines.
	count := 0
	for _, b := range blocks {
		if b.kind == blockHeading {
			count++
		}
	}
	if count > 3 && count*3 > 2*len(blocks) {
		for i := range blocks {
			if blocks[i].kind == blockHeading {
				blocks[i].kind = blockText
			}
		}
	}
}

// stands says whether a bold line stands by itself: not in a row of bold lines, and not at the start of a line that goes on.
func stands(blocks []block, i int) bool {
	l := blocks[i].line
	for _, n := range []int{i - 1, i + 1} {
		if n < 0 || n >= len(blocks) || blocks[n].kind == blockTable {
			continue
		}
		o := blocks[n].line
		if o.bold && n > i || o.box.level(l.box) > 0.5 && o.box.above(l.box) == 0 && near(o.box.Left, l.box.Right, 3*l.size) {
			return false
		}
	}
	return i+1 < len(blocks)
}

func endsSentence(s string) bool {
	last, _ := utf8.DecodeLastRuneInString(s)
	return strings.ContainsRune("。．.、,，;；", last)
}

// titleKey is a title in the form in which it is compared: letters and digits.
func titleKey(s string) string {
	return strings.Map(func(c rune) rune {
		if unicode.IsLetter(c) || unicode.IsDigit(c) {
			return unicode.ToLower(c)
		}
		return -1
	}, s)
}

// Footnotes.
var noteMark = regexp.MustCompile(`^(?:[*∗†‡§¶]{1,3}|[(（\[]?\d{1,3}[)）\]．.]?|※\s?\d{0,3}|[*＊]\d{1,3}|\(?注\)?\s?\d{0,3})\s*\pL`)

const (
	noteSize   = 0.93 // times the size of the text at most
	noteHeight = 0.6  // of the sheet at most
)

// footnotes puts the notes at the foot of a column or page after the text that goes on behind them.
func (s *pdfSheet) footnotes(blocks []block, body float64) []block {
	_, height := s.extent()
	small := func(b block) bool {
		return b.kind == blockText && b.line.size > 0 && b.line.size <= noteSize*body && !b.line.down && !b.line.turned && b.line.box.Top < noteHeight*height
	}
	var notes, out []block
	for i := 0; i < len(blocks); {
		b := blocks[i]
		if !small(b) || !noteMark.MatchString(strings.TrimSpace(plain(b.line.chars))) || i == 0 || small(blocks[i-1]) || !s.foot(blocks, b.line) {
			out, i = append(out, b), i+1
			continue
		}
		end := i + 1
		for end < len(blocks) && small(blocks[end]) && blocks[end].line.box.Top < blocks[end-1].line.box.Top && blocks[end].line.box.above(b.line.box) > 0.5 {
			end++
		}
		notes = append(notes, blocks[i:end]...)
		i = end
	}
	if len(notes) == 0 {
		return blocks
	}
	return append(out, notes...)
}

// foot says whether nothing in the size of the text stands below a line in its column.
func (s *pdfSheet) foot(blocks []block, l pdfLine) bool {
	return s.spend(len(blocks)) && !slices.ContainsFunc(blocks, func(b block) bool {
		return b.line.box.Top < l.box.Bottom && b.line.box.above(l.box) > 0.3 && b.line.size > 1.05*l.size
	})
}

// sorted puts lines into reading order where the order of the file is none: where writing jumps up and back again and again.
func sorted(lines []pdfLine) []pdfLine {
	jumps := 0
	for i := 1; i < len(lines); i++ {
		a, b := lines[i-1], lines[i]
		if a.down || a.turned || b.down || b.turned {
			continue
		}
		if high := b.box.Bottom > a.box.Top+0.5*a.size; high && (a.box.above(b.box) > 0.3 || b.box.Right < a.box.Left) {
			jumps++
		}
	}
	if jumps < 2 || jumps*25 < len(lines) || len(lines) > maxSorted {
		return lines
	}
	var upright, others []pdfLine
	for _, l := range lines {
		switch {
		case l.down || l.turned || l.joined || l.box.Empty():
			others = append(others, l)
		default:
			upright = append(upright, l)
		}
	}
	if len(others) > 0 { // what is divided or turned has an order of its own
		return lines
	}
	return xyCut(upright, 0)
}

const (
	maxSorted = 2000 // lines
	maxCuts   = 60   // of a page in itself
)

// xyCut is the recursive XY cut (Nagy and Seth, 1984): the lines are parted at the widest gap that runs through all of them, first down, then across.
func xyCut(lines []pdfLine, depth int) []pdfLine {
	if len(lines) < 2 || depth > maxCuts {
		return topDown(lines)
	}
	size := 0.0
	for _, l := range lines {
		size = max(size, l.size)
	}
	at, wide := widest(lines, func(l pdfLine) (float64, float64) { return l.box.Left, l.box.Right })
	if wide > size {
		return halves(lines, depth, func(l pdfLine) bool { return l.box.Right <= at })
	}
	at, wide = widest(lines, func(l pdfLine) (float64, float64) { return l.box.Bottom, l.box.Top })
	if wide > 0.1*size {
		return halves(lines, depth, func(l pdfLine) bool { return l.box.Bottom >= at })
	}
	return topDown(lines)
}

func halves(lines []pdfLine, depth int, first func(pdfLine) bool) []pdfLine {
	var a, b []pdfLine
	for _, l := range lines {
		if first(l) {
			a = append(a, l)
		} else {
			b = append(b, l)
		}
	}
	return append(xyCut(a, depth+1), xyCut(b, depth+1)...)
}

// widest is the widest gap between stretches of an axis: where it is, and how wide.
func widest(lines []pdfLine, of func(pdfLine) (float64, float64)) (at, wide float64) {
	order := slices.Clone(lines)
	slices.SortFunc(order, func(a, b pdfLine) int {
		x, _ := of(a)
		y, _ := of(b)
		return sign(x - y)
	})
	_, end := of(order[0])
	for _, l := range order[1:] {
		from, to := of(l)
		if from-end > wide {
			wide, at = from-end, (from+end)/2
		}
		end = max(end, to)
	}
	return at, wide
}

func topDown(lines []pdfLine) []pdfLine {
	slices.SortStableFunc(lines, func(a, b pdfLine) int {
		if a.box.level(b.box) > 0.5 {
			return sign(a.box.Left - b.box.Left)
		}
		return sign(b.box.Top - a.box.Top)
	})
	return lines
}
