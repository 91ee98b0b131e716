package ingest

import (
	"encoding/xml"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"kakoi/core"
)

// Limits of SpreadsheetML, those of Excel itself.
const (
	maxSheetColumns = 16384
	maxSheetRows    = 1 << 20
	maxMerges       = 100_000 // of a sheet
	maxShared       = 10_000_000
)

// xlsxBook is what the sheets of a workbook (ECMA-376 part 1, chapter 18) share.
type xlsxBook struct {
	p        *zipPackage
	shared   []string
	formats  formats
	styles   []xlsxStyle
	from1904 bool
}

type xlsxStyle struct {
	format int
	strong bool
}

// xlsxTexts are the sheets of a workbook, a page each: the name, then rows. Sheets that are hidden are read as well, with hidden rows and columns:
// filters hide what is still there. Charts that stand as sheets are pages without text.
func xlsxTexts(q *budget, data []byte) ([]string, error) {
	p, err := openPackage(q, data)
	if err != nil {
		return nil, err
	}
	main, err := p.mainPart("xl/workbook.xml")
	if err != nil {
		return nil, err
	}
	if strings.HasSuffix(main, ".bin") {
		return nil, errOldOffice // .xlsb under another name
	}
	b := &xlsxBook{p: p}
	var sheets []struct{ name, id string }
	err = p.walk(main, func(x *xmlWalk, e xml.StartElement) error {
		var inner func(e xml.StartElement) error
		inner = func(e xml.StartElement) error {
			switch e.Name.Local {
			case "workbookPr":
				b.from1904 = truth(attrLocal(e, "date1904"))
			case "sheet":
				sheets = append(sheets, struct{ name, id string }{attrLocal(e, "name"), attrOf(e, "r", "id")})
			}
			return x.each(inner, nil)
		}
		return x.each(inner, nil)
	})
	if err != nil {
		return nil, err
	}
	for _, part := range p.related(main, "sharedStrings") {
		if err := b.readShared(part); err != nil {
			return nil, err
		}
	}
	for _, part := range p.related(main, "styles") {
		if err := b.readStyles(part); err != nil {
			return nil, err
		}
	}
	targets := map[string]string{}
	for _, r := range p.relations(main) {
		if strings.HasSuffix(r.Type, "/worksheet") {
			targets[r.ID] = r.Target
		}
	}
	var texts []string
	for _, s := range sheets {
		part := targets[s.id]
		if p.files[part] == nil {
			texts = append(texts, "")
			continue
		}
		text, err := b.sheet(s.name, part)
		if err != nil {
			return nil, fmt.Errorf("sheet %q: %w", s.name, err)
		}
		texts = append(texts, text)
	}
	if len(texts) == 0 {
		return nil, fmt.Errorf("workbook without sheets: %w", core.ErrCorrupt)
	}
	return texts, nil
}

func truth(v string) bool { return v == "1" || v == "true" || v == "on" }

// attrOf is an attribute by prefix and name; files with another prefix for the namespace are served by the name alone.
func attrOf(e xml.StartElement, prefix, name string) string {
	value := ""
	for _, a := range e.Attr {
		if a.Name.Local == name && (a.Name.Space == prefix || a.Name.Space != "" && value == "") {
			value = a.Value
		}
	}
	return value
}

// stringItem reads a string of one or several runs (CT_Rst); phonetic runs are left out.
func stringItem(x *xmlWalk) (string, error) {
	var b strings.Builder
	var inner func(e xml.StartElement) error
	inner = func(e xml.StartElement) error {
		switch e.Name.Local {
		case "rPh", "phoneticPr", "rPr":
			return x.skip()
		case "t":
			return x.each(inner, func(c []byte) {
				if x.q.spend(len(c)) {
					b.Write(c)
				}
			})
		}
		return x.each(inner, nil)
	}
	err := x.each(inner, nil)
	x.q.refund(b.Len())
	if strings.Contains(b.String(), "_x") {
		return unescapeX(b.String()), err
	}
	return b.String(), err
}

// unescapeX decodes _x000D_ (ECMA-376 part 1, 22.9.2.19).
func unescapeX(s string) string {
	var b strings.Builder
	for {
		i := strings.Index(s, "_x")
		if i < 0 || i+7 > len(s) {
			return b.String() + s
		}
		n, err := strconv.ParseUint(s[i+2:i+6], 16, 16)
		if err != nil || s[i+6] != '_' {
			b.WriteString(s[:i+2])
			s = s[i+2:]
			continue
		}
		b.WriteString(s[:i] + string(rune(n)))
		s = s[i+7:]
	}
}

func (b *xlsxBook) readShared(part string) error {
	size := 0
	return b.p.walk(part, func(x *xmlWalk, _ xml.StartElement) error {
		return x.each(func(e xml.StartElement) error {
			if e.Name.Local != "si" {
				return x.skip()
			}
			s, err := stringItem(x)
			if size += len(s); len(b.shared) >= maxShared || size > maxTextOfPages {
				return fmt.Errorf("shared strings: %w", errBomb)
			}
			b.shared = append(b.shared, s)
			return err
		}, nil)
	})
}

func (b *xlsxBook) readStyles(part string) error {
	var s struct {
		Formats []struct {
			ID   int    `xml:"numFmtId,attr"`
			Code string `xml:"formatCode,attr"`
		} `xml:"numFmts>numFmt"`
		Fonts []struct {
			Bold *struct {
				Val string `xml:"val,attr"`
			} `xml:"b"`
		} `xml:"fonts>font"`
		Fills []struct {
			Pattern struct {
				Type string `xml:"patternType,attr"`
			} `xml:"patternFill"`
			Gradient *struct{} `xml:"gradientFill"`
		} `xml:"fills>fill"`
		Cells []struct {
			Format int `xml:"numFmtId,attr"`
			Font   int `xml:"fontId,attr"`
			Fill   int `xml:"fillId,attr"`
		} `xml:"cellXfs>xf"`
	}
	if err := b.p.decode(part, &s); err != nil {
		return err
	}
	for _, f := range s.Formats {
		b.formats.set(f.ID, f.Code)
	}
	for _, c := range s.Cells {
		style := xlsxStyle{format: c.Format}
		if c.Font >= 0 && c.Font < len(s.Fonts) {
			bold := s.Fonts[c.Font].Bold
			style.strong = bold != nil && bold.Val != "0" && bold.Val != "false"
		}
		if c.Fill > 1 && c.Fill < len(s.Fills) { // 0 and 1 are none and grey by rule
			fill := s.Fills[c.Fill]
			style.strong = style.strong || fill.Gradient != nil || fill.Pattern.Type != "" && fill.Pattern.Type != "none"
		}
		b.styles = append(b.styles, style)
	}
	return nil
}

// cellRange is a rectangle of cells, ends included.
type cellRange struct{ top, left, bottom, right int }

func parseRange(ref string) (r cellRange, ok bool) {
	from, to, found := strings.Cut(strings.ReplaceAll(ref, "$", ""), ":")
	if !found {
		to = from
	}
	var ok1, ok2 bool
	r.left, r.top, ok1 = parseCell(from)
	r.right, r.bottom, ok2 = parseCell(to)
	return r, ok1 && ok2 && r.right >= r.left && r.bottom >= r.top
}

// parseCell reads "AB12" as column and row, from 0.
func parseCell(ref string) (column, row int, ok bool) {
	i := 0
	for ; i < len(ref) && i < 4 && ref[i]|0x20 >= 'a' && ref[i]|0x20 <= 'z'; i++ {
		column = column*26 + int(ref[i]|0x20-'a') + 1
	}
	row, err := strconv.Atoi(ref[i:])
	return column - 1, row - 1, i > 0 && err == nil && row > 0 && row <= maxSheetRows && column <= maxSheetColumns
}

// tail reads what a sheet says after its rows: merged cells and the row of names of a filter or of tables.
func (b *xlsxBook) tail(part string) (merges []cellRange, header int, err error) {
	header = -1
	err = b.p.open(part, func(r io.Reader) error {
		rest := after(r, "sheetData")
		if rest == nil {
			return nil
		}
		d := newXML(rest)
		for {
			token, err := d.RawToken()
			if err != nil {
				return nil // what is damaged here shows when the sheet is read
			}
			e, ok := token.(xml.StartElement)
			if !ok {
				continue
			}
			switch e.Name.Local {
			case "mergeCell":
				if r, ok := parseRange(attrLocal(e, "ref")); ok && len(merges) < maxMerges {
					merges = append(merges, r)
				}
			case "autoFilter":
				if r, ok := parseRange(attrLocal(e, "ref")); ok {
					header = r.top
				}
			}
		}
	})
	for _, table := range b.p.related(part, "table") {
		var t struct {
			Ref    string `xml:"ref,attr"`
			Header string `xml:"headerRowCount,attr"`
		}
		if b.p.decode(table, &t) == nil && t.Header != "0" && header < 0 {
			if r, ok := parseRange(t.Ref); ok {
				header = r.top
			}
		}
	}
	slices.SortFunc(merges, func(a, b cellRange) int { return a.top - b.top })
	return merges, header, err
}

// after reads until the end tag of an element by its local name and gives what follows, or nil.
func after(r io.Reader, name string) io.Reader {
	closing := name + ">"
	buffer, kept := make([]byte, 64<<10), 0
	for {
		n, err := r.Read(buffer[kept:])
		window := string(buffer[:kept+n])
		for at := 0; ; {
			i := strings.Index(window[at:], closing)
			if i < 0 {
				break
			}
			i += at
			at = i + len(closing)
			if open := strings.LastIndexByte(window[:i], '<'); open >= 0 && i-open < 64 && strings.HasPrefix(window[open:], "</") {
				return io.MultiReader(strings.NewReader(window[at:]), r)
			}
		}
		if err != nil {
			return nil
		}
		kept = copy(buffer, buffer[max(0, kept+n-128):kept+n])
	}
}

func (b *xlsxBook) sheet(name, part string) (string, error) {
	merges, header, err := b.tail(part)
	if err != nil {
		return "", err
	}
	w := newSheetWriter(b.p.q, name)
	w.header = header
	grid := mergedGrid{merges: merges}
	number := -1
	err = b.p.walk(part, func(x *xmlWalk, _ xml.StartElement) error {
		var cells []sheetCell
		row := func(e xml.StartElement) error {
			if e.Name.Local != "row" {
				return x.skip()
			}
			number++
			if n, err := strconv.Atoi(attrLocal(e, "r")); err == nil && n > 0 {
				number = n - 1
			}
			cells = cells[:0]
			column := -1
			err := x.each(func(e xml.StartElement) error {
				if e.Name.Local != "c" {
					return x.skip()
				}
				column++
				if c, _, ok := parseCell(attrLocal(e, "r")); ok {
					column = c
				}
				cell, err := b.cell(x, e)
				if cell.text != "" && column < maxSheetColumns && len(cells) < maxSheetColumns {
					cell.column = column
					cells = append(cells, cell)
				}
				return err
			}, nil)
			w.row(number, grid.fill(number, cells))
			return err
		}
		return x.each(func(e xml.StartElement) error {
			if e.Name.Local == "sheetData" {
				return x.each(row, nil)
			}
			return x.skip()
		}, nil)
	})
	if err != nil {
		return "", err
	}
	return w.text(), b.p.q.err
}

// cell reads a c element: the value that was last computed, as its format shows it.
func (b *xlsxBook) cell(x *xmlWalk, e xml.StartElement) (sheetCell, error) {
	var out sheetCell
	kind := attrLocal(e, "t")
	style := xlsxStyle{}
	if n, err := strconv.Atoi(attrLocal(e, "s")); err == nil && n >= 0 && n < len(b.styles) {
		style = b.styles[n]
	}
	out.strong = style.strong
	value := ""
	err := x.each(func(e xml.StartElement) (err error) {
		switch e.Name.Local {
		case "v":
			value, err = x.text()
		case "is":
			value, err = stringItem(x)
		default:
			err = x.skip()
		}
		return err
	}, nil)
	if err != nil || value == "" {
		return out, err
	}
	switch kind {
	case "s":
		if n, err := strconv.Atoi(strings.TrimSpace(value)); err == nil && n >= 0 && n < len(b.shared) {
			out.text = b.formats.get(style.format).showText(b.shared[n])
		}
	case "str", "inlineStr":
		if strings.Contains(value, "_x") {
			value = unescapeX(value)
		}
		out.text = value
	case "b":
		out.number, out.text = true, "FALSE"
		if truth(value) {
			out.text = "TRUE"
		}
	case "e": // #N/A and the like say nothing
	case "d":
		out.number, out.text = true, strings.TrimSuffix(strings.Replace(value, "T", " ", 1), " 00:00:00")
	default:
		v, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
		if err != nil {
			out.text = value
			break
		}
		out.number, out.text = true, b.formats.get(style.format).show(v, b.from1904)
	}
	return out, nil
}

// mergedGrid gives merged cells to the rows they reach over.
type mergedGrid struct {
	merges []cellRange // by their first row
	next   int
	open   []mergedCell
}

type mergedCell struct {
	cellRange
	text   string
	strong bool
}

// fill adds to a row what hangs into it from rows above, and notes the spans of its own cells. Rows come in order.
func (g *mergedGrid) fill(row int, cells []sheetCell) []sheetCell {
	if len(g.merges) == 0 || len(cells) == 0 {
		return cells
	}
	slices.SortStableFunc(cells, func(a, b sheetCell) int { return a.column - b.column })
	g.open = slices.DeleteFunc(g.open, func(m mergedCell) bool { return m.bottom < row })
	for _, m := range g.open {
		at, found := slices.BinarySearchFunc(cells, m.left, func(c sheetCell, column int) int { return c.column - column })
		if !found {
			cells = slices.Insert(cells, at, sheetCell{column: m.left, text: m.text, strong: m.strong, span: columns(m.cellRange)})
		}
	}
	for ; g.next < len(g.merges) && g.merges[g.next].top <= row; g.next++ {
		m := g.merges[g.next]
		at, found := slices.BinarySearchFunc(cells, m.left, func(c sheetCell, column int) int { return c.column - column })
		if m.top < row || !found {
			continue
		}
		cells[at].span = columns(m)
		if m.bottom > row && len(cells[at].text) <= maxMerged && len(g.open) < maxSpan {
			g.open = append(g.open, mergedCell{m, cells[at].text, cells[at].strong})
		}
	}
	return cells
}

// columns is the width of a merged range, or 0 where there is but one.
func columns(r cellRange) int {
	if r.right > r.left {
		return r.right - r.left + 1
	}
	return 0
}
