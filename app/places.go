package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Places says where the data lies and what it takes on the disk.
type Places struct {
	Data    string // folder
	Logs    string // folder
	Library int64  // bytes on the disk
	Models  int64  // of the imported ones
	Other   int64
	Free    int64
}

// Places measures the data folder.
func (d *Doctor) Places(ctx context.Context) (Places, error) {
	p := Places{Data: d.Data, Logs: filepath.Join(d.Data, "logs")}
	for _, part := range []struct {
		dir   string
		bytes *int64
	}{{"library", &p.Library}, {"models", &p.Models}, {".", &p.Other}} {
		n, err := diskBytes(ctx, filepath.Join(d.Data, part.dir))
		if err != nil {
			return p, fmt.Errorf("measure %s: %w", d.Data, err)
		}
		*part.bytes = n
	}
	p.Other = max(0, p.Other-p.Library-p.Models)
	var st unix.Statfs_t
	if err := unix.Statfs(d.Data, &st); err != nil {
		return p, fmt.Errorf("look at disk: %w", err)
	}
	p.Free = int64(st.Bavail) * st.Bsize
	return p, nil
}

// diskBytes is what the files of a folder take: files with holes, as the store has them, take less than their size.
func diskBytes(ctx context.Context, dir string) (int64, error) {
	var total int64
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) { // gone meanwhile, or never there
			return nil
		}
		if err != nil || entry.IsDir() {
			return errors.Join(err, ctx.Err())
		}
		var st unix.Stat_t
		if unix.Lstat(path, &st) == nil {
			total += st.Blocks * 512
		}
		return nil
	})
	return total, err
}
