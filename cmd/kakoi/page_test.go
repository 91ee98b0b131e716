package main

import (
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestPage(t *testing.T) {
	w := newWorld(t)
	w.file("rules.txt", "Every employee has twenty days of paid leave each year.\n")
	raw, err := os.ReadFile("../../core/ingest/testdata/office.pdf")
	if err != nil {
		t.Fatal(err)
	}
	w.file("office.pdf", string(raw))
	w.want(0, "add", w.docs)

	if r := w.want(0, "page", "rules.txt", "--mark", "19-30"); r.out != "Every employee has »twenty days« of paid leave each year.\n" {
		t.Errorf("marked text is %q", r.out)
	}
	if r := w.want(0, "page", "office.pdf", "2"); !strings.HasPrefix(r.out, "第2章 手当\n") || !strings.Contains(r.err, "office.pdf, page 2 of 2") {
		t.Errorf("second page is %q, %q", r.out, r.err)
	}
	out := filepath.Join(w.docs, "page.png")
	shown := objects[shownPage](t, w.want(0, "page", "--json", "office.pdf", "--mark", "0-4", "--outline", "--out", "page.png", "--dpi", "72").out)[0]
	if shown.Out != out || shown.Pages != 2 || len(shown.Marks) != 1 || len(shown.Marks[0].Places) != 1 || len(shown.Passages) == 0 || len(shown.Passages[0].Places) == 0 {
		t.Errorf("shown is %+v", shown)
	}
	f, err := os.Open(out)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if img, err := png.Decode(f); err != nil || img.Bounds().Dx() != shown.Width || img.Bounds().Dy() != shown.Height || shown.Width < 500 {
		t.Errorf("%v, %v, want %d x %d", img.Bounds(), err, shown.Width, shown.Height)
	}

	for _, args := range [][]string{{"--mark", "x"}, {"--mark", "9-3"}, {"--dpi", "0"}, {"--out", "rules.txt"}, {"zero"}, {"0"}, {"1", "2"}} {
		w.want(2, append([]string{"page", "office.pdf"}, args...)...)
	}
	if text, err := os.ReadFile(filepath.Join(w.docs, "rules.txt")); err != nil || !strings.HasPrefix(string(text), "Every employee") {
		t.Errorf("a document was written over: %q, %v", text, err)
	}
	w.want(1, "page", "office.pdf", "3")
	if r := w.want(1, "page", "rules.txt", "--out", "page.png"); !strings.Contains(r.err, "no picture") {
		t.Errorf("picture of a text file: %q", r.err)
	}
	if err := os.Remove(filepath.Join(w.docs, "office.pdf")); err != nil {
		t.Fatal(err)
	}
	if r := w.want(0, "page", "office.pdf"); !strings.HasPrefix(r.out, "就業規則\n") || !strings.Contains(r.err, "no longer") {
		t.Errorf("page of a file that is gone: %q, %q", r.out, r.err)
	}
}
