package store

import (
	"bytes"
	"context"
	"crypto/cipher"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/table"
	"github.com/dgraph-io/ristretto/v2/z"

	"kakoi/core"
)

// checkFolder looks at a folder before Badger does. After a process that did not close it (its logs are there) everything is read: Badger may
// have died of a damaged block, and would again. Otherwise what Badger's opening trusts is.
func checkFolder(dir string, key []byte) error {
	unlock, err := lockFolder(dir)
	if err != nil {
		return err
	}
	defer unlock()
	f, err := listFolder(dir, key)
	if err != nil {
		return err
	}
	if len(f.odd) > 0 {
		return Damage{Files: f.odd}
	}
	if f.torn > 0 { // Badger does this itself with some of what a loss of power leaves, and refuses the rest
		if err := os.Truncate(filepath.Join(dir, badger.ManifestFilename), f.torn); err != nil {
			return err
		}
	}
	if len(f.logs) > 0 {
		holes, err := f.scan(context.Background(), nil, nil)
		if err == nil && len(holes) > 0 {
			err = Damage{Holes: holes}
		}
		return err
	}
	return checkTables(dir, f.keys)
}

// Sound reads every byte of all tables: a DamagedError would hide behind keys that are not there. An error is Damage, or ctx's.
func (s *Store) Sound(ctx context.Context) error {
	s.gate.RLock()
	defer s.gate.RUnlock()
	if s.closed {
		return os.ErrClosed
	}
	read := map[uint64]bool{}
	return s.readTables(ctx, read, func(badger.TableInfo, []badger.TableInfo) bool { return true })
}

// readTables reads the tables that are wanted of all there are, and remembers them in read. A compaction can take one away meanwhile, and puts what was in it into
// others: these are read then, and what was taken away is no damage.
func (s *Store) readTables(ctx context.Context, read map[uint64]bool, wanted func(t badger.TableInfo, all []badger.TableInfo) bool) error {
	keys, _, err := readRing(s.dir, s.opt.subkey())
	if err != nil {
		return err
	}
	for again := true; again; {
		again = false
		all := s.db.Tables()
		for _, t := range all {
			if read[t.ID] || !wanted(t, all) {
				continue
			}
			holes, _, err := scanFile(s.dir, filepath.Base(table.NewFilename(t.ID, s.dir)), keys, func(rawEntry) error { return ctx.Err() })
			if err != nil {
				return err
			}
			if len(holes) == 0 {
				read[t.ID] = true
				continue
			}
			// Badger forgets a table before it empties and deletes its file.
			if slices.ContainsFunc(s.db.Tables(), func(now badger.TableInfo) bool { return now.ID == t.ID }) {
				return core.Explain(Damage{Holes: holes}, "error.store.blocks")
			}
			again = true
		}
	}
	return nil
}

// soundBefore reads the tables that a DropPrefix rewrites, each once in the life of a process. Badger ends a table at its first damaged block, without a
// word: a rewrite would lose what lies behind it. The caller holds gate.
func (s *Store) soundBefore(prefixes [][]byte) error {
	if s.sound == nil {
		s.sound = map[uint64]bool{}
	}
	return s.readTables(context.Background(), s.sound, func(t badger.TableInfo, all []badger.TableInfo) bool {
		base := 0 // the level below 0, which is rewritten with it
		for _, t := range all {
			if t.Level > 0 && (base == 0 || t.Level < base) {
				base = t.Level
			}
		}
		return t.Level <= base || slices.ContainsFunc(prefixes, func(p []byte) bool {
			return bytes.Compare(t.Right, p) >= 0 && (bytes.Compare(t.Left, p) <= 0 || bytes.HasPrefix(t.Left, p))
		})
	})
}

// checkTables opens every table of the manifest the way Badger will. Badger v4.9.6 opens them in goroutines of its own, where the
// panic on a damaged last block would end the process, and leaves out a table whose index is damaged without a word.
// What else is wrong is Badger's to say.
func checkTables(dir string, keys *ring) error {
	f, err := os.Open(filepath.Join(dir, badger.ManifestFilename))
	if err != nil {
		return nil // a new library, or Badger will tell
	}
	defer f.Close()
	o := settings(dir, nil)
	m, _, err := badger.ReplayManifestFile(f, o.ExternalMagicVersion, o)
	if err != nil {
		return nil
	}
	ids := slices.Collect(maps.Keys(m.Tables))
	var blocks []cipher.Block
	if keys != nil {
		blocks = keys.all()
	}
	var next atomic.Int32
	var workers sync.WaitGroup
	failed := make([]error, min(4, runtime.GOMAXPROCS(0), len(ids)))
	for w := range failed {
		workers.Go(func() {
			s := &searcher{}
			for i := int(next.Add(1)) - 1; i < len(ids) && failed[w] == nil; i = int(next.Add(1)) - 1 {
				path := table.NewFilename(ids[i], dir)
				if keys != nil {
					failed[w] = checkSealed(path, blocks, s)
					continue
				}
				failed[w] = checkTable(path, table.Options{
					ReadOnly: true, BlockSize: o.BlockSize, BloomFalsePositive: o.BloomFalsePositive, ChkMode: o.ChecksumVerificationMode, Compression: m.Tables[ids[i]].Compression,
				})
			}
		})
	}
	workers.Wait()
	return errors.Join(failed...)
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

// checkSealed is checkTable for an encrypted table: Badger decrypts its index and its last block. s is memory that is used again.
func checkSealed(path string, keys []cipher.Block, s *searcher) (err error) {
	mf, err := z.OpenMmapFile(path, os.O_RDONLY, 0)
	if err != nil {
		return nil // gone since, or Badger will tell
	}
	defer func() { _ = mf.Close(-1) }()
	if end, indexed := tableEnd(mf.Data); indexed {
		for _, s.c = range keys {
			s.data = mf.Data
			if last, ok := s.last(end); ok && s.opens(last.from, last.to) {
				return nil
			}
		}
	}
	return fmt.Errorf("table %s: index or last block cannot be read: %w", filepath.Base(path), core.ErrCorrupt)
}
