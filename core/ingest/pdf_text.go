package ingest

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"kakoi/core"
)

// Box is where a character stands on its page, in points (1/72 inch) from the lower left corner. A character that PDFium or the
// reader made up (a line end, a space between words, a column's name that is written once more) has an empty box.
type Box struct{ Left, Bottom, Right, Top float64 }

// Empty says whether the box covers nothing.
func (b Box) Empty() bool { return b.Right <= b.Left || b.Top <= b.Bottom }

// PageLayout is the place of each character of a Page.
type PageLayout struct {
	Width, Height float64 // of the sheet, in points
	Text          string  // the Page's text
	Boxes         []Box   // one for each character of Text
}

// PageBoxes reads where the characters of one page of the PDF at path stand; page counts from 1.
func PageBoxes(ctx context.Context, path string, page int, opt Options) (PageLayout, error) {
	var out PageLayout
	doc := core.Document{Name: filepath.Base(path), Source: path, Kind: "pdf"}
	data, err := load(ctx, path, &doc, opt)
	if err != nil {
		return out, err
	}
	opt.file = doc.Name
	err = withPDF(ctx, data, opt, func(d *pdfDoc) error {
		if page < 1 || page > d.count {
			return fmt.Errorf("page %d of %d: %w", page, d.count, core.ErrNotFound)
		}
		h, text, chars, err := d.single(page-1, map[int]*heldSheet{}, d.outline())
		if err != nil {
			return err
		}
		out.Width, out.Height = h.sheet.extent()
		out.Text, out.Boxes = text, h.sheet.boxes(chars)
		return nil
	})
	if err != nil {
		return PageLayout{}, explain(err, doc)
	}
	return out, nil
}

// boxes tells where characters stand.
func (s *pdfSheet) boxes(chars []char) []Box {
	boxes := make([]Box, len(chars))
	for i, c := range chars {
		if c.at != madeUp {
			boxes[i] = s.cells[c.at].box
		}
	}
	return boxes
}

// pageText makes the Page's text of a page's characters, and says which of them stayed: line ends become "\n", NUL goes, surrogate
// halves are joined, marks of divided words go, white space at both ends goes.
func pageText(chars []char) (string, []char) {
	codes, kept := make([]rune, 0, len(chars)), make([]char, 0, len(chars))
	for i, c := range chars {
		switch code := c.code; {
		case code == 0, hyphen(code),
			code == '\r' && i+1 < len(chars) && chars[i+1].code == '\n':
			continue
		case code == '\r':
			c.code = '\n'
		case utf16.IsSurrogate(code):
			if n := len(codes); n > 0 && i > 0 {
				if joined := utf16.DecodeRune(chars[i-1].code, code); joined != utf8.RuneError {
					codes[n-1] = joined
					continue
				}
			}
			c.code = utf8.RuneError
		case !utf8.ValidRune(code):
			c.code = utf8.RuneError
		}
		codes, kept = append(codes, c.code), append(kept, c)
	}
	first, last := 0, len(codes)
	for first < last && blank(codes[first]) {
		first++
	}
	for last > first && blank(codes[last-1]) {
		last--
	}
	return string(codes[first:last]), kept[first:last]
}

func blank(c rune) bool { return strings.ContainsRune(" \t\n\f\v", c) }
