package ingest

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// What PDFium can reach is the fonts folder and the way to it, whatever a file makes it ask for.
func TestFontsOnly(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a.ttf"), []byte("font"), 0o600); err != nil {
		t.Fatal(err)
	}
	f := newFontsOnly(dir)
	if data, err := fs.ReadFile(f, "usr/share/fonts/a.ttf"); err != nil || string(data) != "font" {
		t.Errorf("%q %v", data, err)
	}
	var seen []string
	err := fs.WalkDir(f, ".", func(path string, _ fs.DirEntry, err error) error {
		seen = append(seen, path)
		return err
	})
	if err != nil || len(seen) != 5 || seen[4] != "usr/share/fonts/a.ttf" {
		t.Errorf("%q %v", seen, err)
	}
	for _, path := range []string{"etc/passwd", "usr/share/doc", "usr/share/fonts/../../../etc/passwd", "../etc/passwd", "/etc/passwd", "home", "proc/self/environ", "usr/share/fonts2"} {
		if _, err := f.Open(path); err == nil {
			t.Errorf("%s opened", path)
		}
	}
}
