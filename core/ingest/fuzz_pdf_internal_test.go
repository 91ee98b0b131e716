package ingest

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"kakoi/core"
	"kakoi/core/ingest/ingesttest"
)

// FuzzPDF changes small PDFs: PDFium ends with text or a reason, in time, and leaves the engine fit for the next file.
func FuzzPDF(f *testing.F) {
	f.Add(ingesttest.Sheets(ingesttest.TextSheet("Hello"), ingesttest.ScanSheet, ingesttest.GarbledSheet, ""))
	f.Add(ingesttest.Sheets(ingesttest.TextSheet("One"), ingesttest.TextSheet("Two")))
	f.Add([]byte("%PDF-1.7\n1 0 obj\n<< /Type /Catalog /Pages 1 0 R >>\nendobj\ntrailer << /Root 1 0 R >>\n"))
	opt := testOptions(f)
	good := ingesttest.Sheets(ingesttest.TextSheet("Hello"))
	if _, _, err := parse(f.Context(), "pdf", good, opt); err != nil { // the engine starts here, not within the time of an input
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		_, findings, err := parse(ctx, "pdf", data, opt)
		known := err == nil
		for _, is := range []error{core.ErrEmpty, core.ErrCorrupt, core.ErrTooLarge, core.ErrUnsupported, core.ErrEncrypted} {
			known = known || errors.Is(err, is)
		}
		if !known {
			t.Errorf("%v says nothing to people", err)
		}
		for _, found := range findings {
			if found.Page < 0 || found.Last < 0 || found.Last > maxPages {
				t.Errorf("finding %+v", found)
			}
		}
		if bytes.Contains(data, []byte("Hello")) {
			return
		}
		if pages, _, err := parse(ctx, "pdf", good, opt); err != nil || pages[0].Text != "Hello" {
			t.Errorf("the next file: %+v, %v", pages, err)
		}
	})
}

// FuzzOffice2003 changes XML of Office 2003.
func FuzzOffice2003(f *testing.F) {
	f.Add(false, []byte(book2003Text))
	f.Add(true, []byte(word2003Text1))
	f.Fuzz(func(t *testing.T, word bool, data []byte) {
		kind := "xls"
		if word {
			kind = "doc"
		}
		sound(t, "fuzz", kind, append([]byte("<?xml version=\"1.0\"?>\n"), data...))
	})
}
