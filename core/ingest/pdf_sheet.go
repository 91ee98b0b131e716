package ingest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/klippa-app/go-pdfium/references"
	"github.com/klippa-app/go-pdfium/requests"
)

// pdfDoc is a document open in an instance.
type pdfDoc struct {
	*pdfLib
	ref    references.FPDF_DOCUMENT
	handle uint64
	count  int // of its pages
}

func (l *pdfLib) opened(ref references.FPDF_DOCUMENT) (*pdfDoc, error) {
	handle, err := l.document(ref)
	if err != nil {
		return nil, err
	}
	count, err := l.FPDF_GetPageCount(&requests.FPDF_GetPageCount{Document: ref})
	if err != nil {
		return nil, err
	}
	return &pdfDoc{pdfLib: l, ref: ref, handle: handle, count: count.PageCount}, nil
}

// pdfSheet is what PDFium tells of a page.
type pdfSheet struct {
	number  int    // from 1
	sheet   Box    // that is shown, in the page's own points
	turns   int    // quarters that it is turned by, clockwise, to be shown
	cells   []cell // the characters, in content order
	chars   []char // of them, what is text
	garbled int    // characters whose font does not say what they mean: no text
	drawn   bool   // there is something to see besides text
	cut     int    // characters beyond maxCells
	rules   []rule // straight lines
	tables  []grid // of them
	effort  int    // see spend
}

// cell is a character of PDFium's text page.
type cell struct {
	code   rune
	box    Box // as wide as it advances and as high as its font, in the page's own points; empty for one that PDFium put in
	size   float32
	bold   bool
	turned bool // not upright on the sheet as it is shown
	made   bool // put in by PDFium
	lost   bool // its font does not say what it means
}

// char is a character of a page's text: which cell it came from, or madeUp.
type char struct {
	code rune
	at   int
}

const madeUp = -1 // a character that the reader put in

var errPage = errors.New("no such page")

// maxCells is the most characters of one page: an A0 poster in 8 points has 60,000, and nine pages are held at a time, with 150 bytes a character.
const maxCells = 250_000

// page reads the page with this index. What could be read comes back beside an error.
func (d *pdfDoc) page(index int) (s *pdfSheet, err error) {
	s = &pdfSheet{number: index + 1}
	page, err := d.call("FPDF_LoadPage", d.handle, uint64(index))
	if err != nil || uint32(page) == 0 {
		return s, fmt.Errorf("load page %d: %w", index+1, orUnknown(err))
	}
	defer d.closing("FPDF_ClosePage", page, &err)
	if err := d.shape(page, s); err != nil {
		return s, err
	}
	text, err := d.call("FPDFText_LoadPage", page)
	if err != nil || uint32(text) == 0 {
		return s, fmt.Errorf("load text of page %d: %w", index+1, orUnknown(err))
	}
	defer d.closing("FPDFText_ClosePage", text, &err)
	if err := d.readCells(text, s); err != nil {
		return s, fmt.Errorf("characters of page %d: %w", index+1, err)
	}
	if err := d.readObjects(page, s); err != nil {
		return s, fmt.Errorf("lines of page %d: %w", index+1, err)
	}
	s.tables = grids(s.rules)
	s.text()
	return s, nil
}

func orUnknown(err error) error {
	if err == nil {
		return errPage
	}
	return err
}

// closing frees a handle of the module, and tells of a failure unless there was one before.
func (d *pdfDoc) closing(function string, handle uint64, err *error) {
	if _, failed := d.call(function, handle); failed != nil && *err == nil {
		*err = failed
	}
}

// shape reads which part of the page is shown and how it is turned.
func (d *pdfDoc) shape(page uint64, s *pdfSheet) error {
	turns, err := d.number("FPDFPage_GetRotation", page)
	if err != nil {
		return err
	}
	s.turns = turns & 3
	at, err := d.room(16)
	if err != nil {
		return err
	}
	if _, err := d.call("FPDF_GetPageBoundingBox", page, uint64(at)); err != nil {
		return err
	}
	b, err := d.bytes(at, 16)
	if err != nil {
		return err
	}
	s.sheet = Box{float32At(b, 0), float32At(b, 12), float32At(b, 8), float32At(b, 4)}
	return nil
}

// readCells reads all characters of the page, in content order.
func (d *pdfDoc) readCells(text uint64, s *pdfSheet) error {
	count, err := d.number("FPDFText_CountChars", text)
	if err != nil || count <= 0 {
		return err
	}
	s.cut = max(0, count-maxCells)
	count -= s.cut
	const most = 16 << 10 // characters at a time
	s.cells = make([]cell, 0, count)
	var same cell // what the characters of one text object share
	for from := 0; from < count; from += most {
		to := min(from+most, count)
		at, err := d.room((to - from) * charSize)
		if err != nil {
			return err
		}
		if _, err := d.call(charsFunction, text, uint64(from), uint64(to), uint64(at)); err != nil {
			return err
		}
		b, err := d.bytes(at, (to-from)*charSize)
		if err != nil {
			return err
		}
		for ; len(b) > 0; b = b[charSize:] {
			if b[charFresh] != 0 {
				same = s.shared(b)
			}
			c := same
			c.code = rune(binary.LittleEndian.Uint32(b[charCode:]))
			c.made, c.lost = b[charGenerated] != 0, b[charUnmapped] == 1
			c.box = Box{float32At(b, charBox), float32At(b, charBox+12), float32At(b, charBox+8), float32At(b, charBox+4)}
			if !c.box.finite() || c.made {
				c.box = Box{}
			}
			s.cells = append(s.cells, c)
		}
	}
	return nil
}

// shared reads what a text object says of its characters.
func (s *pdfSheet) shared(b []byte) cell {
	var m [4]float64
	for i := range m {
		m[i] = float32At(b, charMatrix+4*i)
	}
	size := float32At(b, charSizeAt) * math.Hypot(m[2], m[3])
	if !(size > 0 && size < 1e4) {
		size = 0
	}
	// The direction of writing, turned with the sheet, counterclockwise from the right.
	angle := math.Atan2(m[1], m[0])*180/math.Pi - 90*float64(s.turns)
	angle = math.Abs(math.Remainder(angle, 360))
	weight := int32(binary.LittleEndian.Uint32(b[charWeight:]))
	return cell{size: float32(size), bold: weight >= 600, turned: angle > 5}
}

// finite says whether a box is one to calculate with: what a hostile file says may be anything.
func (b Box) finite() bool {
	for _, v := range [4]float64{b.Left, b.Bottom, b.Right, b.Top} {
		if !(math.Abs(v) < 1e6) {
			return false
		}
	}
	return true
}

// shown is a box of the page as it lies on the sheet that is shown, in points from its lower left corner.
func (s *pdfSheet) shown(b Box) Box {
	p := s.sheet
	switch s.turns {
	case 1:
		return Box{b.Bottom - p.Bottom, p.Right - b.Right, b.Top - p.Bottom, p.Right - b.Left}
	case 2:
		return Box{p.Right - b.Right, p.Top - b.Top, p.Right - b.Left, p.Top - b.Bottom}
	case 3:
		return Box{p.Top - b.Top, b.Left - p.Left, p.Top - b.Bottom, b.Right - p.Left}
	}
	return Box{b.Left - p.Left, b.Bottom - p.Bottom, b.Right - p.Left, b.Top - p.Bottom}
}

// extent is how wide and high the sheet is as it is shown.
func (s *pdfSheet) extent() (width, height float64) {
	width, height = s.sheet.Right-s.sheet.Left, s.sheet.Top-s.sheet.Bottom
	if s.turns&1 != 0 {
		return height, width
	}
	return width, height
}

// text makes the characters of the cells: those that mean nothing go, and spaces that are only layout.
func (s *pdfSheet) text() {
	s.chars = make([]char, len(s.cells))
	for i, c := range s.cells {
		s.chars[i] = char{c.code, i}
	}
	s.garbled = s.dropGarbled()
	s.dropThinSpaces()
}
