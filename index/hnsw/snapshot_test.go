package hnsw_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"kakoi/core"
	"kakoi/index/hnsw"
	"kakoi/index/hnsw/hnswtest"
	"kakoi/index/store"
)

var place = hnsw.Place{Collection: "c", Embedder: "e"}

func openStore(t testing.TB, dir string) *store.Store {
	t.Helper()
	s, err := store.Open(dir, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// halves gives the vectors of labels, which are their numbers in vectors, as Index.Vectors wants them.
func halves(d int, vectors []float32) func(labels []uint64, dst []byte) error {
	return func(labels []uint64, dst []byte) error {
		for i, label := range labels {
			for c, f := range vectors[int(label)*d : (int(label)+1)*d] {
				binary.LittleEndian.PutUint16(dst[2*(i*d+c):], hnsw.Narrow(f))
			}
		}
		return nil
	}
}

// TestSnapshot: what is loaded answers as what was saved, also after changes that were saved later, and after Forget, without
// what was deleted, whose codes are in no file any more.
func TestSnapshot(t *testing.T) {
	const d = 40
	dir := filepath.Join(t.TempDir(), "library")
	s := openStore(t, dir)
	vectors, queries := hnswtest.Clustered(d, 6000, 20, 30, 9)
	x := newIndex(t, hnsw.Params{Dimension: d, Center: hnsw.Mean(d, vectors)})
	x.Vectors = halves(d, vectors)
	slots := add(t, x, 0, vectors[:5000*d])
	if _, _, err := hnsw.Load(t.Context(), s, place); !errors.Is(err, core.ErrNotFound) {
		t.Fatal(err)
	}
	save := func(owner string) {
		t.Helper()
		if err := x.Save(t.Context(), s, place, []byte(owner)); err != nil {
			t.Fatal(err)
		}
	}
	load := func(owner string) *hnsw.Index {
		t.Helper()
		y, text, err := hnsw.Load(t.Context(), s, place)
		if err != nil || string(text) != owner {
			t.Fatalf("%q, %v", text, err)
		}
		t.Cleanup(func() { y.Close() })
		y.Vectors = x.Vectors
		if err := y.Check(); err != nil {
			t.Fatal(err)
		}
		return y
	}
	same := func(y *hnsw.Index, ef int) {
		t.Helper()
		for q := range slices.Chunk(queries, d) {
			a, err1 := x.Search(q, 10, ef)
			b, err2 := y.Search(q, 10, ef)
			if err1 != nil || err2 != nil || len(a) != 10 || !slices.Equal(a, b) {
				t.Fatalf("%v, %v; %v, %v", a, err1, b, err2)
			}
		}
	}
	save("first")
	same(load("first"), 20)
	add(t, x, 5000, vectors[5000*d:])
	x.Delete(slots[100:900]...)
	save("second")
	same(load("second"), 20)
	row := x.Code(slots[3000])
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if !inFiles(t, dir, row) {
		t.Fatal("the codes of a vector are in no file: the test proves nothing")
	}
	s = openStore(t, dir)
	x.Delete(slots[2990:3010]...)
	if err := hnsw.Forget(s, place, slots[2990:3010]); err != nil {
		t.Fatal(err)
	}
	y := load("second")
	if y.Len() != x.Len() || y.Stale() != 0 {
		t.Fatalf("%d vectors, %d deleted", y.Len(), y.Stale())
	}
	same(y, 6000)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if inFiles(t, dir, row) {
		t.Error("the codes of a forgotten vector are in a file")
	}
	s = openStore(t, dir)
	defer s.Close()
	save("third")
	same(load("third"), 6000)
	if err := hnsw.Erase(s, place); err != nil {
		t.Fatal(err)
	}
	if _, _, err := hnsw.Load(t.Context(), s, place); !errors.Is(err, core.ErrNotFound) {
		t.Fatal(err)
	}
	save("again")
	same(load("again"), 6000)
}

func inFiles(t *testing.T, dir string, needle []byte) (found bool) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		found = found || bytes.Contains(text, needle)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// TestFlippedSnapshot: a flipped bit anywhere in the files is found by a checksum, or changes nothing; and the index is made
// anew from the vectors.
func TestFlippedSnapshot(t *testing.T) {
	const d = 32
	dir := filepath.Join(t.TempDir(), "library")
	vectors, queries := hnswtest.Clustered(d, 2000, 3, 30, 10)
	x := newIndex(t, hnsw.Params{Dimension: d})
	x.Vectors = halves(d, vectors)
	add(t, x, 0, vectors)
	s := openStore(t, dir)
	if err := errors.Join(x.Save(t.Context(), s, place, nil), s.Close()); err != nil {
		t.Fatal(err)
	}
	tables, err := filepath.Glob(filepath.Join(dir, "*.sst"))
	if err != nil || len(tables) == 0 {
		t.Fatal(tables, err)
	}
	told, unchanged := 0, 0
	for _, path := range tables {
		sound, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for at := 11; at < len(sound); at += len(sound)/24 + 1 {
			bad := bytes.Clone(sound)
			bad[at] ^= 1 << (at % 8)
			flipped := filepath.Join(t.TempDir(), "library") // a damaged library stays locked by the process that had it
			err := os.CopyFS(flipped, os.DirFS(dir))
			if err == nil {
				err = os.WriteFile(filepath.Join(flipped, filepath.Base(path)), bad, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
			s, err := store.Open(flipped, store.Options{})
			if err != nil {
				if !errors.Is(err, core.ErrCorrupt) {
					t.Fatal(err)
				}
				told++
				continue
			}
			y, _, err := hnsw.Load(t.Context(), s, place)
			switch {
			case errors.Is(err, core.ErrCorrupt) || errors.Is(err, core.ErrNotFound):
				told++
				if y, err = hnsw.New(x.Params()); err != nil {
					t.Fatal(err)
				}
				add(t, y, 0, vectors)
			case err != nil:
				t.Fatalf("byte %d: %v", at, err)
			default:
				unchanged++
			}
			y.Vectors = x.Vectors
			for q := range slices.Chunk(queries, d) {
				a, err1 := x.Search(q, 10, 2000)
				b, err2 := y.Search(q, 10, 2000)
				if err1 != nil || err2 != nil || !slices.Equal(a, b) {
					t.Fatalf("byte %d: %v, %v; %v, %v", at, a, err1, b, err2)
				}
			}
			if err := errors.Join(y.Close(), s.Close()); err != nil {
				t.Logf("byte %d: close: %v", at, err)
			}
		}
	}
	if told < 12 {
		t.Errorf("only %d flips were noticed", told)
	}
	t.Logf("%d flips noticed, %d without effect", told, unchanged)
}
