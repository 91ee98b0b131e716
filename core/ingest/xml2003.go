package ingest

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"kakoi/core"
)

// Office 2003 could save as one file of XML (WordprocessingML 2003, SpreadsheetML 2003). Business programs still export that, under the names
// .doc and .xls.

// xml2003 says which of both a file begins like: "word2003", "sheet2003" or "".
func xml2003(head []byte) string {
	switch {
	case !bytes.HasPrefix(head, []byte("<?xml")) && !bytes.HasPrefix(head, []byte("<Workbook")) && !bytes.HasPrefix(head, []byte("<w:wordDocument")):
	case bytes.Contains(head, []byte("<w:wordDocument")), bytes.Contains(head, []byte(`progid="Word.Document"`)):
		return "word2003"
	case bytes.Contains(head, []byte("urn:schemas-microsoft-com:office:spreadsheet")), bytes.Contains(head, []byte(`progid="Excel.Sheet"`)):
		return "sheet2003"
	}
	return ""
}

// word2003Text reads the body as that of a DOCX, whose elements have the same names. Numbers of lists are not told.
func word2003Text(q *budget, data []byte) (string, error) {
	var none docxNumbering
	w := newDocxWriter(q, nil, nil, none.lists())
	d := newXML(contextReader{q.ctx, bytes.NewReader(data)})
	err := w.document(d)
	return w.String(), damaged(q, err)
}

// damaged is the error of XML that lies in no package.
func damaged(q *budget, err error) error {
	switch {
	case q.err != nil:
		return q.err
	case q.ctx.Err() != nil:
		return q.ctx.Err()
	case err == nil, errors.Is(err, core.ErrCorrupt), errors.Is(err, core.ErrTooLarge):
		return err
	}
	return fmt.Errorf("read xml: %w: %w", err, core.ErrCorrupt)
}

// sheet2003Texts reads a workbook: a text for each sheet.
func sheet2003Texts(q *budget, data []byte) ([]string, error) {
	d := newXML(contextReader{q.ctx, bytes.NewReader(data)})
	b := &book2003{x: &xmlWalk{q: q, d: d}, styles: map[string]style2003{}}
	for {
		token, err := d.RawToken()
		if err == io.EOF && b.seen {
			break
		}
		if err != nil {
			return nil, damaged(q, cut(err))
		}
		if start, ok := token.(xml.StartElement); ok {
			if b.seen = true; start.Name.Local != "Workbook" {
				return nil, fmt.Errorf("workbook of %q: %w", start.Name.Local, core.ErrCorrupt)
			}
			if err := b.x.each(b.part, nil); err != nil {
				return nil, damaged(q, err)
			}
		}
	}
	if len(b.texts) == 0 {
		return nil, fmt.Errorf("workbook without sheets: %w", core.ErrCorrupt)
	}
	return b.texts, nil
}

type book2003 struct {
	x      *xmlWalk
	seen   bool
	styles map[string]style2003
	texts  []string
}

type style2003 struct {
	format string
	strong bool
}

const maxStyles2003 = 100_000

func (b *book2003) part(e xml.StartElement) error {
	switch e.Name.Local {
	case "Styles":
		return b.x.each(b.style, nil)
	case "Worksheet":
		w := newSheetWriter(b.x.q, attrLocal(e, "Name"))
		row := -1
		err := b.x.each(func(e xml.StartElement) error {
			if e.Name.Local != "Table" {
				return b.x.skip()
			}
			return b.x.each(func(e xml.StartElement) error {
				if e.Name.Local != "Row" {
					return b.x.skip()
				}
				row++
				if n, err := strconv.Atoi(attrLocal(e, "Index")); err == nil && n > row && n <= maxSheetRows {
					row = n - 1
				}
				cells, err := b.row()
				if err == nil {
					w.row(row, cells)
				}
				return err
			}, nil)
		}, nil)
		if len(b.texts) >= maxPages {
			return fmt.Errorf("%d sheets: %w", len(b.texts), errBomb)
		}
		b.texts = append(b.texts, w.text())
		return err
	}
	return b.x.skip()
}

func (b *book2003) style(e xml.StartElement) error {
	id := attrLocal(e, "ID")
	var s style2003
	err := b.x.each(func(e xml.StartElement) error {
		switch e.Name.Local {
		case "NumberFormat":
			s.format = attrLocal(e, "Format")
		case "Font":
			s.strong = s.strong || truth(attrLocal(e, "Bold"))
		case "Interior":
			pattern := attrLocal(e, "Pattern")
			s.strong = s.strong || pattern != "" && pattern != "None"
		}
		return b.x.skip()
	}, nil)
	if id != "" && len(b.styles) < maxStyles2003 {
		b.styles[id] = s
	}
	return err
}

func (b *book2003) row() ([]sheetCell, error) {
	var cells []sheetCell
	column := -1
	err := b.x.each(func(e xml.StartElement) error {
		if e.Name.Local != "Cell" {
			return b.x.skip()
		}
		column++
		if n, err := strconv.Atoi(attrLocal(e, "Index")); err == nil && n > column && n <= maxSheetColumns {
			column = n - 1
		}
		c := sheetCell{column: column}
		if n, err := strconv.Atoi(attrLocal(e, "MergeAcross")); err == nil && n > 0 {
			c.span = min(n, maxSheetColumns) + 1
			column += c.span - 1
		}
		style := b.styles[attrLocal(e, "StyleID")]
		c.strong = style.strong
		err := b.x.each(func(e xml.StartElement) error {
			if e.Name.Local != "Data" || c.text != "" {
				return b.x.skip() // comments and names
			}
			kind := attrLocal(e, "Type")
			raw, err := b.x.text()
			c.text, c.number = shown2003(kind, raw, style.format), kind != "String"
			return err
		}, nil)
		if len(cells) < maxSheetColumns && b.x.q.spend(len(c.text)) {
			b.x.q.refund(len(c.text))
			cells = append(cells, c)
		}
		return err
	}, nil)
	return cells, err
}

// named2003 are the codes of the formats that have names.
var named2003 = map[string]string{
	"Percent": "0.00%", "Fixed": "0.00", "Standard": "#,##0.00", "Currency": "#,##0.00", "Scientific": "0.00E+00", "General Number": "General", "": "General",
}

// shown2003 is a value as its cell shows it. Dates stand in the file as dates, and are written like those of other workbooks.
func shown2003(kind, raw, format string) string {
	switch kind {
	case "Number":
		v, err := strconv.ParseFloat(strings.TrimSpace(raw), 64)
		if err != nil {
			return raw
		}
		if code, ok := named2003[format]; ok {
			format = code
		}
		return parseFormat(format).show(v, false)
	case "DateTime":
		t, err := time.Parse("2006-01-02T15:04:05.999", strings.TrimSpace(raw))
		switch {
		case err != nil:
			return raw
		case t.Year() < 1900:
			return t.Format("15:04:05")
		case t.Hour() == 0 && t.Minute() == 0 && t.Second() == 0:
			return t.Format("2006/1/2")
		}
		return t.Format("2006/1/2 15:04:05")
	case "Boolean":
		if truth(strings.TrimSpace(raw)) {
			return "TRUE"
		}
		return "FALSE"
	}
	return raw
}
