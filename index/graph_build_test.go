package index

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"

	"kakoi/core"
	"kakoi/index/store"
)

// grown is a library whose vectors wait for BuildGraphs.
func grown(t *testing.T, dir string, n int) (*Index, string) {
	t.Helper()
	before := graphCatchUp
	graphCatchUp = 0
	t.Cleanup(func() { graphCatchUp = before })
	return graphLibrary(t, dir, n)
}

func wanted(t *testing.T, x *Index, coll string, want int) {
	t.Helper()
	if n, err := x.GraphsWanted(t.Context(), coll); err != nil || n != want {
		t.Fatalf("%d vectors wait, not %d: %v", n, want, err)
	}
}

// TestBuildGraphs: without it every vector is looked at, whatever the size; it reports each vector, and afterwards the graph answers with the
// same, also after it is opened again and when more was added.
func TestBuildGraphs(t *testing.T) {
	dir := t.TempDir()
	x, coll := grown(t, dir, 3000)
	want := graphAsk(t, x, coll, 1, 10)
	if n := len(x.live(coll).graphs); n != 0 {
		t.Fatalf("%d graphs were made by a search", n)
	}
	wanted(t, x, coll, 3000)
	var last core.Update
	steps := 0
	if err := x.BuildGraphs(t.Context(), coll, func(u core.Update) { last = u; steps++ }); err != nil {
		t.Fatal(err)
	}
	if last.Done != 3000 || last.Total != 3000 || last.Stage != "graph" || steps < 3 {
		t.Errorf("%+v after %d steps", last, steps)
	}
	check := func(what string) {
		t.Helper()
		if got := graphAsk(t, x, coll, 1, 10); !slices.EqualFunc(got, want, func(a, b core.Hit) bool { return a.Chunk == b.Chunk }) {
			t.Errorf("%s: other hits", what)
		}
		l := x.live(coll)
		if len(l.graphs) != 1 || len(l.dense.docs) != 0 {
			t.Errorf("%s: %d graphs, %d documents beside", what, len(l.graphs), len(l.dense.docs))
		}
	}
	check("made")
	wanted(t, x, coll, 0)
	x = graphReopen(t, x, dir)
	wanted(t, x, coll, 0)
	check("opened")
	x = graphReopen(t, x, dir)
	if err := x.Synthesize(t.Context(), coll, 400, 2, nil); err != nil { // while no graph is in memory
		t.Fatal(err)
	}
	wanted(t, x, coll, 400)
	graphAsk(t, x, coll, 1, 10)
	if l := x.live(coll); len(l.dense.docs) == 0 {
		t.Error("what is not in the graph is not looked at")
	}
	if err := x.BuildGraphs(t.Context(), coll, nil); err != nil {
		t.Fatal(err)
	}
	wanted(t, x, coll, 0)
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestBuildGraphsGoesOn: when it is cancelled, what is linked stays through a restart, searches find everything, and the next call links the rest.
func TestBuildGraphsGoesOn(t *testing.T) {
	dir := t.TempDir()
	x, coll := grown(t, dir, 12_000)
	want := graphAsk(t, x, coll, 2, 10)
	ctx, cancel := context.WithCancel(t.Context())
	err := x.BuildGraphs(ctx, coll, func(u core.Update) {
		if u.Done > 4000 {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	left, err := x.GraphsWanted(t.Context(), coll)
	if err != nil || left == 0 || left >= 12_000 {
		t.Fatalf("%d are left, %v", left, err)
	}
	same := func(what string) {
		t.Helper()
		if got := graphAsk(t, x, coll, 2, 10); !slices.EqualFunc(got, want, func(a, b core.Hit) bool { return a.Chunk == b.Chunk }) {
			t.Errorf("%s: other hits", what)
		}
	}
	same("cancelled")
	x = graphReopen(t, x, dir)
	wanted(t, x, coll, left)
	same("opened")
	first := core.Update{}
	if err := x.BuildGraphs(t.Context(), coll, func(u core.Update) {
		if first.Total == 0 {
			first = u
		}
	}); err != nil || first.Total != int64(left) {
		t.Fatalf("%+v of %d, %v", first, left, err)
	}
	wanted(t, x, coll, 0)
	same("ended")
	if problems, err := x.Verify(t.Context(), nil); err != nil || len(problems) != 0 {
		t.Errorf("%v, %v", problems, err)
	}
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestBuildGraphsBesideChanges: documents are added, removed and searched while it runs. Nothing of a removed one is found or left, and
// everything else is.
func TestBuildGraphsBesideChanges(t *testing.T) {
	dir := t.TempDir()
	x, coll := grown(t, dir, 12_000)
	docs, err := x.Documents(t.Context(), coll)
	if err != nil {
		t.Fatal(err)
	}
	gone := docs[len(docs)-8:] // linked last, or not yet
	var wait sync.WaitGroup
	began := make(chan struct{})
	var once sync.Once
	wait.Go(func() {
		if err := x.BuildGraphs(t.Context(), coll, func(core.Update) { once.Do(func() { close(began) }) }); err != nil {
			t.Error(err)
		}
	})
	<-began
	wait.Go(func() {
		if err := x.Synthesize(t.Context(), coll, 600, 5, nil); err != nil {
			t.Error(err)
		}
	})
	for _, d := range gone {
		if err := x.Remove(t.Context(), coll, d.ID); err != nil {
			t.Fatal(err)
		}
		for _, h := range graphAsk(t, x, coll, 3, 200) {
			if h.Chunk.Document == d.ID {
				t.Fatal("a removed document is found")
			}
		}
	}
	wait.Wait()
	if err := x.BuildGraphs(t.Context(), coll, nil); err != nil { // what was added after its end
		t.Fatal(err)
	}
	wanted(t, x, coll, 0)
	stats, err := x.Stats(t.Context(), coll)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(graphAsk(t, x, coll, 4, 20_000)); n != stats.Chunks {
		t.Errorf("%d of %d passages are found", n, stats.Chunks)
	}
	for _, d := range gone {
		if r, err := x.Remains(t.Context(), coll, d.ID); err != nil || r.Total() != 0 {
			t.Errorf("left of %s: %+v, %v", d.Name, r, err)
		}
	}
	x = graphReopen(t, x, dir)
	if n := len(graphAsk(t, x, coll, 4, 20_000)); n != stats.Chunks {
		t.Errorf("opened again: %d of %d passages are found", n, stats.Chunks)
	}
	if problems, err := x.Verify(t.Context(), nil); err != nil || len(problems) != 0 {
		t.Errorf("%v, %v", problems, err)
	}
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestRemovedOnItsWayIn: a document is removed while its vectors are being linked; searches until the end of that go on without it.
func TestRemovedOnItsWayIn(t *testing.T) {
	x, coll := grown(t, t.TempDir(), 3000)
	if err := x.BuildGraphs(t.Context(), coll, nil); err != nil {
		t.Fatal(err)
	}
	docs, err := x.Documents(t.Context(), coll)
	if err != nil {
		t.Fatal(err)
	}
	stats, err := x.Stats(t.Context(), coll)
	if err != nil {
		t.Fatal(err)
	}
	gone := docs[0]
	for _, g := range x.live(coll).graphs { // as link leaves it until give: linked, and not yet the graph's
		delete(g.docs, gone.ID)
	}
	if err := x.Remove(t.Context(), coll, gone.ID); err != nil {
		t.Fatal(err)
	}
	hits := graphAsk(t, x, coll, 3, stats.Chunks)
	if len(hits) != stats.Chunks-gone.Chunks || slices.ContainsFunc(hits, func(h core.Hit) bool { return h.Chunk.Document == gone.ID }) {
		t.Errorf("%d hits of %d passages less %d", len(hits), stats.Chunks, gone.Chunks)
	}
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestSigns: the sign of a text is stored with it, follows its versions, is made for documents from before there were any, and goes with the
// document.
func TestSigns(t *testing.T) {
	x, err := Open(t.TempDir(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := x.Close(); err != nil {
			t.Error(err)
		}
	}()
	c, err := x.EnsureCollection(t.Context(), "c")
	if err != nil {
		t.Fatal(err)
	}
	put := func(source, text string) string {
		t.Helper()
		page := []core.Page{{Number: 1, Text: text}}
		chunk := []core.Chunk{{Page: 1, End: len([]rune(text)), Text: text}}
		d, err := x.Begin(t.Context(), c.ID, core.Document{Name: source, Source: source, SHA256: text}, page, chunk, BenchEmbedder)
		if err != nil {
			t.Fatal(err)
		}
		v := make(core.Vector, BenchEmbedder.Dimension)
		v[0] = 1
		if len(d.Missing()) > 0 {
			if err := d.PutVectors(t.Context(), []int{0}, []core.Vector{v}); err != nil {
				t.Fatal(err)
			}
		}
		doc, err := d.Commit(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return doc.ID
	}
	a, _ := put("/a", "有給休暇は入社から6か月後に付与されます。"), put("/b", "有給休暇は 入社から６か月後に付与されます。")
	signs := func() []Signed {
		t.Helper()
		s, err := x.Signs(t.Context(), c.ID)
		if err != nil || len(s) == 0 {
			t.Fatal(s, err)
		}
		return s
	}
	if s := signs(); len(s) != 2 || !s[0].Sign.Same(s[1].Sign) {
		t.Fatalf("%+v", s)
	}
	if x.inMemory(c.ID, a) == 0 {
		t.Error("the sign in memory is not counted as something that is left of a document")
	}
	put("/a", "有給休暇は入社から7か月後に付与されます。")
	s := signs()
	if s[0].Sign.Same(s[1].Sign) {
		t.Error("the sign is that of the version before")
	}
	made := s[0].Sign
	x.live(c.ID).signs = nil
	if now := signs(); now[0].Sign != made {
		t.Error("the stored sign is another one")
	}
	err = x.store.View(func(r *store.Reader) error { // a document from before there were signs has pages only
		return r.Each(store.CollectionPrefix(store.KindHead, c.ID), "", func(_ string, payload []byte) error {
			h, err := decodeHead(payload)
			if err != nil || h.Generation == 0 {
				return err
			}
			k := docKey{c.ID, a}
			if d, err := h.document(); err != nil || d.ID != a {
				return err
			}
			old, err := pageSign(r, k, h.Generation)
			if err == nil && old != made {
				t.Error("a sign made of stored pages is another one")
			}
			return err
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := x.Remove(t.Context(), c.ID, a); err != nil {
		t.Fatal(err)
	}
	if r, err := x.Remains(t.Context(), c.ID, a); err != nil || r.Total() != 0 {
		t.Errorf("%+v, %v", r, err)
	}
	if len(signs()) != 1 {
		t.Error("the removed document has a sign")
	}
}
