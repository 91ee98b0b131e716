package store

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/table"
	"github.com/dgraph-io/ristretto/v2/z"

	"kakoi/core"
)

// checkTables opens every table of the manifest the way Badger will. Badger v4.9.6 opens them in goroutines of its own, where the
// panic on a damaged last block would end the process, and leaves out a table whose index is damaged without a word.
// What else is wrong is Badger's to say.
func checkTables(dir string) error {
	f, err := os.Open(filepath.Join(dir, badger.ManifestFilename))
	if err != nil {
		return nil // a new library, or Badger will tell
	}
	defer f.Close()
	o := settings(dir)
	m, _, err := badger.ReplayManifestFile(f, o.ExternalMagicVersion, o)
	if err != nil {
		return nil
	}
	for id, t := range m.Tables {
		if err := checkTable(table.NewFilename(id, dir), table.Options{
			ReadOnly: true, BlockSize: o.BlockSize, BloomFalsePositive: o.BloomFalsePositive, ChkMode: o.ChecksumVerificationMode, Compression: t.Compression,
		}); err != nil {
			return err
		}
	}
	return nil
}

func checkTable(path string, o table.Options) (err error) {
	mf, err := z.OpenMmapFile(path, os.O_RDONLY, 0)
	if err != nil {
		return nil // gone since, or Badger will tell
	}
	// Closed as a file: a Table deletes its file with its last reference.
	defer func() { _ = mf.Close(-1) }()
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("table %s: last block cannot be read: %w", filepath.Base(path), core.ErrCorrupt)
		}
	}()
	if _, err := table.OpenTable(mf, o); err != nil {
		return fmt.Errorf("table %s: %w: %w", filepath.Base(path), core.ErrCorrupt, err)
	}
	return nil
}
