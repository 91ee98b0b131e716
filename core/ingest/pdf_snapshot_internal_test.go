package ingest

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"unsafe"
)

// testPDFs are the PDFs of the tests, and those in the folders that KAKOI_PDFS lists.
func testPDFs(t testing.TB) []string {
	t.Helper()
	var files []string
	folders := append([]string{"testdata", filepath.Join("testdata", "pdf"), filepath.Join("..", "..", "resources", "samples")}, filepath.SplitList(os.Getenv("KAKOI_PDFS"))...)
	for _, folder := range folders {
		found, err := filepath.Glob(filepath.Join(folder, "*.pdf"))
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
	}
	if len(files) < 19 {
		t.Fatalf("%d files", len(files))
	}
	return files
}

// all reads every page of a document with all that is known of its characters and lines.
func all(t testing.TB, data []byte, opt Options) (sheets []*pdfSheet, err error) {
	t.Helper()
	err = withPDF(context.Background(), data, opt, func(d *pdfDoc) error {
		for i := range d.count {
			s, err := d.page(i)
			if err != nil {
				return err
			}
			sheets = append(sheets, s)
		}
		return nil
	})
	return sheets, err
}

// TestSnapshotSame: a document in an instance that others were in, that has its fonts loaded and that remembers the boxes of characters, is to the
// last bit what it is in an instance just started that does none of this.
func TestSnapshotSame(t *testing.T) {
	if !remembered(pdfiumWasm) {
		t.Error("another build of PDFium: find its functions anew (pdf_memo.go), or nothing is remembered")
	}
	opt := testOptions(t)
	fresh := opt
	fresh.fresh = true
	pages, chars := 0, 0
	for _, file := range testPDFs(t) {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		want, wantErr := all(t, data, fresh)
		got, gotErr := all(t, data, opt)
		if (wantErr == nil) != (gotErr == nil) || len(got) != len(want) {
			t.Errorf("%s: %d pages, %v; fresh %d, %v", file, len(got), gotErr, len(want), wantErr)
			continue
		}
		for i := range want {
			pages, chars = pages+1, chars+len(want[i].cells)
			if !reflect.DeepEqual(got[i], want[i]) {
				t.Errorf("%s: page %d differs", file, i+1)
			}
		}
	}
	t.Logf("%d pages, %d characters", pages, chars)
}

// TestSnapshotForgets: nothing of a document is left in the instance for the next one.
func TestSnapshotForgets(t *testing.T) {
	opt := testOptions(t)
	data, err := os.ReadFile(filepath.Join("testdata", "columns.pdf"))
	if err != nil {
		t.Fatal(err)
	}
	secret := []byte("% a secret of the document before")
	data = append(append(data, secret...), bytes.Repeat([]byte(" "), 40<<20)...) // beyond what an instance begins with
	if _, err := all(t, data, opt); err != nil {
		t.Fatal(err)
	}
	e, err := engine(opt)
	if err != nil {
		t.Fatal(err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	large := false
	for _, l := range e.idle {
		memory := unsafe.Slice((*byte)(l.memory.addresses), l.memory.size)
		if bytes.Contains(memory, secret) {
			t.Error("the document is still there")
		}
		if rest := memory[e.start.size:]; len(rest) > 0 {
			large = true
			if n := len(rest) - len(bytes.Trim(rest, "\x00")); n != len(rest) {
				t.Errorf("%d bytes beyond the start", len(rest)-n)
			}
		}
	}
	if !large {
		t.Error("no instance that was in use")
	}
}

// TestInstancesStay: whoever is told to stop before it has begun takes no instance away, and one that has grown beyond what the next document may have
// is not handed to it.
func TestInstancesStay(t *testing.T) {
	opt := testOptions(t)
	if err := withPDF(t.Context(), warmPDF(), opt, func(*pdfDoc) error { return nil }); err != nil {
		t.Fatal(err)
	}
	e, err := engine(opt)
	if err != nil {
		t.Fatal(err)
	}
	before := len(e.idle)
	stopped, stop := context.WithCancel(t.Context())
	stop()
	for range 20 { // which of the two it hears of first is left to chance
		if err := e.do(stopped, func(*pdfLib) error { return nil }); err == nil {
			t.Fatal("done although it was stopped")
		}
	}
	if before == 0 || len(e.idle) != before {
		t.Errorf("%d instances wait, %d did before", len(e.idle), before)
	}
	grown := 0
	if err := e.do(t.Context(), func(l *pdfLib) error {
		l.memory.allow(l.begin, drawMemory)
		if _, ok := l.module.Memory().Grow((textMemory + 1<<20) >> 16); !ok {
			t.Error("no memory")
		}
		grown = l.memory.size
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for _, l := range e.idle {
		if l.memory.size >= grown {
			t.Errorf("an instance of %d MB waits", l.memory.size>>20)
		}
	}
}
