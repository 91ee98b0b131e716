package index_test

import (
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"kakoi/core"
	"kakoi/index"
)

// BenchmarkLibrary prints the figures of a library of 100,000 chunks: go test -run '^$' -bench Library -benchtime 1x ./index
func BenchmarkLibrary(b *testing.B) {
	for i := range b.N {
		err := index.Bench(context.Background(), filepath.Join(b.TempDir(), "library"), 100_000, func(f index.Figure) error {
			b.Logf("%-22s %10.2f %s", f.Name, f.Value, f.Unit)
			return nil
		})
		if err != nil {
			b.Fatalf("round %d: %v", i, err)
		}
	}
}

func BenchmarkOpenStats(b *testing.B) {
	dir := filepath.Join(b.TempDir(), "library")
	coll := synthesize(b, dir, 20_000)
	for b.Loop() {
		x, err := index.Open(dir, index.Options{})
		if err != nil {
			b.Fatal(err)
		}
		if s, err := x.Stats(context.Background(), coll); err != nil || s.Chunks != 20_000 {
			b.Fatal(s, err)
		}
		if err := x.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSearch(b *testing.B) {
	dir := filepath.Join(b.TempDir(), "library")
	coll := synthesize(b, dir, 20_000)
	x, err := index.Open(dir, index.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer x.Close()
	r := rand.New(rand.NewPCG(1, 1))
	v := make(core.Vector, index.BenchEmbedder.Dimension)
	for i := range v {
		v[i] = r.Float32() - 0.5
	}
	for name, q := range map[string]index.Query{
		"dense":   {Vector: v, Embedder: index.BenchEmbedder.ID, K: 20},
		"asked":   {Vector: v, Embedder: index.BenchEmbedder.ID, K: 20, Asked: "When are bonus payments due for staff who joined a department in spring?"},
		"lexical": {Text: "型番AB-0042は一丁上がりです", K: 20},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := x.Search(context.Background(), coll, q); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func synthesize(tb testing.TB, dir string, n int) string {
	tb.Helper()
	x, err := index.Open(dir, index.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	c, err := x.EnsureCollection(context.Background(), "bench")
	if err == nil {
		err = x.Synthesize(context.Background(), c.ID, n, 1, nil)
	}
	if err != nil {
		tb.Fatal(err)
	}
	if err := x.Close(); err != nil {
		tb.Fatal(err)
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		tb.Fatalf("library folder: %v, %v", info.Mode(), err)
	}
	return c.ID
}
