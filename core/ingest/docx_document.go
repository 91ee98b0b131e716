package ingest

import (
	"encoding/xml"
	"fmt"
	"io"
	"strconv"
	"strings"

	"kakoi/core"
)

// docxWriter walks WordprocessingML (ECMA-376 part 1, chapter 17) and gathers the text.
type docxWriter struct {
	b        strings.Builder
	q        *budget
	headings map[string]bool    // style ids with an outline level
	styled   map[string]listRef // style ids that number their paragraphs
	lists    *docxLists
	d        *xml.Decoder
	depth    int
}

func newDocxWriter(q *budget, headings map[string]bool, styled map[string]listRef, lists *docxLists) *docxWriter {
	return &docxWriter{q: q, headings: headings, styled: styled, lists: lists}
}

// within gives a writer of its own to what stands inside: a cell, a text box.
func (w *docxWriter) within() *docxWriter {
	inner := newDocxWriter(w.q, w.headings, w.styled, w.lists)
	inner.d, inner.depth = w.d, w.depth
	return inner
}

func (w *docxWriter) String() string { return w.b.String() }

// gap leaves an empty line after the last one.
func (w *docxWriter) gap() {
	if w.b.Len() > 0 && !strings.HasSuffix(w.b.String(), "\n\n") { // String does not copy
		w.b.WriteByte('\n')
	}
}

// document reads one part: the body, or the notes.
func (w *docxWriter) document(d *xml.Decoder) error {
	w.d, w.depth = d, 0
	w.gap()
	seen := false
	for {
		token, err := d.Token()
		if err == io.EOF {
			if !seen {
				return fmt.Errorf("no document element: %w", core.ErrCorrupt)
			}
			return nil
		}
		if err != nil {
			return err
		}
		if start, ok := token.(xml.StartElement); ok {
			seen = true
			if err := w.block(start); err != nil {
				return err
			}
		}
	}
}

// each hands the child elements of the element just opened to fn, until it ends.
func (w *docxWriter) each(fn func(xml.StartElement) error, chars func(string)) error {
	if w.depth++; w.depth > maxXMLDepth {
		return fmt.Errorf("elements nested deeper than %d: %w", maxXMLDepth, core.ErrCorrupt)
	}
	defer func() { w.depth-- }()
	for {
		token, err := w.d.Token()
		if err != nil {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return err
		}
		switch t := token.(type) {
		case xml.StartElement:
			if err := fn(t); err != nil {
				return err
			}
		case xml.CharData:
			if chars != nil {
				chars(string(t))
			}
		case xml.EndElement:
			return nil
		}
	}
}

// block reads an element that stands where paragraphs and tables stand.
func (w *docxWriter) block(e xml.StartElement) error {
	switch e.Name.Local {
	case "p":
		p, err := w.paragraph()
		if err != nil {
			return err
		}
		return w.write(p)
	case "tbl":
		text, err := w.table()
		if err != nil {
			return err
		}
		w.gap()
		w.b.WriteString(text + "\n")
		w.gap()
		return nil
	case "footnote", "endnote":
		if t := attrLocal(e, "type"); t != "" && t != "normal" {
			return w.d.Skip() // separators
		}
	}
	if skipped(e.Name.Local) {
		return w.d.Skip()
	}
	return w.each(w.block, nil)
}

func skipped(name string) bool {
	switch name {
	// Fallback repeats what its Choice sibling holds; del and moveFrom are tracked deletions.
	case "del", "moveFrom", "Fallback", "sectPr", "sdtPr", "sdtEndPr", "tblPr", "tblGrid", "rPr", "rt", "instrText", "delText", "pict":
		return true
	}
	return false
}

func (w *docxWriter) write(p *docxParagraph) error {
	mark := ""
	if ref, ok := w.number(p); ok && strings.TrimSpace(p.b.String()) != "" {
		mark = w.lists.next(ref)
	}
	if !w.q.spend(len(mark) + p.b.Len() + 2) {
		return w.q.err
	}
	heading := p.outlined || w.headings[p.style]
	if heading {
		w.gap()
	}
	w.b.WriteString(mark + strings.Trim(p.b.String(), " \t") + "\n")
	if heading {
		w.gap()
	}
	for _, inner := range p.boxes { // their writers have spent for them
		w.b.WriteString(inner + "\n")
	}
	return nil
}

// number is the list a paragraph belongs to, by itself or by its style.
func (w *docxWriter) number(p *docxParagraph) (listRef, bool) {
	if p.list.num != "" {
		return p.list, p.list.num != "0"
	}
	ref, ok := w.styled[p.style]
	return ref, ok
}

type docxParagraph struct {
	b        strings.Builder
	style    string
	outlined bool
	list     listRef
	boxes    []string // text boxes anchored here
}

// paragraph reads to the end of the w:p just opened.
func (w *docxWriter) paragraph() (*docxParagraph, error) {
	p := &docxParagraph{}
	var inline func(xml.StartElement) error
	inline = func(e xml.StartElement) error {
		switch e.Name.Local {
		case "pPr":
			return w.paragraphProperties(p)
		case "t":
			return w.each(func(xml.StartElement) error { return w.d.Skip() }, func(s string) { p.b.WriteString(s) })
		case "tab", "ptab":
			p.b.WriteByte('\t')
		case "br", "cr":
			p.b.WriteByte('\n')
		case "noBreakHyphen":
			p.b.WriteByte('-')
		case "txbxContent":
			inner := w.within()
			if err := inner.each(inner.block, nil); err != nil {
				return err
			}
			p.boxes = append(p.boxes, strings.TrimSpace(inner.String()))
			return nil
		default:
			if skipped(e.Name.Local) && e.Name.Local != "pict" {
				return w.d.Skip()
			}
		}
		return w.each(inline, nil)
	}
	return p, w.each(inline, nil)
}

func (w *docxWriter) paragraphProperties(p *docxParagraph) error {
	return w.each(func(e xml.StartElement) error {
		switch e.Name.Local {
		case "pStyle":
			p.style = attrLocal(e, "val")
		case "outlineLvl":
			p.outlined = attrLocal(e, "val") != "9" // 9: body text
		case "numPr":
			return w.each(func(e xml.StartElement) error {
				switch e.Name.Local {
				case "numId":
					p.list.num = attrLocal(e, "val")
				case "ilvl":
					p.list.level, _ = strconv.Atoi(attrLocal(e, "val"))
				}
				return w.d.Skip()
			}, nil)
		}
		return w.d.Skip()
	}, nil)
}

// table reads to the end of the w:tbl just opened. Only a first row marked to repeat on each page is a header.
func (w *docxWriter) table() (string, error) {
	t := tableWriter{q: w.q}
	var above []string // of the row before, for cells merged downwards
	first := true
	var row func(xml.StartElement) error
	row = func(e xml.StartElement) error {
		if e.Name.Local != "tr" {
			if skipped(e.Name.Local) {
				return w.d.Skip()
			}
			return w.each(row, nil) // content controls around rows
		}
		cells, isHeader, deleted, err := w.row(above)
		switch {
		case err != nil:
			return err
		case deleted:
		case first && isHeader:
			t.head(cells)
		default:
			t.row(cells)
		}
		first, above = false, cells
		return w.q.err
	}
	if err := w.each(row, nil); err != nil {
		return "", err
	}
	text := t.text()
	return text, w.q.err
}

func (w *docxWriter) row(above []string) (cells []string, isHeader, deleted bool, err error) {
	var cell func(xml.StartElement) error
	cell = func(e xml.StartElement) error {
		switch e.Name.Local {
		case "trPr":
			return w.each(func(e xml.StartElement) error {
				switch e.Name.Local {
				case "tblHeader":
					v := attrLocal(e, "val")
					isHeader = v != "0" && v != "false" && v != "off"
				case "del":
					deleted = true
				}
				return w.d.Skip()
			}, nil)
		case "tc":
			text, span, continued, err := w.cell()
			if err != nil {
				return err
			}
			if continued && text == "" && len(cells) < len(above) && len(above[len(cells)]) <= maxMerged {
				text = above[len(cells)]
			}
			cells = append(cells, text)
			for ; span > 1 && len(cells) < maxColumns; span-- {
				cells = append(cells, "")
			}
			return nil
		}
		if skipped(e.Name.Local) {
			return w.d.Skip()
		}
		return w.each(cell, nil)
	}
	err = w.each(cell, nil)
	return cells, isHeader, deleted, err
}

func (w *docxWriter) cell() (text string, span int, continued bool, err error) {
	span = 1
	inner := w.within()
	err = inner.each(func(e xml.StartElement) error {
		if e.Name.Local != "tcPr" {
			return inner.block(e)
		}
		return inner.each(func(e xml.StartElement) error {
			switch e.Name.Local {
			case "gridSpan":
				if n, err := strconv.Atoi(attrLocal(e, "val")); err == nil && n > 0 {
					span = min(n, maxSpan)
				}
			case "vMerge":
				continued = attrLocal(e, "val") != "restart"
			}
			return inner.d.Skip()
		}, nil)
	}, nil)
	w.q.refund(inner.b.Len()) // the row spends for it
	return oneLine(inner.String()), span, continued, err
}

func attrLocal(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}
