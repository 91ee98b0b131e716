package ingest

import (
	"context"
	"os"
	"path/filepath"
	"testing"
)

// A letter of a page may go anywhere in its text but not away: each stands there once, besides those that rows of tables repeat, which have no place.
func TestPDFLayoutLosesNothing(t *testing.T) {
	var files []string
	for _, pattern := range []string{"testdata/*.pdf", "testdata/pdf/*.pdf", "../../resources/samples/*.pdf"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
	}
	letters := 0
	for _, path := range files {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		opt := testOptions(t)
		opt.Passwords = &Passwords{}
		opt.Passwords.Add("secret")
		err = withPDF(context.Background(), data, opt, func(d *pdfDoc) error {
			kept, titles := map[int]*heldSheet{}, d.outline()
			for i := range d.count {
				h, _, chars, err := d.single(i, kept, titles)
				if err != nil {
					return err
				}
				stands := make([]int, len(h.sheet.cells))
				for _, c := range chars {
					if c.at != madeUp {
						stands[c.at]++
					}
				}
				for _, c := range h.sheet.chars {
					if c.code == 0 || blank(c.code) || endsLine(c.code) || c.code >= 0xdc00 && c.code <= 0xdfff {
						continue
					}
					if letters++; stands[c.at] != 1 {
						t.Errorf("%s page %d: %q stands %d times in the text", path, i+1, c.code, stands[c.at])
					}
				}
			}
			return nil
		})
		if err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
	if letters < 50_000 {
		t.Errorf("%d letters looked at", letters)
	}
}

// The module that PDFium runs in is checked before it is changed: what is not understood is refused.
func TestModule(t *testing.T) {
	whole, err := withLoops(pdfiumWasm)
	if err != nil || len(whole) < len(pdfiumWasm)+len(pdfiumWasm)/50 {
		t.Fatalf("%d bytes of %d, %v", len(whole), len(pdfiumWasm), err)
	}
	m, err := parseModule(whole)
	if err != nil || m.exports[charsFunction] == 0 || m.exports[objectsFunction] == 0 {
		t.Errorf("added functions: %v", err)
	}
	for name, damaged := range map[string][]byte{"empty": nil, "header": pdfiumWasm[:8], "cut": pdfiumWasm[:len(pdfiumWasm)/2], "text": []byte("this is no module")} {
		if _, err := withLoops(damaged); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
