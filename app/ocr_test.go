package app_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kakoi/app"
	"kakoi/app/job"
	"kakoi/core"
	"kakoi/core/ingest"
	"kakoi/core/ingest/ingesttest"
	"kakoi/core/ocr"
	"kakoi/core/ocr/ocrtest"
	"kakoi/resources"
)

func TestMain(m *testing.M) {
	if code, ok := ocr.Child(os.Args[1:]); ok {
		os.Exit(code)
	}
	if to, data, ok := strings.Cut(os.Getenv(sealWord), ":"); ok {
		if err := sealFiles(data, to); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

var explained = app.OCROptions{Explain: func(err error) (string, string) { return resources.ErrorText("en", err) }}

// scans opens a library with a fake Tesseract and adds two PDFs of pictures, one with a page of text before them.
func scans(t *testing.T, opt ocrtest.Options) (*bench, string) {
	t.Helper()
	b := open(t, nil)
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	b.library.Read = ingest.Options{CacheDir: filepath.Join(cache, "kakoi-build", "wasm")}
	b.library.ProgramPath = ocrtest.Fake(t, opt)
	dir := filepath.Join(b.dir, "docs")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, sheets := range map[string][]string{"mixed.pdf": {ingesttest.TextSheet("Rules of the house"), ingesttest.ScanSheet, ingesttest.ScanSheet}, "scan.pdf": {ingesttest.ScanSheet, "", ingesttest.ScanSheet}} {
		if err := os.WriteFile(filepath.Join(dir, name), ingesttest.Sheets(sheets...), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s, err := b.add(dir)
	if err != nil || s.Added != 1 || len(s.Failed) != 1 {
		t.Fatalf("%+v, %v", s, err)
	}
	return b, dir
}

func (b *bench) named(name string) core.Document {
	b.Helper()
	docs, err := b.library.List(b.Context(), "main")
	if err != nil {
		b.Fatal(err)
	}
	for _, d := range docs {
		if d.Name == name {
			return d
		}
	}
	b.Fatalf("no %s", name)
	return core.Document{}
}

func (b *bench) pagesOf(name string) []string {
	b.Helper()
	c, err := b.library.Collection(b.Context(), "main")
	if err != nil {
		b.Fatal(err)
	}
	pages, err := b.store.Pages(b.Context(), c.ID, b.named(name).ID)
	if err != nil {
		b.Fatal(err)
	}
	var out []string
	for _, p := range pages {
		out = append(out, p.Text)
	}
	return out
}

var reads = ocrtest.Options{Languages: []string{"eng", "jpn"}, Lines: []string{"The scanned budget is 31,000 dollars."}}

// TestOCR: pages that are pictures are listed, read when a person says so, found by a search and marked; what is added again keeps them.
func TestOCR(t *testing.T) {
	b, dir := scans(t, reads)
	h, err := b.library.Health(t.Context(), "main")
	if err != nil || h.Unread != 4 || len(h.UnreadIn) != 2 || h.Well != 0 || h.Documents != 2 {
		t.Fatalf("health %+v, %v", h, err)
	}
	var last app.OCRCount
	opt := explained
	opt.Count = func(c app.OCRCount) { last = c }
	var state job.State
	opt.Listen = func(s job.State) { state = s }
	one, err := b.library.OCR(t.Context(), app.OCRPlan{Documents: []string{b.named("mixed.pdf").ID}}, opt)
	if err != nil || one.Pages != 2 || one.Documents != 1 || one.Nothing != 0 || one.Confidence != 90 || last.Pages != 2 || last.Of != 2 || !state.Ended || state.Stage != "ocr" || state.Done != 2 {
		t.Fatalf("one document: %+v, %v; count %+v, state %+v", one, err, last, state)
	}
	if got := b.pagesOf("mixed.pdf"); len(got) != 3 || got[0] != "Rules of the house" || got[1] != reads.Lines[0] || got[2] != reads.Lines[0] {
		t.Errorf("pages %q", got)
	}
	if d := b.named("scan.pdf"); d.State != core.DocumentFailed {
		t.Errorf("what was not asked for is %s", d.State)
	}
	all, err := b.library.OCR(t.Context(), app.OCRPlan{}, explained)
	if err != nil || all.Pages != 2 || all.Documents != 1 {
		t.Fatalf("the rest: %+v, %v", all, err)
	}
	if d := b.named("scan.pdf"); d.State != core.DocumentReady || d.Reason != "" || d.Pages != 3 || fmt.Sprint(d.Findings) != fmt.Sprint([]core.Finding{
		{What: core.FindingOCR, Page: 1, Count: 90}, {What: core.FindingBlank, Page: 2}, {What: core.FindingOCR, Page: 3, Count: 90},
	}) {
		t.Errorf("read: %+v", d)
	}
	found, err := b.library.Search(t.Context(), "main", "scanned budget", 5)
	if err != nil || len(found) == 0 || !strings.Contains(found[0].Text, "31,000") {
		t.Errorf("found %+v, %v", found, err)
	}
	if _, err := b.library.OCR(t.Context(), app.OCRPlan{}, explained); !errors.Is(err, core.ErrEmpty) {
		t.Errorf("nothing is left: %v", err)
	}
	if h, err = b.library.Health(t.Context(), "main"); err != nil || h.Unread != 0 || h.Well != 2 {
		t.Errorf("health %+v, %v", h, err)
	}
	// Added again with a new time, and with other settings: the texts of the pictures stay, and Tesseract is not asked.
	b.library.ProgramPath = t.TempDir()
	for _, splitter := range []string{"", "tech-lab"} {
		raw, err := os.ReadFile(filepath.Join(dir, "scan.pdf"))
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, "scan.pdf"), raw, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.library.Add(t.Context(), app.AddPlan{Paths: []string{dir}, Splitter: splitter}, app.AddOptions{}); err != nil {
			t.Fatal(err)
		}
		if got := b.pagesOf("scan.pdf"); len(got) != 3 || got[0] != reads.Lines[0] {
			t.Errorf("added again with splitter %q: %q", splitter, got)
		}
	}
	// A new file has none of it.
	if err := os.WriteFile(filepath.Join(dir, "mixed.pdf"), ingesttest.Sheets(ingesttest.TextSheet("New rules"), ingesttest.ScanSheet), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := b.add(dir); err != nil {
		t.Fatal(err)
	}
	if got := b.pagesOf("mixed.pdf"); len(got) != 2 || got[0] != "New rules" || got[1] != "" {
		t.Errorf("a new file: %q", got)
	}
}

// TestOCRGoesOn: what was cancelled goes on with the pages that are left, and leaves nothing behind.
func TestOCRGoesOn(t *testing.T) {
	b, _ := scans(t, reads)
	ctx, cancel := context.WithCancel(t.Context())
	opt := explained
	opt.Count = func(c app.OCRCount) {
		if c.Pages == 1 {
			cancel()
		}
	}
	s, err := b.library.OCR(ctx, app.OCRPlan{}, opt)
	if !errors.Is(err, context.Canceled) || !s.Cancelled || s.Pages == 0 || s.Pages == 4 {
		t.Fatalf("cancelled: %+v, %v", s, err)
	}
	entries, plans, err := b.library.UnfinishedOCR(t.Context())
	if err != nil || len(plans) != 1 || len(plans[0].Documents) != 2 || entries[0].Running {
		t.Fatalf("unfinished: %+v, %v", plans, err)
	}
	left := 0
	opt.Count = func(c app.OCRCount) { left++ }
	s, err = b.library.OCR(t.Context(), plans[0], opt)
	if err != nil || s.Pages+s.Nothing != 4 {
		t.Errorf("gone on: %+v, %v", s, err)
	}
	if entries, _, err = b.library.UnfinishedOCR(t.Context()); err != nil || len(entries) != 0 {
		t.Errorf("still unfinished: %v, %v", entries, err)
	}
	b.nothingKept()
}

// nothingKept says that no record of text recognition is left.
func (b *bench) nothingKept() {
	b.Helper()
	c, err := b.library.Collection(b.Context(), "main")
	if err != nil {
		b.Fatal(err)
	}
	for _, name := range []string{"mixed.pdf", "scan.pdf"} {
		ids, err := b.store.RecordIDs(b.Context(), "ocr."+c.ID+b.named(name).ID)
		if err != nil || len(ids) != 0 {
			b.Errorf("kept of %s: %v, %v", name, ids, err)
		}
	}
}

// TestOCRFindsNothing: pictures without text are told as such, and not offered again.
func TestOCRFindsNothing(t *testing.T) {
	b, _ := scans(t, ocrtest.Options{Languages: []string{"eng"}})
	s, err := b.library.OCR(t.Context(), app.OCRPlan{}, explained)
	if err != nil || s.Pages != 0 || s.Nothing != 4 || s.Documents != 1 {
		t.Fatalf("%+v, %v", s, err)
	}
	if d := b.named("scan.pdf"); d.State != core.DocumentFailed || len(app.UnreadPages(d)) != 0 || d.Findings[0].What != core.FindingNoOCR {
		t.Errorf("%+v", d)
	}
	if d := b.named("mixed.pdf"); d.State != core.DocumentReady || fmt.Sprint(d.Findings) != fmt.Sprint([]core.Finding{{What: core.FindingNoOCR, Page: 2, Last: 3}}) {
		t.Errorf("%+v", d)
	}
}

// TestOCRTrouble: no program, one that fails always, a file that has changed, a file that is gone.
func TestOCRTrouble(t *testing.T) {
	b, dir := scans(t, ocrtest.Options{Languages: []string{"eng"}, Try: "echo broken >&2; exit 1"})
	if _, err := b.library.OCR(t.Context(), app.OCRPlan{}, explained); !errors.Is(err, core.ErrUnsupported) {
		t.Errorf("a program that fails: %v", err)
	}
	if len(app.UnreadPages(b.named("scan.pdf")))+len(app.UnreadPages(b.named("mixed.pdf"))) != 4 {
		t.Error("pages that a broken program failed on are offered no more")
	}
	if _, err := b.library.OCR(t.Context(), app.OCRPlan{Languages: []string{"deu"}}, explained); !errors.Is(err, core.ErrUsage) {
		t.Errorf("a language that is not there: %v", err)
	}
	b, dir = scans(t, reads)
	if err := os.WriteFile(filepath.Join(dir, "mixed.pdf"), ingesttest.Sheets(ingesttest.ScanSheet), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := b.library.OCR(t.Context(), app.OCRPlan{}, explained)
	if err != nil || s.Pages != 2 || len(s.Failed) != 1 || !strings.Contains(s.Failed[0].Reason, "has changed") {
		t.Errorf("a changed file: %+v, %v", s, err)
	}
	if err := os.Remove(filepath.Join(dir, "mixed.pdf")); err != nil {
		t.Fatal(err)
	}
	if s, err = b.library.OCR(t.Context(), app.OCRPlan{}, explained); err != nil || len(s.Failed) != 1 || !strings.Contains(s.Failed[0].Reason, "There is no file") {
		t.Errorf("a file that is gone: %+v, %v", s, err)
	}
}

// TestOCRErased: what is kept of pages that were read goes with the document, and with the collection.
func TestOCRErased(t *testing.T) {
	for _, whole := range []bool{false, true} {
		b, _ := scans(t, reads)
		ctx, cancel := context.WithCancel(t.Context())
		opt := explained
		opt.Count = func(c app.OCRCount) {
			if c.Pages == 1 {
				cancel()
			}
		}
		if _, err := b.library.OCR(ctx, app.OCRPlan{}, opt); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		c, err := b.library.Collection(t.Context(), "main")
		if err != nil {
			t.Fatal(err)
		}
		doc := b.named("mixed.pdf")
		kind := "ocr." + c.ID + doc.ID
		if ids, err := b.store.RecordIDs(t.Context(), kind); err != nil || len(ids) == 0 {
			t.Fatalf("nothing is kept: %v", err)
		}
		if whole {
			_, err = b.library.RemoveCollection(t.Context(), "main")
		} else {
			_, err = b.library.Erase(t.Context(), c, doc)
		}
		if err != nil {
			t.Fatal(err)
		}
		if ids, err := b.store.RecordIDs(t.Context(), kind); err != nil || len(ids) != 0 {
			t.Errorf("after the removal (all: %v) %v is kept, %v", whole, ids, err)
		}
		if whole {
			continue
		}
		err = filepath.WalkDir(filepath.Join(b.dir, "library"), func(path string, e os.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			raw, err := os.ReadFile(path)
			if bytes.Contains(raw, []byte("31,000")) {
				t.Errorf("%s still holds what was read", filepath.Base(path))
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
