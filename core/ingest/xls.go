package ingest

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode/utf16"

	"kakoi/core"
)

// xlsBook is a workbook of Excel 97 to 2003 (MS-XLS, BIFF8): a stream of records, sheets after what they share.
type xlsBook struct {
	q        *budget
	data     []byte
	shared   []string
	formats  formats
	fonts    []bool // bold
	styles   []xlsxStyle
	from1904 bool
	sheets   []xlsSheet
}

type xlsSheet struct {
	name  string
	start int
	kind  byte // 0: cells
}

const maxXLSCells = 4 << 20 // of a sheet, which are kept until all are seen: 300 MB; a sheet may have four times as many

// xlsTexts are the sheets of an old workbook, a page each, as xlsxTexts writes those of a new one.
func xlsTexts(q *budget, c *cfbFile) ([]string, error) {
	data, err := c.named("Workbook")
	if err != nil {
		return nil, err
	}
	b := &xlsBook{q: q, data: data}
	if err := b.globals(); err != nil {
		return nil, err
	}
	var texts []string
	for _, s := range b.sheets {
		text := ""
		if s.kind == 0 {
			if text, err = b.sheet(s); err != nil {
				return nil, fmt.Errorf("sheet %q: %w", s.name, err)
			}
		}
		texts = append(texts, text)
	}
	if len(texts) == 0 {
		return nil, fmt.Errorf("workbook without sheets: %w", core.ErrCorrupt)
	}
	return texts, q.err
}

// record gives the record at a place, and where the next one begins.
func (b *xlsBook) record(at int) (kind uint16, body []byte, next int, ok bool) {
	if at < 0 || at+4 > len(b.data) || !b.q.spend(0) {
		return 0, nil, 0, false
	}
	le := binary.LittleEndian
	kind, n := le.Uint16(b.data[at:]), int(le.Uint16(b.data[at+2:]))
	if at+4+n > len(b.data) {
		return 0, nil, 0, false
	}
	return kind, b.data[at+4 : at+4+n], at + 4 + n, true
}

func (b *xlsBook) globals() error {
	le := binary.LittleEndian
	first := true
	for at := 0; ; {
		kind, body, next, ok := b.record(at)
		if !ok {
			if b.q.err != nil {
				return b.q.err
			}
			return fmt.Errorf("workbook cut short: %w", core.ErrCorrupt)
		}
		if first && (kind != 0x809 || len(body) < 4) {
			return fmt.Errorf("workbook without beginning: %w", core.ErrCorrupt)
		}
		switch kind {
		case 0x809: // BOF
			if first && le.Uint16(body) < 0x600 {
				return errOldOffice
			}
		case 0x2f: // FILEPASS
			return fmt.Errorf("workbook: %w", core.ErrEncrypted)
		case 0x22: // DATEMODE
			b.from1904 = len(body) >= 2 && le.Uint16(body) == 1
		case 0x31: // FONT
			b.fonts = append(b.fonts, len(body) >= 8 && le.Uint16(body[6:]) >= 600)
			if len(b.fonts) == 4 { // number 4 does not exist
				b.fonts = append(b.fonts, false)
			}
		case 0x41e: // FORMAT
			if len(body) > 2 {
				r := xlsStrings{parts: [][]byte{body[2:]}}
				b.formats.set(int(le.Uint16(body)), r.next(2))
			}
		case 0xe0: // XF
			s := xlsxStyle{}
			if len(body) >= 20 {
				font := int(le.Uint16(body))
				s.format = int(le.Uint16(body[2:]))
				s.strong = font < len(b.fonts) && b.fonts[font] || le.Uint32(body[14:])>>26 != 0
			}
			b.styles = append(b.styles, s)
		case 0x85: // BOUNDSHEET
			if len(body) > 8 {
				r := xlsStrings{parts: [][]byte{body[6:]}}
				b.sheets = append(b.sheets, xlsSheet{r.next(1), int(le.Uint32(body)), body[5]})
			}
		case 0xfc: // SST
			parts := [][]byte{body}
			for {
				kind, more, after, ok := b.record(next)
				if !ok || kind != 0x3c {
					break
				}
				parts, next = append(parts, more), after
			}
			b.readShared(parts)
		case 0x0a: // EOF
			return b.q.err
		}
		first, at = false, next
	}
}

func (b *xlsBook) readShared(parts [][]byte) {
	if len(parts[0]) < 8 {
		return
	}
	count := binary.LittleEndian.Uint32(parts[0][4:])
	parts[0] = parts[0][8:]
	r := xlsStrings{parts: parts}
	for range count {
		if r.done() || !b.q.spend(0) {
			return
		}
		b.shared = append(b.shared, r.next(2))
	}
}

// xlsStrings reads strings (2.5.293) that go on from a record into the next: there a new byte says how wide the letters are.
type xlsStrings struct{ parts [][]byte }

func (r *xlsStrings) done() bool {
	for len(r.parts) > 0 && len(r.parts[0]) == 0 {
		r.parts = r.parts[1:]
	}
	return len(r.parts) == 0
}

// take gives n bytes, of several parts if need be; fewer at the end.
func (r *xlsStrings) take(n int) []byte {
	var out []byte
	for n > 0 && !r.done() {
		k := min(n, len(r.parts[0]))
		out = append(out, r.parts[0][:k]...)
		r.parts[0] = r.parts[0][k:]
		n -= k
	}
	return out
}

func (r *xlsStrings) number(width int) int {
	raw := r.take(width)
	n := 0
	for i, b := range raw {
		n |= int(b) << (8 * i)
	}
	return n
}

// next reads one string whose length takes that many bytes. Readings (phonetics) after it are passed over.
func (r *xlsStrings) next(width int) string {
	left := r.number(width)
	flags := r.number(1)
	runs, extra := 0, 0
	if flags&8 != 0 {
		runs = r.number(2)
	}
	if flags&4 != 0 {
		extra = r.number(4)
	}
	var units []uint16
	for left > 0 && !r.done() {
		part := r.parts[0]
		wide := flags & 1
		n := min(left, len(part)>>wide)
		if n == 0 {
			break
		}
		for i := range n {
			if wide == 1 {
				units = append(units, binary.LittleEndian.Uint16(part[2*i:]))
			} else {
				units = append(units, uint16(part[i]))
			}
		}
		r.parts[0] = part[n<<wide:]
		if left -= n; left > 0 && len(r.parts[0])>>wide == 0 {
			r.parts = r.parts[1:]
			if len(r.parts) > 0 && len(r.parts[0]) > 0 {
				flags = flags&^1 | int(r.parts[0][0])&1
				r.parts[0] = r.parts[0][1:]
			}
		}
	}
	r.skip(4*runs + extra)
	return string(utf16.Decode(units))
}

// skip passes over n bytes.
func (r *xlsStrings) skip(n int) {
	for n > 0 && !r.done() {
		k := min(n, len(r.parts[0]))
		r.parts[0] = r.parts[0][k:]
		n -= k
	}
}

func (b *xlsBook) sheet(s xlsSheet) (string, error) {
	le := binary.LittleEndian
	rows := map[int][]sheetCell{}
	cells := 0
	var merges []cellRange
	put := func(body []byte, text string, number bool) {
		row, column := int(le.Uint16(body)), int(le.Uint16(body[2:]))
		if text == "" {
			return
		}
		strong := false
		if x := int(le.Uint16(body[4:])); x < len(b.styles) {
			strong = b.styles[x].strong
		}
		cells++
		rows[row] = append(rows[row], sheetCell{column: column, text: text, number: number, strong: strong})
	}
	var formula []byte // whose text is the next record
	depth := 0
	for at := s.start; ; {
		if cells > maxXLSCells {
			return "", fmt.Errorf("sheet of more than %d cells: %w", maxXLSCells, errBomb)
		}
		kind, body, next, ok := b.record(at)
		if !ok {
			break // what came before the damage is kept
		}
		if at == s.start && kind != 0x809 {
			return "", fmt.Errorf("no sheet at its place: %w", core.ErrCorrupt)
		}
		at = next
		switch kind {
		case 0x809:
			depth++
			continue
		case 0x0a:
			depth--
		}
		if depth == 0 {
			break
		}
		if depth > 1 { // a chart in the sheet
			continue
		}
		switch {
		case kind == 0xe5 && len(body) >= 2: // MERGEDCELLS
			for i := 2; i+8 <= len(body) && len(merges) < maxMerges; i += 8 {
				r := cellRange{int(le.Uint16(body[i:])), int(le.Uint16(body[i+4:])), int(le.Uint16(body[i+2:])), int(le.Uint16(body[i+6:]))}
				if r.bottom >= r.top && r.right >= r.left {
					merges = append(merges, r)
				}
			}
		case kind == 0x207 && formula != nil: // STRING
			parts := [][]byte{body}
			for {
				kind, more, after, ok := b.record(at)
				if !ok || kind != 0x3c {
					break
				}
				parts, at = append(parts, more), after
			}
			r := xlsStrings{parts: parts}
			put(formula, r.next(2), false)
			formula = nil
		case len(body) < 6:
		case kind == 0xfd && len(body) >= 10: // LABELSST
			if n := int(le.Uint32(body[6:])); n >= 0 && n < len(b.shared) {
				put(body, b.format(body[4:]).showText(b.shared[n]), false)
			}
		case kind == 0x204 || kind == 0xd6: // LABEL, RSTRING
			r := xlsStrings{parts: [][]byte{body[6:]}}
			put(body, r.next(2), false)
		case kind == 0x203 && len(body) >= 14: // NUMBER
			put(body, b.number(body[4:], math.Float64frombits(le.Uint64(body[6:]))), true)
		case kind == 0x27e && len(body) >= 10: // RK
			put(body, b.number(body[4:], rk(le.Uint32(body[6:]))), true)
		case kind == 0xbd: // MULRK
			first := int(le.Uint16(body[2:]))
			for i := 4; i+6 <= len(body)-2; i += 6 {
				cell := binary.LittleEndian.AppendUint16(binary.LittleEndian.AppendUint16(nil, le.Uint16(body)), uint16(first+(i-4)/6))
				put(append(cell, body[i:i+2]...), b.number(body[i:], rk(le.Uint32(body[i+2:]))), true)
			}
		case kind == 0x205 && len(body) >= 8 && body[7] == 0: // BOOLERR
			put(body, strings.ToUpper(fmt.Sprint(body[6] != 0)), true)
		case kind == 0x06 && len(body) >= 14: // FORMULA, with the value last computed
			formula = nil
			switch v := le.Uint64(body[6:]); {
			case v>>48 != 0xffff:
				put(body, b.number(body[4:], math.Float64frombits(v)), true)
			case v&0xff == 0:
				formula = body
			case v&0xff == 1:
				put(body, strings.ToUpper(fmt.Sprint(v>>16&0xff != 0)), true)
			}
		}
	}
	w := newSheetWriter(b.q, s.name)
	slices.SortFunc(merges, func(a, b cellRange) int { return a.top - b.top })
	grid := mergedGrid{merges: merges}
	numbers := make([]int, 0, len(rows))
	for n := range rows {
		numbers = append(numbers, n)
	}
	slices.Sort(numbers)
	for _, n := range numbers {
		row := rows[n]
		slices.SortStableFunc(row, func(a, b sheetCell) int { return a.column - b.column })
		w.row(n, grid.fill(n, row))
	}
	return w.text(), b.q.err
}

func (b *xlsBook) format(style []byte) *numberFormat {
	x := int(binary.LittleEndian.Uint16(style))
	if x >= len(b.styles) {
		return b.formats.get(0)
	}
	return b.formats.get(b.styles[x].format)
}

func (b *xlsBook) number(style []byte, v float64) string { return b.format(style).show(v, b.from1904) }

// rk is a number in 30 bits (2.5.217).
func rk(v uint32) float64 {
	n := float64(int32(v) >> 2)
	if v&2 == 0 {
		n = math.Float64frombits(uint64(v&^3) << 32)
	}
	if v&1 != 0 {
		n /= 100
	}
	return n
}
