package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kakoi/core/ingest/ingesttest"
	"kakoi/core/ocr/ocrtest"
)

// TestHealthAndOCR: what was not read is told by document and page, pages that are pictures are listed first and read only when asked for.
func TestHealthAndOCR(t *testing.T) {
	w := newWorld(t)
	if got := w.want(0, "health").out; !strings.Contains(got, "no documents yet") {
		t.Errorf("an empty library: %s", got)
	}
	w.file("scan.pdf", string(ingesttest.Sheets(ingesttest.TextSheet("Rules of the house"), ingesttest.ScanSheet, ingesttest.GarbledSheet)))
	w.file("plain.txt", "The office is open from nine to five.")
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	w.env = append(w.env, "PATH="+ocrtest.Fake(t, ocrtest.Options{Languages: []string{"eng"}, Lines: []string{"The scanned budget is 31,000 dollars."}})+":"+os.Getenv("PATH"))
	if _, err := os.Stat(filepath.Join(cache, "kakoi-build")); err != nil {
		t.Log("the PDF engine is compiled anew")
	}
	w.want(0, "add", ".")
	got := w.want(0, "health").out
	for _, part := range []string{"p. 2: a picture without text, not searchable.", "p. 3: 5 letters whose font", "with something to look at: 1", "Pages that are pictures: 2, in documents: 1", "Tesseract 5.3.0 (eng)"} {
		if !strings.Contains(got, part) {
			t.Errorf("health does not say %q:\n%s", part, got)
		}
	}
	if lines := objects[healthLine](t, w.want(0, "health", "--json", "scan.pdf").out); len(lines) != 2 || lines[0].Kind != "picture" || lines[0].Page != 2 || lines[1].Kind != "garbled" || lines[1].Hint == "" {
		t.Errorf("health in JSON: %+v", lines)
	}
	if got := w.want(0, "ocr").out; !strings.Contains(got, "scan.pdf  pages: 2 (2, 3)") || !strings.Contains(got, "Nothing was read yet") {
		t.Errorf("what could be read: %s", got)
	}
	if got := w.want(0, "ocr", "--resume").out; !strings.Contains(got, "No text recognition was interrupted") {
		t.Errorf("nothing to go on with: %s", got)
	}
	if got := w.want(2, "ocr", "--all", "--languages", "deu").err; !strings.Contains(got, "Tesseract has no language deu") {
		t.Errorf("another language: %s", got)
	}
	if got := w.want(0, "ocr", "scan.pdf").out; !strings.Contains(got, "Pages read: 2, documents: 1, 90% sure") {
		t.Errorf("read: %s", got)
	}
	if got := w.want(0, "health").out; !strings.Contains(got, "Documents: 2, nothing needs attention.") {
		t.Errorf("afterwards: %s", got)
	}
	if got := w.want(0, "health", "--all").out; !strings.Contains(got, "p. 2-3: text read from its picture (OCR), 90% sure.") {
		t.Errorf("all of it: %s", got)
	}
	if got := w.want(0, "page", "scan.pdf", "2").out; !strings.Contains(got, "31,000") {
		t.Errorf("the page: %s", got)
	}
	w.want(2, "ocr", "--all", "scan.pdf")
	w.want(1, "ocr", "--all")
}

// TestPasswordFile: protected PDFs are read with passwords from a file, and told as such without.
func TestPasswordFile(t *testing.T) {
	w := newWorld(t)
	raw, err := os.ReadFile(filepath.Join("..", "..", "core", "ingest", "testdata", "password.pdf"))
	if err != nil {
		t.Fatal(err)
	}
	w.file("secret.pdf", string(raw))
	w.want(1, "add", "secret.pdf")
	if lines := objects[healthLine](t, w.want(0, "health", "--json").out); len(lines) != 2 || lines[0].Kind != "failed" || lines[1].Kind != "locked" || !strings.Contains(lines[1].Hint, "--password-file") {
		t.Errorf("health: %+v", lines)
	}
	list := filepath.Join(t.TempDir(), "passwords")
	if err := os.WriteFile(list, []byte("wrong\r\nsecret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.want(1, "add", "--password-file", list+"x", "secret.pdf")
	w.want(0, "add", "--password-file", list, "secret.pdf")
	if got := w.want(0, "health").out; !strings.Contains(got, "nothing needs attention") {
		t.Errorf("afterwards: %s", got)
	}
}
