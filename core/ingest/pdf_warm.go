package ingest

import (
	"bytes"
	"errors"
	"fmt"

	"kakoi/core"
)

// warmMemory is what the fonts may take that every instance begins with: those that come with the program take nothing to speak of, a system's own
// collection of all that is written in East Asia 250 MB.
const warmMemory = 64 << 20

// warm makes an instance load what documents without fonts of their own need: it reads a page that is set in the names of such fonts, and leaves
// it open, so that the fonts stay.
func (l *pdfLib) warm(fonts bool) error {
	l.memory.allow(l.begin, warmMemory)
	if remembered(pdfiumWasm) {
		memo, err := l.call("malloc", memoBytes)
		if err != nil || uint32(memo) == 0 {
			return fmt.Errorf("pdfium: memory to remember: %w: %w", orUnknown(err), errModule)
		}
		table, err := l.bytes(uint32(memo), memoBytes)
		if err != nil {
			return err
		}
		clear(table)
		l.remember(uint32(memo))
	}
	if _, err := l.room(1); err != nil || !fonts {
		return err
	}
	data := warmPDF()
	at, err := l.call("malloc", uint64(len(data)))
	if err != nil || uint32(at) == 0 || !l.module.Memory().Write(uint32(at), data) {
		return fmt.Errorf("pdfium: first page: %w: %w", orUnknown(err), core.ErrCorrupt)
	}
	doc, err := l.call("FPDF_LoadMemDocument", at, uint64(len(data)), 0)
	if err != nil || uint32(doc) == 0 {
		return fmt.Errorf("pdfium: open first page: %w: %w", orUnknown(err), core.ErrCorrupt)
	}
	page, err := l.call("FPDF_LoadPage", uint64(uint32(doc)), 0)
	if err != nil || uint32(page) == 0 {
		return fmt.Errorf("pdfium: load first page: %w: %w", orUnknown(err), core.ErrCorrupt)
	}
	if _, err = l.call("FPDFText_LoadPage", page); err != nil || l.memory.full.Load() {
		return errors.Join(errMemory, err)
	}
	return nil
}

// warmPDF is a page set in fonts that it does not bring along: those that every reader has, and Japanese ones.
func warmPDF() []byte {
	var fonts, text bytes.Buffer
	use := func(dict, shown string) {
		n := fonts.Len()
		fmt.Fprintf(&fonts, "/F%d %s\n", n, dict)
		fmt.Fprintf(&text, "/F%d 10 Tf <%s> Tj\n", n, shown)
	}
	for _, name := range []string{"Helvetica", "Helvetica-Bold", "Times-Roman", "Times-Bold", "Courier"} {
		use("<</Type/Font/Subtype/Type1/BaseFont/"+name+"/Encoding/WinAnsiEncoding>>", "4100")
	}
	for _, name := range []string{"HeiseiMin-W3", "HeiseiKakuGo-W5"} {
		for _, encoding := range [][2]string{{"UniJIS-UTF16-H", "3042"}, {"UniJIS-UCS2-V", "3042"}, {"90ms-RKSJ-H", "82a0"}, {"EUC-H", "a4a2"}, {"Identity-H", "034b"}} {
			use("<</Type/Font/Subtype/Type0/BaseFont/"+name+"/Encoding/"+encoding[0]+"/DescendantFonts[<</Type/Font/Subtype/CIDFontType0/BaseFont/"+name+
				"/CIDSystemInfo<</Registry(Adobe)/Ordering(Japan1)/Supplement 2>>/DW 1000/FontDescriptor<</Type/FontDescriptor/FontName/"+name+
				"/Flags 6/Ascent 880/Descent -120/CapHeight 880/StemV 93/ItalicAngle 0/FontBBox[0 -120 1000 880]>>>>]>>", encoding[1])
		}
	}
	var out bytes.Buffer
	var at []int
	object := func(body string) {
		at = append(at, out.Len())
		fmt.Fprintf(&out, "%d 0 obj\n%s\nendobj\n", len(at), body)
	}
	out.WriteString("%PDF-1.4\n")
	object("<</Type/Catalog/Pages 2 0 R>>")
	object("<</Type/Pages/Count 1/Kids[3 0 R]>>")
	object("<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Contents 4 0 R/Resources<</Font<<" + fonts.String() + ">>>>>>")
	body := "BT 10 700 Td\n" + text.String() + "ET"
	object(fmt.Sprintf("<</Length %d>>\nstream\n%s\nendstream", len(body), body))
	start := out.Len()
	fmt.Fprintf(&out, "xref\n0 %d\n0000000000 65535 f \n", len(at)+1)
	for _, n := range at {
		fmt.Fprintf(&out, "%010d 00000 n \n", n)
	}
	fmt.Fprintf(&out, "trailer\n<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n", len(at)+1, start)
	return out.Bytes()
}
