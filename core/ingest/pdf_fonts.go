package ingest

import (
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"time"
)

// fontsOnly is the file system PDFium sees: folders on the way to usr/share/fonts, and below it the fonts. PDFium
// walks there from the root, so the root has to exist.
type fontsOnly struct{ fonts fs.FS }

const fontsPath = "usr/share/fonts"

// newFontsOnly shows the files of dir, or without one the system's fonts.
func newFontsOnly(dir string) fontsOnly {
	if dir == "" {
		dir = "/" + fontsPath
	}
	return fontsOnly{os.DirFS(dir)}
}

func (f fontsOnly) Open(name string) (fs.File, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	if name == fontsPath {
		return f.fonts.Open(".")
	}
	if below, ok := strings.CutPrefix(name, fontsPath+"/"); ok {
		return f.fonts.Open(below)
	}
	if name == "." || strings.HasPrefix(fontsPath, name+"/") {
		return &wayDir{name: name}, nil
	}
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}

// wayDir is a folder with one entry, the next one on the way to the fonts.
type wayDir struct {
	name string
	read bool
}

func (d *wayDir) Stat() (fs.FileInfo, error) { return wayInfo{path.Base(d.name)}, nil }
func (d *wayDir) Close() error               { return nil }
func (d *wayDir) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: d.name, Err: fs.ErrInvalid}
}

func (d *wayDir) ReadDir(n int) ([]fs.DirEntry, error) {
	if d.read {
		if n > 0 {
			return nil, io.EOF
		}
		return nil, nil
	}
	d.read = true
	rest := strings.TrimPrefix(fontsPath, d.name+"/")
	next, _, _ := strings.Cut(rest, "/")
	return []fs.DirEntry{fs.FileInfoToDirEntry(wayInfo{next})}, nil
}

type wayInfo struct{ name string }

func (i wayInfo) Name() string       { return i.name }
func (i wayInfo) Size() int64        { return 0 }
func (i wayInfo) Mode() fs.FileMode  { return fs.ModeDir | 0o555 }
func (i wayInfo) ModTime() time.Time { return time.Time{} }
func (i wayInfo) IsDir() bool        { return true }
func (i wayInfo) Sys() any           { return nil }
