package index

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"kakoi/core"
	"kakoi/index/hnsw"
)

// graphSaveEvery is how much work of BuildGraphs a crash may cost.
const graphSaveEvery = 2 * time.Minute

// GraphsWanted counts the vectors of a collection that BuildGraphs would link: 0 where searches are as fast as they can be. It reads
// no vectors.
func (x *Index) GraphsWanted(ctx context.Context, coll string) (int, error) {
	coll, err := x.collection(coll)
	if err != nil {
		return 0, err
	}
	if s, err := x.stats(coll); err != nil || s.Chunks < graphFrom {
		return 0, x.named(err, coll)
	}
	x.writing.Lock()
	defer x.writing.Unlock()
	wanted, err := x.graphsWanted(ctx, coll)
	n := 0
	for _, w := range wanted {
		n += w.vectors
	}
	return n, err
}

// wantedGraph is a graph that lacks documents, in the order of their ids.
type wantedGraph struct {
	embedder string
	vectors  int
	ids      []string
}

// graphsWanted looks at the graphs in memory, or else at what the snapshots say of themselves. The caller holds x.writing.
func (x *Index) graphsWanted(ctx context.Context, collection string) ([]wantedGraph, error) {
	heads, order, err := x.heads(ctx, collection)
	if err != nil {
		return nil, err
	}
	l := x.live(collection)
	var out []wantedGraph
	for e := range x.graphEmbedders(heads) {
		g := l.graphs[e]
		if !l.graphed {
			if owner, err := hnsw.Owner(x.store, hnsw.Place{Collection: collection, Embedder: e}); err == nil {
				g, _ = decodeGraph(owner) // a damaged one is none
			} else if !errors.Is(err, core.ErrNotFound) && !errors.Is(err, core.ErrCorrupt) {
				return nil, fmt.Errorf("look at vector index: %w", err)
			}
		}
		w := wantedGraph{embedder: e}
		for _, id := range order {
			h := heads[id]
			if h.Embedder == e && (g == nil || g.docs[id] == nil || g.docs[id].gen != h.Generation) {
				w.ids, w.vectors = append(w.ids, id), w.vectors+h.Chunks
			}
		}
		if w.vectors > graphCatchUp {
			out = append(out, w)
		}
	}
	slices.SortFunc(out, func(a, b wantedGraph) int { return b.vectors - a.vectors })
	return out, nil
}

// BuildGraphs links the vectors of a large collection into graphs, so that searches need not look at each. Searches, additions and
// removals go on beside it: what is not linked yet is searched exactly. When ctx ends, what is linked stays, and the next call goes
// on with the rest; a crash costs some minutes of it. It reports vectors.
func (x *Index) BuildGraphs(ctx context.Context, coll string, p core.Progress) error {
	coll, err := x.collection(coll)
	if err != nil {
		return err
	}
	x.writing.Lock()
	l := x.live(coll)
	heads, order, err := x.heads(ctx, coll)
	if err == nil {
		err = x.openGraphs(ctx, l, coll, heads, order)
	}
	var wanted []wantedGraph
	if err == nil {
		wanted, err = x.graphsWanted(ctx, coll)
	}
	x.writing.Unlock()
	if err != nil {
		return err
	}
	u := core.Update{Stage: "graph"}
	for _, w := range wanted {
		u.Total += int64(w.vectors)
	}
	for _, w := range wanted {
		b := graphBuild{x: x, l: l, at: hnsw.Place{Collection: coll, Embedder: w.embedder}, saved: time.Now(), report: func(n int) {
			u.Done += int64(n)
			p.Report(u)
		}}
		b.report(0)
		if err := b.run(ctx, w.ids); err != nil {
			return x.damaged(coll, fmt.Errorf("make vector index: %w", err))
		}
	}
	return nil
}

// graphBuild is the making of one graph.
type graphBuild struct {
	x      *Index
	l      *live
	at     hnsw.Place
	g      *graph
	saved  time.Time
	report func(vectors int)
}

func (b *graphBuild) run(ctx context.Context, ids []string) (err error) {
	for len(ids) > 0 && err == nil {
		if ids, err = b.portion(ctx, ids); err == nil && time.Since(b.saved) > graphSaveEvery {
			b.save()
		}
	}
	if err == nil {
		err = b.tune(ctx)
	}
	if b.g != nil {
		b.save() // also what there is when ctx has ended
	}
	return err
}

// save keeps what is linked, whatever became of the caller's ctx.
func (b *graphBuild) save() {
	b.x.writing.Lock()
	defer b.x.writing.Unlock()
	if b.current() && b.g.changed > 0 {
		b.x.graphSave(context.Background(), b.g)
	}
	b.saved = time.Now()
}

// current says that the graph is still the collection's: damage or a removal may have dropped it. The caller holds x.writing.
func (b *graphBuild) current() bool { return b.l.graphs[b.at.Embedder] == b.g }

// portion links some documents and gives those that are left.
func (b *graphBuild) portion(ctx context.Context, ids []string) ([]string, error) {
	docs, heads, n, err := b.take(ctx, ids)
	if err != nil {
		return ids, err
	}
	err = b.link(ctx, docs, heads)
	b.give(docs)
	return ids[n:], err
}

// take chooses the next documents and gives them numbers; n of ids are done with afterwards.
func (b *graphBuild) take(ctx context.Context, ids []string) (docs []*graphDoc, heads []head, n int, err error) {
	const most = 4096 // vectors, and one document however large
	x := b.x
	x.writing.Lock()
	defer x.writing.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, nil, 0, err
	}
	if b.g == nil {
		if b.g = b.l.graphs[b.at.Embedder]; b.g == nil {
			all, order, err := x.heads(ctx, b.at.Collection)
			if err != nil {
				return nil, nil, 0, err
			}
			order = slices.DeleteFunc(order, func(id string) bool { return all[id].Embedder != b.at.Embedder })
			if len(order) == 0 {
				return nil, nil, len(ids), nil
			}
			g, err := x.newGraph(b.at, all, order)
			if err != nil {
				return nil, nil, 0, err
			}
			b.l.mu.Lock()
			if b.l.graphs == nil {
				b.l.graphs, b.l.graphed = map[string]*graph{}, true
			}
			b.l.graphs[b.at.Embedder], b.g = g, g
			b.l.mu.Unlock()
		}
	}
	if !b.current() {
		return nil, nil, 0, fmt.Errorf("vector index was dropped: %w", core.ErrBusy)
	}
	vectors := 0
	for _, id := range ids {
		s, err := x.stored(b.at.Collection, id)
		if err != nil {
			return nil, nil, 0, err
		}
		h := s.head
		if !s.known || h.Generation == 0 || h.Embedder != b.at.Embedder || b.g.docs[id] != nil { // gone, or linked by its own Commit
			n++
			continue
		}
		if h.Dimension != b.g.x.Params().Dimension {
			return nil, nil, 0, &documentError{id, fmt.Sprintf("vectors %d wide, others of its embedder %d", h.Dimension, b.g.x.Params().Dimension)}
		}
		if vectors += h.Chunks; vectors > most && len(docs) > 0 {
			break
		}
		n++
		docs, heads = append(docs, &graphDoc{id: id, gen: h.Generation, number: b.g.next}), append(heads, h)
		b.g.next++
	}
	b.l.mu.Lock()
	for _, d := range docs {
		b.g.byNumber[d.number] = d
	}
	b.l.mu.Unlock()
	b.g.flying += len(docs)
	return docs, heads, n, nil
}

// link reads the vectors and links them; nothing is held meanwhile. A document that was removed or edited under it gets no slots.
func (b *graphBuild) link(ctx context.Context, docs []*graphDoc, heads []head) error {
	const most = 4096 // vectors between two reports
	for i, d := range docs {
		vectors, batches, err := b.x.graphVectors(docKey{b.at.Collection, d.id}, heads[i])
		if err != nil {
			if s, serr := b.x.stored(b.at.Collection, d.id); serr == nil && s.head.Generation != d.gen {
				continue
			}
			return err
		}
		b.l.mu.Lock()
		d.batches = batches
		b.l.mu.Unlock()
		width := heads[i].Dimension
		labels := make([]uint64, len(batches))
		for o := range labels {
			labels[o] = d.label(o)
		}
		var slots []uint32
		for from := 0; from < len(labels); from += most {
			to := min(len(labels), from+most)
			more, err := b.g.x.Add(ctx, labels[from:to], vectors[from*width:to*width])
			if err != nil {
				b.g.x.Delete(slots...)
				return err
			}
			slots = append(slots, more...)
			b.report(to - from)
		}
		d.slots = slots
	}
	return nil
}

// give makes what is linked found through the graph instead of one by one, unless it is no longer what the library has.
func (b *graphBuild) give(docs []*graphDoc) {
	x := b.x
	x.writing.Lock()
	defer x.writing.Unlock()
	b.l.mu.Lock()
	defer b.l.mu.Unlock()
	for _, d := range docs {
		b.g.flying--
		s, err := x.stored(b.at.Collection, d.id)
		if err != nil || s.head.Generation != d.gen || d.slots == nil || b.g.docs[d.id] != nil || !b.current() {
			b.g.x.Delete(d.slots...)
			delete(b.g.byNumber, d.number)
			continue
		}
		b.g.docs[d.id] = d
		b.g.changed += len(d.slots)
		b.l.dense.set(d.id, nil, false)
	}
}

// tune finds the length of the list for the graph as it is now. What is changed beside it may spoil that: the list for graphs that
// are being made is long enough until the next time.
func (b *graphBuild) tune(ctx context.Context) error {
	x := b.x
	x.writing.Lock()
	heads, order, err := x.heads(ctx, b.at.Collection)
	if b.g == nil || !b.current() {
		err = errors.Join(err, fmt.Errorf("vector index was dropped: %w", core.ErrBusy))
	} else {
		order = slices.DeleteFunc(order, func(id string) bool { d := b.g.docs[id]; return d == nil || d.gen != heads[id].Generation })
	}
	x.writing.Unlock()
	if err != nil || len(order) == 0 {
		return err
	}
	ef, err := x.tune(ctx, b.g, heads, order)
	if err != nil {
		if ctx.Err() == nil {
			slog.Warn("vector index not tuned", "collection", b.at.Collection, "error", err)
			return nil
		}
		return err
	}
	x.writing.Lock()
	b.l.mu.Lock()
	b.g.ef = ef
	b.g.changed++
	b.l.mu.Unlock()
	x.writing.Unlock()
	return nil
}
