package main

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"kakoi/core/ocr/ocrtest"
)

// listing is what lies below a folder, with sizes and times: a folder's own time changes with every name in it that comes or goes.
func listing(t *testing.T, dir string) []string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		size := info.Size()
		if d.IsDir() {
			size = 0
		}
		all = append(all, fmt.Sprintf("%s %v %d %s", path, info.Mode(), size, info.ModTime()))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestNothingIsWrittenElsewhere: whatever is read, asked, recognised, trained and exported, files appear in the data folder and in the chosen places only, also for a moment: neither
// where temporary files usually go, nor in the home, caches, settings, beside the documents, the program or in the working folder. What was temporary is gone, and what a
// killed program left is gone after the next start.
func TestNothingIsWrittenElsewhere(t *testing.T) {
	w := newWorld(t)
	base := filepath.Dir(w.data)
	if cache, err := os.UserCacheDir(); err == nil { // the PDF engine is compiled by set-up, where it ran
		if wasm := filepath.Join(cache, "kakoi-build", "wasm"); existing(wasm) != "" {
			if err := os.Symlink(wasm, filepath.Join(w.home, "wasm")); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, name := range []string{"quote.eml", "office.docx", "prices.xlsx", "office.odt", "office.rtf", "minutes.msg", "training.pptx", "manual.epub", "office.pdf", "picture.png", "prices.xls", "picture_g4.tiff"} {
		raw, err := os.ReadFile(filepath.Join("..", "..", "core", "ingest", "testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		w.file(name, string(raw))
	}
	var packed bytes.Buffer
	z := zip.NewWriter(&packed)
	for _, name := range []string{"inner/rules.txt", "inner/office.docx"} {
		f, err := z.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		text := []byte("Every employee has twenty days of paid leave each year. " + sentences("leave", 40))
		if strings.HasSuffix(name, ".docx") {
			if text, err = os.ReadFile(filepath.Join(w.docs, "office.docx")); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := f.Write(text); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	w.file("packed.zip", packed.String())
	questions := w.file("questions.jsonl", `{"question":"How many days of paid leave has every employee?","answer":"Every employee has twenty days of paid leave each year."}
{"question":"How much leave is there each year?","answer":"twenty days of paid leave"}
{"question":"Who has paid leave?","answer":"Every employee"}
`)
	out := filepath.Join(base, "out")
	watched := []string{w.docs, w.home}
	for _, name := range []string{"tmp", "user", "xdg-cache", "xdg-config", "xdg-runtime", "xdg-state"} {
		dir := filepath.Join(base, name)
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		watched = append(watched, dir)
	}
	if err := os.Mkdir(out, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(base, "tmp"), 0o500); err != nil { // the administrator may write all the same: its time would tell
		t.Fatal(err)
	}
	fake := ocrtest.Fake(t, ocrtest.Options{Languages: []string{"eng"}, Lines: []string{"The scanned budget is 31,000 dollars."}, Try: `: > scratch`})
	w.env = append(w.env, "TMPDIR="+filepath.Join(base, "tmp"), "HOME="+filepath.Join(base, "user"), "XDG_CACHE_HOME="+filepath.Join(base, "xdg-cache"),
		"XDG_CONFIG_HOME="+filepath.Join(base, "xdg-config"), "XDG_RUNTIME_DIR="+filepath.Join(base, "xdg-runtime"), "XDG_STATE_HOME="+filepath.Join(base, "xdg-state"), "PATH="+fake+":"+os.Getenv("PATH"))
	var before []string
	for _, dir := range watched {
		before = append(before, listing(t, dir)...)
	}

	// A program that was killed over a picture leaves its folder.
	left := filepath.Join(w.data, "cache", "tmp", "kakoi-ocr-7", "page.png")
	if err := errors.Join(os.MkdirAll(filepath.Dir(left), 0o700), os.WriteFile(left, []byte("a page"), 0o600)); err != nil {
		t.Fatal(err)
	}
	w.want(0, "add", w.docs)
	if _, err := os.Stat(left); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what was left is there: %v", err)
	}
	if got := w.want(0, "ocr", "--all").out; !strings.Contains(got, "Pages read:") {
		t.Errorf("nothing was recognised: %s", got)
	}
	if got := w.want(0, "search", "--json", "scanned budget"); !strings.Contains(got.out, "31,000") {
		t.Errorf("what was recognised is not found: %s", got.out)
	}
	w.want(0, "ask", "--json", "How many days of paid leave has every employee?")
	w.want(0, "chat", "ask", "new", "How many days of paid leave has every employee?")
	w.want(0, "page", "office.pdf", "1", "--out", filepath.Join(out, "page.png"))
	w.want(0, "chat", "export", "last", filepath.Join(out, "chat.md"))
	w.want(0, "dataset", "import", questions, "--name", "leave")
	w.want(0, "train", "--dataset", "leave", "--name", "leave", "--epochs", "2", "--batch", "1", "--accumulate", "1", "--rank", "2")
	w.want(0, "adapter", "export", "leave", filepath.Join(out, "adapter"))
	w.want(0, "dataset", "export", filepath.Join(out, "rows.jsonl"))
	w.want(0, "backup", filepath.Join(out, "backup.kakoi"))
	w.want(0, "health")
	w.want(0, "log")

	var after []string
	for _, dir := range watched {
		after = append(after, listing(t, dir)...)
	}
	for _, line := range after {
		if !slices.Contains(before, line) {
			t.Errorf("written: %s", line)
		}
	}
	if len(after) != len(before) {
		t.Errorf("%d files and folders, were %d", len(after), len(before))
	}
	if entries, err := os.ReadDir(filepath.Join(w.data, "cache", "tmp")); err != nil || len(entries) > 0 {
		t.Errorf("left are %v, %v", entries, err)
	}
	if entries, err := os.ReadDir(out); err != nil || len(entries) != 5 {
		t.Errorf("exported are %v, %v", entries, err)
	}
}
