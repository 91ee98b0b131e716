package ingest

import (
	"strings"
	"unicode/utf8"
)

// sheetCell is a cell of a spreadsheet as it is shown.
type sheetCell struct {
	column int // from 0
	text   string
	number bool // a number, a date or a truth value: what columns hold, not what they are called
	strong bool // bold or on a colour
	span   int  // columns, when merged; else 0
}

const (
	sheetAhead    = 24 // rows looked at to find the names of the columns
	maxTitles     = 8  // rows above them
	maxNameLength = 60 // characters
	maxSheetName  = 200
)

// sheetWriter writes a spreadsheet as lines like those of a table. Sheets do not say which row names the columns: it is looked for at the
// start of each block of rows. Rows come from top to bottom, empty ones may be left out.
type sheetWriter struct {
	t       tableWriter
	header  int // row that the file says names columns, or -1
	ahead   []sheetRow
	decided bool
	named   bool // the block has column names
	last    int  // row
}

type sheetRow struct {
	number int // from 0
	cells  []sheetCell
}

func newSheetWriter(q *budget, name string) *sheetWriter {
	w := &sheetWriter{t: tableWriter{q: q}, header: -1, last: -1}
	if name = oneLine(name); name != "" && len(name) <= maxSheetName && q.spend(len(name)+2) {
		w.t.b.WriteString(name + "\n\n")
	}
	return w
}

// row takes the filled cells of a row, by column.
func (w *sheetWriter) row(number int, cells []sheetCell) {
	filled := cells[:0]
	for _, c := range cells {
		if c.text = oneLine(c.text); c.text != "" {
			filled = append(filled, c)
		}
	}
	if len(filled) == 0 || !w.t.q.spend(0) {
		return
	}
	if w.last >= 0 && number > w.last+1 { // an empty row ends a block
		w.decide()
		w.decided = false
	}
	w.last = number
	if w.decided {
		w.write(filled)
		return
	}
	// Names are kept until the block is decided: its cells may lie in a buffer of the reader's.
	w.ahead = append(w.ahead, sheetRow{number, append([]sheetCell(nil), filled...)})
	if len(w.ahead) == sheetAhead {
		w.decide()
	}
}

// decide finds the row of names among those ahead and writes them.
func (w *sheetWriter) decide() {
	rows := w.ahead
	w.ahead, w.decided = nil, true
	if len(rows) == 0 {
		return
	}
	if w.t.b.Len() > 0 && !strings.HasSuffix(w.t.b.String(), "\n\n") && w.t.q.spend(1) {
		w.t.b.WriteByte('\n')
	}
	at, deep := w.find(rows)
	switch {
	case at >= 0:
		w.t.header, w.named = nil, true
		for _, r := range rows[:at] {
			w.write(r.cells)
		}
		w.name(rows[at : at+deep])
		rows = rows[at+deep:]
	case !w.named || !w.fits(rows):
		w.t.header, w.named = nil, false
	}
	for _, r := range rows {
		w.write(r.cells)
	}
}

// find gives the index of the row of names and how many rows they take, or -1.
func (w *sheetWriter) find(rows []sheetRow) (at, deep int) {
	for i, r := range rows[:min(len(rows), maxTitles+1)] {
		if i+1 >= len(rows) {
			break
		}
		if r.number == w.header {
			return i, w.depth(rows[i:])
		}
		if len(r.cells) < 2 {
			continue // a title
		}
		if !names(r.cells) {
			break // the data has begun
		}
		deep := w.depth(rows[i:])
		below := rows[i+deep:]
		if len(below) > 0 && w.heads(rows[i:i+deep], below) {
			return i, deep
		}
		break
	}
	return -1, 0
}

// names says whether cells may be the names of columns.
func names(cells []sheetCell) bool {
	seen := map[string]bool{}
	for _, c := range cells {
		if c.number || c.span == 0 && seen[c.text] || utf8.RuneCountInString(c.text) > maxNameLength {
			return false
		}
		seen[c.text] = true
	}
	return true
}

// depth is 2 where a name stands over several columns that have names of their own below.
func (w *sheetWriter) depth(rows []sheetRow) int {
	if len(rows) < 3 || len(rows[1].cells) < 2 {
		return 1
	}
	for _, c := range rows[1].cells {
		if c.number || utf8.RuneCountInString(c.text) > maxNameLength {
			return 1
		}
	}
	for _, c := range rows[0].cells {
		if c.span < 2 {
			continue
		}
		under := 0
		for _, d := range rows[1].cells {
			if d.column >= c.column && d.column < c.column+c.span {
				under++
			}
		}
		if under > 1 {
			return 2
		}
	}
	return 1
}

// heads weighs whether the first rows name the columns of those below.
func (w *sheetWriter) heads(head, below []sheetRow) bool {
	under := map[int]bool{}
	filled, strong := 0, true
	for _, r := range head {
		for _, c := range r.cells {
			for i := range min(max(c.span, 1), maxSpan) {
				under[c.column+i] = true
			}
			strong = strong && c.strong
		}
	}
	filled = len(under)
	widest, numbers, outside, weak := 0, false, 0, false
	for _, r := range below {
		widest = max(widest, len(r.cells))
		for _, c := range r.cells {
			if !under[c.column] {
				outside++
			}
			numbers = numbers || c.number && under[c.column]
			weak = weak || !c.strong
		}
	}
	cells := 0
	for _, r := range below {
		cells += len(r.cells)
	}
	if filled*10 < widest*6 || outside*5 > cells {
		return false
	}
	return numbers || strong && weak || filled > 2 && len(below) > 1
}

// fits says whether rows after a gap go on with the columns before it.
func (w *sheetWriter) fits(rows []sheetRow) bool {
	for _, r := range rows {
		if len(r.cells) < 2 {
			return false
		}
		for _, c := range r.cells {
			if c.column >= len(w.t.header) || w.t.header[c.column] == "" {
				return false
			}
		}
	}
	return true
}

// name takes the names of the columns.
func (w *sheetWriter) name(rows []sheetRow) {
	var header []string
	for _, r := range rows {
		own := map[int]bool{}
		for _, c := range r.cells {
			own[c.column] = true
		}
		for _, c := range r.cells {
			width := 1
			if len(rows) > 1 { // a name over several columns is part of each name below
				width = min(max(c.span, 1), maxSpan)
			}
			for i := range width {
				at := c.column + i
				if at >= maxColumns || i > 0 && own[at] {
					continue
				}
				for len(header) <= at {
					header = append(header, "")
				}
				if header[at] == "" {
					header[at] = c.text
				} else if header[at] != c.text && len(header[at])+len(c.text) < maxLabel {
					header[at] += " " + c.text
				}
			}
		}
	}
	w.t.head(header)
}

func (w *sheetWriter) write(cells []sheetCell) {
	start := w.t.b.Len()
	for _, c := range cells {
		if !w.t.cell(start, c.column, c.text) {
			return
		}
	}
	w.t.end(start)
}

// text ends the sheet.
func (w *sheetWriter) text() string {
	w.decide()
	if w.last < 0 {
		return "" // a name alone is no text
	}
	return strings.TrimRight(w.t.b.String(), "\n")
}
