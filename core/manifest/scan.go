package manifest

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"kakoi/core"
)

// Scan lists the files and links below dir, sorted by path, and hashes them. What is neither file, link nor folder is
// an entry whose Mode holds its type. Symbolic links are not followed. p may be nil; it hears of bytes. A file that cannot be read ends it.
func Scan(ctx context.Context, dir string, p core.Progress) ([]Entry, error) {
	var (
		all   []Entry
		total int64
	)
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if info.Mode().IsRegular() {
			total += info.Size()
		}
		all = append(all, Entry{Path: filepath.ToSlash(name)})
		return ctx.Err()
	})
	if err != nil {
		return nil, fmt.Errorf("list %q: %w", dir, err)
	}
	var done int64
	for i := range all {
		all[i], err = ReadEntry(ctx, dir, all[i].Path, func(n int64) {
			done += n
			p.Report(core.Update{Stage: "hash", Done: done, Total: total, Note: all[i].Path})
		})
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

// ReadEntry reads and hashes one file or link below dir; read, which may be nil, is told how many bytes came. What is no file is not opened: a pipe would
// be waited for. It fails with fs.ErrNotExist where nothing is there.
func ReadEntry(ctx context.Context, dir, path string, read func(n int64)) (Entry, error) {
	full := filepath.Join(dir, filepath.FromSlash(path))
	e := Entry{Path: path}
	info, err := os.Lstat(full)
	if err != nil {
		return e, err
	}
	switch {
	case info.Mode()&fs.ModeSymlink != 0:
		e.Link, err = os.Readlink(full)
		return e, err
	case !info.Mode().IsRegular():
		e.Mode = info.Mode().Type()
		return e, nil
	}
	f, err := os.OpenFile(full, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return e, err
	}
	defer f.Close()
	e.Mode = info.Mode() // regular: permissions, setuid, setgid and sticky
	if e.Size, e.SHA256, err = Hash(ctx, f, read); err != nil {
		return e, fmt.Errorf("hash %q: %w", full, err)
	}
	return e, nil
}

// Hash reads r to its end and gives its size and sum; read may be nil.
func Hash(ctx context.Context, r io.Reader, read func(n int64)) (int64, Sum, error) {
	h := sha256.New()
	buf := make([]byte, 1<<20)
	var size int64
	for {
		if err := ctx.Err(); err != nil {
			return size, Sum{}, err
		}
		n, err := r.Read(buf)
		h.Write(buf[:n])
		size += int64(n)
		if read != nil {
			read(int64(n))
		}
		if err == io.EOF {
			return size, Sum(h.Sum(nil)), nil
		}
		if err != nil {
			return size, Sum{}, err
		}
	}
}
