package resources

import (
	"io/fs"
	"os"
	"path"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestSamplesHaveEachFormat(t *testing.T) {
	entries, err := fs.ReadDir(Samples, ".")
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]int{}
	total, notUTF8 := 0, 0
	for _, e := range entries {
		raw, err := fs.ReadFile(Samples, e.Name())
		if err != nil {
			t.Fatal(err)
		}
		kind := strings.TrimPrefix(path.Ext(e.Name()), ".")
		kinds[kind]++
		total += len(raw)
		if kind == "txt" && !utf8.Valid(raw) {
			notUTF8++
		}
	}
	for _, kind := range []string{"txt", "md", "html", "pdf", "docx"} {
		if kinds[kind] == 0 {
			t.Errorf("no sample is a %s", kind)
		}
	}
	if notUTF8 != 1 {
		t.Errorf("%d text samples are Shift_JIS, want 1", notUTF8)
	}
	if total > 200<<10 {
		t.Errorf("samples take %d bytes, want them small", total)
	}
}

func TestQuestionsNameSamples(t *testing.T) {
	qs, err := Questions()
	if err != nil {
		t.Fatal(err)
	}
	first := map[string]int{}
	for _, q := range qs {
		if q.Text == "" || len(q.Accept) == 0 {
			t.Errorf("question %+v is not complete", q)
		}
		if q.First {
			first[q.Lang]++
		}
		if q.Document == "" {
			continue
		}
		if _, err := fs.Stat(Samples, q.Document); err != nil {
			t.Errorf("%s: %v", q.Text, err)
		}
		// Plain formats: the answer's words stand in the document.
		if ext := path.Ext(q.Document); ext == ".md" || ext == ".html" || ext == ".txt" {
			raw, err := fs.ReadFile(Samples, q.Document)
			if err == nil && utf8.Valid(raw) && !strings.Contains(string(raw), q.Accept[0]) {
				t.Errorf("%s: %q does not stand in %s", q.Text, q.Accept[0], q.Document)
			}
		}
	}
	// questions.txt, which shell scripts read, has the same questions; its first two are asked by make run.
	raw, err := os.ReadFile("questions.txt")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(string(raw), "\n"), "\n")
	if len(lines) != len(qs) {
		t.Fatalf("questions.txt has %d lines, want %d", len(lines), len(qs))
	}
	for i, q := range qs {
		if lines[i] != q.Text || q.First != (i < 2) {
			t.Errorf("line %d is %q, question %q (first: %v)", i+1, lines[i], q.Text, q.First)
		}
	}
	if first["ja"] != 1 || first["en"] != 1 {
		t.Errorf("questions asked first: %v, want one in each language", first)
	}
}
