package ingest

import (
	"context"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// pdfCell is what stands in a cell of a table.
type pdfCell struct {
	column, span int
	chars        []char
	repeated     bool // it stands in the row above, too: a cell over several rows
	strong       bool
}

const (
	maxCellText = 800 // characters: what holds more is a frame, not a cell
	maxRepeated = 100 // characters of a cell over several rows that the rows after the first repeat
	fewRows     = 3   // of a table without borders
)

// ruled takes the text inside of grids out of the lines, and gives it as tables in their place.
func (s *pdfSheet) ruled(lines []pdfLine) []block {
	blocks := make([]block, 0, len(lines))
	for _, l := range lines {
		blocks = append(blocks, block{line: l})
	}
	for _, g := range s.tables {
		if !s.spend(len(blocks)) {
			break
		}
		if with, ok := s.inGrid(blocks, &g); ok {
			blocks = with
		}
	}
	return blocks
}

// inGrid replaces the lines inside of a grid by its table; false where it is none.
func (s *pdfSheet) inGrid(blocks []block, g *grid) ([]block, bool) {
	first := g.joined()
	cells := map[[2]int][][]char{} // lines of a cell
	weak := map[[2]int]bool{}
	out := make([]block, 0, len(blocks))
	at := -1
	for _, b := range blocks {
		if b.kind != blockText || !b.line.meets(g.box) {
			out = append(out, b)
			continue
		}
		if b.line.turned || b.line.down {
			return nil, false
		}
		var rest []pdfLine
		parts := b.line.stretches()
		for i, p := range parts {
			in, outside := s.fields(p.chars, g)
			if outside > 0 && len(in) > 0 {
				return nil, false // writing goes over the border
			}
			if len(in) == 0 {
				p.joined = i == len(parts)-1 && b.line.joined
				rest = append(rest, p)
				continue
			}
			if i == len(parts)-1 && b.line.joined {
				last := &in[len(in)-1]
				last.chars = append(last.chars, char{divided, madeUp})
			}
			for _, f := range in {
				key := first[f.row][f.column]
				cells[key] = append(cells[key], f.chars)
				weak[key] = weak[key] || !p.bold
			}
			if at < 0 {
				at = len(out)
			}
		}
		if len(rest) == len(parts) {
			out = append(out, b)
			continue
		}
		for _, p := range rest {
			out = append(out, block{line: p})
		}
	}
	if at < 0 {
		return nil, false
	}
	rows := make([][]pdfCell, len(g.across))
	filled := 0
	for r := range rows {
		several := 0
		for c := 0; c < len(g.across[r]); c++ {
			key := first[r][c]
			span := 1
			for c+span < len(g.across[r]) && first[r][c+span] == key {
				span++
			}
			text := joinLines(cells[key])
			if len(text) > maxCellText {
				return nil, false
			}
			if len(text) > 0 {
				several++
				rows[r] = append(rows[r], pdfCell{column: c, span: span, chars: text, repeated: key[0] < r, strong: !weak[key]})
			}
			c += span - 1
		}
		if several > 1 {
			filled++
		}
	}
	if filled < 2 || filled*2 < len(rows) {
		return nil, false
	}
	table := writeTable(rows, true)
	if table == nil {
		return nil, false
	}
	return slices.Insert(out, at, block{kind: blockTable, line: pdfLine{chars: table, box: g.box}}), true
}

func (l pdfLine) meets(b Box) bool {
	return l.box.Left < b.Right && b.Left < l.box.Right && l.box.Bottom < b.Top && b.Bottom < l.box.Top
}

// field is a stretch of a line in one field of a grid.
type field struct {
	row, column int
	chars       []char
}

// fields cuts characters at the borders of a grid; outside counts those that stand in none.
func (s *pdfSheet) fields(chars []char, g *grid) (out []field, outside int) {
	var before []char // the first that can be seen
	for _, c := range chars {
		box, ok := s.seen(c)
		if !ok {
			if n := len(out); n > 0 {
				out[n-1].chars = append(out[n-1].chars, c)
			} else {
				before = append(before, c)
			}
			continue
		}
		row, column, in := g.place((box.Left+box.Right)/2, (box.Bottom+box.Top)/2)
		if !in {
			outside++
			continue
		}
		if n := len(out); n > 0 && out[n-1].row == row && out[n-1].column == column {
			out[n-1].chars = append(out[n-1].chars, c)
		} else {
			out = append(out, field{row, column, append(before, c)})
			before = nil
		}
	}
	return out, outside
}

// divided marks a word that goes on in the next line.
const divided = 0xfffe

// joinLines makes one line of those of a cell: a space parts them, unless letters that are written without stand on both sides.
func joinLines(lines [][]char) []char {
	var out []char
	for _, l := range lines {
		l = trimSpaces(l)
		if len(l) == 0 {
			continue
		}
		if n := len(out); n > 0 && hyphen(out[n-1].code) {
			out = out[:n-1]
		} else if n > 0 && !(unspaced(out[n-1].code) && unspaced(l[0].code)) {
			out = append(out, char{' ', madeUp})
		}
		for _, c := range l {
			if c.code == 0 || blank(c.code) && len(out) > 0 && blank(out[len(out)-1].code) {
				continue
			}
			out = append(out, c)
		}
	}
	if n := len(out); n > 0 && hyphen(out[n-1].code) {
		out[n-1].code = '-'
	}
	return out
}

// writeTable writes rows as those of other tables are: "column: value | column: value" where a row names the columns. Without one it is nil,
// or with plain the cells of a row are joined.
func writeTable(rows [][]pdfCell, plainly bool) []char {
	var sheet []sheetRow
	var kept [][]pdfCell
	for i, row := range rows {
		if len(row) == 0 {
			continue
		}
		kept = append(kept, row)
		sheet = append(sheet, sheetRow{number: i, cells: sheetCells(row)})
	}
	w := &sheetWriter{header: -1, t: tableWriter{q: newBudget(context.Background(), 0)}}
	from, deep := w.find(sheet)
	var t charTable
	if from < 0 {
		if !plainly {
			return nil
		}
		from, deep = 0, 0
	} else {
		t.name(kept[from : from+deep])
	}
	for _, row := range kept[:from] {
		t.row(row, false)
	}
	t.unused(kept[from+deep:])
	for _, row := range kept[from+deep:] {
		t.row(row, deep > 0)
	}
	return t.out
}

func sheetCells(row []pdfCell) []sheetCell {
	var out []sheetCell
	for _, c := range row {
		text := oneLine(plain(c.chars))
		span := 0
		if c.span > 1 {
			span = c.span
		}
		out = append(out, sheetCell{column: c.column, text: text, number: valued(text), strong: c.strong, span: span})
	}
	return out
}

// valued says whether a text is a value with a number (a price, a date, a count of something) and not the name of a column.
func valued(text string) bool {
	n := utf8.RuneCountInString(text)
	if n > 20 {
		return false
	}
	digits, letters := 0, 0
	first := rune(0)
	for _, c := range text {
		if first == 0 && !strings.ContainsRune("¥￥$€£+-−–△▲(（約 ", c) {
			first = c
		}
		switch {
		case unicode.IsDigit(c):
			digits++
		case unicode.IsLetter(c):
			letters++
		}
	}
	return digits > 0 && unicode.IsDigit(first) && letters <= 8
}

// charTable writes a table of characters that know where they come from. A column's name has its place in the first row that it is
// written in: everything on the page stands somewhere in the text.
type charTable struct {
	out   []char
	names map[int][]char
}

// name takes the names of the columns from the rows that name them, from above.
func (t *charTable) name(head [][]pdfCell) {
	t.names = map[int][]char{}
	for _, row := range head {
		for _, c := range row {
			if c.repeated {
				continue // a name over both rows
			}
			for i := range max(1, c.span) {
				at := c.column + i
				if i > 0 && (len(head) < 2 || at > c.column+maxSpan) {
					break
				}
				name := c.chars
				if i > 0 {
					name = unplaced(name)
				}
				if len(t.names[at]) > 0 {
					t.names[at] = append(append(slices.Clone(t.names[at]), char{' ', madeUp}), name...)
				} else {
					t.names[at] = name
				}
			}
		}
	}
}

// unused writes the names of columns with nothing in them.
func (t *charTable) unused(rows [][]pdfCell) {
	used := map[int]bool{}
	for _, row := range rows {
		for _, c := range row {
			used[c.column] = true
		}
	}
	var left []pdfCell
	for column, name := range t.names {
		if !used[column] {
			left = append(left, pdfCell{column: column, chars: name})
		}
	}
	slices.SortFunc(left, func(a, b pdfCell) int { return a.column - b.column })
	if len(left) > 0 {
		t.row(left, false)
	}
}

func (t *charTable) row(row []pdfCell, named bool) {
	if len(t.out) > 0 {
		t.add("\n")
	}
	for i, c := range row {
		if i > 0 {
			t.add(" | ")
		}
		if name := t.names[c.column]; named && len(name) > 0 {
			t.out = append(t.out, name...)
			t.names[c.column] = unplaced(name)
			t.add(": ")
		}
		if c.repeated && len(c.chars) > maxRepeated {
			t.out = append(t.out, unplaced(c.chars[:maxRepeated])...)
			t.add("…")
		} else if c.repeated {
			t.out = append(t.out, unplaced(c.chars)...)
		} else {
			t.out = append(t.out, c.chars...)
		}
	}
}

func (t *charTable) add(s string) {
	for _, c := range s {
		t.out = append(t.out, char{c, madeUp})
	}
}

// unplaced are characters that are written once more.
func unplaced(chars []char) []char {
	out := make([]char, len(chars))
	for i, c := range chars {
		out[i] = char{c.code, madeUp}
	}
	return out
}
