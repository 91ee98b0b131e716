package ingest_test

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"kakoi/core"
	"kakoi/core/ingest"
)

// pack makes a zip file of names and contents in that order.
func pack(t testing.TB, files ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for i := 0; i < len(files); i += 2 {
		w, err := z.Create(files[i])
		if err == nil {
			_, err = io.WriteString(w, files[i+1])
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func fixture(t testing.TB, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// TestArchive: each file in an archive is a document of its own, found by Walk and read by its path.
func TestArchive(t *testing.T) {
	sjis := string(encode(t, encodings[0].enc, "規程/旅費.txt"))
	data := pack(t, "a/rules.docx", fixture(t, "office.docx"), sjis, "旅費は実費とする。", "__MACOSX/._a.txt", "x", "a/.hidden.txt", "x", "../../up.txt", "外へ", "logo.gif", "x",
		"inner.zip", string(pack(t, "deep/x.txt", "奥の文書", "y.csv", "品名,数\nネジ,1\n")), "a/", "", "scan.pdf", fixture(t, "office.pdf"), "dup.txt", "first", "dup.txt", "second")
	archive := write(t, "share.ZIP", data)
	var skipped []string
	opt := options(t)
	opt.OnSkip = func(path string) { skipped = append(skipped, path) }
	files, problems, err := ingest.Walk(t.Context(), []string{filepath.Dir(archive)}, opt)
	if err != nil || len(problems) != 0 {
		t.Fatal(problems, err)
	}
	var names []string
	for _, f := range files {
		names = append(names, strings.TrimPrefix(f.Path, filepath.Dir(archive)+"/"))
	}
	want := []string{"share.ZIP/a/rules.docx", "share.ZIP/規程/旅費.txt", "share.ZIP/up.txt", "share.ZIP/inner.zip", "share.ZIP/scan.pdf", "share.ZIP/dup.txt"}
	if !slices.Equal(names, want) || len(skipped) != 1 {
		t.Fatalf("%q, skipped %q, want %q", names, skipped, want)
	}
	info, err := os.Stat(archive)
	if err != nil {
		t.Fatal(err)
	}
	for i, wantText := range []string{"第1章 休暇", "旅費は実費とする。", "外へ", "deep/x.txt\n\n奥の文書", "就業規則", "first"} {
		doc, pages, err := ingest.Read(t.Context(), files[i].Path, opt)
		if err != nil || !strings.Contains(pages[0].Text, wantText) {
			t.Errorf("%s: %v %v", names[i], pages, err)
			continue
		}
		if doc.Name != names[i] || doc.Source != files[i].Path || doc.Size != files[i].Size || !doc.Modified.Equal(info.ModTime()) || !files[i].ModTime.Equal(info.ModTime()) {
			t.Errorf("%s: %+v, walked as %+v", names[i], doc, files[i])
		}
		stat, err := ingest.Stat(files[i].Path)
		if err != nil || stat != files[i] {
			t.Errorf("%s: stat %+v %v", names[i], stat, err)
		}
		r, err := ingest.Open(t.Context(), files[i].Path)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := io.ReadAll(r)
		if err != nil || int64(len(raw)) != doc.Size || r.Close() != nil {
			t.Errorf("%s: %d bytes, %v", names[i], len(raw), err)
		}
	}
	// A file in an archive may be named, and be missing.
	named, problems, err := ingest.Walk(t.Context(), []string{files[2].Path, archive + "/none.txt", archive + "/logo.gif"}, opt)
	if err != nil || len(named) != 1 || len(problems) != 2 || !errors.Is(problems[0].Err, core.ErrNotFound) || !errors.Is(problems[1].Err, core.ErrUnsupported) {
		t.Errorf("named: %v %v %v", named, problems, err)
	}
	if _, err := ingest.Stat(archive + "/none.txt"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing: %v", err)
	}
	if _, _, err := ingest.Read(t.Context(), archive+"/none.txt", opt); !errors.Is(err, core.ErrNotFound) {
		t.Errorf("read missing: %v", err)
	}
	// Pages of a PDF in an archive can be looked at.
	pictures := ingest.OpenPictures(opt)
	defer pictures.Close()
	if p, err := pictures.Page(t.Context(), files[4].Path, 2, 30); err != nil || p.Pages != 2 || p.Image == nil {
		t.Errorf("picture: %v", err)
	}
}

// TestArchiveRefusals: what cannot be opened is told by Read; what is inside is refused alone.
func TestArchiveRefusals(t *testing.T) {
	good := pack(t, "a.txt", "text")
	many := make([]string, 0, 2*10_001)
	for i := range 10_001 {
		many = append(many, fmt.Sprintf("%d.txt", i), "")
	}
	deep := pack(t, "a.txt", "tief")
	for range 8 {
		deep = pack(t, "a.zip", string(deep))
	}
	for _, c := range []struct {
		name string
		data []byte
		is   error
		key  string
	}{
		{"cut", good[:len(good)-10], core.ErrCorrupt, "broken"},
		{"no archive", []byte("hello"), core.ErrCorrupt, "broken"},
		{"nothing to read", pack(t, "a.gif", "x"), core.ErrEmpty, "empty"},
		{"10,001 entries", pack(t, many...), core.ErrTooLarge, "bomb"},
		{"bomb inside", pack(t, "a.zip", string(pack(t, "a.txt", strings.Repeat("a", 64<<20)))), core.ErrTooLarge, "bomb"},
		{"overlap", overlapping(t), core.ErrTooLarge, "bomb"},
		{"nested", deep, core.ErrTooLarge, "nested"},
	} {
		path := write(t, "a.zip", c.data)
		files, problems, err := ingest.Walk(t.Context(), []string{path}, ingest.Options{})
		if err != nil || len(files) != 1 || len(problems) != 0 {
			t.Errorf("%s: %v %v %v", c.name, files, problems, err)
			continue
		}
		_, _, err = ingest.Read(context.Background(), files[0].Path, ingest.Options{})
		var user *core.UserError
		if !errors.Is(err, c.is) || !errors.As(err, &user) || user.Key != "error.file."+c.key {
			t.Errorf("%s: %v, want %v under %s", c.name, err, c.is, c.key)
		}
	}
}

// overlapping is an archive with a thousand names for the same bytes.
func overlapping(t *testing.T) []byte {
	t.Helper()
	data := pack(t, "00000000.txt", strings.Repeat("text ", 100_000))
	start := bytes.Index(data, []byte("PK\x01\x02"))
	end := bytes.Index(data, []byte("PK\x05\x06"))
	record, tail := data[start:end], bytes.Clone(data[end:])
	out := bytes.Clone(data[:start])
	for i := range 1000 {
		r := bytes.Clone(record)
		copy(r[46:], fmt.Sprintf("%08d", i))
		out = append(out, r...)
	}
	put := func(at, n, width int) {
		for i := range width {
			tail[at+i] = byte(n >> (8 * i))
		}
	}
	put(8, 1000, 2)
	put(10, 1000, 2)
	put(12, 1000*len(record), 4)
	return append(out, tail...)
}
