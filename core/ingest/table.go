package ingest

import "strings"

// tableText writes a table as lines. With a header each row is "column: value | column: value", so that a Chunk
// that holds one row still says what its values are; without one the cells are joined by " | ".
func tableText(header []string, rows [][]string) string {
	var b strings.Builder
	for _, row := range rows {
		var cells []string
		for i, cell := range row {
			cell = oneLine(cell)
			if cell == "" {
				continue
			}
			if i < len(header) && header[i] != "" {
				cell = oneLine(header[i]) + ": " + cell
			}
			cells = append(cells, cell)
		}
		if len(cells) > 0 {
			b.WriteString(strings.Join(cells, " | "))
			b.WriteByte('\n')
		}
	}
	if b.Len() == 0 && len(header) > 0 { // a header alone is still text
		return tableText(nil, [][]string{header})
	}
	return strings.TrimRight(b.String(), "\n")
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
