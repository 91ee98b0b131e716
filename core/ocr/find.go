package ocr

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"kakoi/core"
)

// Reader is a Tesseract that is installed. The zero value reads nothing.
type Reader struct {
	Path      string   `json:"path"`      // of the program, absolute
	Version   string   `json:"version"`   // "5.3.0"
	Languages []string `json:"languages"` // that a page can be read in, sorted: "eng", "jpn", "jpn_vert"
	turned    bool     // pages that lie on their side are seen ("osd" is installed)
}

// usual are the folders that are looked in besides PATH.
var usual = []string{"/usr/bin", "/usr/local/bin", "/opt/tesseract/bin", "/snap/bin"}

// Find looks for Tesseract in the folders of path (os.Getenv("PATH")) and the usual ones: core.ErrNotFound, with a sentence for people,
// where there is none or none that says which languages it has.
func Find(ctx context.Context, path string) (Reader, error) {
	sweep()
	var last error
	for _, dir := range append(filepath.SplitList(path), usual...) {
		name := filepath.Join(dir, "tesseract")
		if info, err := os.Stat(name); err != nil || !info.Mode().IsRegular() || info.Mode().Perm()&0o111 == 0 || !filepath.IsAbs(name) {
			continue
		}
		r, err := look(ctx, name)
		if err == nil {
			return r, nil
		}
		if ctx.Err() != nil {
			return Reader{}, ctx.Err()
		}
		last = err
	}
	if last != nil {
		return Reader{}, core.Explain(fmt.Errorf("look for tesseract: %w: %w", core.ErrNotFound, last), "error.ocr.unusable")
	}
	return Reader{}, core.Explain(fmt.Errorf("look for tesseract: %w", core.ErrNotFound), "error.ocr.missing")
}

const (
	folderName = "kakoi-ocr-"
	leftAfter  = time.Hour // no picture is read for so long
)

// sweep removes the folders that stayed behind where this program was killed while Tesseract ran in them.
func sweep() {
	dir := os.TempDir()
	entries, _ := os.ReadDir(dir) // where that cannot be read, nothing was written
	for _, e := range entries {
		info, err := e.Info()
		if err == nil && e.IsDir() && strings.HasPrefix(e.Name(), folderName) && time.Since(info.ModTime()) > leftAfter {
			_ = os.RemoveAll(filepath.Join(dir, e.Name())) // another person's stays
		}
	}
}

// lookTime is how long a program may take to say what it is.
const lookTime = 20 * time.Second

func look(ctx context.Context, name string) (Reader, error) {
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	r := Reader{Path: name}
	said, err := r.run(ctx, nil, "--version")
	if err != nil {
		return Reader{}, err
	}
	first, _, _ := strings.Cut(string(said), "\n")
	word, version, ok := strings.Cut(strings.TrimSpace(first), " ")
	if !ok || word != "tesseract" {
		return Reader{}, fmt.Errorf("%q says it is %q: %w", name, first, core.ErrUnsupported)
	}
	r.Version = strings.TrimPrefix(strings.TrimSpace(version), "v")
	if said, err = r.run(ctx, nil, "--list-langs"); err != nil {
		return Reader{}, err
	}
	lines := strings.Split(strings.TrimSpace(string(said)), "\n")
	for _, line := range lines[1:] { // the first is a heading
		switch language := strings.TrimSpace(line); {
		case language == "osd":
			r.turned = true
		case language != "" && !strings.ContainsAny(language, " :+"):
			r.Languages = append(r.Languages, language)
		}
	}
	if len(r.Languages) == 0 {
		return Reader{}, fmt.Errorf("%q has no languages: %w", name, core.ErrUnsupported)
	}
	slices.Sort(r.Languages)
	return r, nil
}

// Best are the languages that Kakoi's documents are in, as far as they are installed; without any of them, all that are.
func (r Reader) Best() []string {
	var out []string
	for _, l := range []string{"jpn", "jpn_vert", "eng"} {
		if slices.Contains(r.Languages, l) {
			out = append(out, l)
		}
	}
	if len(out) == 0 {
		out = slices.Clone(r.Languages)
	}
	return out
}

// Choose checks languages that a person named ("" and none are Best): core.ErrUsage where one is not installed.
func (r Reader) Choose(named []string) ([]string, error) {
	var out []string
	for _, l := range named {
		switch l = strings.TrimSpace(l); {
		case l == "":
		case !slices.Contains(r.Languages, l):
			return nil, core.Explain(fmt.Errorf("language %q: %w", l, core.ErrUsage), "error.ocr.language", l, strings.Join(r.Languages, ", "))
		case !slices.Contains(out, l):
			out = append(out, l)
		}
	}
	if len(out) == 0 {
		return r.Best(), nil
	}
	return out, nil
}
