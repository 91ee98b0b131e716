package ingest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"kakoi/core"
	"kakoi/core/ingest"
	"kakoi/core/ingest/ingesttest"
)

func TestMain(m *testing.M) {
	code := m.Run()
	if err := ingest.Close(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func TestReadBrokenPDF(t *testing.T) {
	data, err := os.ReadFile("testdata/office.pdf")
	if err != nil {
		t.Fatal(err)
	}
	for name, broken := range map[string][]byte{
		"cut in half":     data[:len(data)/2],
		"only the header": data[:20],
		"header and junk": append([]byte("%PDF-1.7\n"), bytes.Repeat([]byte("junk "), 1000)...),
		"not a PDF":       []byte("this is a text file with the wrong name"),
	} {
		_, pages, err := read(t, write(t, "a.pdf", broken))
		var user *core.UserError
		if !errors.Is(err, core.ErrCorrupt) || !errors.As(err, &user) || user.Key != "error.file.broken" || pages != nil {
			t.Errorf("%s: %v %v", name, pages, err)
		}
	}
	// Damage inside: whatever comes back is text of the document or a refusal, never a crash; the engine still
	// reads the whole file afterwards.
	r := rand.New(rand.NewPCG(3, 4))
	for i := range 12 {
		damaged := bytes.Clone(data)
		for range 400 {
			damaged[r.IntN(len(damaged))] = byte(r.Uint32())
		}
		_, pages, err := read(t, write(t, "a.pdf", damaged))
		if err != nil && !errors.Is(err, core.ErrCorrupt) && !errors.Is(err, core.ErrEmpty) && !errors.Is(err, core.ErrEncrypted) {
			t.Errorf("damaged %d: %v", i, err)
		}
		if err == nil && len(pages) == 0 {
			t.Errorf("damaged %d: no pages and no error", i)
		}
	}
	// Without its cross-reference table a file is repaired.
	at := bytes.LastIndex(data, []byte("startxref"))
	if _, pages, err := read(t, write(t, "a.pdf", data[:at])); err != nil || pages[0].Text != rulesPDF1 || pages[1].Text != rulesPDF2 {
		t.Errorf("without startxref: %v %v", pages, err)
	}
}

func TestPageBoxes(t *testing.T) {
	for _, f := range fixtures {
		if f.kind != "pdf" {
			continue
		}
		for i, want := range f.pages {
			l, err := ingest.PageBoxes(context.Background(), filepath.Join("testdata", f.file), i+1, options(t))
			if err != nil {
				t.Fatal(err)
			}
			runes := []rune(l.Text)
			if l.Text != want || len(l.Boxes) != len(runes) {
				t.Fatalf("%s page %d: %d boxes, %d characters, text %q", f.file, i+1, len(l.Boxes), len(runes), l.Text)
			}
			rows := madeUpInTables(l.Text)
			for j, b := range l.Boxes {
				visible := !strings.ContainsRune(" \n\t", runes[j]) && !rows[j]
				if b.Left < 0 || b.Right > l.Width || b.Bottom < 0 || b.Top > l.Height || visible && b.Empty() {
					t.Errorf("%s page %d: %q at %+v of %g x %g", f.file, i+1, runes[j], b, l.Width, l.Height)
				}
			}
		}
	}
}

// madeUpInTables tells which characters of a text stand for none on the page: what parts the cells of rows, and the names of columns after the
// first row that says them.
func madeUpInTables(text string) map[int]bool {
	out, named, at := map[int]bool{}, map[string]bool{}, 0
	for line := range strings.SplitAfterSeq(text, "\n") {
		cells := strings.Split(line, " | ")
		for i, cell := range cells {
			name, _, labelled := strings.Cut(cell, ": ")
			start := at
			if labelled = labelled && len(cells) > 1; labelled {
				for range []rune(name) {
					out[at] = named[name]
					at++
				}
				named[name], out[at] = true, true
			}
			at = start + len([]rune(cell))
			if i < len(cells)-1 {
				out[at], out[at+1], out[at+2] = true, true, true
				at += 3
			}
		}
	}
	return out
}

// Characters stand where the file draws them: on a line left to right without overlaps, lines top to bottom, the first
// character of columns.pdf at its origin, the columns of vertical writing right to left.
func TestPageBoxesStandOnTheGlyphs(t *testing.T) {
	l, err := ingest.PageBoxes(context.Background(), "testdata/office.pdf", 1, options(t))
	if err != nil {
		t.Fatal(err)
	}
	runes := []rune(l.Text)
	for i := 1; i < len(runes); i++ {
		a, b := l.Boxes[i-1], l.Boxes[i]
		if a.Empty() || b.Empty() {
			continue
		}
		if b.Left < a.Right-1 && b.Top > a.Bottom {
			t.Errorf("%q at %+v, then %q at %+v", runes[i-1], a, runes[i], b)
		}
	}
	l, err = ingest.PageBoxes(context.Background(), "testdata/columns.pdf", 1, options(t))
	if err != nil {
		t.Fatal(err)
	}
	near := func(got, want float64) bool { return got > want-1.5 && got < want+1.5 }
	if b := l.Boxes[0]; !near(b.Left, 72) || b.Bottom > 761 || b.Top < 766 {
		t.Errorf("O of \"Order form\" at %+v, drawn at 72 760 in 12 points", b)
	}
	price := len([]rune(l.Text[:strings.Index(l.Text, "Price")]))
	if b := l.Boxes[price]; !near(b.Left, 222) || b.Bottom > 731 || b.Top < 736 {
		t.Errorf("P of \"Price\" at %+v, drawn at 222 730", b)
	}
	word := len([]rune(l.Text[:strings.Index(l.Text, "document")]))
	if docu, ment := l.Boxes[word+3], l.Boxes[word+4]; ment.Top > docu.Bottom+12 || ment.Left > docu.Left {
		t.Errorf("\"document\" is divided over two lines: u at %+v, m at %+v", docu, ment)
	}
	l, err = ingest.PageBoxes(context.Background(), "testdata/cid.pdf", 4, options(t))
	if err != nil {
		t.Fatal(err)
	}
	if first, second, next := l.Boxes[0], l.Boxes[1], l.Boxes[7]; second.Top > first.Top-8 || next.Left > first.Left-20 {
		t.Errorf("vertical: %+v, below %+v, next column %+v", first, second, next)
	}
}

func TestPageBoxesRefuses(t *testing.T) {
	for _, page := range []int{0, -1, 3} {
		if _, err := ingest.PageBoxes(context.Background(), "testdata/office.pdf", page, options(t)); !errors.Is(err, core.ErrNotFound) {
			t.Errorf("page %d: %v", page, err)
		}
	}
	if _, err := ingest.PageBoxes(context.Background(), "testdata/rules.md", 1, options(t)); !errors.Is(err, core.ErrUnsupported) && !errors.Is(err, core.ErrCorrupt) {
		t.Errorf("not a PDF: %v", err)
	}
}

// bigPDF has n pages of text, so that reading takes long enough to be stopped.
func bigPDF(n int) []byte { return bigPDFOf(n, 80) }

func bigPDFOf(n, lines int) []byte {
	line := "(" + strings.Repeat("The quick brown fox jumps over the lazy dog. ", 2) + ") Tj T*\n"
	content := "BT /F1 8 Tf 10 TL 20 820 Td\n" + strings.Repeat(line, lines) + "ET"
	var kids strings.Builder
	for i := range n {
		fmt.Fprintf(&kids, "%d 0 R ", 5+i)
	}
	objects := []string{
		"<< /Type /Catalog /Pages 2 0 R >>",
		fmt.Sprintf("<< /Type /Pages /Count %d /Kids [%s] >>", n, kids.String()),
		"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
		fmt.Sprintf("<< /Length %d >>\nstream\n%s\nendstream", len(content), content),
	}
	for range n {
		objects = append(objects, "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources << /Font << /F1 3 0 R >> >> /Contents 4 0 R >>")
	}
	return ingesttest.PDF(objects...)
}

func TestReadPDFStops(t *testing.T) {
	path := write(t, "big.pdf", bigPDF(2000)) // 14 million characters
	opt := options(t)
	opt.Timeout = 300 * time.Millisecond
	_, _, err := ingest.Read(context.Background(), path, opt)
	var user *core.UserError
	if !errors.Is(err, context.DeadlineExceeded) || !errors.As(err, &user) || user.Key != "error.file.slow" {
		t.Errorf("time limit: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(300*time.Millisecond, cancel)
	if _, _, err := ingest.Read(ctx, path, options(t)); !errors.Is(err, context.Canceled) || errors.As(err, &user) {
		t.Errorf("cancel: %v", err)
	}
	// The engine goes on.
	if _, pages, err := read(t, "testdata/office.pdf"); err != nil || pages[1].Text != rulesPDF2 {
		t.Errorf("afterwards: %v", err)
	}
}

func TestReadPDFConcurrently(t *testing.T) {
	var wg sync.WaitGroup
	for range 6 {
		wg.Go(func() {
			for range 3 {
				if _, pages, err := read(t, "testdata/office.pdf"); err != nil || pages[0].Text != rulesPDF1 {
					t.Errorf("%v", err)
				}
			}
		})
	}
	wg.Wait()
}
