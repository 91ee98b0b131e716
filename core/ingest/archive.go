package ingest

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"
	"time"
	"unicode/utf8"

	"kakoi/core"
)

// A file in a zip archive is a document of its own. Its path is that of the archive and its name in it, as if the archive were a folder:
// /srv/share/rules.zip/2026/work.docx. Archives in archives are documents whose pages are those of their files.

// maxArchiveBytes is the largest archive that is looked into: its files are read one by one.
const maxArchiveBytes = 16 << 30

// insidePath is a path that leads into an archive.
type insidePath struct {
	archive string // of the file
	name    string // in it
}

// inside says whether a path leads into an archive: one of its folders is a file of that kind.
func inside(abs string) (insidePath, bool) {
	if !strings.Contains(strings.ToLower(abs), ".zip"+string(filepath.Separator)) {
		return insidePath{}, false
	}
	for dir := filepath.Dir(abs); ; dir = filepath.Dir(dir) {
		if Kind(dir) == "zip" {
			if info, err := os.Stat(dir); err == nil && info.Mode().IsRegular() {
				return insidePath{dir, filepath.ToSlash(abs[len(dir)+1:])}, true
			}
		}
		if dir == filepath.Dir(dir) {
			return insidePath{}, false
		}
	}
}

// Stat tells size and time of a file, also of one in an archive: those are as old as the archive. fs.ErrNotExist where there is none.
func Stat(name string) (File, error) {
	info, err := os.Stat(name)
	if err == nil {
		if !info.Mode().IsRegular() {
			return File{}, fmt.Errorf("look at %q: %s: %w", name, info.Mode().Type(), core.ErrUnsupported)
		}
		return File{Path: name, Size: info.Size(), ModTime: info.ModTime(), Kind: Kind(name)}, nil
	}
	in, ok := inside(name)
	if !ok {
		if errors.Is(err, syscall.ENOTDIR) {
			err = fmt.Errorf("%w: %w", fs.ErrNotExist, err)
		}
		return File{}, fmt.Errorf("look at %q: %w", name, err)
	}
	var out File
	err = in.open(func(f *zip.File, modified time.Time) error {
		out = File{Path: name, Size: int64(f.UncompressedSize64), ModTime: modified, Kind: Kind(name)}
		return nil
	})
	return out, err
}

// Open opens a file, also one in an archive, whose bytes it unpacks within the limits of a document.
func Open(ctx context.Context, name string) (io.ReadCloser, error) {
	in, ok := inside(name)
	if !ok {
		f, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
		if err != nil {
			return nil, fmt.Errorf("open %q: %w", name, err)
		}
		return f, nil
	}
	r, w := io.Pipe()
	go func() {
		w.CloseWithError(in.open(func(f *zip.File, _ time.Time) error {
			return openEntry(newBudget(ctx, 0), f, maxDocumentBytes, func(r io.Reader) error {
				_, err := io.Copy(w, r)
				return err
			})
		}))
	}()
	return r, nil
}

// open finds the file in its archive.
func (in insidePath) open(fn func(f *zip.File, modified time.Time) error) error {
	file, err := os.OpenFile(in.archive, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return fmt.Errorf("open %q: %w", in.archive, err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return fmt.Errorf("open %q: %w", in.archive, err)
	}
	entries, err := archiveEntries(file, info.Size())
	if err != nil {
		return fmt.Errorf("open %q: %w", in.archive, err)
	}
	for _, e := range entries {
		if e.name == in.name {
			return fn(e.File, info.ModTime())
		}
	}
	return fmt.Errorf("%q holds no %q: %w", in.archive, in.name, fs.ErrNotExist)
}

// archiveEntry is a file of an archive with its name as people read it.
type archiveEntry struct {
	*zip.File
	name string
}

// archiveEntries are the files of an archive in its order, each name once: no folders, nothing hidden. Entries that overlap, as bombs have
// them, are refused.
func archiveEntries(r io.ReaderAt, size int64) ([]archiveEntry, error) {
	z, err := zip.NewReader(r, size)
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) {
		return nil, fmt.Errorf("open archive: %w: %w", err, core.ErrCorrupt)
	}
	if len(z.File) > maxEntries {
		return nil, fmt.Errorf("archive of %d entries: %w", len(z.File), errBomb)
	}
	var out []archiveEntry
	var packed uint64
	seen := map[string]bool{}
	for _, f := range z.File {
		if packed += f.CompressedSize64; f.CompressedSize64 > uint64(size) || packed > uint64(size) {
			return nil, fmt.Errorf("archive whose entries overlap: %w", errBomb)
		}
		name := archiveName(f)
		if f.FileInfo().IsDir() || name == "" || seen[name] {
			continue
		}
		hidden := strings.HasPrefix(name, "__MACOSX/")
		for _, part := range strings.Split(name, "/") {
			hidden = hidden || passedOver(part)
		}
		if hidden {
			continue
		}
		seen[name] = true
		out = append(out, archiveEntry{f, name})
	}
	return out, nil
}

// archiveName is a clean relative path. Windows writes names in the code page of its language and says nothing.
func archiveName(f *zip.File) string {
	name := f.Name
	if !utf8.ValidString(name) {
		if s, _, err := DecodeAs([]byte(name), "shift_jis"); err == nil {
			name = s
		} else {
			name = strings.ToValidUTF8(name, "\ufffd")
		}
	}
	name = strings.Map(func(c rune) rune {
		if c < ' ' {
			return -1
		}
		return c
	}, strings.ReplaceAll(name, `\`, "/"))
	return strings.TrimPrefix(path.Clean("/"+name), "/")
}

// loadInside unpacks a file of an archive.
func (in insidePath) load(ctx context.Context, doc *core.Document, opt Options) (data []byte, err error) {
	if doc.Kind == "" {
		return nil, core.Explain(fmt.Errorf("read %q: %w", doc.Source, core.ErrUnsupported), "error.file.kind", doc.Name)
	}
	limit := opt.maxBytes(doc.Kind)
	err = in.open(func(f *zip.File, modified time.Time) error {
		doc.Size, doc.Modified = int64(f.UncompressedSize64), modified
		if doc.Size > limit || doc.Size < 0 {
			return tooLarge(*doc, limit)
		}
		return openEntry(newBudget(ctx, 0), f, uint64(limit), func(r io.Reader) error {
			data, err = io.ReadAll(r)
			return err
		})
	})
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		return nil, explain(err, *doc)
	case len(data) == 0:
		return nil, explain(core.ErrEmpty, *doc)
	}
	doc.Size = int64(len(data))
	return data, nil
}

// zipTexts are the pages of the files of an archive that lies in another file, each under its name. Files of unknown kinds and those that
// cannot be read are passed over, unless none is left.
func (r *reading) zipTexts(data []byte) ([]string, error) {
	inner := *r
	if inner.depth++; inner.depth > maxNesting {
		return nil, errNested
	}
	entries, err := archiveEntries(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, err
	}
	var out []string
	var failed, strange error
	for _, e := range entries {
		kind, mark := Kind(e.name), r.q.inside()
		if kind == "" {
			strange = fmt.Errorf("archive of files that are not read: %w", core.ErrUnsupported)
			r.q.missed(mark, e.name, core.ErrUnsupported)
			continue
		}
		var raw []byte
		err := openEntry(r.q, e.File, maxPartBytes, func(from io.Reader) (err error) {
			raw, err = io.ReadAll(from)
			return err
		})
		var texts []string
		if err == nil && len(raw) > 0 {
			texts, err = inner.texts(kind, raw)
		}
		if r.q.err != nil || r.q.ctx.Err() != nil || r.q.unpacked > maxUnpacked {
			return nil, errors.Join(r.q.err, r.q.ctx.Err(), err)
		}
		if err == nil && len(raw) == 0 {
			err = core.ErrEmpty
		}
		if err != nil {
			r.q.missed(mark, e.name, err)
			failed = err
			continue
		}
		r.q.entered(mark, len(out), e.name)
		for _, text := range texts {
			if strings.TrimSpace(text) != "" {
				text = e.name + "\n\n" + strings.TrimLeft(text, "\n")
			}
			out = append(out, text)
		}
		if len(out) > maxPages {
			return nil, fmt.Errorf("%d pages: %w", len(out), errBomb)
		}
	}
	if len(out) == 0 {
		switch {
		case failed != nil:
			return nil, failed
		case strange != nil && r.depth > 0: // inside another file the reason is told in short
			return nil, strange
		}
		return nil, core.ErrEmpty
	}
	return out, nil
}
