package ingest

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Headers, footers and page numbers stand at the same place on page after page. They are found by comparing a page with its neighbours, so
// that a page by itself has the text that it has in its document, and set apart: written after the page's
// text, as those of web pages are.

const (
	neighbours = 4   // pages before and after one that it is compared with
	marginZone = 0.2 // of the sheet's height, at its top and at its bottom
	maxBands   = 4   // lines at each end of a page that may be set apart
	maxRuns    = 12  // stretches of such a line
	maxMargin  = 600 // bytes of one
	sameHeight = 2.5 // points
	sameAcross = 4.0 // points
	titleSize  = 1.3 // times the size of the text
)

// margins is what has to be known of a page to compare it with another.
type margins struct {
	sizes       tally
	top, bottom []band // from the edge inwards
}

// band is what stands at one height at an edge of a page.
type band struct {
	lines []pdfLine // of the page, or parts of them
	runs  []marginRun
	room  bool // there is an empty stretch between it and the text
}

// marginRun is a stretch of a band in the form in which it is compared.
type marginRun struct {
	text        string // digits as #, without white space
	whole       string // as it stands
	page        int    // the page number that it is, or -1
	left, right float64
	y           float64 // of its middle, from the edge
	size        float64
}

// margins looks at both ends of a page.
func (s *pdfSheet) margins(lines []pdfLine) margins {
	m := margins{sizes: tally{}}
	for _, l := range lines {
		m.sizes.add(l.size, len(l.chars))
	}
	_, height := s.extent()
	m.top, m.bottom = s.bands(lines, height, true), s.bands(lines, height, false)
	return m
}

// bands gathers lines by height, from one edge of the sheet inwards.
func (s *pdfSheet) bands(lines []pdfLine, height float64, top bool) []band {
	var flat []pdfLine
	for _, l := range lines {
		if l.turned || l.down || l.box.Empty() {
			continue
		}
		flat = append(flat, l.stretches()...)
	}
	fromEdge := func(b Box) (near, far float64) {
		if top {
			return height - b.Top, height - b.Bottom
		}
		return b.Bottom, b.Top
	}
	slices.SortStableFunc(flat, func(a, b pdfLine) int {
		an, _ := fromEdge(a.box)
		bn, _ := fromEdge(b.box)
		return sign(an - bn)
	})
	var out []band
	box := Box{}
	for _, l := range flat {
		if len(out) > 0 && box.level(l.box) > 0.5 && len(out[len(out)-1].lines) < maxRuns {
			out[len(out)-1].lines = append(out[len(out)-1].lines, l)
			box = box.with(l.box)
			continue
		}
		near, far := fromEdge(l.box)
		if len(out) > 0 {
			_, end := fromEdge(box)
			out[len(out)-1].room = near-end > 0.7*min(box.height(), l.box.height())
		}
		if len(out) == maxBands || far > marginZone*height || s.inTable(l) {
			break
		}
		out, box = append(out, band{lines: []pdfLine{l}, room: true}), l.box
	}
	for i := range out {
		for _, l := range out[i].lines {
			near, far := fromEdge(l.box)
			whole := plain(l.chars)
			text, page := marginText(whole)
			out[i].runs = append(out[i].runs, marginRun{text: text, whole: whole, page: page, left: l.box.Left, right: l.box.Right, y: (near + far) / 2, size: l.size})
		}
	}
	return out
}

// inTable says whether a line stands between the borders of a table: its names of columns are on each of its pages, too.
func (s *pdfSheet) inTable(l pdfLine) bool {
	return slices.ContainsFunc(s.tables, func(g grid) bool { return l.meets(g.box) })
}

// stretches are the parts of a line, or the line itself.
func (l pdfLine) stretches() []pdfLine {
	if l.parts != nil {
		return l.parts
	}
	return []pdfLine{l}
}

// marginText is a text in the form in which it is compared, and the page number that it may be: its last number, or roman numerals alone.
func marginText(s string) (text string, page int) {
	page = -1
	if len(s) > maxMargin {
		return s, page
	}
	s = norm.NFKC.String(s)
	var b strings.Builder
	digits := ""
	for _, c := range s + " " {
		if c >= '0' && c <= '9' {
			digits += string(c)
			continue
		}
		if digits != "" {
			b.WriteByte('#')
			if n, err := strconv.Atoi(digits); err == nil && (page < 0 || !strings.ContainsAny(s, "/")) {
				page = n
			}
			digits = ""
		}
		if !unicode.IsSpace(c) {
			b.WriteRune(unicode.ToLower(c))
		}
	}
	text = b.String()
	if n, ok := romanPage(text); ok {
		return "#", n
	}
	return text, page
}

// romanPage reads small roman numerals.
func romanPage(s string) (int, bool) {
	if len(s) == 0 || len(s) > 7 || strings.Trim(s, "ivxlc") != "" {
		return 0, false
	}
	values := map[byte]int{'i': 1, 'v': 5, 'x': 10, 'l': 50, 'c': 100}
	n := 0
	for i := range len(s) {
		v := values[s[i]]
		if i+1 < len(s) && values[s[i+1]] > v {
			v = -v
		}
		n += v
	}
	return n, true
}

// wordless says whether a text is a page number and nothing else to read.
func wordless(text string) bool {
	for _, word := range []string{"page", "ページ", "頁", "of", "p"} {
		text = strings.ReplaceAll(text, word, "")
	}
	return !strings.ContainsFunc(text, unicode.IsLetter)
}

// running tells which bands at one end of a page are headers or footers; around are the pages before and after it by their distance.
func running(own []band, around map[int][]band, pages int, body float64) int {
	least := 2
	if pages < 3 {
		least = 1
	}
	found := 0
	for i, b := range own {
		all, any, numbers := true, false, true
		for _, r := range b.runs {
			repeats, number := r.repeats(around, least, body)
			all, any, numbers = all && repeats, any || repeats, numbers && number
		}
		if !any || !all && !b.room {
			break
		}
		// Names of columns stand on every page of a long table, too, but right above its rows.
		if b.room || numbers {
			found = i + 1
		}
	}
	return found
}

// repeats says whether a stretch stands on enough of the pages around, and whether as the page number.
func (r marginRun) repeats(around map[int][]band, least int, body float64) (repeats, number bool) {
	texts, numbers := 0, 0
	title := r.size > headingSize*body
	for distance, other := range around {
		text, number := r.on(other, distance, title)
		if text {
			texts++
		}
		if number {
			numbers++
		}
	}
	number = numbers >= least && wordless(r.text)
	if title && texts < 3 {
		return false, false
	}
	return numbers >= least || texts >= least && !wordless(r.text), number
}

// on says whether a stretch stands on another page at the same place, and whether as the page number that follows from its own. Titles count as
// the same only to the letter: chapters are numbered, too.
func (r marginRun) on(other []band, distance int, title bool) (text, number bool) {
	for _, b := range other {
		for _, o := range b.runs {
			if math.Abs(o.y-r.y) > sameHeight || o.text != r.text || title && o.whole != r.whole {
				continue
			}
			middle := math.Abs((o.left+o.right)-(r.left+r.right)) / 2
			if !near(o.left, r.left, sameAcross) && !near(o.right, r.right, sameAcross) && middle > 3*sameAcross {
				continue
			}
			text = true
			if r.page >= 0 && o.page == r.page+distance {
				number = true
			}
		}
	}
	return text, number
}

// compared are the margins of a page without its lines, for other pages to be compared with.
func (m margins) compared() margins {
	out := margins{sizes: m.sizes}
	for _, b := range m.top {
		out.top = append(out.top, band{runs: b.runs})
	}
	for _, b := range m.bottom {
		out.bottom = append(out.bottom, band{runs: b.runs})
	}
	return out
}

// setApart takes the headers and footers out of a page's lines.
func setApart(lines []pdfLine, own margins, around map[int]margins, pages int, body float64) (rest, apart []pdfLine) {
	top, bottom := map[int][]band{}, map[int][]band{}
	for distance, m := range around {
		top[distance], bottom[distance] = m.top, m.bottom
	}
	found := own.top[:running(own.top, top, pages, body)]
	feet := slices.Clone(own.bottom[:running(own.bottom, bottom, pages, body)])
	slices.Reverse(feet)      // from the top down
	taken := map[*char]bool{} // the first character of each stretch that goes
	for _, b := range slices.Concat(found, feet) {
		sorted := slices.Clone(b.lines)
		slices.SortStableFunc(sorted, func(a, b pdfLine) int { return sign(a.box.Left - b.box.Left) })
		var row pdfLine
		for _, l := range sorted {
			if taken[&l.chars[0]] {
				continue
			}
			taken[&l.chars[0]] = true
			if len(row.chars) > 0 {
				row.chars = append(row.chars[:len(row.chars):len(row.chars)], char{' ', madeUp})
			}
			row.chars = append(row.chars[:len(row.chars):len(row.chars)], l.chars...)
		}
		if len(row.chars) > 0 {
			apart = append(apart, row)
		}
	}
	if len(apart) == 0 {
		return lines, nil
	}
	for _, l := range lines {
		parts := l.stretches()
		left := parts[:0:0]
		for i, p := range parts {
			if len(p.chars) == 0 || !taken[&p.chars[0]] {
				p.joined = i == len(parts)-1 && l.joined
				left = append(left, p)
			}
		}
		switch {
		case len(left) == len(parts):
			rest = append(rest, l)
		case len(left) > 0:
			rest = append(rest, left...)
		}
	}
	if len(rest) == 0 { // a page of nothing else
		return lines, nil
	}
	return rest, apart
}
