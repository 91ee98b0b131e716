package app_test

import (
	"archive/zip"
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"

	"kakoi/app"
)

func (b *bench) zip(path string, files ...string) {
	b.Helper()
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for i := 0; i < len(files); i += 2 {
		w, err := z.Create(files[i])
		if err == nil {
			_, err = io.WriteString(w, files[i+1])
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		b.Fatal(err)
	}
	b.write(path, out.String())
}

// TestFolderFollowsArchives: files in a zip archive are documents that come, change and go with it.
func TestFolderFollowsArchives(t *testing.T) {
	b := open(t, nil)
	f := b.folders()
	dir := filepath.Join(b.dir, "share")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	archive := filepath.Join(dir, "rules.zip")
	b.zip(archive, "2026/travel.txt", "Travel is paid for.", "leave.txt", "Leave is ten days.", "logo.gif", "x")
	one := b.link(f, app.Folder{Path: dir, Collection: "c"})
	if c := b.check(f, one.ID, false); c.New != 2 || c.Add.Added != 2 || len(c.Add.Failed) != 0 || c.Add.Skipped != 0 {
		t.Fatalf("first check: %+v", c)
	}
	if c := b.check(f, one.ID, false); c.New+c.Changed != 0 || len(c.Gone) != 0 {
		t.Errorf("nothing changed: %+v", c)
	}
	docs, err := b.library.List(t.Context(), "c")
	if err != nil || len(docs) != 2 || docs[0].Name != "rules.zip/2026/travel.txt" || docs[0].Source != filepath.Join(archive, "2026", "travel.txt") {
		t.Fatalf("documents are %+v, %v", docs, err)
	}
	pages := app.OpenPages(b.library)
	defer pages.Close()
	view := func(want string) {
		t.Helper()
		if v, err := pages.View(t.Context(), app.PageQuery{Collection: "c", Document: docs[0].ID, Page: 1}); err != nil || v.Note != want || v.Text != "Travel is paid for." {
			t.Errorf("page: %+v, %v, want note %q", v, err, want)
		}
	}
	view(app.NoteKind)
	b.zip(archive, "leave.txt", "Leave is twelve days.", "new.txt", "Something new.")
	view(app.NoteGone)
	c := b.check(f, one.ID, false)
	if c.New != 1 || c.Changed != 1 || c.Add.Added != 1 || c.Add.Updated != 1 || len(c.Gone) != 1 || c.Gone[0].Name != "rules.zip/2026/travel.txt" {
		t.Errorf("another archive: %+v", c)
	}
	if err := os.Remove(archive); err != nil {
		t.Fatal(err)
	}
	b.write(filepath.Join(dir, "other.txt"), "Still here.")
	if c = b.check(f, one.ID, true); c.Removed != 3 || c.New != 1 {
		t.Errorf("without the archive: %+v", c)
	}
}
