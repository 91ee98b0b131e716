package store

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"
	"github.com/dgraph-io/ristretto/v2/z"
	"golang.org/x/sys/unix"

	"kakoi/core"
	"kakoi/core/vault"
)

// Format is the version of keys and codecs; a library of a newer one is refused.
const Format = "kakoi library 1"

// DefaultReserve covers what Badger may still write for what it has accepted: write-ahead files (2 x 16 MB),
// memory tables on their way to disk (3 x 8 MB), a compaction of level 0 (about 100 MB).
const DefaultReserve = 256 << 20

// openReserve is what opening may need: a new write-ahead file and a replayed memory table.
const openReserve = 48 << 20

// closeReserve is what closing may need: the memory table and a compaction of level 0.
const closeReserve = 144 << 20

// Options say whether a library is encrypted; the other fields are for tests, and right when they are zero.
type Options struct {
	Key     *vault.Key                      // nil: not encrypted
	Reserve int64                           // bytes of the disk that writes leave free; 0: DefaultReserve
	Free    func(dir string) (int64, error) // free bytes; nil: asks the file system
	Files   int                             // that may be open; 0: asks the system
	Table   int64                           // bytes of the smallest tables; 0: 1 MB

	Rotation time.Duration // how long a data key is used; 0: five years
}

// Store is an open library folder. Safe for concurrent use.
type Store struct {
	db  *badger.DB
	dir string
	opt Options

	// gate: transactions hold it shared, Erase alone: Badger refuses writes during a DropPrefix, and keeps the
	// file of a dropped table as long as an iterator reads it.
	gate   sync.RWMutex
	closed bool

	copying sync.Mutex // held to copy the register of keys

	table   int64           // bytes of the tables that are made
	writes  atomic.Int64    // that were asked for
	written atomic.Bool     // something, in this process
	named   atomic.Int64    // the folder's time when its names were synced last
	keys    atomic.Int64    // bytes of the register of keys when it was copied last
	sound   map[uint64]bool // tables that soundBefore has read, by id
}

// Open opens or creates the library in dir (mode 0700). core.ErrBusy when another process has it and keeps it for two seconds,
// core.ErrNoSpace, core.ErrCorrupt, core.ErrUnsupported for a newer format, core.ErrEncrypted when Options.Key is not the library's.
func Open(dir string, opt Options) (s *Store, err error) {
	if opt.Reserve == 0 {
		opt.Reserve = DefaultReserve
	}
	if opt.Free == nil {
		opt.Free = free
	}
	if opt.Files == 0 {
		opt.Files = fileLimit()
	}
	if opt.Table == 0 {
		opt.Table = smallestTable
	}
	if opt.Rotation == 0 {
		opt.Rotation = rotation
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, border(fmt.Errorf("create library folder: %w", err))
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		return nil, border(fmt.Errorf("close library folder to others: %w", err))
	}
	tables, bytes := countTables(dir)
	if tables > opt.Files-otherFiles/2 {
		return nil, fmt.Errorf("open library: %w", tooMany(tables, opt.Files))
	}
	s = &Store{dir: dir, opt: opt, table: opt.tableSize(bytes)}
	if err := s.room(openReserve); err != nil {
		return nil, fmt.Errorf("open library: %w", err)
	}
	defer func() { // Badger asserts on damaged files
		if r := recover(); r != nil {
			s, err = nil, core.Explain(fmt.Errorf("open library: %v: %w", r, core.ErrCorrupt), "error.store.folder", dir)
		}
	}()
	if opt.Key != nil {
		if err := checkClock(time.Now()); err != nil {
			return nil, fmt.Errorf("open library: %w", err)
		}
	}
	if err := checkFolder(dir, opt.subkey()); err != nil {
		return nil, openError(dir, err)
	}
	s.db, err = s.openBadger(s.table)
	if err != nil && strings.Contains(err.Error(), z.NewFile.Error()) { // Badger does not wrap
		if err = clearEmpty(dir); err == nil {
			s.db, err = s.openBadger(s.table)
		}
	}
	if err != nil {
		return nil, openError(dir, err)
	}
	if err := s.format(); err != nil {
		return nil, errors.Join(err, s.db.Close())
	}
	return s, nil
}

// settings: facts measured on the target, see docs/decisions. MemTableSize bounds memory and what a restart replays, and the tables'
// size bounds memory too: a compaction holds ten and more of them at once, each in four times its size. Checksums per block are off by
// default and must not be.
//
// With a key Badger holds the decrypted indexes of tables in memory (about 25 KB for a table of 1 MB) instead of mapping them: its cache is larger then.
func settings(dir string, key []byte) badger.Options {
	o := badger.DefaultOptions(dir)
	o.Logger = nil
	o.SyncWrites = true
	o.MemTableSize = 8 << 20
	o.BaseTableSize = smallestTable
	o.TableSizeMultiplier = 1
	o.NumMemtables = 2
	o.BlockCacheSize = 32 << 20
	o.IndexCacheSize = 16 << 20
	o.NumCompactors = 2
	o.ValueLogFileSize = 64 << 20
	o.NumLevelZeroTables = 3
	o.NumLevelZeroTablesStall = 8
	o.MetricsEnabled = false
	o.CompactL0OnClose = true
	o.DetectConflicts = false // package index has one writer at a time
	o.ChecksumVerificationMode = options.OnBlockRead
	if key != nil {
		o.EncryptionKey = key
		o.IndexCacheSize = 64 << 20
	}
	return o
}

// lockWait is how long a library that another process has is waited for.
const lockWait = 2 * time.Second

// patiently tries to take the folder's lock until lockWait has passed. A lock can outlast the one who had it, whichever process that was: a
// program that is just being started has the open files of its parent until it becomes itself, which takes a while on a busy machine.
func patiently(try func() (refused bool, err error)) error {
	for end := time.Now().Add(lockWait); ; time.Sleep(20 * time.Millisecond) {
		refused, err := try()
		if !refused || time.Now().After(end) {
			return err
		}
	}
}

func (s *Store) openBadger(table int64) (db *badger.DB, err error) {
	o := settings(s.dir, s.opt.subkey())
	o.BaseTableSize = table
	if o.EncryptionKey != nil {
		o.EncryptionKeyRotationDuration = s.opt.Rotation
	}
	err = patiently(func() (bool, error) {
		db, err = badger.Open(o)
		return err != nil && strings.Contains(err.Error(), lockRefused), err // Badger does not wrap
	})
	if err == nil && s.opt.Key != nil {
		if err = errors.Join(encrypts(s.dir), vault.Sweep(s.dir), s.keepRegistry()); err != nil {
			return nil, errors.Join(err, db.Close())
		}
	}
	return db, err
}

// clearEmpty removes log files without a byte. Badger leaves one when it is killed between creating a log and giving it its
// size, or between emptying and removing one whose content is in a table; v4.9.6 then refuses to open. Under the folder's
// lock, since another process may just be creating one.
func clearEmpty(dir string) error {
	unlock, err := lockFolder(dir)
	if err != nil {
		return err
	}
	defer unlock()
	files, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, f := range files {
		if ext := filepath.Ext(f.Name()); ext != ".mem" && ext != ".vlog" {
			continue
		}
		info, err := f.Info()
		if err == nil && info.Size() == 0 {
			err = os.Remove(filepath.Join(dir, f.Name()))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// lockRefused begins Badger's sentence about a folder that is open already.
const lockRefused = "Cannot acquire directory lock"

func openError(dir string, err error) error {
	wrapped := fmt.Errorf("open library: %w", err)
	switch {
	case errors.Is(err, core.ErrBusy), errors.Is(err, core.ErrEncrypted):
		return err
	case strings.Contains(err.Error(), syscall.EMFILE.Error()), strings.Contains(err.Error(), syscall.ENFILE.Error()):
		tables, _ := countTables(dir)
		return errors.Join(tooMany(tables, fileLimit()), wrapped)
	case strings.Contains(err.Error(), lockRefused):
		return core.Explain(fmt.Errorf("%w: %w", core.ErrBusy, wrapped), "error.store.busy")
	case errors.Is(border(wrapped), core.ErrNoSpace):
		return border(wrapped)
	case errors.Is(err, os.ErrPermission):
		return core.Explain(wrapped, "error.store.permission", dir)
	}
	return core.Explain(fmt.Errorf("%w: %w", core.ErrCorrupt, wrapped), "error.store.folder", dir)
}

func (s *Store) format() error {
	key := Key{Kind: KindMeta, Collection: "format"}.String()
	have, err := s.Get(key)
	switch {
	case errors.Is(err, core.ErrNotFound):
		return s.Write(func(w *Writer) error { return w.Put(key, []byte(Format)) })
	case err != nil:
		return core.Explain(err, "error.store.folder", s.dir)
	case string(have) != Format:
		return core.Explain(fmt.Errorf("library format %q: %w", have, core.ErrUnsupported), "error.store.format")
	}
	return nil
}

// Close flushes and releases the folder; the second call does nothing. On a full disk the memory table stays where it is, in the
// write-ahead file, which the next Open reads, and the folder is released when the process ends: Badger writes tables through a
// mapping of their file, and a mapping without room behind it ends the process. So it does beside a damaged table, which Badger would rewrite as far as
// it can be read.
func (s *Store) Close() error {
	s.gate.Lock()
	defer s.gate.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	if err := s.room(closeReserve); errors.Is(err, core.ErrNoSpace) {
		slog.Warn("library left as it is", "error", err)
		return nil
	}
	if err := s.soundToClose(); err != nil {
		slog.Warn("library left as it is", "error", err)
		return nil
	}
	if err := errors.Join(s.db.Close(), s.keepRegistry()); err != nil { // the compaction may have made a key
		return border(fmt.Errorf("close library: %w", err))
	}
	return nil
}

// soundToClose reads what the compaction in Badger's Close rewrites, if there is one. The caller holds gate alone.
func (s *Store) soundToClose() error {
	if !s.written.Load() && !slices.ContainsFunc(s.db.Tables(), func(t badger.TableInfo) bool { return t.Level == 0 }) {
		return nil
	}
	return s.soundBefore(nil)
}

// Dir is the folder.
func (s *Store) Dir() string { return s.dir }

// Bytes is the size of the tables on disk.
func (s *Store) Bytes() int64 {
	s.gate.RLock()
	defer s.gate.RUnlock()
	if s.closed {
		return 0
	}
	var n int64
	for _, t := range s.db.Tables() {
		n += int64(t.OnDiskSize)
	}
	return n
}

func (s *Store) room(need int64) error {
	have, err := s.opt.Free(s.dir)
	if err != nil {
		return fmt.Errorf("ask for free space: %w", err)
	}
	if have < need {
		return core.Explain(fmt.Errorf("%d MB free, %d MB needed: %w", have>>20, need>>20, core.ErrNoSpace), "error.store.full")
	}
	return nil
}

func free(dir string) (int64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, err
	}
	return int64(st.Bavail) * int64(st.Bsize), nil
}

// border translates foreign errors into core's.
func border(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, badger.ErrKeyNotFound):
		return fmt.Errorf("%w: %w", core.ErrNotFound, err)
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT), strings.Contains(err.Error(), "no space left on device"):
		return core.Explain(fmt.Errorf("%w: %w", core.ErrNoSpace, err), "error.store.full")
	case errors.Is(err, badger.ErrDBClosed):
		return fmt.Errorf("%w: %w", os.ErrClosed, err)
	}
	return err
}
