package store

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"kakoi/core"
)

// Badger keeps every table open and mapped, so a library is bounded by how many files a process may have open. Tables are 1 MB (settings says why) as long
// as that bound is far away; beyond it they are made larger, while the library is open, too. Those that are there stay as they are until a
// compaction takes them in.

const (
	smallestTable = 1 << 20
	timesLarger   = 64 // at most: a compaction of tables of 64 MB holds about 2 GB

	// otherFiles are those that the rest of the program may have open: the engine, logs, pictures, documents.
	otherFiles = 192
	// mostFiles is the bound that the size of tables is chosen by where the system has none near; mostMapped is what a library that is there already
	// may have all the same: Linux lets a process have 65,530 mappings (vm.max_map_count).
	mostFiles, mostMapped = 30_000, 60_000

	// lookAfter is after how many writes the tables are counted: the memory table, of 8 MB, holds some more.
	lookAfter = 64
)

// Files is how many of the files that a process may have open a library takes.
type Files struct {
	Tables int `json:"tables"`
	Limit  int `json:"limit"`       // of open files of this process; Go has raised it as far as the system lets it
	Table  int `json:"table_bytes"` // size of tables that are made now
}

// Files counts the tables.
func (s *Store) Files() Files {
	s.gate.RLock()
	defer s.gate.RUnlock()
	f := Files{Limit: s.opt.Files, Table: int(s.table)}
	if !s.closed {
		f.Tables = s.tables()
	}
	return f
}

// fileLimit raises the limit of open files as far as the system lets it, and says how far, up to mostMapped.
func fileLimit() int {
	var l unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &l); err != nil {
		return 1024
	}
	if l.Cur < l.Max {
		up := unix.Rlimit{Cur: l.Max, Max: l.Max}
		if unix.Setrlimit(unix.RLIMIT_NOFILE, &up) == nil {
			l = up
		}
	}
	return int(min(l.Cur, mostMapped))
}

// tableSize is how large tables of a library of so many bytes are made: as small as lets half of the files do for them.
func (o Options) tableSize(bytes int64) int64 {
	half := int64(max(16, (min(o.Files, mostFiles)-otherFiles)/2))
	size := o.Table
	for size < timesLarger*o.Table && bytes+bytes/5 > size*half {
		size *= 2
	}
	return size
}

// tables counts those that are open. The caller holds gate.
func (s *Store) tables() (n int) {
	for _, l := range s.db.Levels() {
		n += l.NumTables
	}
	return n
}

// tooMany is the error of a library with more tables than may be open.
func tooMany(tables, limit int) error {
	return core.Explain(fmt.Errorf("%d tables, %d files may be open: %w", tables, limit, core.ErrTooLarge), "error.store.files", tables, limit)
}

// countTables looks into a folder that is not open: how many tables there are, and their bytes.
func countTables(dir string) (n int, bytes int64) {
	names, err := filepath.Glob(filepath.Join(dir, "*.sst"))
	if err != nil {
		return 0, 0
	}
	for _, name := range names {
		if info, err := os.Stat(name); err == nil {
			n, bytes = n+1, bytes+info.Size()
		}
	}
	return n, bytes
}

// grow makes tables larger once there are many, and refuses writes before there are too many to go on. The caller holds nothing.
func (s *Store) grow() error {
	if s.writes.Add(1)%lookAfter != 0 {
		return nil
	}
	s.gate.RLock()
	if s.closed {
		s.gate.RUnlock()
		return nil
	}
	tables, bytes := 0, int64(0)
	for _, l := range s.db.Levels() {
		tables, bytes = tables+l.NumTables, bytes+l.Size
	}
	size := s.opt.tableSize(bytes)
	larger := size > s.table
	s.gate.RUnlock()
	if tables > s.opt.Files-otherFiles/2 {
		return tooMany(tables, s.opt.Files)
	}
	if !larger {
		return nil
	}
	return s.reopen(size)
}

// reopen closes Badger and opens it with another size of tables: it has no other way. Readers wait meanwhile, some seconds.
func (s *Store) reopen(size int64) error {
	s.gate.Lock()
	defer s.gate.Unlock()
	if s.closed || size <= s.table {
		return nil
	}
	if err := s.room(closeReserve); err != nil {
		return nil // writes will be refused for that before long
	}
	if err := s.soundToClose(); err != nil {
		slog.Warn("tables stay small", "error", err)
		return nil
	}
	if err := s.db.Close(); err != nil {
		s.closed = true
		return border(fmt.Errorf("make tables of %d bytes: %w", size, err))
	}
	db, err := s.openBadger(size)
	if err != nil {
		s.closed = true
		return openError(s.dir, err)
	}
	s.db, s.table = db, size
	slog.Info("tables are made larger", "bytes", size)
	return nil
}
