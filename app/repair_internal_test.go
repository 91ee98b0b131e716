package app

import (
	"context"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"kakoi/core"
	"kakoi/core/ingest"
	"kakoi/index"
)

// shelf is a Mender that has some pages of one document.
type shelf struct {
	Mender
	pages []core.Page
	lost  int
}

func (s shelf) Readable(context.Context, string, string) ([]core.Page, int, error) {
	return s.pages, s.lost, nil
}

// TestStoredPagesStay: a damaged document whose stored pages are whole is made of them again, with what was recognised in its pictures, and split as it
// was; its file is read only where pages are lost or it is another by now.
func TestStoredPagesStay(t *testing.T) {
	path := filepath.Join(t.TempDir(), "scan.txt")
	if err := os.WriteFile(path, []byte("what the file says"), 0o600); err != nil {
		t.Fatal(err)
	}
	read, pages, err := ingest.Read(t.Context(), path, ingest.Options{})
	if err != nil || len(pages) != 1 {
		t.Fatal(pages, err)
	}
	split, err := fingerprint(Split("techlab"))
	if err != nil {
		t.Fatal(err)
	}
	read.ID, read.Added, read.Split = core.DocumentID(path), time.Now().Add(time.Hour), split
	read.Findings = []core.Finding{{What: core.FindingOCR, Page: 1, Count: 91}}
	recognised := []core.Page{{Number: 1, Text: "what was recognised in its picture"}}
	again := func(doc core.Document, m shelf) (prepared, map[string]index.Harmed) {
		torn := map[string]index.Harmed{}
		d := &Doctor{Mend: m}
		return d.again(t.Context(), &adder{Library: &Library{}, split: Split(""), splitPrint: "now"}, index.Harmed{Document: doc}, torn, salvaged{}), torn
	}
	f, torn := again(read, shelf{pages: recognised})
	if f.err != nil || !reflect.DeepEqual(f.pages, recognised) || !reflect.DeepEqual(f.doc.Findings, read.Findings) || f.doc.Split != split || len(torn) != 0 {
		t.Errorf("made again of %+v, %v, split %s", f.pages, f.err, f.doc.Split)
	}
	if f, _ = again(read, shelf{lost: 1}); f.err != nil || len(f.pages) != 1 || f.pages[0].Text != pages[0].Text {
		t.Errorf("with lost pages it is read: %+v, %v", f.pages, f.err)
	}
	other := read
	other.SHA256, other.Size = "another", 1
	if f, _ = again(other, shelf{pages: recognised}); f.err != nil || f.pages[0].Text != pages[0].Text {
		t.Errorf("a changed file is read: %+v, %v", f.pages, f.err)
	}
	gone := read
	gone.Source = path + ".gone"
	if f, torn = again(gone, shelf{pages: recognised, lost: 2}); f.err != nil || !reflect.DeepEqual(f.pages, recognised) || torn[gone.ID].Lost != 2 {
		t.Errorf("without its file: %+v, %v, %v", f.pages, torn, f.err)
	}
}
