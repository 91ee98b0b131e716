package ingest

import (
	"encoding/xml"
	"strconv"
	"strings"
)

// odfCell is a cell of a table of any OpenDocument file.
type odfCell struct {
	text          string
	number        bool
	style         string
	columns, rows int // it spans
	repeat        int
	covered       bool
}

func (w *odfWriter) cell(e xml.StartElement) (odfCell, error) {
	c := odfCell{repeat: 1, columns: 1, rows: 1, covered: e.Name.Local == "covered-table-cell", style: attrLocal(e, "style-name")}
	for name, to := range map[string]*int{"number-columns-repeated": &c.repeat, "number-columns-spanned": &c.columns, "number-rows-spanned": &c.rows} {
		if n, err := strconv.Atoi(attrLocal(e, name)); err == nil && n > 0 {
			*to = n
		}
	}
	switch attrLocal(e, "value-type") {
	case "float", "percentage", "currency", "date", "time", "boolean":
		c.number = true
	}
	inner := w.within()
	inner.depth++
	err := w.x.each(func(e xml.StartElement) error {
		if inner.depth > 20 {
			return w.x.skip()
		}
		return inner.block(e)
	}, nil)
	w.q.refund(inner.b.Len()) // the row spends for it
	c.text = oneLine(inner.b.String())
	return c, err
}

// rows hands the rows of a table to fn, with how often each is repeated and whether it stands among the header rows.
func (w *odfWriter) rows(fn func(cells []odfCell, repeat int, header bool) error) error {
	var inner func(header bool) func(xml.StartElement) error
	inner = func(header bool) func(xml.StartElement) error {
		return func(e xml.StartElement) error {
			switch e.Name.Local {
			case "table-header-rows":
				return w.x.each(inner(true), nil)
			case "table-rows", "table-row-group":
				return w.x.each(inner(header), nil)
			case "table-row":
				repeat := 1
				if n, err := strconv.Atoi(attrLocal(e, "number-rows-repeated")); err == nil && n > 0 {
					repeat = n
				}
				var cells []odfCell
				err := w.x.each(func(e xml.StartElement) error {
					if e.Name.Local != "table-cell" && e.Name.Local != "covered-table-cell" {
						return w.x.skip()
					}
					c, err := w.cell(e)
					if len(cells) < maxSheetColumns {
						cells = append(cells, c)
					}
					return err
				}, nil)
				if err != nil {
					return err
				}
				return fn(cells, repeat, header)
			}
			return w.x.skip()
		}
	}
	return w.x.each(inner(false), nil)
}

// table reads a table of a text or a slide.
func (w *odfWriter) table() (string, error) {
	t := tableWriter{q: w.q}
	hanging := map[int]*hangingCell{}
	first := true
	err := w.rows(func(cells []odfCell, repeat int, header bool) error {
		var row []string
		for _, c := range cells {
			for range min(c.repeat, maxSpan) {
				if len(row) >= maxColumns {
					break
				}
				text := c.text
				if h := hanging[len(row)]; h != nil {
					if c.covered && text == "" {
						text = h.text
					}
					if h.rows--; h.rows <= 0 {
						delete(hanging, len(row))
					}
				}
				if c.rows > 1 && len(text) <= maxMerged {
					hanging[len(row)] = &hangingCell{text, min(c.rows, maxSpan) - 1}
				}
				row = append(row, text)
			}
		}
		if first && header {
			t.head(row)
		} else {
			for range min(repeat, maxSpan) {
				t.row(row)
			}
		}
		first = false
		return w.q.err
	})
	return t.text(), err
}

// sheet reads a table of a spreadsheet: its cells hold what they show.
func (w *odfWriter) sheet(name string) (string, error) {
	s := newSheetWriter(w.q, name)
	number := 0
	grid := mergedGrid{}
	err := w.rows(func(cells []odfCell, repeat int, _ bool) error {
		var row []sheetCell
		column := 0
		for _, c := range cells {
			if c.text != "" {
				for i := range min(c.repeat, maxSpan) {
					row = append(row, sheetCell{column: column + i, text: c.text, number: c.number, strong: w.strong[c.style]})
				}
				if c.columns > 1 || c.rows > 1 {
					r := cellRange{number, column, number + min(c.rows, maxSheetRows) - 1, column + min(c.columns, maxSheetColumns) - 1}
					grid.merges = append(grid.merges, r)
				}
			}
			if column += c.repeat; column >= maxSheetColumns || c.repeat >= maxSheetColumns {
				break
			}
		}
		if len(row) > 0 {
			for i := range min(repeat, maxSpan) {
				s.row(number+i, grid.fill(number+i, append([]sheetCell(nil), row...)))
			}
		}
		number += min(repeat, maxSheetRows)
		return w.q.err
	})
	return strings.TrimSpace(s.text()), err
}
