package dataset

import (
	"regexp"
	"strings"
	"unicode"

	"kakoi/core"
	"kakoi/core/rag"
)

// unit is what questions are drafted from: a sentence, a row of a table, or a line "label: value".
type unit struct {
	text  []rune // on one line
	at    []int  // of each character: its place in the page's text
	cells []cell // of a table's row, or the one of a pair
	page  int
	head  string // nearest heading above; "" when there is none
	first bool   // the first sentence below that heading
	item  bool   // of a list
}

// cell is "name: value" of a row; the value stands at characters from to end of the unit's text.
type cell struct {
	name, value string
	from, end   int
}

// source is the place of characters from to end of the unit.
func (u unit) source(doc Document, from, end int) core.RowSource {
	return core.RowSource{Document: doc.ID, Name: doc.Name, Page: u.page, Start: u.at[from], End: u.at[end-1] + 1}
}

func (u unit) String() string { return string(u.text) }

// reader cuts a page into units. Lines that a PDF broke inside sentences are joined again.
type reader struct {
	page  int
	units []unit
	head  string
	fresh bool // no sentence since head
	open  unit // paragraph being read
	item  bool
	width int // characters of the page's long lines
}

type line struct {
	text  []rune
	start int // in the page
}

// units of a page, in reading order. title is the document's first line, "" when it has none that looks like one.
func unitsOf(p core.Page, head string) []unit {
	var lines []line
	rs := []rune(p.Text)
	for start := 0; start <= len(rs); {
		end := start
		for end < len(rs) && rs[end] != '\n' && rs[end] != '\f' {
			end++
		}
		a, b := start, end
		for a < b && unicode.IsSpace(rs[a]) {
			a++
		}
		for a < b && unicode.IsSpace(rs[b-1]) {
			b--
		}
		lines = append(lines, line{rs[a:b], a})
		start = end + 1
	}
	r := reader{page: p.Number, head: head, fresh: true}
	for _, l := range lines {
		r.width = max(r.width, min(len(l.text), 120))
	}
	for i := 0; i < len(lines); i++ {
		if n := r.table(lines[i:]); n > 0 {
			i += n - 1
			continue
		}
		r.line(lines[i])
	}
	r.flush()
	return r.units
}

var (
	listMark  = regexp.MustCompile(`^(?:[-•・*●○◆◇▪–]\s*|[①-⑳]\s*|[(（][0-9０-９]{1,2}[)）]\s*|[0-9０-９]{1,2}[.．)）]\s+|第[0-9０-９一二三四五六七八九十百]+[条項]\s*)`)
	headMark  = regexp.MustCompile(`^(?:第[0-9０-９一二三四五六七八九十百]+[章節部編]\s*|[■□▼▶#]+\s*|[0-9０-９]{1,2}(?:[.．][0-9０-９]{1,2})*[.．]?\s+|(?:Chapter|Section|Appendix|Part)\s+[0-9A-Z]+[.:]?\s*)`)
	pairLine  = regexp.MustCompile(`^([^:：。．.!?！？、,|]{1,24})[:：]\s*(\S.*)$`)
	sentences = "。．.!?！？｡」』)）\"”"
)

func (r *reader) line(l line) {
	text := string(l.text)
	switch {
	case text == "":
		r.flush()
		return
	case strings.Trim(text, "-=_*─━ ") == "":
		r.flush()
		return
	}
	if cells := rowCells(l.text); cells != nil {
		r.flush()
		r.units = append(r.units, unit{text: l.text, at: run(l.start, len(l.text)), cells: cells, page: r.page, head: r.head})
		r.fresh = false
		return
	}
	if m := listMark.FindString(text); m != "" && !r.isHeading(l) {
		r.flush()
		n := len([]rune(m))
		l = line{l.text[n:], l.start + n}
		r.item = true
		if len(l.text) == 0 {
			return
		}
		text = string(l.text)
	}
	if len(r.open.text) == 0 {
		if m := pairLine.FindStringSubmatch(text); m != nil && !strings.HasPrefix(m[2], "//") && !digit(lastRune(m[1])) && strings.IndexAny(m[2], "。？！") < 0 {
			u := unit{text: l.text, at: run(l.start, len(l.text)), page: r.page, head: r.head, item: r.item}
			u.cells = pairCells(l.text)
			r.units = append(r.units, u)
			r.fresh, r.item = false, false
			return
		}
		if !r.item && r.isHeading(l) {
			r.head, r.fresh = strings.TrimSpace(text), true
			return
		}
	}
	r.join(l)
	if strings.ContainsRune(sentences, l.text[len(l.text)-1]) {
		r.flush()
	}
}

// isHeading says whether a line by itself is a heading: short, and no sentence.
func (r *reader) isHeading(l line) bool {
	text := string(l.text)
	last := l.text[len(l.text)-1]
	if strings.ContainsRune("。．.!?！？、,;；:：", last) && !strings.HasPrefix(text, "■") {
		return false
	}
	if strings.HasPrefix(text, "- ") || strings.HasPrefix(text, "• ") || strings.HasPrefix(text, "・") {
		return false
	}
	if rag.Language(text) == "ja" {
		return len(l.text) <= 30 && (len(l.text)*10 <= r.width*8 || headMark.MatchString(text))
	}
	return len(l.text) <= 70 && len(strings.Fields(text)) <= 9 && len(l.text)*10 <= r.width*8 && (unicode.IsUpper(l.text[0]) || unicode.IsDigit(l.text[0]))
}

// join adds a line to the paragraph.
func (r *reader) join(l line) {
	if n := len(r.open.text); n > 0 {
		a, b := r.open.text[n-1], l.text[0]
		if a < 0x2000 && b < 0x2000 { // neither is Japanese
			r.open.text = append(r.open.text, ' ')
			r.open.at = append(r.open.at, r.open.at[n-1])
		}
	}
	r.open.text = append(r.open.text, l.text...)
	r.open.at = append(r.open.at, run(l.start, len(l.text))...)
}

// flush cuts the paragraph into sentences.
func (r *reader) flush() {
	p := r.open
	r.open = unit{}
	item := r.item
	r.item = false
	for _, s := range rag.Sentences(string(p.text)) {
		r.units = append(r.units, unit{text: p.text[s.Start:s.End], at: p.at[s.Start:s.End], page: r.page, head: r.head, first: r.fresh, item: item})
		r.fresh = false
	}
}

var nextPair = regexp.MustCompile(`[\s　]+([^:：\s　。、,]{1,12})[:：]\s*`)

// pairCells reads "label: value", or several of them on a line.
func pairCells(text []rune) []cell {
	var out []cell
	s := string(text)
	chars := func(bytes int) int { return len([]rune(s[:bytes])) }
	m := pairLine.FindStringSubmatchIndex(s)
	name, from := s[m[2]:m[3]], m[4]
	for {
		end, next := len(s), []int(nil)
		if next = nextPair.FindStringSubmatchIndex(s[from:]); next != nil && next[0] > 0 {
			end = from + next[0]
		}
		value := strings.TrimSpace(s[from:end])
		out = append(out, cell{name: strings.TrimSpace(name), value: value, from: chars(from), end: chars(from) + len([]rune(value))})
		if end == len(s) {
			return out
		}
		name, from = s[from+next[2]:from+next[3]], from+next[1]
		if from >= len(s) {
			return out
		}
	}
}

func run(start, n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = start + i
	}
	return out
}

// rowCells reads "column: value | column: value", as readers of core/ingest write a table's row.
func rowCells(text []rune) []cell {
	var cells []cell
	for from := 0; from < len(text); {
		end := from
		for end < len(text) && !(text[end] == '|' && end > 0 && text[end-1] == ' ' && end+1 < len(text) && text[end+1] == ' ') {
			end++
		}
		part := text[from:end]
		at := -1
		for i, r := range part {
			if r == ':' && i+1 < len(part) && part[i+1] == ' ' {
				at = i
				break
			}
		}
		a, b := from+at+1, end
		for a < b && text[a] == ' ' {
			a++
		}
		for b > a && text[b-1] == ' ' {
			b--
		}
		if at <= 0 || a == b {
			return nil
		}
		cells = append(cells, cell{name: strings.TrimSpace(string(part[:at])), value: string(text[a:b]), from: a, end: b})
		from = end + 1
	}
	if len(cells) < 2 {
		return nil
	}
	return cells
}

var tableHeads = regexp.MustCompile(`^(?:項目|品名|品番|品目|表示|日付|型番|機種|名称|区分|種類|種別|仕様|Item|Name|Model|Part|Type|Feature|Property|Specification)$`)

// table reads a table that a PDF gives as lines of words ("Item LM-40 LM-60"), and returns the number of its lines. A row counts when its
// words go up in the columns: the first is its name, the rest are shared evenly.
func (r *reader) table(lines []line) int {
	if len(lines) < 3 {
		return 0
	}
	head := words(lines[0])
	k := len(head)
	if k < 3 || k > 6 || !tableHeads.MatchString(head[0].value) {
		return 0
	}
	var rows []unit
	for _, l := range lines[1:] {
		ws := words(l)
		if len(ws) < k || (len(ws)-1)%(k-1) != 0 || len(l.text) > maxTableLine || strings.ContainsAny(string(l.text), "。？！") || strings.Contains(string(l.text)+" ", ". ") || prose(ws) {
			break
		}
		m := (len(ws) - 1) / (k - 1) // words of a cell
		u := unit{text: l.text, at: run(l.start, len(l.text)), page: r.page, head: r.head}
		u.cells = append(u.cells, cell{name: head[0].value, value: ws[0].value, from: ws[0].from, end: ws[0].end})
		for c := 1; c < k; c++ {
			a, b := ws[1+(c-1)*m], ws[c*m]
			u.cells = append(u.cells, cell{name: head[c].value, value: string(l.text[a.from:b.end]), from: a.from, end: b.end})
		}
		if m > 1 && !sameShape(u.cells[1:]) {
			break
		}
		rows = append(rows, u)
	}
	if len(rows) < 2 {
		return 0
	}
	r.flush()
	r.units = append(r.units, rows...)
	r.fresh = false
	return 1 + len(rows)
}

// maxTableLine is how long a row of such a table may be.
const maxTableLine = 60

// prose says whether words are those of a sentence or a heading.
func prose(ws []cell) bool {
	for _, w := range ws {
		switch w.value {
		case "and", "or", "the", "of", "is", "are", "for", "a", "in", "to", "with", "と", "は", "の":
			return true
		}
	}
	return false
}

func words(l line) []cell {
	var out []cell
	for i := 0; i < len(l.text); {
		if unicode.IsSpace(l.text[i]) {
			i++
			continue
		}
		j := i
		for j < len(l.text) && !unicode.IsSpace(l.text[j]) {
			j++
		}
		out = append(out, cell{value: string(l.text[i:j]), from: i, end: j})
		i = j
	}
	return out
}

// sameShape says whether all cells begin with the same sort of character: values of one quantity do.
func sameShape(cells []cell) bool {
	sort := func(c cell) int {
		switch r := firstRune(c.value); {
		case unicode.IsDigit(r):
			return 0
		case unicode.IsLetter(r):
			return 1
		}
		return 2
	}
	for _, c := range cells[1:] {
		if sort(c) != sort(cells[0]) {
			return false
		}
	}
	return true
}
