package app_test

import (
	"testing"

	"kakoi/app"
	"kakoi/core"
)

// TestOCRRemovedMeanwhile: a document that is removed while its pages are read stays removed, with what was read of it.
func TestOCRRemovedMeanwhile(t *testing.T) {
	b, _ := scans(t, reads)
	c, err := b.library.Collection(t.Context(), "main")
	if err != nil {
		t.Fatal(err)
	}
	docs := map[string]core.Document{"mixed.pdf": b.named("mixed.pdf"), "scan.pdf": b.named("scan.pdf")}
	opt := explained
	begun := map[string]bool{}
	opt.Count = func(n app.OCRCount) {
		if n.Page > 0 && n.Pages%2 == 1 && !begun[n.Name] { // one page of it is read
			begun[n.Name] = true
			if _, err := b.library.Erase(t.Context(), c, docs[n.Name]); err != nil {
				t.Error(err)
			}
		}
	}
	s, err := b.library.OCR(t.Context(), app.OCRPlan{}, opt)
	if err != nil || s.Documents != 0 || len(begun) != 2 {
		t.Errorf("%+v, %v; begun %v", s, err, begun)
	}
	left, err := b.store.Documents(t.Context(), c.ID)
	if err != nil || len(left) != 0 {
		t.Errorf("removed documents are back: %v, %v", left, err)
	}
	for name, d := range docs {
		if ids, err := b.store.RecordIDs(t.Context(), "ocr."+c.ID+d.ID); err != nil || len(ids) != 0 {
			t.Errorf("kept of %s: %v, %v", name, ids, err)
		}
	}
}
