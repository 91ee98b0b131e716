package ingest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/klippa-app/go-pdfium"
	pdfium_errors "github.com/klippa-app/go-pdfium/errors"
	"github.com/klippa-app/go-pdfium/references"
	"github.com/klippa-app/go-pdfium/requests"

	"kakoi/core"
)

// readPDF gives one Page for each sheet, also for those without text, and notes in q what those lack. Text follows the content order of
// the file.
func readPDF(q *budget, data []byte, opt Options) ([]core.Page, error) {
	ctx := q.ctx
	var pages []core.Page
	err := withPDF(ctx, data, opt, func(p pdfium.Pdfium, doc references.FPDF_DOCUMENT) error {
		count, err := p.FPDF_GetPageCount(&requests.FPDF_GetPageCount{Document: doc})
		if err != nil {
			return err
		}
		if count.PageCount == 0 {
			return errors.New("no pages")
		}
		text, lost, garbled := false, error(nil), false
		for i := range count.PageCount {
			if err := ctx.Err(); err != nil {
				return err
			}
			var s string
			var state sheetState
			err := onPage(p, doc, i, func(t pdfText) (err error) {
				s, _, err = t.text()
				state = t.state(s)
				return err
			})
			if err != nil {
				lost = err // one broken page: the others are worth having
			}
			garbled = q.noteSheet(i+1, s, state, err) || garbled
			text = text || strings.TrimSpace(s) != ""
			pages = append(pages, core.Page{Number: i + 1, Text: s})
		}
		switch {
		case !text && lost != nil:
			return lost
		case !text && garbled:
			return errGarbled
		case !text:
			return errScan
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return pages, nil
}

// withPDF opens data in an instance of its own. Errors of PDFium become core.ErrEncrypted or core.ErrCorrupt.
func withPDF(ctx context.Context, data []byte, opt Options, fn func(pdfium.Pdfium, references.FPDF_DOCUMENT) error) error {
	// Readers accept up to 1,024 bytes before the header (PDF 1.7, appendix H.3.4.1).
	if !bytes.Contains(data[:min(len(data), 1024)], []byte("%PDF-")) {
		return fmt.Errorf("no pdf header: %w", core.ErrCorrupt)
	}
	e, err := engine(opt)
	if err != nil {
		return err
	}
	return e.do(ctx, func(p pdfium.Pdfium) error {
		doc, err := openDocument(p, &requests.OpenDocument{File: &data})
		if err != nil {
			return err
		}
		if err := fn(p, doc); err != nil && !errors.Is(err, errScan) && !errors.Is(err, errGarbled) && !errors.Is(err, core.ErrNotFound) {
			return fmt.Errorf("read pdf: %w: %w", err, core.ErrCorrupt)
		} else if err != nil {
			return err
		}
		return nil
	})
}

func openDocument(p pdfium.Pdfium, request *requests.OpenDocument) (references.FPDF_DOCUMENT, error) {
	opened, err := p.OpenDocument(request)
	switch {
	case errors.Is(err, pdfium_errors.ErrPassword), errors.Is(err, pdfium_errors.ErrSecurity):
		return "", fmt.Errorf("open pdf: %w: %w", err, core.ErrEncrypted)
	case err != nil:
		return "", fmt.Errorf("open pdf: %w: %w", err, core.ErrCorrupt)
	}
	return opened.Document, nil
}

// char is a character of PDFium's text page: which one it is there, or madeUp.
type char struct {
	code rune
	at   int
}

const madeUp = -1 // a character that the reader put in

// onPage hands fn the text of the page with this index, open while fn runs.
func onPage(p pdfium.Pdfium, doc references.FPDF_DOCUMENT, index int, fn func(pdfText) error) error {
	page, err := p.FPDF_LoadPage(&requests.FPDF_LoadPage{Document: doc, Index: index})
	if err != nil {
		return fmt.Errorf("load page %d: %w", index+1, err)
	}
	defer p.FPDF_ClosePage(&requests.FPDF_ClosePage{Page: page.Page})
	tp, err := p.FPDFText_LoadPage(&requests.FPDFText_LoadPage{Page: requests.Page{ByReference: &page.Page}})
	if err != nil {
		return fmt.Errorf("load text of page %d: %w", index+1, err)
	}
	defer p.FPDFText_ClosePage(&requests.FPDFText_ClosePage{TextPage: tp.TextPage})
	return fn(pdfText{p: p, sheet: page.Page, page: tp.TextPage, no: index + 1, lost: new(int)})
}

type pdfText struct {
	p     pdfium.Pdfium
	sheet references.FPDF_PAGE
	page  references.FPDF_TEXTPAGE
	no    int
	lost  *int // characters that mean nothing, once text has been read
}

// text is the page's text and, for each of its characters, where that came from. What could be read comes back
// beside an error.
func (t pdfText) text() (string, []char, error) {
	chars, err := t.chars()
	*t.lost = t.dropGarbled(chars)
	s, kept := pageText(chars)
	return s, kept, err
}

// chars reads the characters of the page, in content order.
func (t pdfText) chars() ([]char, error) {
	count, err := t.p.FPDFText_CountChars(&requests.FPDFText_CountChars{TextPage: t.page})
	if err != nil {
		return nil, fmt.Errorf("count characters of page %d: %w", t.no, err)
	}
	chars, whole := t.codes(count.Count)
	if !whole {
		if chars, err = t.codesSlowly(count.Count); err != nil {
			return chars, err
		}
	}
	if err := t.dropThinSpaces(chars); err != nil {
		return chars, err
	}
	return t.rightToLeft(chars)
}

// codes reads all characters in one call instead of one call each. PDFium leaves out characters without a code and
// writes those beyond U+FFFF as two units: then places would shift, and whole is false.
func (t pdfText) codes(count int) (chars []char, whole bool) {
	text, err := t.p.FPDFText_GetText(&requests.FPDFText_GetText{TextPage: t.page, Count: count})
	if err != nil {
		return nil, false
	}
	chars = make([]char, 0, count)
	for _, c := range strings.TrimRight(text.Text, "\x00") {
		if c > 0xffff || c == 0xfffd {
			return nil, false
		}
		chars = append(chars, char{c, len(chars)})
	}
	return chars, len(chars) == count
}

func (t pdfText) codesSlowly(count int) ([]char, error) {
	chars := make([]char, 0, max(count, 0))
	for i := range count {
		u, err := t.p.FPDFText_GetUnicode(&requests.FPDFText_GetUnicode{TextPage: t.page, Index: i})
		if err != nil {
			return chars, fmt.Errorf("character %d of page %d: %w", i, t.no, err)
		}
		chars = append(chars, char{rune(uint32(u.Unicode)), i})
	}
	return chars, nil
}

// box is the character's cell: as wide as it advances and as high as its font.
func (t pdfText) box(i int) (Box, error) {
	b, err := t.p.FPDFText_GetLooseCharBox(&requests.FPDFText_GetLooseCharBox{TextPage: t.page, Index: i})
	if err != nil {
		return Box{}, fmt.Errorf("box of character %d of page %d: %w", i, t.no, err)
	}
	r := b.Rect
	return Box{float64(r.Left), float64(r.Bottom), float64(r.Right), float64(r.Top)}, nil
}
