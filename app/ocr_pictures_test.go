package app_test

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"kakoi/app"
	"kakoi/core"
	"kakoi/core/ingest/ingesttest"
	"kakoi/core/ocr/ocrtest"
	"kakoi/resources"
)

// greyPicture is a PNG as large as a page of a scan.
func greyPicture(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, 700, 900))); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// letterOf is a mail with attachments.
func letterOf(names []string, files ...[]byte) []byte {
	mail := "Subject: Receipts\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nPlease find them attached.\n"
	for i, name := range names {
		mail += "--b\nContent-Disposition: attachment; filename=" + name + "\nContent-Transfer-Encoding: base64\n\n" + base64.StdEncoding.EncodeToString(files[i]) + "\n"
	}
	return []byte(mail + "--b--\n")
}

// pictured is a library with a picture file, an archive with one, and a mail with a picture and a scanned PDF.
func pictured(t *testing.T) (*bench, string) {
	t.Helper()
	b, dir := scans(t, reads)
	for _, name := range []string{"mixed.pdf", "scan.pdf"} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	c, err := b.library.Collection(t.Context(), "main")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"mixed.pdf", "scan.pdf"} {
		if _, err := b.library.Erase(t.Context(), c, b.named(name)); err != nil {
			t.Fatal(err)
		}
	}
	var archive bytes.Buffer
	z := zip.NewWriter(&archive)
	w, err := z.Create("receipts/taxi.png")
	if err == nil {
		_, err = w.Write(greyPicture(t))
	}
	if err = errors.Join(err, z.Close()); err != nil {
		t.Fatal(err)
	}
	mail := letterOf([]string{"photo.png", "scan.pdf", "note.txt"}, greyPicture(t), ingesttest.Sheets(ingesttest.ScanSheet, ingesttest.TextSheet("The second page"), ingesttest.ScanSheet), []byte("A note."))
	for name, data := range map[string][]byte{"invoice.png": greyPicture(t), "all.zip": archive.Bytes(), "letter.eml": mail} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return b, dir
}

// TestOCRPictures: picture files, those in archives, and pictures and scans attached to mails are listed, read by one action, and found.
func TestOCRPictures(t *testing.T) {
	b, dir := pictured(t)
	opt := app.AddOptions{Explain: explained.Explain}
	s, err := b.library.Add(t.Context(), app.AddPlan{Paths: []string{dir}}, opt)
	if err != nil || s.Added != 1 || s.Pictures != 2 || len(s.Failed) != 0 {
		t.Fatalf("added %+v, %v", s, err)
	}
	h, err := b.library.Health(t.Context(), "main")
	if err != nil || h.Unread != 5 || len(h.UnreadIn) != 3 {
		t.Fatalf("health: %d pages in %d documents, %v", h.Unread, len(h.UnreadIn), err)
	}
	if d := b.named("invoice.png"); d.State != core.DocumentFailed || d.Reason != "invoice.png is a picture; it holds no text yet." {
		t.Errorf("%+v", d)
	}
	if got := fmt.Sprint(app.UnreadPages(b.named("letter.eml"))); got != "[2 3 5]" {
		t.Errorf("unread in the mail: %s", got)
	}
	var last app.OCRCount
	ocr := explained
	ocr.Count = func(c app.OCRCount) { last = c }
	done, err := b.library.OCR(t.Context(), app.OCRPlan{}, ocr)
	if err != nil || done.Pages != 5 || done.Documents != 3 || len(done.Failed) != 0 || last.Of != 5 || last.Pages != 5 {
		t.Fatalf("read %+v, %v; %+v", done, err, last)
	}
	if got := b.pagesOf("invoice.png"); len(got) != 1 || got[0] != reads.Lines[0] {
		t.Errorf("the picture: %q", got)
	}
	if got := b.pagesOf("all.zip/receipts/taxi.png"); len(got) != 1 || got[0] != reads.Lines[0] {
		t.Errorf("the picture in the archive: %q", got)
	}
	pages := app.OpenPages(b.library)
	defer pages.Close()
	v, err := pages.View(t.Context(), app.PageQuery{Document: b.named("invoice.png").ID, Page: 1, DPI: 60, Marks: []app.Span{{Start: 0, End: 5}}})
	if err != nil || v.Picture == nil || v.Note != app.NoteOCR || v.Picture.Rect.Dy() != 702 || v.Text != reads.Lines[0] || v.Drawn() == nil {
		t.Errorf("the picture is shown as %+v, %v", v, err)
	}
	want := []string{"photo.png\n\n" + reads.Lines[0], "scan.pdf\n\n" + reads.Lines[0], "scan.pdf\n\nThe second page", "scan.pdf\n\n" + reads.Lines[0], "note.txt\n\nA note."}
	if got := b.pagesOf("letter.eml"); len(got) != 6 || !slices.Equal(got[1:], want) {
		t.Errorf("the mail: %q", got)
	}
	if got := fmt.Sprint(b.named("letter.eml").Findings); got != fmt.Sprint([]core.Finding{
		{What: core.FindingOCR, Page: 2, Name: "photo.png", Count: 90}, {What: core.FindingOCR, Page: 3, Name: "scan.pdf", Count: 90}, {What: core.FindingOCR, Page: 5, Name: "scan.pdf", Count: 90},
	}) {
		t.Errorf("findings: %s", got)
	}
	// Added again after it was touched: what was read stays, each name once, and nothing is offered.
	b.library.ProgramPath = t.TempDir()
	for _, name := range []string{"letter.eml", "invoice.png"} {
		raw, err := os.ReadFile(filepath.Join(dir, name))
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), raw, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if s, err = b.library.Add(t.Context(), app.AddPlan{Paths: []string{dir}, Splitter: "tech-lab"}, opt); err != nil || s.Pictures+len(s.Failed) != 0 {
		t.Errorf("added again: %+v, %v", s, err)
	}
	if got := b.pagesOf("letter.eml"); len(got) != 6 || !slices.Equal(got[1:], want) {
		t.Errorf("the mail, added again: %q", got)
	}
	if h, err = b.library.Health(t.Context(), "main"); err != nil || h.Unread != 0 || h.Well != 3 {
		t.Errorf("health %+v, %v", h, err)
	}
}

// TestOCRPicturesTrouble: a photo without text is not offered twice, a mail that changed meanwhile is told, and what cannot be drawn does not stop the rest.
func TestOCRPicturesTrouble(t *testing.T) {
	b, dir := pictured(t)
	b.library.ProgramPath = noText(t)
	opt := app.AddOptions{Explain: explained.Explain}
	if _, err := b.library.Add(t.Context(), app.AddPlan{Paths: []string{dir}}, opt); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "letter.eml"), letterOf(nil), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := b.library.OCR(t.Context(), app.OCRPlan{}, explained)
	if err != nil || s.Pages != 0 || s.Nothing != 2 || s.Documents != 0 || len(s.Failed) != 1 || !strings.Contains(s.Failed[0].Reason, "changed") {
		t.Fatalf("%+v, %v", s, err)
	}
	for range 2 {
		d := b.named("invoice.png")
		if len(app.UnreadPages(d)) != 0 || d.Findings[0].What != core.FindingNoOCR || d.Reason != "Text recognition found no text in invoice.png." {
			t.Errorf("%+v", d)
		}
		add, err := b.library.Add(t.Context(), app.AddPlan{Paths: []string{filepath.Join(dir, "invoice.png")}}, opt)
		if err != nil || add.Pictures != 1 || len(add.Failed) != 0 {
			t.Errorf("added again: %+v, %v", add, err)
		}
	}
	if _, err := b.library.OCR(t.Context(), app.OCRPlan{Documents: []string{b.named("invoice.png").ID}}, explained); !errors.Is(err, core.ErrEmpty) {
		t.Errorf("it is offered again: %v", err)
	}
}

// TestOCRWholeBook: a scan whose every second page is blank is offered whole, however many runs of pages that makes.
func TestOCRWholeBook(t *testing.T) {
	b, dir := scans(t, reads)
	var sheets []string
	for i := range 1000 {
		sheets = append(sheets, []string{ingesttest.ScanSheet, ""}[i%2])
	}
	if err := os.WriteFile(filepath.Join(dir, "book.pdf"), ingesttest.Sheets(sheets...), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := b.add(filepath.Join(dir, "book.pdf")); err != nil {
		t.Fatal(err)
	}
	d := b.named("book.pdf")
	pages := app.UnreadPages(d)
	h, err := b.library.Health(t.Context(), "main")
	if err != nil || len(pages) != 500 || pages[499] != 999 || h.Unread != 504 || len(d.Findings) > 100 {
		t.Fatalf("%d pages of 500 offered, %d in all, in %d findings, %v", len(pages), h.Unread, len(d.Findings), err)
	}
	for _, e := range app.EntriesOf(d) {
		if sentence, _ := e.Said(func(key string, args ...any) string { return resources.Format("en", key, args...) }); len(sentence) > 200 {
			t.Errorf("a sentence of %d bytes: %s", len(sentence), sentence)
		}
	}
}

// noText is a Tesseract that finds nothing.
func noText(t *testing.T) string {
	return ocrtest.Fake(t, ocrtest.Options{Languages: []string{"eng"}})
}
