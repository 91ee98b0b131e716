package ingest

import "math"

// Tables without borders around their cells.

// foundTable is a table and the block after it.
type foundTable struct {
	block block
	end   int
}

// openTable makes a table of rows from i on, if a row of names stands at their top and their cells below the names. Without that the lines stay
// as they are.
func (s *pdfSheet) openTable(blocks []block, i int) *foundTable {
	end, gaps := i, []free(nil)
	// The rows are those with something in two columns at least.
	for end < min(len(blocks), i+maxRegion) && blocks[end].kind == blockText && len(blocks[end].line.parts) > 1 && !blocks[end].line.joined && s.spend(1) {
		if end > i {
			above, l := blocks[end-1].line.box, blocks[end].line.box
			if l.Top > above.Top || above.Bottom-l.Top > 2*blocks[i].line.size {
				break
			}
		}
		end++
	}
	if end-i < fewRows {
		return nil
	}
	for _, b := range blocks[i:end] {
		if p := b.line.parts; gaps == nil || len(p) > len(gaps)+1 {
			gaps = nil
			for j := 1; j < len(p); j++ {
				gaps = append(gaps, free{from: p[j-1].box.Right, to: p[j].box.Left})
			}
		}
	}
	for _, b := range blocks[i:end] {
		left := narrowed(gaps, b.line, b.line.size)
		if len(left) != len(gaps) || !s.spend(len(gaps)*len(b.line.parts)) {
			return nil
		}
		gaps = left
	}
	if len(gaps)+1 > maxGridCol || !s.spend(50*(end-i)*len(gaps)) {
		return nil
	}
	rows := make([][]pdfCell, 0, end-i)
	for _, b := range blocks[i:end] {
		var row []pdfCell
		for at, parts := range sided([]block{b}, gaps) {
			if len(parts) > 1 {
				return nil
			}
			if len(parts) == 1 {
				row = append(row, pdfCell{column: at, chars: joinLines([][]char{parts[0].chars}), strong: parts[0].bold})
			}
		}
		rows = append(rows, row)
	}
	if !numbersBelow(rows) {
		return nil
	}
	table := writeTable(rows, false)
	if table == nil {
		return nil
	}
	box := Box{}
	for _, b := range blocks[i:end] {
		box = box.with(b.line.box)
	}
	return &foundTable{block{kind: blockTable, line: pdfLine{chars: table, box: box}}, end}
}

// numbersBelow says whether the first row is of names in every column, and a column below it of values: short of that lines that stand
// beside each other are no table for certain.
func numbersBelow(rows [][]pdfCell) bool {
	for _, c := range rows[0] {
		if valued(plain(c.chars)) {
			return false
		}
	}
	values := map[int]int{}
	widest := 0
	for _, row := range rows[1:] {
		widest = max(widest, len(row))
		for _, c := range row {
			if valued(oneLine(plain(c.chars))) {
				values[c.column]++
			}
		}
	}
	for _, n := range values {
		if n*10 >= 7*(len(rows)-1) && len(rows[0]) >= widest {
			return true
		}
	}
	return false
}

// headedTable makes a table of a row of names with a line below it, and of the rows that follow, whose cells may be of several lines.
func (s *pdfSheet) headedTable(blocks []block, i int) *foundTable {
	head := blocks[i].line
	if !s.underlined(head) {
		return nil
	}
	var gaps []free
	for j := 1; j < len(head.parts); j++ {
		gaps = append(gaps, free{from: head.parts[j-1].box.Right, to: head.parts[j].box.Left})
	}
	if len(gaps)+1 > maxGridCol {
		return nil
	}
	type openRow struct {
		box   Box
		cells map[int][][]char
	}
	var rows []openRow
	ends := []int{} // the block after each row
	end := i
	for ; end < min(len(blocks), i+maxRegion); end++ {
		l := blocks[end].line
		if blocks[end].kind != blockText || l.down || l.turned || l.box.Empty() || math.Abs(l.size-head.size) > 0.12*head.size {
			break
		}
		left := narrowed(gaps, l, head.size)
		if len(left) != len(gaps) || !s.spend(len(gaps)*len(l.stretches())) {
			break
		}
		n := len(rows)
		fresh := n == 0 || rows[n-1].box.Bottom-l.box.Top > 0.25*head.size
		if n > 0 && (l.box.Bottom > rows[n-1].box.Top || rows[n-1].box.Bottom-l.box.Top > 2.5*head.size) {
			break
		}
		if n == 1 { // the line stands between
			fresh = true
		}
		gaps = left
		if fresh {
			rows, ends = append(rows, openRow{cells: map[int][][]char{}}), append(ends, end)
			n++
		}
		row := &rows[n-1]
		row.box = row.box.with(l.box)
		for at, parts := range sided([]block{{line: l}}, gaps) {
			for _, p := range parts {
				chars := p.chars
				if p.joined {
					chars = append(chars[:len(chars):len(chars)], char{divided, madeUp})
				}
				row.cells[at] = append(row.cells[at], chars)
			}
		}
		ends[n-1] = end + 1
	}
	// Short lines of writing below the table stand in its first column.
	n := len(rows)
	for n > 1 && len(rows[n-1].cells) < 2 && !s.lineBelow(rows[n-1].box) {
		n--
	}
	if n < fewRows {
		return nil
	}
	var out [][]pdfCell
	box := Box{}
	for _, r := range rows[:n] {
		var row []pdfCell
		for at := range len(gaps) + 1 {
			if text := joinLines(r.cells[at]); len(text) > maxCellText {
				return nil
			} else if len(text) > 0 {
				row = append(row, pdfCell{column: at, chars: text})
			}
		}
		out, box = append(out, row), box.with(r.box)
	}
	var t charTable
	t.name(out[:1])
	t.unused(out[1:])
	for _, row := range out[1:] {
		t.row(row, true)
	}
	return &foundTable{block{kind: blockTable, line: pdfLine{chars: t.out, box: box}}, ends[n-1]}
}

// underlined says whether a row of names has a line right below it, and is one: short, different texts and no values.
func (s *pdfSheet) underlined(l pdfLine) bool {
	if l.turned || l.joined || !s.lineBelow(l.box) {
		return false
	}
	var cells []sheetCell
	for _, p := range l.parts {
		text := oneLine(plain(p.chars))
		cells = append(cells, sheetCell{text: text, number: valued(text)})
	}
	return names(cells)
}

// lineBelow says whether a line is drawn right below a box, as wide as it at least.
func (s *pdfSheet) lineBelow(b Box) bool {
	for _, r := range s.rules {
		if !r.down && r.at < b.Bottom+0.25*b.height() && r.at > b.Bottom-b.height() && r.from < b.Left+5 && r.to > b.Right-5 {
			return true
		}
	}
	return false
}
