package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"kakoi/core"
)

// Salvaged is what Salvage found and saved.
type Salvaged struct {
	Damage
	Values int      // written to the new library
	Bytes  int64    // of them
	Bad    []string // keys whose newest version is there and is not what was written
}

// newest is where the newest version of a key lies.
type newest struct {
	version uint64
	deleted bool
	file    string
}

// Salvage makes a new library in the empty or missing folder into of all that can be read in dir, which is not open in this process and stays as it is. Where
// a hole took the newest version of a key, an older one may come back: what belongs together is for the caller to find out.
// core.ErrBusy, core.ErrNoSpace, core.ErrNotFound.
func Salvage(ctx context.Context, dir, into string, opt Options, progress core.Progress) (out Salvaged, err error) {
	return salvage(ctx, dir, into, opt, opt, progress)
}

// Rekey makes a library in the empty or missing folder into of another that is not open in this process, stays as it is, and is under another key: all newest
// values, none of what was deleted. core.ErrCorrupt when anything in it cannot be read: a repair comes first. core.ErrBusy, core.ErrNoSpace, core.ErrNotFound, core.ErrEncrypted.
func Rekey(ctx context.Context, dir, into string, from, to Options, progress core.Progress) error {
	out, err := salvage(ctx, dir, into, from, to, progress)
	if err == nil && (out.Any() || len(out.Bad) > 0) {
		err = core.Explain(fmt.Errorf("%v, %d values: %w", out.Damage, len(out.Bad), core.ErrCorrupt), "error.store.blocks")
	}
	if err != nil {
		return fmt.Errorf("copy library under another key: %w", err)
	}
	return nil
}

func salvage(ctx context.Context, dir, into string, opt, to Options, progress core.Progress) (out Salvaged, err error) {
	unlock, err := lockFolder(dir)
	if err != nil {
		return out, err
	}
	defer unlock()
	f, err := listFolder(dir, opt.subkey())
	if err != nil {
		return out, err
	}
	known := map[string]newest{}
	var mu sync.Mutex
	out.Holes, err = f.scan(ctx, stage(progress, "salvage", 0, f.bytes), func(file string) func(rawEntry) error {
		return func(e rawEntry) error {
			mu.Lock()
			defer mu.Unlock()
			if have, ok := known[string(e.key)]; !ok || have.version < e.version {
				known[string(e.key)] = newest{e.version, e.deleted, file}
			}
			return ctx.Err()
		}
	})
	if out.Files = f.odd; err != nil {
		return out, err
	}
	s, err := Open(into, to)
	if err != nil {
		return out, err
	}
	if err = s.room(s.opt.Reserve + f.bytes); err == nil {
		err = f.copyNewest(ctx, s, known, stage(progress, "salvage", f.bytes, f.bytes), &out)
	}
	if err = errors.Join(err, s.Close()); err == nil {
		err = SyncFolder(into)
	}
	if err != nil {
		return out, fmt.Errorf("save what can be read: %w", err)
	}
	return out, nil
}

// stage reports two passes over the same bytes as one stage.
func stage(p core.Progress, name string, before, total int64) core.Progress {
	return func(u core.Update) {
		p.Report(core.Update{Stage: name, Done: before + min(u.Done, total), Total: 2 * total})
	}
}

func (f *folder) copyNewest(ctx context.Context, s *Store, known map[string]newest, progress core.Progress, out *Salvaged) error {
	const portion = 4 << 20
	type pair struct {
		key   string
		value []byte
	}
	var all []pair
	size := 0
	flush := func() error {
		err := s.Bulk(func(w *Writer) error {
			for _, p := range all {
				if err := w.raw(p.key, p.value); err != nil {
					return err
				}
			}
			return nil
		})
		all, size = all[:0], 0
		return err
	}
	var mu sync.Mutex
	_, err := f.scan(ctx, progress, func(file string) func(rawEntry) error {
		return func(e rawEntry) error {
			mu.Lock()
			defer mu.Unlock()
			n := known[string(e.key)]
			if n.version != e.version || n.deleted || n.file != file {
				return ctx.Err()
			}
			key := string(e.key)
			delete(known, key) // a log may be in a table already
			if _, err := unseal(key, e.value); err != nil {
				out.Bad = append(out.Bad, key)
				return ctx.Err()
			}
			all = append(all, pair{key, bytes.Clone(e.value)})
			out.Values++
			out.Bytes += int64(len(e.value))
			if size += len(e.value) + len(key); size > portion {
				return flush()
			}
			return ctx.Err()
		}
	})
	return errors.Join(err, flush())
}

// SyncFolder makes the files of a folder, and the folder itself, outlast a power loss.
func SyncFolder(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("sync folder: %w", err)
	}
	for _, e := range entries {
		if e.Type().IsRegular() {
			if err := syncPath(filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		}
	}
	return errors.Join(syncPath(dir), syncPath(filepath.Dir(dir)))
}

func syncPath(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("sync: %w", err)
	}
	return border(errors.Join(f.Sync(), f.Close()))
}
