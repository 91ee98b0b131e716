package index_test

import (
	"fmt"
	"testing"

	"kakoi/core"
	"kakoi/index"
	"kakoi/index/indextest"
)

// again makes a new version of a document whose earlier one is erased later.
func again(t *testing.T, x *index.Index, coll, name string, texts ...string) core.Document {
	t.Helper()
	doc, pages, chunks := file(name, texts...)
	d, err := x.Begin(t.Context(), coll, doc, pages, chunks, embedder)
	if err != nil {
		t.Fatal(err)
	}
	var vectors []core.Vector
	for _, o := range d.Missing() {
		vectors = append(vectors, embed(texts[o]))
	}
	if err := d.PutVectors(t.Context(), d.Missing(), vectors); err != nil {
		t.Fatal(err)
	}
	if doc, err = d.CommitLate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return doc
}

// TestCommitLate: the new version is found at once and the old one by nobody; its bytes are gone after Tidy, after many, or with Close.
func TestCommitLate(t *testing.T) {
	dir := t.TempDir()
	x, err := index.Open(dir, index.Options{})
	if err != nil {
		t.Fatal(err)
	}
	coll := collection(t, x)
	secret := func(i int) string { return fmt.Sprintf("secret%05dbefore", i*7919) }
	old := func(i int) bool { return len(contains(t, dir, []byte(secret(i)))) > 0 }
	const n = 70
	for i := range n {
		add(t, x, coll, fmt.Sprint(i, ".txt"), secret(i))
	}
	search(t, x, coll, index.Query{Text: "secret", Vector: embed("x")})
	found := func(i int, text string) {
		t.Helper()
		r := search(t, x, coll, index.Query{Vector: embed(text), K: 1})
		if len(r.Dense) != 1 || r.Dense[0].Chunk.Text != text || r.Dense[0].Dense < 0.999 {
			t.Errorf("%d is found as %+v", i, r.Dense)
		}
		if r := search(t, x, coll, index.Query{Text: secret(i), K: 1}); len(r.Lexical) > 0 && r.Lexical[0].Chunk.Text == secret(i) {
			t.Errorf("the earlier version of %d is found", i)
		}
	}
	again(t, x, coll, "0.txt", "after 0")
	found(0, "after 0")
	if !old(0) {
		t.Error("the earlier version was erased at once: nothing is gained")
	}
	if err := x.Tidy(t.Context()); err != nil || old(0) {
		t.Errorf("after Tidy it is there: %v, %v", old(0), err)
	}
	for i := 1; i <= 65; i++ {
		again(t, x, coll, fmt.Sprint(i, ".txt"), fmt.Sprint("after ", i))
	}
	if old(1) || old(64) || !old(65) {
		t.Errorf("after 65 documents, left are those of 1: %v, 64: %v, 65: %v", old(1), old(64), old(65))
	}
	if err := x.Close(); err != nil || old(65) {
		t.Errorf("after Close the last is there: %v, %v", old(65), err)
	}
	x = indextest.Open(t, dir)
	found(65, "after 65")
}
