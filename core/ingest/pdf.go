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

// readPDF gives one Page for each sheet, also for those without text. Text follows the content order of the file.
func readPDF(ctx context.Context, data []byte, opt Options) ([]core.Page, error) {
	var pages []core.Page
	err := withPDF(ctx, data, opt, func(p pdfium.Pdfium, doc references.FPDF_DOCUMENT) error {
		count, err := p.FPDF_GetPageCount(&requests.FPDF_GetPageCount{Document: doc})
		if err != nil {
			return err
		}
		if count.PageCount == 0 {
			return errors.New("no pages")
		}
		text, lost := false, error(nil)
		for i := range count.PageCount {
			if err := ctx.Err(); err != nil {
				return err
			}
			chars, err := pageChars(p, doc, i, false)
			if err != nil {
				lost = err // one broken page: the others are worth having
			}
			s, _ := pageText(chars)
			text = text || strings.TrimSpace(s) != ""
			pages = append(pages, core.Page{Number: i + 1, Text: s})
		}
		switch {
		case !text && lost != nil:
			return lost
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
		opened, err := p.OpenDocument(&requests.OpenDocument{File: &data})
		switch {
		case errors.Is(err, pdfium_errors.ErrPassword), errors.Is(err, pdfium_errors.ErrSecurity):
			return fmt.Errorf("open pdf: %w: %w", err, core.ErrEncrypted)
		case err != nil:
			return fmt.Errorf("open pdf: %w: %w", err, core.ErrCorrupt)
		}
		if err := fn(p, opened.Document); err != nil && !errors.Is(err, errScan) && !errors.Is(err, core.ErrNotFound) {
			return fmt.Errorf("read pdf: %w: %w", err, core.ErrCorrupt)
		} else if err != nil {
			return err
		}
		return nil
	})
}

// char is a character of PDFium's text page. Box is filled only when asked for.
type char struct {
	code rune
	box  Box
}

// pageChars reads the characters of the page with this index, in content order.
func pageChars(p pdfium.Pdfium, doc references.FPDF_DOCUMENT, index int, boxes bool) ([]char, error) {
	page, err := p.FPDF_LoadPage(&requests.FPDF_LoadPage{Document: doc, Index: index})
	if err != nil {
		return nil, fmt.Errorf("load page %d: %w", index+1, err)
	}
	defer p.FPDF_ClosePage(&requests.FPDF_ClosePage{Page: page.Page})
	tp, err := p.FPDFText_LoadPage(&requests.FPDFText_LoadPage{Page: requests.Page{ByReference: &page.Page}})
	if err != nil {
		return nil, fmt.Errorf("load text of page %d: %w", index+1, err)
	}
	defer p.FPDFText_ClosePage(&requests.FPDFText_ClosePage{TextPage: tp.TextPage})
	count, err := p.FPDFText_CountChars(&requests.FPDFText_CountChars{TextPage: tp.TextPage})
	if err != nil {
		return nil, fmt.Errorf("count characters of page %d: %w", index+1, err)
	}
	text := pdfText{p, tp.TextPage, index + 1}
	chars, whole := text.codes(count.Count)
	if !whole {
		if chars, err = text.codesSlowly(count.Count); err != nil {
			return chars, err
		}
	}
	for i := range chars {
		if !boxes {
			break
		}
		if chars[i].box, err = text.box(i); err != nil {
			return chars, err
		}
	}
	if err := text.dropThinSpaces(chars); err != nil {
		return chars, err
	}
	return text.rightToLeft(chars)
}

type pdfText struct {
	p    pdfium.Pdfium
	page references.FPDF_TEXTPAGE
	no   int
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
		chars = append(chars, char{code: c})
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
		chars = append(chars, char{code: rune(uint32(u.Unicode))})
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

// thinSpace is the widest gap, in heights of a character, that is layout and not a space: word processors set a fifth to a
// quarter between Japanese and Latin letters, and justified lines stretch every gap a little.
const thinSpace = 0.28

// dropThinSpaces sets to 0 the spaces that PDFium makes up for thin gaps beside Japanese letters, so that a text
// written as 第1条 is not read as 第 1 条.
func (t pdfText) dropThinSpaces(chars []char) error {
	for i := 1; i+1 < len(chars); i++ {
		left, right := chars[i-1].code, chars[i+1].code
		if chars[i].code != ' ' || !unspaced(left) && !unspaced(right) {
			continue
		}
		made, err := t.p.FPDFText_IsGenerated(&requests.FPDFText_IsGenerated{TextPage: t.page, Index: i})
		if err != nil || !made.IsGenerated {
			continue
		}
		l, err := t.box(i - 1)
		if err != nil {
			return err
		}
		r, err := t.box(i + 1)
		if err != nil {
			return err
		}
		height := r.Top - r.Bottom
		if unspaced(left) {
			height = l.Top - l.Bottom
		}
		if sameLine := l.Bottom < r.Top && r.Bottom < l.Top; sameLine && r.Left-l.Right < thinSpace*height {
			chars[i].code = 0
		}
	}
	return nil
}

// unspaced says whether c is written without spaces: kana, kanji, full-width signs.
func unspaced(c rune) bool {
	return c >= 0x2e80 && c <= 0x9fff || c >= 0xf900 && c <= 0xfaff || c >= 0xff01 && c <= 0xffef || c >= 0x20000 && c <= 0x3ffff
}
