package app_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kakoi/app"
	"kakoi/core"
	"kakoi/core/ingest/ingesttest"
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

// A text that was replaced by a scan of the same name stays, with the reason beside it, until text recognition has read the scan: that finds it, and puts
// what it reads in its place.
func TestTextReplacedByAScanIsRead(t *testing.T) {
	b, dir := scans(t, reads)
	path := filepath.Join(dir, "mixed.pdf")
	for _, sheets := range [][]string{{ingesttest.ScanSheet}, {ingesttest.ScanSheet, ingesttest.ScanSheet}} { // it may be replaced again before anybody reads it
		if err := os.WriteFile(path, ingesttest.Sheets(sheets...), 0o600); err != nil {
			t.Fatal(err)
		}
		if s, err := b.add(dir); err != nil || len(s.Failed) == 0 {
			t.Fatalf("%+v, %v", s, err)
		}
	}
	old := b.named("mixed.pdf")
	if got := b.pagesOf("mixed.pdf"); old.State != core.DocumentReady || old.Reason == "" || got[0] != "Rules of the house" {
		t.Fatalf("until then: %+v, %q", old, got)
	}
	h, err := b.library.Health(t.Context(), "main")
	if err != nil || h.Unread != 4 || len(h.UnreadIn) != 2 { // two of each
		t.Fatalf("health %+v, %v", h, err)
	}
	done, err := b.library.OCR(t.Context(), app.OCRPlan{Documents: []string{old.ID}}, explained)
	if err != nil || done.Documents != 1 || done.Pages != 2 || len(done.Failed) != 0 {
		t.Fatalf("read: %+v, %v", done, err)
	}
	now := b.named("mixed.pdf")
	if got := b.pagesOf("mixed.pdf"); now.Reason != "" || now.SHA256 == old.SHA256 || len(got) != 2 || got[0] != reads.Lines[0] {
		t.Errorf("afterwards: %+v, %q", now, got)
	}
	found, err := b.library.Search(t.Context(), "main", "Rules of the house", 5)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range found {
		if strings.Contains(p.Text, "Rules") {
			t.Errorf("the old text is found: %+v", p)
		}
	}
	if left, err := b.library.Unread(t.Context(), "main"); err != nil || len(left) != 1 || left[0].Name != "scan.pdf" {
		t.Errorf("left: %+v, %v", left, err)
	}
}
