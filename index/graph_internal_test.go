package index

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"kakoi/core"
	"kakoi/index/hnsw"
	"kakoi/index/store"
)

// graphLibrary is a library of n synthetic chunks that is searched with a graph.
func graphLibrary(t *testing.T, dir string, n int) (x *Index, coll string) {
	t.Helper()
	before := graphFrom
	graphFrom = 1
	t.Cleanup(func() { graphFrom = before })
	x, err := Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	c, err := x.EnsureCollection(t.Context(), "c")
	if err == nil {
		err = x.Synthesize(t.Context(), c.ID, n, 1, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	return x, c.ID
}

func graphReopen(t *testing.T, x *Index, dir string) *Index {
	t.Helper()
	err := x.Close()
	if err == nil {
		x, err = Open(dir, Options{})
	}
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// graphAsk asks for what lies between two stored vectors.
func graphAsk(t *testing.T, x *Index, coll string, seed uint64, k int) []core.Hit {
	t.Helper()
	heads, order, err := x.heads(t.Context(), coll)
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(seed, 2))
	q := make(core.Vector, BenchEmbedder.Dimension)
	for range 2 {
		id := order[len(order)-1-r.IntN(min(3, len(order)))]
		vectors, _, err := x.graphVectors(docKey{coll, id}, heads[id])
		if err != nil {
			t.Fatal(err)
		}
		at := r.IntN(len(vectors)/len(q)) * len(q)
		for i := range q {
			q[i] += vectors[at+i]
		}
	}
	found, err := x.Search(t.Context(), coll, Query{Vector: normalise(q), Embedder: BenchEmbedder.ID, K: k})
	if err != nil {
		t.Fatal(err)
	}
	return found.Dense
}

// TestGraphFindsWhatScanFinds: the graph's hits and scores are those of looking at every vector, from a fresh graph, from a
// snapshot, and from a snapshot that is older than the documents.
func TestGraphFindsWhatScanFinds(t *testing.T) {
	dir := t.TempDir()
	x, coll := graphLibrary(t, dir, 4000)
	compare := func(what string) {
		t.Helper()
		missed, all := 0, 0
		for seed := range uint64(20) {
			got := graphAsk(t, x, coll, seed, 10)
			graphFrom = 1 << 30
			l := x.live(coll)
			graphs := l.graphs
			heads, order, err := x.heads(t.Context(), coll)
			if err != nil {
				t.Fatal(err)
			}
			docs, err := x.loadDense(t.Context(), coll, heads, order)
			if err != nil {
				t.Fatal(err)
			}
			l.graphs, l.dense.docs = nil, docs
			want := graphAsk(t, x, coll, seed, 10)
			l.graphs, l.dense.docs = graphs, nil
			graphFrom = 1
			if len(got) != 10 || len(want) != 10 {
				t.Fatal(len(got), len(want))
			}
			all += 10
			for _, w := range want {
				at := slices.IndexFunc(got, func(h core.Hit) bool { return h.Chunk == w.Chunk })
				if at < 0 {
					missed++
				} else if d := got[at].Dense - w.Dense; d > 1e-5 || d < -1e-5 {
					t.Fatalf("%s: score %v, not %v", what, got[at].Dense, w.Dense)
				}
			}
		}
		if missed*100 > all {
			t.Errorf("%s: %d of %d hits missed", what, missed, all)
		}
		if len(x.live(coll).graphs) != 1 {
			t.Fatalf("%s: no graph", what)
		}
	}
	compare("fresh")
	x = graphReopen(t, x, dir)
	compare("loaded")
	x = graphReopen(t, x, dir)
	if err := x.Synthesize(t.Context(), coll, 600, 2, nil); err != nil { // without a graph in memory
		t.Fatal(err)
	}
	docs, err := x.Documents(t.Context(), coll)
	if err == nil {
		err = x.Remove(t.Context(), coll, docs[3].ID)
	}
	if err != nil {
		t.Fatal(err)
	}
	compare("caught up")
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestGraphForgets: a removed document is in no snapshot, whether the graph was in memory or not.
func TestGraphForgets(t *testing.T) {
	dir := t.TempDir()
	x, coll := graphLibrary(t, dir, 1000)
	graphAsk(t, x, coll, 1, 1)
	at := hnsw.Place{Collection: coll, Embedder: BenchEmbedder.ID}
	for i, want := range []int{800, 600} {
		if i == 1 {
			x = graphReopen(t, x, dir)
		}
		docs, err := x.Documents(t.Context(), coll)
		if err == nil {
			err = x.Remove(t.Context(), coll, docs[0].ID)
		}
		if err != nil {
			t.Fatal(err)
		}
		ix, _, err := hnsw.Load(t.Context(), x.store, at)
		if err != nil || ix.Len() != want {
			t.Fatalf("%v: the snapshot has %d vectors, not %d", err, ix.Len(), want)
		}
		if err := ix.Close(); err != nil {
			t.Fatal(err)
		}
		if r, err := x.Remains(t.Context(), coll, docs[0].ID); err != nil || r.Total() != 0 {
			t.Fatalf("%+v, %v", r, err)
		}
	}
	if err := x.RemoveCollection(t.Context(), coll); err != nil {
		t.Fatal(err)
	}
	for _, kind := range []byte{store.KindGraph, store.KindCode} {
		if n, err := x.store.Left(store.CollectionPrefix(kind, coll)); err != nil || n != 0 {
			t.Fatalf("%d values of kind %c are left, %v", n, kind, err)
		}
	}
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestGraphIsMadeAgain: damage in any part of a snapshot is a problem that Verify names, and costs the next search nothing but
// the time to make the graph again from the vectors.
func TestGraphIsMadeAgain(t *testing.T) {
	dir := t.TempDir()
	x, coll := graphLibrary(t, dir, 1000)
	want := graphAsk(t, x, coll, 1, 1000)
	var keys []string
	err := x.store.View(func(r *store.Reader) error {
		for _, kind := range []byte{store.KindGraph, store.KindCode} {
			err := r.Keys(store.DocumentPrefix(kind, coll, BenchEmbedder.ID), func(key string) error { keys = append(keys, key); return nil })
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil || len(keys) != 5 {
		t.Fatal(keys, err)
	}
	for _, key := range keys {
		x = graphReopen(t, x, dir)
		var sound []byte
		k, err := store.ParseKey(key)
		if err == nil && k.Kind == store.KindGraph && k.Generation != 0 {
			err = x.store.View(func(r *store.Reader) error { // the version may be newer now
				return r.Keys(store.DocumentPrefix(k.Kind, coll, BenchEmbedder.ID), func(now string) error {
					if n, err := store.ParseKey(now); err == nil && n.Generation != 0 && n.Number == k.Number {
						key = now
					}
					return nil
				})
			})
		} else if err == nil && k.Kind == store.KindCode {
			err = x.store.View(func(r *store.Reader) error {
				return r.Keys(store.DocumentPrefix(k.Kind, coll, BenchEmbedder.ID), func(now string) error { key = now; return nil })
			})
		}
		if err == nil {
			sound, err = x.store.Get(key)
		}
		if err != nil {
			t.Fatal(err)
		}
		bad := bytes.Clone(sound)
		bad = bad[:len(bad)-1]
		if err := x.store.Write(func(w *store.Writer) error { return w.Put(key, bad) }); err != nil {
			t.Fatal(err)
		}
		problems, err := x.Verify(context.Background(), nil)
		if err != nil || !slices.ContainsFunc(problems, func(p Problem) bool { return p.Collection == coll && errors.Is(p.Err, core.ErrCorrupt) }) {
			t.Errorf("%s: %v, %v", key, problems, err)
		}
		if got := graphAsk(t, x, coll, 1, 1000); !slices.Equal(got, want) {
			t.Errorf("%s: other hits after the damage", key)
		}
		if problems, err := x.Verify(context.Background(), nil); err != nil || len(problems) != 0 {
			t.Errorf("%s: not mended: %v, %v", key, problems, err)
		}
	}
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
}
