package store_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kakoi/core"
	"kakoi/index/store"
)

// openTables counts the tables that this process has open.
func openTables(t *testing.T, dir string) (n int) {
	t.Helper()
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range fds {
		if to, err := os.Readlink(filepath.Join("/proc/self/fd", fd.Name())); err == nil && strings.HasPrefix(to, dir) && filepath.Ext(to) == ".sst" {
			n++
		}
	}
	return n
}

// pour writes so many values of 32 KB that do not shrink, and gives the most tables that were open.
func pour(t *testing.T, s *store.Store, seed uint64, values int) (most int) {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 7))
	payload := make([]byte, 32<<10)
	for i := range values {
		for k := range payload {
			payload[k] = byte(r.Uint32())
		}
		if err := s.Write(func(w *store.Writer) error { return w.Put(fmt.Sprintf("v/c/%016x/%d/", r.Uint64(), i), payload) }); err != nil {
			t.Fatal(err)
		}
		if i%20 == 0 {
			most = max(most, openTables(t, s.Dir()))
		}
	}
	return most
}

func count(t *testing.T, s *store.Store) (n int) {
	t.Helper()
	if err := s.View(func(r *store.Reader) error { return r.Each("v/", "", func(string, []byte) error { n++; return nil }) }); err != nil {
		t.Fatal(err)
	}
	return n
}

// TestFewFiles: a library grows beyond what small tables could hold within the limit of open files, without a restart and after one, and loses nothing.
func TestFewFiles(t *testing.T) {
	dir := t.TempDir()
	opt := store.Options{Files: 400, Table: 64 << 10}
	s, err := store.Open(dir, opt)
	if err != nil {
		t.Fatal(err)
	}
	const values = 1250 // 40 MB: 640 tables of the smallest size
	most := pour(t, s, 1, values)
	if f := s.Files(); f.Table < 4*64<<10 || f.Limit != 400 || f.Tables == 0 {
		t.Errorf("%+v", f)
	}
	if n := count(t, s); n != values {
		t.Errorf("%d values of %d", n, values)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err = store.Open(dir, opt); err != nil {
		t.Fatal(err)
	}
	most = max(most, pour(t, s, 2, values))
	if n := count(t, s); n != 2*values {
		t.Errorf("%d values of %d", n, 2*values)
	}
	if most > 300 {
		t.Errorf("%d tables were open at once", most)
	}
	t.Logf("at most %d tables open; now %+v", most, s.Files())
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestTooManyFiles: a library with more tables than may be open here says so, is not called damaged, and opens where more may be.
func TestTooManyFiles(t *testing.T) {
	dir := t.TempDir()
	s, err := store.Open(dir, store.Options{Files: 20_000, Table: 16 << 10})
	if err != nil {
		t.Fatal(err)
	}
	pour(t, s, 3, 1000)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	names, err := filepath.Glob(filepath.Join(dir, "*.sst"))
	if err != nil || len(names) < 20 { // how many they are hangs on how fast Badger packs blocks: under load it notices late that a table is full
		t.Fatalf("%d tables, %v", len(names), err)
	}
	few := len(names) + store.OtherFiles/2 - 1
	_, err = store.Open(dir, store.Options{Files: few})
	var said *core.UserError
	if !errors.Is(err, core.ErrTooLarge) || errors.Is(err, core.ErrCorrupt) || !errors.As(err, &said) || said.Key != "error.store.files" {
		t.Fatalf("%d tables opened with %d files: %v", len(names), few, err)
	}
	if s, err = store.Open(dir, options); err != nil {
		t.Fatal(err)
	}
	if n := count(t, s); n != 1000 {
		t.Errorf("%d values", n)
	}
	if f := s.Files(); f.Table != 1<<20 || f.Limit < 1024 {
		t.Errorf("%+v", f)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestTableSizes: 40 GB fit into a thousand files, and nothing changes for libraries of a few.
func TestTableSizes(t *testing.T) {
	for _, c := range []struct {
		files int
		gb    float64
		most  int64 // MB
	}{{60_000, 10, 1}, {60_000, 40, 4}, {30_000, 10, 1}, {30_000, 40, 4}, {4096, 1.5, 1}, {4096, 40, 32}, {1024, 0.3, 1}, {1024, 4, 16}} {
		bytes := int64(c.gb * (1 << 30))
		size := store.Options{Files: c.files, Table: 1 << 20}.TableSize(bytes)
		if size > c.most<<20 || bytes/size > int64(c.files-192)/2 {
			t.Errorf("%d files, %g GB: tables of %d MB, %d of them", c.files, c.gb, size>>20, bytes/size)
		}
	}
	bytes := int64(40) << 30
	if size := (store.Options{Files: 1024, Table: 1 << 20}).TableSize(bytes); bytes/size > 1024-2*192 {
		t.Errorf("40 GB lie in %d tables of %d MB", bytes/size, size>>20)
	}
}

// TestLibraryOfBefore: where the system has no near limit, a library of more small tables than are made today opens, as it did before tables grew, and its new
// tables are larger.
func TestLibraryOfBefore(t *testing.T) {
	dir := t.TempDir()
	for i := range 35_000 { // only their number is looked at: 35 GB are not made
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%06d.sst", i)), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var said *core.UserError
	if _, err := store.Open(dir, store.Options{Files: store.MostMapped}); errors.As(err, &said) && said.Key == "error.store.files" {
		t.Errorf("35,000 tables: %v", err)
	}
	if _, err := store.Open(dir, store.Options{Files: 30_000}); !errors.As(err, &said) || said.Key != "error.store.files" {
		t.Errorf("35,000 tables where 30,000 may be open: %v", err)
	}
	if size := (store.Options{Files: store.MostMapped, Table: 1 << 20}).TableSize(35 << 30); size != 4<<20 {
		t.Errorf("tables of %d bytes for 35 GB", size)
	}
}
