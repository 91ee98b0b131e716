package app

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"kakoi/core"
)

// Delete deletes one of the daily backups; core.ErrNotFound where it is none of them.
func (b *Backups) Delete(_ context.Context, path string) error {
	if !b.running.TryLock() {
		return core.Explain(fmt.Errorf("delete a backup: %w", core.ErrBusy), "error.backup.running")
	}
	defer b.running.Unlock()
	s, err := b.state()
	if err != nil {
		return err
	}
	kept, err := b.kept(s)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(kept, func(k KeptBackup) bool { return k.File == path }) {
		return core.Explain(fmt.Errorf("delete backup %s: %w", path, core.ErrNotFound), "error.backup.open", path)
	}
	if err := os.Remove(path); err != nil {
		return core.Explain(fmt.Errorf("delete backup: %w", err), "error.backup.delete", path)
	}
	delete(s.Proved, filepath.Base(path))
	return b.write(s)
}
