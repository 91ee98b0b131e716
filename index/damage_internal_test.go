package index

import (
	"errors"
	"math/rand/v2"
	"testing"

	"kakoi/core"
	"kakoi/index/store"
)

// TestDamagedDocument: a document whose values are wrong is named, does not hide the others' removal, and can be removed.
func TestDamagedDocument(t *testing.T) {
	ctx := t.Context()
	for _, kind := range []byte{store.KindHead, store.KindChunk, store.KindVector, store.KindLexical, store.KindPage} {
		x, err := Open(t.TempDir(), Options{})
		if err != nil {
			t.Fatal(err)
		}
		c, err := x.EnsureCollection(ctx, "c")
		if err == nil {
			err = x.Synthesize(ctx, c.ID, 500, 1, nil)
		}
		if err != nil {
			t.Fatal(err)
		}
		docs, err := x.Documents(ctx, c.ID)
		if err != nil || len(docs) != 3 {
			t.Fatal(len(docs), err)
		}
		id := docs[1].ID
		key := headKey(c.ID, id)
		if kind != store.KindHead {
			key = store.Key{Kind: kind, Collection: c.ID, Document: id, Generation: 1}.String()
		}
		// A payload of another shape under a right checksum: what a bug of ours would leave.
		if err := x.store.Write(func(w *store.Writer) error { return w.Put(key, []byte{9, 9, 9}) }); err != nil {
			t.Fatal(err)
		}
		problems, err := x.Verify(ctx, nil)
		named := false
		for _, p := range problems {
			named = named || p.Document == id && errors.Is(p.Err, core.ErrCorrupt)
		}
		if err != nil || !named {
			t.Errorf("kind %c: problems %v, %v", kind, problems, err)
		}
		s := synth{r: rand.New(rand.NewPCG(1, 1))}
		query := Query{Text: s.text(20), Vector: s.vector(384), Embedder: BenchEmbedder.ID, K: 500}
		if kind != store.KindPage {
			if _, err := x.Search(ctx, c.ID, query); !errors.Is(err, core.ErrCorrupt) {
				t.Errorf("kind %c: search: %v", kind, err)
			}
		} else if _, err := x.Pages(ctx, c.ID, id); !errors.Is(err, core.ErrCorrupt) {
			t.Errorf("pages: %v", err)
		}
		if err := x.Remove(ctx, c.ID, id); err != nil {
			t.Fatalf("kind %c: remove: %v", kind, err)
		}
		if problems, err := x.Verify(ctx, nil); err != nil || len(problems) != 0 {
			t.Errorf("kind %c: after the removal: %v, %v", kind, problems, err)
		}
		if r, err := x.Search(ctx, c.ID, query); err != nil || len(r.Dense) != 300 {
			t.Errorf("kind %c: search after the removal: %d hits, %v", kind, len(r.Dense), err)
		}
		if err := x.Close(); err != nil {
			t.Error(err)
		}
	}
}
