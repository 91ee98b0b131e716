package main

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kakoi/core/ingest/ingesttest"
	"kakoi/core/ocr/ocrtest"
	"kakoi/index/store/storetest"
)

// holding are the files of the data folder with any of the needles.
func (w *world) holding(needles map[string][]byte) (found []string) {
	w.t.Helper()
	err := filepath.WalkDir(w.data, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) || err == nil && !d.Type().IsRegular() {
			return nil
		}
		if err != nil {
			return err
		}
		data, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) { // a program is at work
			return nil
		}
		for name, needle := range needles {
			if bytes.Contains(data, needle) {
				found = append(found, name+" in "+strings.TrimPrefix(path, w.data))
			}
		}
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return found
}

// readHalf begins to read a scan, and stops once the first page's text is in the library.
func (w *world) readHalf(needles map[string][]byte) {
	w.t.Helper()
	cmd := w.command("ocr", "--all")
	if err := cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	for end := time.Now().Add(time.Minute); len(w.holding(needles)) == 0 && time.Now().Before(end); {
		time.Sleep(50 * time.Millisecond)
	}
	_ = cmd.Process.Signal(os.Interrupt)
	_ = cmd.Wait() // it says that it was cancelled
	if len(w.holding(needles)) == 0 {
		w.t.Fatal("nothing of the pages that were read is kept")
	}
}

// TestRemovalOfPicturesRead: what was read from the pictures of a file goes with the document, and with the version of the file that it was of; what is kept to undo a restore
// stays until something is removed.
func TestRemovalOfPicturesRead(t *testing.T) {
	w := newWorld(t)
	// Tables are compressed: bytes that are also somewhere before ("scan") would be a reference there, and the text not to be found in one piece.
	const secret = "Zq8Xv92Kw"
	needles := storetest.Writings(t, secret)
	fake := ocrtest.Fake(t, ocrtest.Options{Languages: []string{"eng"}, Lines: []string{secret}, Try: "sleep 0.3"})
	w.env = append(w.env, "PATH="+fake+string(filepath.ListSeparator)+os.Getenv("PATH"))
	var sheets []string
	for range 30 {
		sheets = append(sheets, ingesttest.ScanSheet)
	}
	scan := string(ingesttest.Sheets(sheets...))
	path := w.file("scan.pdf", scan)
	w.file("other.txt", "Something else.")
	w.run("add", w.docs)

	w.readHalf(needles)
	w.file("scan.pdf", string(ingesttest.Sheets(ingesttest.TextSheet("Another file of this name"))))
	w.want(0, "add", path)
	if found := w.holding(needles); len(found) > 0 {
		t.Errorf("after the file was replaced:\n%s", strings.Join(found, "\n"))
	}

	w.want(0, "remove", "--yes", "scan.pdf")
	w.file("scan.pdf", scan)
	w.run("add", path)
	w.readHalf(needles)
	w.want(0, "remove", "--yes", "scan.pdf")
	if found := w.holding(needles); len(found) > 0 {
		t.Errorf("after the removal:\n%s", strings.Join(found, "\n"))
	}

	file := filepath.Join(t.TempDir(), "backup")
	w.want(0, "backup", file)
	w.want(0, "restore", "--yes", file)
	w.file("scan.pdf", string(ingesttest.Sheets(ingesttest.ScanSheet)))
	w.run("add", path)
	w.want(0, "ocr", "--all")
	if _, err := os.Stat(filepath.Join(w.data, "undo")); err != nil {
		t.Errorf("a text recognition has taken the undo of the restore: %v", err)
	}
	w.want(0, "remove", "--yes", "scan.pdf")
	if _, err := os.Stat(filepath.Join(w.data, "undo")); !os.IsNotExist(err) {
		t.Errorf("after the removal what was kept is still there: %v", err)
	}
}

// TestRemovalLeavesNoBytes: after remove nothing in the whole data folder has the text in any writing, not what an edit, a restore or a repair kept, either; others answer as before.
func TestRemovalLeavesNoBytes(t *testing.T) {
	w := newWorld(t)
	w.stock(6)
	before := w.answers(6)
	const secret, edited = "鰯鯖鮪鰹鯛鱧鮎鯉鱒鯰Zq7-Xv91", "梟鷹鷲鴉鶴鷺鴨雁鶉雉Wk3-Jp58"
	needles := storetest.Writings(t, secret)
	for name, needle := range storetest.Writings(t, edited) {
		needles["edited, "+name] = needle
	}
	path := w.file("secret.txt", "表紙です。\n\n"+edited+"\n\n"+secret+" という暗号です。\n")
	w.want(0, "add", path)
	w.want(0, "search", "暗号")
	file := filepath.Join(t.TempDir(), "backup")
	w.want(0, "backup", file)
	w.want(0, "restore", "--yes", file) // what was there is kept beside it
	if found := strings.Join(w.holding(needles), "\n"); !strings.Contains(found, "UTF-8 in /library") || !strings.Contains(found, "UTF-8 in /undo") {
		t.Fatalf("the text is not to be seen before: %s", found)
	}
	w.file("secret.txt", "表紙です。\n\n"+secret+" という暗号です。\n")
	w.want(0, "add", path)
	w.want(0, "remove", "--yes", "secret.txt")
	if found := w.holding(needles); len(found) > 0 {
		t.Errorf("after the removal:\n%s", strings.Join(found, "\n"))
	}
	if got := w.answers(6); got != before {
		t.Error("the others answer differently")
	}

	// Removed by the check of its folder, after a repair that kept the damaged files.
	path = w.file("linked/secret.txt", edited+" "+secret)
	w.want(0, "folder", "link", filepath.Dir(path))
	tables, err := filepath.Glob(filepath.Join(w.data, "library", "*.sst"))
	if err != nil || len(tables) == 0 {
		t.Fatal(tables, err)
	}
	data, err := os.ReadFile(tables[0])
	if err == nil {
		data[len(data)-3] ^= 1 // of the index: everything else can be read
		err = os.WriteFile(tables[0], data, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	w.want(0, "doctor", "--repair", "--yes")
	if found := strings.Join(w.holding(needles), "\n"); !strings.Contains(found, "in /undo") {
		t.Fatalf("the repair keeps nothing: %s", found)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	w.file("linked/other.txt", "Something else is here.")
	w.want(0, "folder", "check", "--remove")
	if found := w.holding(needles); len(found) > 0 {
		t.Errorf("after the check of the folder:\n%s", strings.Join(found, "\n"))
	}
}
