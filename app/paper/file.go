package paper

import (
	"bytes"
	"compress/zlib"
	"fmt"
	"io"
	"strings"
	"unicode/utf16"
)

// A4 in points, upright.
const (
	Width  = 595.28
	Height = 841.89
)

// File is a PDF on its way.
type File struct {
	Title string
	Lang  string // "ja", "en"

	fonts []*Font
	pages []*bytes.Buffer
}

// AddFont makes a font ready to be written in.
func (f *File) AddFont(raw []byte) (*Font, error) {
	font, err := ParseFont(raw)
	if err != nil {
		return nil, err
	}
	f.fonts = append(f.fonts, font)
	return font, nil
}

// AddPage begins a page and gives its number, from 0.
func (f *File) AddPage() int {
	f.pages = append(f.pages, &bytes.Buffer{})
	return len(f.pages) - 1
}

// Pages counts them.
func (f *File) Pages() int { return len(f.pages) }

// Text writes a line of text; x and y, in points from the upper left corner, are where its base line begins. gray is 0 for black.
func (f *File) Text(page int, font *Font, size, gray, x, y float64, text string) {
	if text == "" {
		return
	}
	fmt.Fprintf(f.pages[page], "BT %.3g g /F%d %.4g Tf %.2f %.2f Td <", gray, f.number(font), size, x, Height-y)
	for _, r := range text {
		fmt.Fprintf(f.pages[page], "%04X", font.code(r))
	}
	f.pages[page].WriteString("> Tj ET\n")
}

// Rule draws a line across.
func (f *File) Rule(page int, gray, x, y, width float64) {
	fmt.Fprintf(f.pages[page], "%.3g g %.2f %.2f %.2f 0.6 re f\n", gray, x, Height-y, width)
}

func (f *File) number(font *Font) int {
	for i, other := range f.fonts {
		if other == font {
			return i
		}
	}
	return 0
}

// writer numbers objects and remembers where they begin.
type writer struct {
	out    io.Writer
	at     int
	begins []int // by number; number 0 is none
	err    error
}

func (w *writer) write(text string) {
	if w.err != nil {
		return
	}
	n, err := io.WriteString(w.out, text)
	w.at, w.err = w.at+n, err
}

// object writes an object under a number that reserve gave.
func (w *writer) object(number int, body string) {
	w.begins[number] = w.at
	w.write(fmt.Sprintf("%d 0 obj\n%s\nendobj\n", number, body))
}

func (w *writer) reserve() int {
	w.begins = append(w.begins, 0)
	return len(w.begins) - 1
}

func (w *writer) stream(number int, dictionary string, data []byte) {
	var packed bytes.Buffer
	z := zlib.NewWriter(&packed)
	_, _ = z.Write(data) // into memory
	_ = z.Close()
	w.object(number, fmt.Sprintf("<< %s /Filter /FlateDecode /Length %d >>\nstream\n%s\nendstream", dictionary, packed.Len(), packed.String()))
}

// WriteTo writes the file; it may be written once.
func (f *File) WriteTo(out io.Writer) (int64, error) {
	w := &writer{out: out, begins: []int{0}}
	w.write("%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
	catalog, pages, info := w.reserve(), w.reserve(), w.reserve()
	var resources strings.Builder
	for i, font := range f.fonts {
		n, err := font.write(w)
		if err != nil {
			return int64(w.at), err
		}
		fmt.Fprintf(&resources, "/F%d %d 0 R ", i, n)
	}
	var kids strings.Builder
	for _, p := range f.pages {
		page, content := w.reserve(), w.reserve()
		w.stream(content, "", p.Bytes())
		w.object(page, fmt.Sprintf("<< /Type /Page /Parent %d 0 R /MediaBox [0 0 %.2f %.2f] /Resources << /Font << %s>> >> /Contents %d 0 R >>",
			pages, Width, Height, resources.String(), content))
		fmt.Fprintf(&kids, "%d 0 R ", page)
	}
	w.object(pages, fmt.Sprintf("<< /Type /Pages /Count %d /Kids [%s] >>", len(f.pages), kids.String()))
	w.object(catalog, fmt.Sprintf("<< /Type /Catalog /Pages %d 0 R /Lang %s /ViewerPreferences << /DisplayDocTitle true >> >>", pages, textString(f.Lang)))
	w.object(info, fmt.Sprintf("<< /Title %s /Producer (Kakoi) >>", textString(f.Title)))
	begin := w.at
	w.write(fmt.Sprintf("xref\n0 %d\n0000000000 65535 f \n", len(w.begins)))
	for _, at := range w.begins[1:] {
		w.write(fmt.Sprintf("%010d 00000 n \n", at))
	}
	w.write(fmt.Sprintf("trailer\n<< /Size %d /Root %d 0 R /Info %d 0 R >>\nstartxref\n%d\n%%%%EOF\n", len(w.begins), catalog, info, begin))
	if w.err != nil {
		return int64(w.at), fmt.Errorf("write PDF: %w", w.err)
	}
	return int64(w.at), nil
}

// textString is a text outside pages: UTF-16 with its mark.
func textString(s string) string { return "<FEFF" + utf16Hex(s) + ">" }

func utf16Hex(s string) string {
	var b strings.Builder
	for _, u := range utf16.Encode([]rune(s)) {
		fmt.Fprintf(&b, "%04X", u)
	}
	return b.String()
}

// write writes the objects of a font and gives the number of the first.
func (f *Font) write(w *writer) (int, error) {
	data, err := f.subset()
	if err != nil {
		return 0, err
	}
	font, descendant, descriptor, file, unicode := w.reserve(), w.reserve(), w.reserve(), w.reserve(), w.reserve()
	const name = "/AAAAAA+Kakoi"
	w.object(font, fmt.Sprintf("<< /Type /Font /Subtype /Type0 /BaseFont %s /Encoding /Identity-H /DescendantFonts [%d 0 R] /ToUnicode %d 0 R >>", name, descendant, unicode))
	var widths strings.Builder
	for _, gid := range f.gids {
		fmt.Fprintf(&widths, "%d ", f.advance(gid))
	}
	w.object(descendant, fmt.Sprintf("<< /Type /Font /Subtype /CIDFontType2 /BaseFont %s /CIDSystemInfo << /Registry (Adobe) /Ordering (Identity) /Supplement 0 >> "+
		"/FontDescriptor %d 0 R /CIDToGIDMap /Identity /DW 1000 /W [0 [%s]] >>", name, descriptor, widths.String()))
	ascent, descent := f.scaled("hhea", 4), f.scaled("hhea", 6)
	w.object(descriptor, fmt.Sprintf("<< /Type /FontDescriptor /FontName %s /Flags 4 /FontBBox [%d %d %d %d] /ItalicAngle 0 /Ascent %d /Descent %d /CapHeight %d /StemV 80 /FontFile2 %d 0 R >>",
		name, f.scaled("head", 36), f.scaled("head", 38), f.scaled("head", 40), f.scaled("head", 42), ascent, descent, ascent*4/5, file))
	w.stream(file, fmt.Sprintf("/Length1 %d", len(data)), data)
	w.stream(unicode, "", []byte(f.toUnicode()))
	return font, nil
}

// toUnicode maps codes back to characters.
func (f *Font) toUnicode() string {
	var b strings.Builder
	b.WriteString("/CIDInit /ProcSet findresource begin\n12 dict begin\nbegincmap\n/CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def\n" +
		"/CMapName /Adobe-Identity-UCS def\n/CMapType 2 def\n1 begincodespacerange\n<0000> <FFFF>\nendcodespacerange\n")
	const most = 100 // entries of a block
	for from := 1; from < len(f.runes); from += most {
		block := f.runes[from:min(len(f.runes), from+most)]
		fmt.Fprintf(&b, "%d beginbfchar\n", len(block))
		for i, r := range block {
			fmt.Fprintf(&b, "<%04X> <%s>\n", from+i, utf16Hex(string(r)))
		}
		b.WriteString("endbfchar\n")
	}
	b.WriteString("endcmap\nCMapName currentdict /CMap defineresource pop\nend\nend\n")
	return b.String()
}
