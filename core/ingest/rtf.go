package ingest

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/traditionalchinese"
	"golang.org/x/text/encoding/unicode"

	"kakoi/core"
)

const maxRTFDepth = 1000

// rtfReader reads Rich Text Format 1.9.
type rtfReader struct {
	q     *budget
	data  []byte
	at    int
	state rtfState
	stack []rtfState

	page    int          // code page of the document
	plain   int          // its font
	fonts   map[int]int  // code pages
	titles  map[int]bool // styles of headings
	waiting []byte       // 8-bit letters, not decoded yet
	lead    rune         // the first half of a character outside the basic plane
	skip    int          // letters that stand in for a \u before them

	b     strings.Builder
	line  strings.Builder
	cell  strings.Builder // paragraphs of a cell before its last
	cells []string
	head  bool // the row names columns
	rows  int  // of the table
	table tableWriter
	notes []string
}

// rtfState is what a group changes for itself.
type rtfState struct {
	silent  bool // in a destination that is no text
	fonts   bool // the font table
	hidden  bool
	deleted bool
	markup  bool // what stands in for HTML in a mail
	html    bool // a tag of that HTML
	font    int
	uc      int
	inTable bool
	heading bool
	note    bool
	fresh   bool // just opened: the first word may name a destination
	styles  bool // the style sheet
	style   int  // in it, the one being defined
	mark    bool // the mark of a list item, which ends with a tab
	outer   bool // silent around two versions of a text
}

// rtfText is the text of an RTF document: paragraphs as lines, tables as rows, list numbers as their writer wrote them, then the notes. Deleted and
// hidden text, field codes, headers and footers are left out.
func rtfText(q *budget, data []byte) (string, error) {
	data = bytes.TrimLeft(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")), " \t\r\n")
	if !bytes.HasPrefix(data, rtfMagic) {
		return "", fmt.Errorf("rtf without beginning: %w", core.ErrCorrupt)
	}
	r := &rtfReader{q: q, data: data, page: 1252, fonts: map[int]int{}, titles: map[int]bool{}, table: tableWriter{q: q}, state: rtfState{uc: 1}}
	for r.at < len(r.data) {
		if !q.spend(0) {
			return "", q.err
		}
		if err := r.next(); err != nil {
			return "", err
		}
	}
	r.flush()
	r.paragraph()
	r.endTable()
	out := r.b.String()
	if len(r.notes) > 0 {
		out += "\n" + strings.Join(r.notes, "\n")
	}
	return out, q.err
}

func (r *rtfReader) next() error {
	c := r.data[r.at]
	switch c {
	case '{':
		r.flush()
		if len(r.stack) >= maxRTFDepth {
			return fmt.Errorf("groups nested deeper than %d: %w", maxRTFDepth, core.ErrCorrupt)
		}
		r.stack = append(r.stack, r.state)
		r.state.fresh, r.skip = true, 0
		r.at++
	case '}':
		r.flush()
		r.at++
		r.skip = 0
		n := len(r.stack)
		if n == 0 {
			return nil
		}
		if r.state.note && !r.stack[n-1].note {
			r.endNote()
		}
		// The place in a table and the kind of paragraph belong to the paragraph, not to the group that says so.
		table, heading := r.state.inTable, r.state.heading
		if r.state.silent {
			table, heading = r.stack[n-1].inTable, r.stack[n-1].heading
		}
		r.state = r.stack[n-1]
		r.state.inTable, r.state.heading = table, heading
		r.stack = r.stack[:n-1]
	case '\\':
		r.control()
	case '\r', '\n', 0:
		r.at++
	default:
		r.at++
		r.letter(c)
	}
	return nil
}

// letter takes a byte of text.
func (r *rtfReader) letter(c byte) {
	r.state.fresh = false
	if r.skip > 0 {
		r.skip--
		return
	}
	if r.state.silent && !r.state.html && !r.state.styles {
		return
	}
	r.waiting = append(r.waiting, c)
}

// control reads what begins with a backslash.
func (r *rtfReader) control() {
	if r.at+1 >= len(r.data) {
		r.at++
		return
	}
	c := r.data[r.at+1]
	if c|0x20 < 'a' || c|0x20 > 'z' {
		r.at += 2
		r.symbol(c)
		return
	}
	start := r.at + 1
	end := start
	for end < len(r.data) && r.data[end]|0x20 >= 'a' && r.data[end]|0x20 <= 'z' {
		end++
	}
	word := string(r.data[start:min(end, start+40)])
	value, given := 1, false
	digits := end
	if digits < len(r.data) && r.data[digits] == '-' {
		digits++
	}
	from := digits
	for digits < len(r.data) && r.data[digits] >= '0' && r.data[digits] <= '9' {
		digits++
	}
	if digits > from {
		given = true
		value, _ = strconv.Atoi(string(r.data[end:min(digits, end+12)]))
		end = digits
	}
	if end < len(r.data) && r.data[end] == ' ' {
		end++
	}
	r.at = end
	if word == "bin" {
		r.at += max(0, min(value, len(r.data)-r.at))
		return
	}
	if r.skip > 0 && word != "u" {
		r.skip--
		return
	}
	r.word(word, value, given)
}

func (r *rtfReader) symbol(c byte) {
	switch c {
	case '\'':
		if r.at+2 <= len(r.data) {
			n, err := strconv.ParseUint(string(r.data[r.at:r.at+2]), 16, 8)
			if err == nil {
				r.at += 2
				r.letter(byte(n))
			}
		}
	case '\\', '{', '}':
		r.letter(c)
	case '~':
		r.put('\u00a0')
	case '_':
		r.put('-')
	case '\r', '\n':
		r.word("par", 1, false)
	case '*':
		if r.state.fresh { // a destination that readers who do not know it pass over
			word := r.data[r.at:min(len(r.data), r.at+24)]
			switch {
			case bytes.HasPrefix(word, []byte(`\shpinst`)), bytes.HasPrefix(word, []byte(`\ud`)):
			case bytes.HasPrefix(word, []byte(`\htmltag`)):
				r.state.html = true
			default:
				r.state.silent = true
			}
		}
	}
}

func (r *rtfReader) word(word string, value int, given bool) {
	if word == "u" {
		r.flushUnless(r.lead != 0)
		c := rune(uint16(value))
		switch {
		case utf16.IsSurrogate(c) && r.lead == 0:
			r.lead = c
		case r.lead != 0:
			r.put(utf16.DecodeRune(r.lead, c))
			r.lead = 0
		default:
			r.put(c)
		}
		r.skip = max(0, r.state.uc)
		return
	}
	r.flush()
	on := !given || value != 0
	fresh := r.state.fresh
	r.state.fresh = false
	switch word {
	case "fonttbl":
		r.state.fonts, r.state.silent = true, true
	case "stylesheet":
		r.state.styles, r.state.silent = true, true
	case "s":
		if r.state.style = value; !r.state.styles {
			r.state.heading = r.titles[value]
		}
	case "listtext", "pntext":
		r.state.mark = true
	case "upr": // two versions of a text, of which the second is in Unicode
		r.state.outer, r.state.silent = r.state.silent, true
	case "colortbl", "info", "pict", "object", "header", "headerl", "headerr", "headerf", "footer", "footerl", "footerr", "footerf", "fldinst",
		"sp", "nonesttables", "listtable", "filetbl", "revtbl", "xe", "tc", "template", "ftnsep", "ftnsepc", "aftnsep", "aftnsepc", "annotation", "listpicture":
		if fresh || word != "sp" {
			r.state.silent = true
		}
	case "result":
		r.state.silent = false
	case "ud":
		r.state.silent = r.state.outer
	case "footnote":
		if !r.state.silent {
			r.beginNote()
		}
	case "ansicpg":
		r.page = value
	case "mac":
		r.page = 10000
	case "deff":
		r.plain = value
	case "f":
		r.state.font = value
	case "fcharset":
		if r.state.fonts {
			r.fonts[r.state.font] = charsetPage(value)
		}
	case "cpg":
		if r.state.fonts {
			r.fonts[r.state.font] = value
		}
	case "uc":
		r.state.uc = min(max(value, 0), 100)
	case "v":
		r.state.hidden = on
	case "deleted":
		r.state.deleted = on
	case "htmlrtf":
		r.state.markup = on
	case "plain":
		r.state.hidden, r.state.deleted, r.state.font = false, false, r.plain
	case "pard":
		r.state.inTable, r.state.heading = false, false
	case "intbl":
		r.state.inTable = true
	case "outlinelevel":
		if r.state.styles {
			r.titles[r.state.style] = value < 9
		} else if !r.state.silent {
			r.state.heading = value < 9
		}
	case "trhdr":
		r.head = true
	case "trowd":
		r.head = false
	}
	if r.quiet() {
		return
	}
	switch word {
	case "par", "sect", "page":
		if r.state.inTable {
			r.cell.WriteString(r.take() + "\n")
		} else {
			r.paragraph()
		}
	case "line":
		r.put('\n')
	case "tab":
		if r.state.mark {
			r.put(' ')
		} else {
			r.put('\t')
		}
	case "cell", "nestcell":
		if len(r.cells) < maxColumns {
			r.cells = append(r.cells, r.cell.String()+r.take())
		}
		r.cell.Reset()
	case "row", "nestrow":
		r.row()
	case "emdash":
		r.put('—')
	case "endash":
		r.put('–')
	case "bullet":
		r.put('•')
	case "lquote":
		r.put('‘')
	case "rquote":
		r.put('’')
	case "ldblquote":
		r.put('“')
	case "rdblquote":
		r.put('”')
	case "emspace", "enspace", "qmspace":
		r.put(' ')
	}
}

// quiet says whether text here is not to be written.
func (r *rtfReader) quiet() bool {
	s := r.state
	return s.silent || s.hidden || s.deleted || s.markup || s.html
}

func (r *rtfReader) put(c rune) {
	r.state.fresh = false
	if !r.quiet() && c != 0 && r.q.spend(4) {
		r.line.WriteRune(c)
		r.q.refund(4)
	}
}

func (r *rtfReader) flushUnless(not bool) {
	if !not {
		r.flush()
	}
}

// flush decodes the letters that wait with the code page of their font.
func (r *rtfReader) flush() {
	if len(r.waiting) == 0 {
		return
	}
	raw := r.waiting
	r.waiting = r.waiting[:0]
	if r.state.html {
		tag := bytes.ToLower(raw)
		for _, end := range []string{"<br", "<p", "</p", "<div", "</tr", "<li", "<h", "</h"} {
			if bytes.HasPrefix(bytes.TrimSpace(tag), []byte(end)) && !r.state.silent && r.line.Len() > 0 {
				r.paragraph()
				return
			}
		}
		return
	}
	if r.state.styles {
		name := strings.ToLower(strings.Trim(string(raw), " ;"))
		if name == "title" || strings.HasPrefix(name, "heading ") {
			r.titles[r.state.style] = true
		}
		return
	}
	if r.quiet() || !r.q.spend(len(raw)*3) {
		return
	}
	r.q.refund(len(raw) * 3) // the paragraph spends for it
	page, ok := r.fonts[r.state.font]
	if !ok || page == 0 {
		page = r.page
	}
	ascii := true
	for _, c := range raw {
		ascii = ascii && c < 0x80
	}
	if ascii && page != 42 {
		r.line.Write(raw)
		return
	}
	if page == 1252 && r.page == 932 { // Japanese in a font that claims to be Western
		if s := decodeWith(japanese.ShiftJIS, raw); !strings.Contains(s, "\ufffd") && len(raw) > 1 {
			r.line.WriteString(s)
			return
		}
	}
	r.line.WriteString(decodeWith(codePage(page), raw))
}

func (r *rtfReader) take() string {
	s := r.line.String()
	r.line.Reset()
	return s
}

func (r *rtfReader) paragraph() {
	text := strings.Trim(r.take(), " \t")
	if len(r.cells) > 0 {
		r.row()
	}
	r.endTable()
	if !r.q.spend(len(text) + 2) {
		return
	}
	if r.state.heading && text != "" {
		r.gap()
	}
	r.b.WriteString(text + "\n")
	if r.state.heading && text != "" {
		r.gap()
	}
}

func (r *rtfReader) gap() {
	if r.b.Len() > 0 && !strings.HasSuffix(r.b.String(), "\n\n") {
		r.b.WriteByte('\n')
	}
}

func (r *rtfReader) row() {
	if r.head && r.rows == 0 {
		r.table.head(r.cells)
	} else {
		r.table.row(r.cells)
	}
	r.rows++
	r.cells = nil
	r.line.Reset()
}

func (r *rtfReader) endTable() {
	if r.rows == 0 {
		return
	}
	r.gap()
	r.b.WriteString(r.table.text() + "\n")
	r.gap()
	r.table, r.rows = tableWriter{q: r.q}, 0
}

// beginNote lets a footnote gather its own line: what stands before it waits in the cell, which is joined again after it.
func (r *rtfReader) beginNote() {
	r.state.note = true
	r.notes = append(r.notes, r.take())
}

func (r *rtfReader) endNote() {
	note := strings.TrimSpace(r.take())
	n := len(r.notes) - 1
	if n < 0 {
		return
	}
	r.line.WriteString(r.notes[n])
	r.notes[n] = note
	if note == "" {
		r.notes = r.notes[:n]
	}
}

// charsetPage is the code page behind a character set of Windows.
func charsetPage(charset int) int {
	switch charset {
	case 0:
		return 1252
	case 2:
		return 42
	case 77:
		return 10000
	case 128:
		return 932
	case 129:
		return 949
	case 134:
		return 936
	case 136:
		return 950
	case 161:
		return 1253
	case 162:
		return 1254
	case 163:
		return 1258
	case 177:
		return 1255
	case 178:
		return 1256
	case 186:
		return 1257
	case 204:
		return 1251
	case 222:
		return 874
	case 238:
		return 1250
	}
	return 0
}

// codePage is the encoding of a code page of Windows.
func codePage(page int) encoding.Encoding {
	switch page {
	case 932:
		return japanese.ShiftJIS
	case 20932, 51932:
		return japanese.EUCJP
	case 50220, 50221, 50222:
		return japanese.ISO2022JP
	case 949:
		return korean.EUCKR
	case 936:
		return simplifiedchinese.GBK
	case 54936:
		return simplifiedchinese.GB18030
	case 950:
		return traditionalchinese.Big5
	case 874:
		return charmap.Windows874
	case 1250:
		return charmap.Windows1250
	case 1251:
		return charmap.Windows1251
	case 1253:
		return charmap.Windows1253
	case 1254:
		return charmap.Windows1254
	case 1255:
		return charmap.Windows1255
	case 1256:
		return charmap.Windows1256
	case 1257:
		return charmap.Windows1257
	case 1258:
		return charmap.Windows1258
	case 437:
		return charmap.CodePage437
	case 850:
		return charmap.CodePage850
	case 10000:
		return charmap.Macintosh
	case 65001:
		return unicode.UTF8
	}
	return charmap.Windows1252
}
