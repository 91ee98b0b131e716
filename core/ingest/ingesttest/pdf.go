// Package ingesttest makes PDF files for tests.
package ingesttest

import (
	"bytes"
	"fmt"
	"strings"
)

// Content streams of sheets, besides "" for an empty one.
const (
	ScanSheet    = "q 200 0 0 100 20 20 cm /Im Do Q"                     // a grey picture
	GarbledSheet = "BT /F2 20 Tf 20 100 Td <00370048005600570024> Tj ET" // letters of a font that does not say which they are
)

// TextSheet is a sheet with a line of text in Latin letters.
func TextSheet(s string) string { return "BT /F1 12 Tf 20 100 Td (" + s + ") Tj ET" }

// Sheets is a PDF of pages, each with a content stream, in which F1 is Helvetica, F2 a font whose codes say nothing of letters, F3 one that says in
// one line that they are Unicode, and Im a picture of one grey point.
func Sheets(contents ...string) []byte {
	objects := []string{
		"<< /Type /Catalog /Pages 2 0 R >>", "",
		"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
		"<< /Type /Font /Subtype /Type0 /BaseFont /AAAAAA+Nothing /Encoding /Identity-H /DescendantFonts [5 0 R] >>",
		"<< /Type /Font /Subtype /CIDFontType2 /BaseFont /AAAAAA+Nothing /CIDSystemInfo << /Registry (Adobe) /Ordering (Identity) /Supplement 0 >> /DW 500 /FontDescriptor 6 0 R >>",
		"<< /Type /FontDescriptor /FontName /AAAAAA+Nothing /Flags 4 /FontBBox [0 0 1000 1000] /ItalicAngle 0 /Ascent 800 /Descent -200 /CapHeight 700 /StemV 80 >>",
		"<< /Type /XObject /Subtype /Image /Width 1 /Height 1 /ColorSpace /DeviceGray /BitsPerComponent 8 /Length 1 >>\nstream\n\x80\nendstream",
		"<< /Type /Font /Subtype /Type0 /BaseFont /AAAAAA+Nothing /Encoding /Identity-H /DescendantFonts [5 0 R] /ToUnicode 9 0 R >>",
		fmt.Sprintf("<< /Length %d >>\nstream\n%s\nendstream", len(allUnicode), allUnicode),
	}
	var kids []string
	for _, c := range contents {
		objects = append(objects, fmt.Sprintf("<< /Length %d >>\nstream\n%s\nendstream", len(c), c))
		objects = append(objects, fmt.Sprintf("<< /Type /Page /Parent 2 0 R /MediaBox [0 0 300 200] /Resources << /Font << /F1 3 0 R /F2 4 0 R /F3 8 0 R >> /XObject << /Im 7 0 R >> >> /Contents %d 0 R >>", len(objects)))
		kids = append(kids, fmt.Sprintf("%d 0 R", len(objects)))
	}
	objects[1] = fmt.Sprintf("<< /Type /Pages /Count %d /Kids [%s] >>", len(kids), strings.Join(kids, " "))
	return PDF(objects...)
}

// allUnicode is the mapping that tFPDF, mPDF and go-fpdf write for all their fonts.
const allUnicode = "/CIDInit /ProcSet findresource begin\n12 dict begin\nbegincmap\n/CMapName /Adobe-Identity-UCS def\n/CMapType 2 def\n" +
	"1 begincodespacerange\n<0000> <FFFF>\nendcodespacerange\n1 beginbfrange\n<0000> <FFFF> <0000>\nendbfrange\nendcmap\nend\nend"

// PDF is a PDF file of these objects; the first one is its catalog.
func PDF(objects ...string) []byte {
	var b bytes.Buffer
	offsets := make([]int, 0, len(objects))
	b.WriteString("%PDF-1.4\n")
	for i, o := range objects {
		offsets = append(offsets, b.Len())
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", i+1, o)
	}
	xref := b.Len()
	fmt.Fprintf(&b, "xref\n0 %d\n0000000000 65535 f \n", len(offsets)+1)
	for _, o := range offsets {
		fmt.Fprintf(&b, "%010d 00000 n \n", o)
	}
	fmt.Fprintf(&b, "trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n", len(offsets)+1, xref)
	return b.Bytes()
}
