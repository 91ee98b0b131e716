package index

import (
	"errors"
	"math/rand/v2"
	"testing"

	"kakoi/core"
	"kakoi/index/store"
)

// threeDocuments opens a library in dir with a collection of three documents.
func threeDocuments(t *testing.T, dir string) (*Index, core.Collection, []core.Document) {
	t.Helper()
	x, err := Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	c, err := x.EnsureCollection(t.Context(), "c")
	if err == nil {
		err = x.Synthesize(t.Context(), c.ID, 500, 1, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	docs, err := x.Documents(t.Context(), c.ID)
	if err != nil || len(docs) != 3 {
		t.Fatal(len(docs), err)
	}
	return x, c, docs
}

// TestDamagedDocument: a document whose values are wrong is named, does not hide the others' removal, and can be removed.
func TestDamagedDocument(t *testing.T) {
	ctx := t.Context()
	for _, kind := range []byte{store.KindHead, store.KindChunk, store.KindVector, store.KindLexical, store.KindPage} {
		x, c, docs := threeDocuments(t, t.TempDir())
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

// TestHarmedUntilRead: a document of which only the name was left is listed by every repair until its new version is there, also after one that ended
// between its text and its vectors.
func TestHarmedUntilRead(t *testing.T) {
	ctx, dir := t.Context(), t.TempDir()
	x, c, docs := threeDocuments(t, dir)
	doc := docs[1]
	err := x.store.Write(func(w *store.Writer) error { return w.Delete(headKey(c.ID, doc.ID)) })
	for _, kind := range store.GenerationKinds {
		err = errors.Join(err, x.store.Erase(store.DocumentPrefix(kind, c.ID, doc.ID)))
	}
	if err != nil {
		t.Fatal(err)
	}
	pages, chunks := []core.Page{{Number: 1, Text: "ab"}}, []core.Chunk{{Page: 1, Text: "a", End: 1}, {Page: 1, Text: "b", Start: 1, End: 2}}
	for round := range 3 {
		m, err := x.Mend(ctx, nil)
		if err != nil || len(m.Harmed) != 1 || m.Harmed[0].Document.ID != doc.ID {
			t.Fatalf("repair %d: %+v, %v", round, m.Harmed, err)
		}
		d, err := x.Begin(ctx, c.ID, m.Harmed[0].Document, pages, chunks, BenchEmbedder)
		if err != nil {
			t.Fatal(err)
		}
		if round == 2 {
			s := synth{r: rand.New(rand.NewPCG(1, 1))}
			err := d.PutVectors(ctx, d.Missing(), []core.Vector{s.vector(BenchEmbedder.Dimension), s.vector(BenchEmbedder.Dimension)})
			if err == nil {
				_, err = d.Commit(ctx)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := x.Close(); err != nil {
			t.Fatal(err)
		}
		if x, err = Open(dir, Options{}); err != nil {
			t.Fatal(err)
		}
	}
	if problems, err := x.Verify(ctx, nil); err != nil || len(problems) != 0 {
		t.Errorf("after the repair: %v, %v", problems, err)
	}
	if docs, err = x.Documents(ctx, c.ID); err != nil || len(docs) != 3 || docs[1].State != core.DocumentReady {
		t.Errorf("documents %+v, %v", docs, err)
	}
	if err := x.Close(); err != nil {
		t.Error(err)
	}
}
