package index

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"github.com/viterin/vek/vek32"

	"kakoi/core"
	"kakoi/index/hnsw"
	"kakoi/index/store"
)

// graphEmbedders are the embedders of a collection with so many chunks that their vectors are searched with a graph.
func (x *Index) graphEmbedders(heads map[string]head) map[string]bool {
	n := map[string]int{}
	for _, h := range heads {
		n[h.Embedder] += h.Chunks
	}
	large := map[string]bool{}
	for e, n := range n {
		if n >= graphFrom {
			large[e] = true
		}
	}
	return large
}

// graphCatchUp is how many vectors a load links into a graph, in less than a second, without being asked: where more are missing
// they are searched one by one until BuildGraphs has linked them.
var graphCatchUp = 4096 // tests lower it

// openGraphs loads the graphs of a collection that are there and brings them up to date with the heads where little is missing; a
// damaged one counts as none. The caller holds x.writing.
func (x *Index) openGraphs(ctx context.Context, l *live, collection string, heads map[string]head, order []string) error {
	if l.graphed {
		return nil
	}
	graphs := map[string]*graph{}
	for e := range x.graphEmbedders(heads) {
		its := slices.DeleteFunc(slices.Clone(order), func(id string) bool { return heads[id].Embedder != e })
		g, err := x.openGraph(ctx, hnsw.Place{Collection: collection, Embedder: e}, heads, its)
		if err != nil {
			(&live{graphs: graphs}).graphDrop()
			return x.damaged(collection, fmt.Errorf("load vectors: %w", err))
		}
		if g != nil {
			graphs[e] = g
		}
	}
	l.mu.Lock()
	l.graphs, l.graphed = graphs, true
	l.mu.Unlock()
	return nil
}

// openGraph gives the graph of an embedder's vectors, or nil where it is to be made by BuildGraphs. order is the embedder's documents.
func (x *Index) openGraph(ctx context.Context, at hnsw.Place, heads map[string]head, order []string) (*graph, error) {
	g, err := x.loadGraph(ctx, at, heads)
	fresh := g == nil
	if fresh {
		if !errors.Is(err, core.ErrNotFound) && !errors.Is(err, core.ErrCorrupt) {
			return nil, err
		}
		if errors.Is(err, core.ErrCorrupt) {
			slog.Warn("vector index is damaged, to be made again", "collection", at.Collection, "error", err)
		}
	}
	missing := graphMissing(g, heads, order)
	if missing > graphCatchUp {
		return g, nil
	}
	if fresh {
		if g, err = x.newGraph(at, heads, order); err != nil {
			return nil, err
		}
	}
	err = x.catchUp(ctx, g, heads, order)
	if err == nil && (fresh || missing > g.x.Len()/8) {
		var ef int
		if ef, err = x.tune(ctx, g, heads, order); err == nil {
			g.ef = ef
		}
	}
	if err != nil {
		return nil, errors.Join(err, g.x.Close())
	}
	if fresh || g.changed > 0 {
		x.graphSave(ctx, g)
	}
	return g, nil
}

// graphMissing counts the vectors of documents that are not in a graph (nil: none is).
func graphMissing(g *graph, heads map[string]head, order []string) (n int) {
	for _, id := range order {
		if g == nil || g.docs[id] == nil {
			n += heads[id].Chunks
		}
	}
	return n
}

// loadGraph gives the snapshot without the documents that are no longer current.
func (x *Index) loadGraph(ctx context.Context, at hnsw.Place, heads map[string]head) (*graph, error) {
	ix, owner, err := hnsw.Load(ctx, x.store, at)
	if err != nil {
		return nil, err
	}
	g, err := decodeGraph(owner)
	if err != nil {
		return nil, errors.Join(err, ix.Close())
	}
	g.x, g.at = ix, at
	ix.Vectors = x.graphFetch(g)
	n := 0
	for id, d := range g.docs {
		h := heads[id]
		held := make([]uint32, 0, len(d.slots)) // without those that were forgotten
		for o, s := range d.slots {
			if ix.Holds(s, d.label(o)) {
				held = append(held, s)
			}
		}
		// A document that was removed and added again may have the number of the generation that was forgotten.
		if h.Generation != d.gen || h.Embedder != at.Embedder || h.Chunks != len(held) || len(held) != len(d.slots) || h.Dimension != ix.Params().Dimension {
			g.changed += ix.Delete(held...)
			delete(g.docs, id)
			delete(g.byNumber, d.number)
			continue
		}
		n += len(held)
	}
	if ix.Len() != n {
		return nil, errors.Join(fmt.Errorf("vector index of %d vectors, not %d: %w", ix.Len(), n, core.ErrCorrupt), ix.Close())
	}
	return g, nil
}

// newGraph is an empty one around the mean of some of the vectors.
func (x *Index) newGraph(at hnsw.Place, heads map[string]head, order []string) (*graph, error) {
	const samples = 32 // documents
	var some []float32
	dimension := heads[order[0]].Dimension
	for i := range min(samples, len(order)) {
		id := order[i*len(order)/min(samples, len(order))]
		if heads[id].Dimension != dimension {
			continue
		}
		vectors, _, err := x.graphVectors(docKey{at.Collection, id}, heads[id])
		if err != nil {
			return nil, err
		}
		some = append(some, vectors[:min(len(vectors), 512*dimension)]...)
	}
	ix, err := hnsw.New(hnsw.Params{Dimension: dimension, Center: hnsw.Mean(dimension, some)})
	if err != nil {
		return nil, err
	}
	g := &graph{x: ix, at: at, docs: map[string]*graphDoc{}, byNumber: map[uint32]*graphDoc{}}
	ix.Vectors = x.graphFetch(g)
	return g, nil
}

// catchUp adds the documents that are not in the graph, many at a time, so that all processors have work.
func (x *Index) catchUp(ctx context.Context, g *graph, heads map[string]head, order []string) error {
	const portion = 8192 // vectors
	var docs []*graphDoc
	var labels []uint64
	var vectors []float32
	flush := func() error {
		slots, err := g.x.Add(ctx, labels, vectors)
		if err != nil {
			return err
		}
		for _, d := range docs {
			n := len(d.batches)
			d.slots, slots = slots[:n:n], slots[n:]
			g.docs[d.id], g.byNumber[d.number] = d, d
		}
		g.changed += len(labels)
		docs, labels, vectors = docs[:0], labels[:0], vectors[:0]
		return nil
	}
	for _, id := range order {
		if g.docs[id] != nil {
			continue
		}
		h := heads[id]
		if h.Dimension != g.x.Params().Dimension {
			return &documentError{id, fmt.Sprintf("vectors %d wide, others of its embedder %d", h.Dimension, g.x.Params().Dimension)}
		}
		rows, batches, err := x.graphVectors(docKey{g.at.Collection, id}, h)
		if err != nil {
			return err
		}
		d := &graphDoc{id: id, gen: h.Generation, number: g.next, batches: batches}
		g.next++
		for i := range batches {
			labels = append(labels, d.label(i))
		}
		docs, vectors = append(docs, d), append(vectors, rows...)
		if len(labels) >= portion {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	return flush()
}

// tune finds, with questions made of sampled vectors and every vector looked at, how long a list a search must keep for more
// than 99 of 100 of the true ten nearest to be found. Half of the questions are stored vectors; the others lie between two,
// as a real question does, which is near to several passages and the same as none: these are harder.
func (x *Index) tune(ctx context.Context, g *graph, heads map[string]head, order []string) (ef int, err error) {
	const samples, k, want = 200, 10, 0.99
	d := g.x.Params().Dimension
	var questions []float32
	for i := range min(samples, len(order)) {
		id := order[i*len(order)/min(samples, len(order))]
		vectors, _, err := x.graphVectors(docKey{g.at.Collection, id}, heads[id])
		if err != nil {
			return 0, err
		}
		each := max(1, samples/len(order))
		for j := range min(each, len(vectors)/d) {
			at := j * (len(vectors) / d) / each
			questions = append(questions, vectors[at*d:(at+1)*d]...)
		}
	}
	n := len(questions) / d
	for i := 1; i < n; i += 2 {
		for c, f := range questions[(i-1)*d : i*d] {
			questions[i*d+c] += f
		}
		normalise(questions[i*d : (i+1)*d])
	}
	truth := make([][]float32, n) // scores, best first
	failed := make([]error, len(split(len(order))))
	partial := make([][][]float32, len(failed))
	err = parallel(ctx, split(len(order)), func(w, from, to int) {
		partial[w] = make([][]float32, n)
		for _, id := range order[from:to] {
			vectors, _, err := x.graphVectors(docKey{g.at.Collection, id}, heads[id])
			if err = errors.Join(err, ctx.Err()); err != nil {
				failed[w] = err
				return
			}
			for row := range slices.Chunk(vectors, d) {
				for i := range n {
					partial[w][i] = keepBest(partial[w][i], vek32.Dot(questions[i*d:(i+1)*d], row), k)
				}
			}
		}
	})
	if err = errors.Join(err, errors.Join(failed...)); err != nil {
		return 0, err
	}
	for _, p := range partial {
		for i := range n {
			for _, s := range p[i] {
				truth[i] = keepBest(truth[i], s, k)
			}
		}
	}
	// Questions that are like no passage need long lists (BenchmarkCrossover), and fetching texts and vectors takes longer than 256 steps:
	// shorter ones are not tried.
	for _, ef = range []int{256, 384, 512, 768, 1024} {
		found, all := 0, 0
		for i := range n {
			hits, err := g.x.Search(questions[i*d:(i+1)*d], k, ef)
			if err != nil {
				return 0, err
			}
			all += len(truth[i])
			for j := range min(len(hits), len(truth[i])) {
				if hits[j].Score >= truth[i][len(truth[i])-1]-1e-5 {
					found++
				}
			}
		}
		if float64(found) >= want*float64(all) {
			return ef, nil
		}
	}
	slog.Warn("vector index finds less than it should", "collection", g.at.Collection, "list", ef)
	return ef, nil
}

// keepBest puts a score among the k highest.
func keepBest(have []float32, s float32, k int) []float32 {
	if len(have) == k && s <= have[k-1] {
		return have
	}
	at, _ := slices.BinarySearchFunc(have, s, func(a, b float32) int {
		if a >= b {
			return -1
		}
		return 1
	})
	have = slices.Insert(have, at, s)
	return have[:min(k, len(have))]
}

// A collection's list of embedders with a snapshot lies under the embedder "".
func graphListKey(collection string) string {
	return store.Key{Kind: store.KindGraph, Collection: collection}.String()
}

// graphPlaces are the snapshots that a collection has or had.
func (x *Index) graphPlaces(collection string) ([]hnsw.Place, error) {
	payload, err := x.store.Get(graphListKey(collection))
	if errors.Is(err, core.ErrNotFound) {
		return nil, nil
	}
	var embedders []string
	if err == nil {
		if err = json.Unmarshal(payload, &embedders); err != nil {
			err = fmt.Errorf("%w: %w", core.ErrCorrupt, err)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("list vector indexes of collection %s: %w", collection, err)
	}
	places := make([]hnsw.Place, len(embedders))
	for i, e := range embedders {
		places[i] = hnsw.Place{Collection: collection, Embedder: e}
	}
	return places, nil
}

// graphKnown puts a place on the list, before anything is written to it.
func (x *Index) graphKnown(at hnsw.Place) error {
	places, err := x.graphPlaces(at.Collection)
	if err != nil || slices.Contains(places, at) {
		return err
	}
	embedders := []string{at.Embedder}
	for _, p := range places {
		embedders = append(embedders, p.Embedder)
	}
	text, err := json.Marshal(embedders)
	if err != nil {
		return err
	}
	return x.store.Write(func(w *store.Writer) error { return w.Put(graphListKey(at.Collection), text) })
}

// graphForget takes generations (nil: all) of documents of a collection out of the snapshots, so that no file holds their codes.
func (x *Index) graphForget(collection string, gone map[string][]uint32) error {
	places, err := x.graphPlaces(collection)
	if err != nil {
		return err
	}
	for _, at := range places {
		owner, err := hnsw.Owner(x.store, at)
		if errors.Is(err, core.ErrNotFound) {
			continue
		}
		var g *graph
		if err == nil {
			g, err = decodeGraph(owner)
		}
		if err == nil {
			var slots []uint32
			for id, generations := range gone {
				if d := g.docs[id]; d != nil && (generations == nil || slices.Contains(generations, d.gen)) {
					slots = append(slots, d.slots...)
				}
			}
			if len(slots) > 0 {
				err = hnsw.Forget(x.store, at, slots)
			}
		}
		if errors.Is(err, core.ErrCorrupt) { // nothing of it can be trusted; BuildGraphs makes it again
			err = hnsw.Erase(x.store, at)
		}
		if err != nil {
			return fmt.Errorf("vector index: %w", err)
		}
	}
	return nil
}

// graphRecover finishes what a crash interrupted in the snapshots of all collections.
func (x *Index) graphRecover() error {
	all, err := x.Collections(context.Background())
	if err != nil {
		return err
	}
	for _, c := range all {
		places, err := x.graphPlaces(c.ID)
		if err != nil {
			return err
		}
		for _, at := range places {
			if err := hnsw.Recover(x.store, at); err != nil && !errors.Is(err, core.ErrNoSpace) {
				return err
			}
		}
	}
	return nil
}
