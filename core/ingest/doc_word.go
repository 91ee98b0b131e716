package ingest

import (
	"encoding/binary"
	"fmt"
	"strings"
	"unicode/utf16"

	"golang.org/x/text/encoding/charmap"

	"kakoi/core"
)

// docReader is a document of Word 97 to 2003 (MS-DOC): its text lies in pieces, its formatting in pages of 512 bytes.
type docReader struct {
	q      *budget
	main   []byte // stream WordDocument
	table  []byte // stream 0Table or 1Table
	pieces []docPiece
	marks  map[uint32]docParagraph // of paragraphs, by where they end in main
	hidden []docHidden             // stretches of main, in order
}

type docPiece struct {
	from, to int // character positions
	start    int // in main
	narrow   bool
}

type docParagraph struct {
	style      uint16
	inTable    bool
	rowEnd     bool
	header     bool // the row is repeated on each page
	tableLevel int
}

type docHidden struct{ from, to uint32 }

// docText is the text of an old Word document: the body with its tables as rows, then footnotes, endnotes and text boxes. Deleted and hidden text,
// field codes, page headers and comments are left out. Numbers of lists, which Word computes, are not written.
func docText(q *budget, c *cfbFile) (string, error) {
	main, err := c.named("WordDocument")
	if err != nil {
		return "", err
	}
	le := binary.LittleEndian
	if len(main) < 0x1aa || le.Uint16(main) != 0xa5ec {
		if len(main) > 2 && (le.Uint16(main) == 0xa5dc || le.Uint16(main) == 0xa59b || le.Uint16(main) == 0xa697) { // Word 2 to 95
			return "", errOldOffice
		}
		return "", fmt.Errorf("word document without header: %w", core.ErrCorrupt)
	}
	if le.Uint16(main[2:]) < 0xc0 {
		return "", errOldOffice
	}
	flags := le.Uint16(main[0x0a:])
	if flags&0x100 != 0 {
		return "", fmt.Errorf("word document: %w", core.ErrEncrypted)
	}
	name := "0Table"
	if flags&0x200 != 0 {
		name = "1Table"
	}
	table, err := c.named(name)
	if err != nil {
		return "", err
	}
	d := &docReader{q: q, main: main, table: table, marks: map[uint32]docParagraph{}}
	if err := d.readPieces(); err != nil {
		return "", err
	}
	d.readParagraphs()
	d.readHidden()
	// Lengths of the parts, which follow each other: body, footnotes, headers, (macros), comments, endnotes, text boxes.
	count := func(at int) int { return int(int32(le.Uint32(main[at:]))) }
	var out []string
	at := 0
	for _, part := range []struct {
		field int
		kept  bool
	}{{0x4c, true}, {0x50, true}, {0x54, false}, {0x5c, false}, {0x60, true}, {0x64, true}} {
		n := count(part.field)
		if n < 0 || n > len(main) {
			return "", fmt.Errorf("word document: length of a part: %w", core.ErrCorrupt)
		}
		if part.kept && n > 0 {
			text, err := d.part(at, at+n)
			if err != nil {
				return "", err
			}
			out = append(out, strings.Trim(text, "\n"))
		}
		at += n
	}
	return strings.Join(out, "\n\n"), q.err
}

// slice is a stretch of the table stream that the header names by offset and length.
func (d *docReader) slice(field int) []byte {
	le := binary.LittleEndian
	if field+8 > len(d.main) {
		return nil
	}
	from, n := uint64(le.Uint32(d.main[field:])), uint64(le.Uint32(d.main[field+4:]))
	if from+n > uint64(len(d.table)) {
		return nil
	}
	return d.table[from : from+n]
}

// readPieces reads the piece table (2.8.35): which characters lie where.
func (d *docReader) readPieces() error {
	broken := func(what string) error { return fmt.Errorf("word document: %s: %w", what, core.ErrCorrupt) }
	le := binary.LittleEndian
	clx := d.slice(0x1a2)
	for len(clx) > 3 && clx[0] == 1 {
		n := int(le.Uint16(clx[1:]))
		if 3+n > len(clx) {
			return broken("piece table")
		}
		clx = clx[3+n:]
	}
	if len(clx) < 5 || clx[0] != 2 {
		return broken("no piece table")
	}
	n := int(le.Uint32(clx[1:]))
	if clx = clx[5:]; n < 16 || n > len(clx) {
		return broken("piece table")
	}
	pieces := (n - 4) / 12
	for i := range pieces {
		from, to := int(le.Uint32(clx[4*i:])), int(le.Uint32(clx[4*i+4:]))
		fc := le.Uint32(clx[4*(pieces+1)+8*i+2:])
		p := docPiece{from: from, to: to, start: int(fc & 0x3fffffff), narrow: fc&0x40000000 != 0}
		if p.narrow {
			p.start /= 2
		}
		width := 2
		if p.narrow {
			width = 1
		}
		if from < 0 || to < from || len(d.pieces) > 0 && from != d.pieces[len(d.pieces)-1].to || p.start+(to-from)*width > len(d.main) {
			return broken("piece outside of the text")
		}
		d.pieces = append(d.pieces, p)
	}
	return nil
}

// pages hands the runs of the formatted pages that a bin table names to fn: where a run begins and ends in main, and its properties.
func (d *docReader) pages(field, entry int, fn func(from, to uint32, props []byte)) {
	le := binary.LittleEndian
	table := d.slice(field)
	n := (len(table) - 4) / 8
	for i := range max(n, 0) {
		if !d.q.spend(0) {
			return
		}
		number := uint64(le.Uint32(table[4*(n+1)+4*i:]) & 0x3fffff)
		if (number+1)*512 > uint64(len(d.main)) {
			continue
		}
		page := d.main[number*512 : number*512+512]
		runs := int(page[511])
		if 4*(runs+1)+entry*runs > 511 {
			continue
		}
		for j := range runs {
			at := int(page[4*(runs+1)+entry*j]) * 2
			var props []byte
			if at > 0 && at < 511 {
				size := int(page[at])
				at++
				switch {
				case entry == 1: // CHPX
				case size == 0: // PAPX with a length in words after it
					size = int(page[at]) * 2
					at++
				default:
					size = size*2 - 1
				}
				props = page[min(at, 511):min(at+size, 511)]
			}
			fn(le.Uint32(page[4*j:]), le.Uint32(page[4*j+4:]), props)
		}
	}
}

// sprms hands the single properties of a list (2.2.5.1) to fn.
func sprms(raw []byte, fn func(code uint16, operand []byte)) {
	for len(raw) >= 3 {
		code := binary.LittleEndian.Uint16(raw)
		raw = raw[2:]
		size := []int{1, 1, 2, 4, 2, 2, 0, 3}[code>>13]
		if size == 0 {
			size = int(raw[0]) + 1
			if code == 0xd608 { // a table's columns have a longer length
				if len(raw) < 2 {
					return
				}
				size = int(binary.LittleEndian.Uint16(raw)) + 1
			}
		}
		if size > len(raw) {
			return
		}
		fn(code, raw[:size])
		raw = raw[size:]
	}
}

func (d *docReader) readParagraphs() {
	d.pages(0x102, 13, func(_, to uint32, props []byte) {
		var p docParagraph
		if len(props) >= 2 {
			p.style = binary.LittleEndian.Uint16(props)
			sprms(props[2:], func(code uint16, v []byte) {
				switch code {
				case 0x2416: // sprmPFInTable
					p.inTable = v[0] != 0
				case 0x2417: // sprmPFTtp
					p.rowEnd = v[0] != 0
				case 0x6649: // sprmPItap
					p.tableLevel = int(int32(binary.LittleEndian.Uint32(v)))
				case 0x3404: // sprmTTableHeader
					p.header = v[0] != 0
				case 0x244c: // sprmPFInnerTtp
					p.rowEnd = p.rowEnd || v[0] != 0
				}
			})
		}
		d.marks[to] = p
	})
}

func (d *docReader) readHidden() {
	d.pages(0xfa, 1, func(from, to uint32, props []byte) {
		hidden := false
		sprms(props, func(code uint16, v []byte) {
			if code == 0x0800 || code == 0x083c { // sprmCFRMarkDel, sprmCFVanish
				hidden = v[0] == 1
			}
		})
		if hidden {
			d.hidden = append(d.hidden, docHidden{from, to})
		}
	})
}

func (d *docReader) isHidden(at uint32) bool {
	low, high := 0, len(d.hidden)
	for low < high {
		middle := (low + high) / 2
		if d.hidden[middle].to <= at {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return low < len(d.hidden) && d.hidden[low].from <= at
}

// part is the text of the characters from..to.
func (d *docReader) part(from, to int) (string, error) {
	w := docWriter{q: d.q, table: tableWriter{q: d.q}}
	for _, p := range d.pieces {
		width := 2
		if p.narrow {
			width = 1
		}
		for at := max(p.from, from); at < min(p.to, to); at++ {
			if !d.q.spend(0) {
				return "", d.q.err
			}
			place := p.start + (at-p.from)*width
			var c rune
			if p.narrow {
				c = charmap.Windows1252.DecodeByte(d.main[place])
				if c < 0x20 || d.main[place] < 0x80 {
					c = rune(d.main[place])
				}
			} else {
				c = rune(binary.LittleEndian.Uint16(d.main[place:]))
			}
			if len(d.hidden) > 0 && c != '\r' && c != 7 && d.isHidden(uint32(place)) {
				continue
			}
			w.put(c, d.marks[uint32(place+width)])
		}
	}
	return w.finish(), d.q.err
}

// docWriter turns the characters of a document, some of which are marks, into lines.
type docWriter struct {
	q      *budget
	b      strings.Builder
	line   strings.Builder
	cells  []string
	cell   strings.Builder // paragraphs of a cell before its last
	table  tableWriter
	field  []bool // of each open field, whether its result has begun
	lead   rune   // the first half of a character outside the basic plane
	inside bool   // a table
}

func (w *docWriter) put(c rune, p docParagraph) {
	switch c {
	case 0x13:
		if len(w.field) < maxXMLDepth {
			w.field = append(w.field, false)
		}
		return
	case 0x14:
		if n := len(w.field); n > 0 {
			w.field[n-1] = true
		}
		return
	case 0x15:
		if n := len(w.field); n > 0 {
			w.field = w.field[:n-1]
		}
		return
	}
	for _, result := range w.field {
		if !result {
			return // a field's code
		}
	}
	switch {
	case c == 7 && p.rowEnd:
		w.row(p.header)
	case c == 7:
		w.endCell()
	case c == '\r', c == 0x0c:
		w.paragraph(p)
	case c == 0x0b:
		w.add('\n')
	case c == 0x1e:
		w.add('-')
	case c == '\t' || c >= 0x20:
		switch {
		case utf16.IsSurrogate(c) && w.lead == 0:
			w.lead = c
			return
		case w.lead != 0:
			c = utf16.DecodeRune(w.lead, c)
			w.lead = 0
		}
		w.add(c)
	}
}

func (w *docWriter) add(c rune) {
	if w.q.spend(4) {
		w.line.WriteRune(c)
		w.q.refund(4)
	}
}

func (w *docWriter) take() string {
	s := w.line.String()
	w.line.Reset()
	return s
}

func (w *docWriter) endCell() {
	text := w.cell.String() + w.take()
	w.cell.Reset()
	if len(w.cells) < maxColumns {
		w.cells = append(w.cells, text)
	}
}

func (w *docWriter) row(header bool) {
	w.take()
	if header && !w.inside {
		w.table.head(w.cells)
	} else {
		w.table.row(w.cells)
	}
	w.cells, w.inside = nil, true
}

func (w *docWriter) paragraph(p docParagraph) {
	if p.inTable || p.tableLevel > 0 {
		w.cell.WriteString(w.take() + "\n")
		return
	}
	w.endTable()
	text := strings.Trim(w.take(), " \t")
	if !w.q.spend(len(text) + 2) {
		return
	}
	heading := p.style >= 1 && p.style <= 9 // styles with these numbers are the headings by rule (2.9.271)
	if heading {
		w.gap()
	}
	w.b.WriteString(text + "\n")
	if heading {
		w.gap()
	}
}

func (w *docWriter) gap() {
	if w.b.Len() > 0 && !strings.HasSuffix(w.b.String(), "\n\n") {
		w.b.WriteByte('\n')
	}
}

func (w *docWriter) endTable() {
	if len(w.cells) > 0 { // a row whose end mark is damaged
		w.table.row(w.cells)
		w.cells, w.inside = nil, true
	}
	if !w.inside {
		return
	}
	w.gap()
	w.b.WriteString(w.table.text() + "\n")
	w.gap()
	w.table, w.inside = tableWriter{q: w.q}, false
}

func (w *docWriter) finish() string {
	w.endTable()
	if rest := w.cell.String() + w.take(); strings.TrimSpace(rest) != "" && w.q.spend(len(rest)) {
		w.b.WriteString(rest)
	}
	return w.b.String()
}
