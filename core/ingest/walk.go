package ingest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"kakoi/core"
)

// File is one file to read.
type File struct {
	Path    string // absolute
	Size    int64  // bytes
	ModTime time.Time
	Kind    string // Document.Kind
}

// Problem is a path that cannot be read, and why.
type Problem struct {
	Path string
	Err  error
}

// Walk finds the readable files at and below paths, each folder's entries in order of name, those of a zip archive in its own order. Hidden entries,
// lock files of office programs and, inside folders, files of other kinds are passed over (Options.OnSkip hears
// of the last). Symbolic links are followed; every file and folder is seen once, so loops end (Options.OnLoop hears of them).
// A path that was named and cannot be read, and a folder that cannot be opened, become Problems; err is the end of ctx.
func Walk(ctx context.Context, paths []string, opt Options) (files []File, problems []Problem, err error) {
	w := walker{opt: opt, seen: map[string]bool{}, open: map[string]bool{}}
	for _, p := range paths {
		abs, err := filepath.Abs(p)
		if err != nil {
			w.problem(p, err)
			continue
		}
		if in, ok := inside(abs); ok {
			w.inner(abs, in)
			continue
		}
		real, err := filepath.EvalSymlinks(abs)
		if err != nil {
			if endless(err) {
				w.problems = append(w.problems, Problem{abs, loop(abs, err)})
			} else {
				w.problem(abs, err)
			}
			continue
		}
		info, err := os.Stat(real)
		if err != nil {
			w.problem(abs, err)
			continue
		}
		if info.IsDir() {
			err = w.dir(ctx, abs, real)
		} else {
			w.file(abs, real, info, true)
		}
		if err != nil {
			return w.files, w.problems, err
		}
	}
	return w.files, w.problems, ctx.Err()
}

type walker struct {
	opt      Options
	seen     map[string]bool // real paths
	open     map[string]bool // those of the folders that are being walked
	files    []File
	problems []Problem
}

func (w *walker) problem(path string, err error) {
	w.problems = append(w.problems, Problem{path, explain(err, core.Document{Name: filepath.Base(path), Source: path})})
}

// loop tells of a link that leads back to where it stands. Nothing is missed by not following it, so it is no Problem.
func (w *walker) loop(path string, err error) {
	if w.opt.OnLoop != nil {
		w.opt.OnLoop(path, loop(path, err))
	}
}

func loop(path string, err error) error {
	return core.Explain(fmt.Errorf("walk %q: %w: %w", path, core.ErrNotFound, err), "error.file.loop", path)
}

// endless says whether links led from one to the next without end; EvalSymlinks has no sentinel for it.
func endless(err error) bool { return strings.Contains(err.Error(), "too many links") }

func (w *walker) dir(ctx context.Context, path, real string) error {
	if w.open[real] {
		w.loop(path, fmt.Errorf("it is %q, which is being walked", real))
	}
	if w.seen[real] {
		return nil
	}
	w.seen[real], w.open[real] = true, true
	defer delete(w.open, real)
	if err := ctx.Err(); err != nil {
		return err
	}
	entries, err := os.ReadDir(real) // sorted by name
	if err != nil {
		w.problem(path, err)
	}
	for _, e := range entries { // also what was read before an error
		if passedOver(e.Name()) {
			continue
		}
		if err := w.entry(ctx, filepath.Join(path, e.Name()), filepath.Join(real, e.Name()), e); err != nil {
			return err
		}
	}
	return nil
}

func (w *walker) entry(ctx context.Context, path, real string, e fs.DirEntry) error {
	if e.IsDir() {
		return w.dir(ctx, path, real)
	}
	var info fs.FileInfo
	var err error
	if e.Type()&fs.ModeSymlink != 0 {
		target, err := filepath.EvalSymlinks(real)
		if err != nil { // a dangling link or a loop of links: nothing is there
			if endless(err) {
				w.loop(path, err)
			}
			return nil
		}
		real = target
		if info, err = os.Stat(real); err != nil {
			w.problem(path, err)
			return nil
		}
		if info.IsDir() {
			return w.dir(ctx, path, real)
		}
	} else if info, err = e.Info(); err != nil {
		if !errors.Is(err, fs.ErrNotExist) { // removed meanwhile
			w.problem(path, err)
		}
		return nil
	}
	w.file(path, real, info, false)
	return nil
}

func (w *walker) file(path, real string, info fs.FileInfo, named bool) {
	if w.seen[real] {
		return
	}
	w.seen[real] = true
	doc := core.Document{Name: filepath.Base(path), Source: path, Kind: Kind(path), Size: info.Size()}
	if named {
		if err := admit(info, doc, w.opt); errors.Is(err, core.ErrUnsupported) {
			w.problems = append(w.problems, Problem{path, err})
			return
		}
	} else if !info.Mode().IsRegular() || doc.Kind == "" || isIcon(doc.Kind, openPlain(real)) {
		if w.opt.OnSkip != nil {
			w.opt.OnSkip(path)
		}
		return
	}
	if doc.Kind == "zip" && w.archive(path, real, info) {
		return
	}
	w.files = append(w.files, File{Path: path, Size: info.Size(), ModTime: info.ModTime(), Kind: doc.Kind})
}

// archive adds the readable files in a zip archive. One that cannot be opened, or holds none, is left to Read, which says why.
func (w *walker) archive(path, real string, info fs.FileInfo) bool {
	if info.Size() > maxArchiveBytes {
		return false
	}
	f, err := os.OpenFile(real, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return false
	}
	defer f.Close()
	entries, err := archiveEntries(f, info.Size())
	if err != nil {
		return false
	}
	found := false
	for _, e := range entries {
		inner := filepath.Join(path, filepath.FromSlash(e.name))
		kind := Kind(e.name)
		if kind == "" || e.UncompressedSize64 > uint64(1<<62) || isIcon(kind, e.Open) {
			if w.opt.OnSkip != nil {
				w.opt.OnSkip(inner)
			}
			continue
		}
		found = true
		w.files = append(w.files, File{Path: inner, Size: int64(e.UncompressedSize64), ModTime: info.ModTime(), Kind: kind})
	}
	return found
}

// inner adds a file in an archive that was named.
func (w *walker) inner(path string, in insidePath) {
	if w.seen[path] {
		return
	}
	w.seen[path] = true
	f, err := Stat(path)
	switch {
	case err != nil:
		w.problem(path, err)
	case f.Kind == "":
		err = core.Explain(fmt.Errorf("read %q: %w", path, core.ErrUnsupported), "error.file.kind", filepath.Base(in.archive)+"/"+in.name)
		w.problems = append(w.problems, Problem{path, err})
	default:
		w.files = append(w.files, f)
	}
}

// passedOver says whether a name is hidden (which covers LibreOffice's .~lock.x#) or Word's lock file ~$x.docx.
func passedOver(name string) bool {
	return strings.HasPrefix(name, ".") || strings.HasPrefix(name, "~$")
}
