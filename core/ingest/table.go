package ingest

import "strings"

const (
	maxSpan    = 100   // rows or columns one cell may span
	maxColumns = 10000 // of a row, as far as spans make them
	maxLabel   = 400   // bytes of a column's name that rows repeat
	maxMerged  = 4000  // bytes of a cell over several rows that each of them repeats
)

// tableWriter writes a table as lines. With a header each row is "column: value | column: value", so that a Chunk
// that holds one row still says what its values are; without one the cells are joined by " | ".
type tableWriter struct {
	b      strings.Builder
	q      *budget
	header []string
}

// head takes the names of the columns. A row with a cell too long for a name is no header but the first row.
func (t *tableWriter) head(cells []string) {
	for i, cell := range cells {
		cells[i] = oneLine(cell)
		if len(cells[i]) > maxLabel {
			t.row(cells)
			return
		}
	}
	t.header = cells
}

func (t *tableWriter) row(cells []string) {
	start := t.b.Len()
	for i, cell := range cells {
		if !t.cell(start, i, cell) {
			return
		}
	}
	t.end(start)
}

// cell writes the cell of a column into the row that began at start, unless it is empty; it says whether to go on.
func (t *tableWriter) cell(start, column int, cell string) bool {
	if cell = oneLine(cell); cell == "" {
		return true
	}
	separator, label := "", ""
	if t.b.Len() > start {
		separator = " | "
	}
	if column < len(t.header) && t.header[column] != "" {
		label = t.header[column] + ": "
	}
	if !t.q.spend(len(separator) + len(label) + len(cell)) {
		return false
	}
	t.b.WriteString(separator + label)
	t.b.WriteString(cell)
	return true
}

// end ends the row that began at start, if anything was written.
func (t *tableWriter) end(start int) {
	if t.b.Len() > start && t.q.spend(1) {
		t.b.WriteByte('\n')
	}
}

// text is the table without its last line end; what it spent stays spent. A header alone is still text.
func (t *tableWriter) text() string {
	if t.b.Len() == 0 && t.header != nil {
		names := t.header
		t.header = nil
		t.row(names)
	}
	return strings.TrimRight(t.b.String(), "\n")
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
