package index_test

import (
	"slices"
	"testing"

	"kakoi/core"
	"kakoi/index"
	"kakoi/index/indextest"
)

// TestVectorsOfSources: a file that was moved, and edited on the way, takes over the vectors of its old place, also from another
// collection; what is not there, or of another embedder, gives nothing.
func TestVectorsOfSources(t *testing.T) {
	x := indextest.Open(t, t.TempDir())
	here := collection(t, x)
	there, err := x.EnsureCollection(t.Context(), "別")
	if err != nil {
		t.Fatal(err)
	}
	texts := []string{"有給休暇は年に二十日です。", "申請は三日前までに行います。", "型番XK-2041を使います。", "有給休暇は年に二十日です。"}
	old, _ := add(t, x, here, "old.txt", texts...)
	texts[1] = "申請は五日前までに行います。"
	begin := func(e core.EmbedderInfo, sources ...index.Source) []int {
		t.Helper()
		doc, pages, chunks := file("new/old.txt", texts...)
		d, err := x.Begin(t.Context(), there.ID, doc, pages, chunks, e, sources...)
		if err != nil {
			t.Fatal(err)
		}
		return d.Missing()
	}
	from := index.Source{Collection: here, Document: old.ID}
	other := core.EmbedderInfo{ID: "bb", Dimension: width}
	if got := begin(other, from); len(got) != 4 {
		t.Errorf("of another embedder, missing are %v", got)
	}
	if got := begin(embedder, index.Source{Collection: here, Document: "gone"}, index.Source{Collection: "nowhere", Document: old.ID}); len(got) != 4 {
		t.Errorf("of nothing, missing are %v", got)
	}
	doc, pages, chunks := file("new/other.txt", texts...)
	d, err := x.Begin(t.Context(), there.ID, doc, pages, chunks, embedder, index.Source{Collection: here, Document: "gone"}, from)
	if err != nil || !slices.Equal(d.Missing(), []int{1}) {
		t.Fatalf("missing are %v, %v", d.Missing(), err)
	}
	if err := d.PutVectors(t.Context(), []int{1}, []core.Vector{embed(texts[1])}); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := x.Remove(t.Context(), here, old.ID); err != nil { // they are its own now
		t.Fatal(err)
	}
	for i, text := range texts {
		r := search(t, x, there.ID, index.Query{Vector: embed(text), K: 1})
		if len(r.Dense) != 1 || r.Dense[0].Chunk.Text != text || r.Dense[0].Dense < 0.999 {
			t.Errorf("chunk %d is found as %+v", i, r.Dense)
		}
	}
}
