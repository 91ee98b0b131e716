package index

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"kakoi/core"
	"kakoi/index/hnsw"
	"kakoi/index/store"
)

// graphFrom is the number of chunks of one embedder in a collection from which dense search walks a graph: below, looking at
// every vector is fast enough that nobody notices, and finds everything (docs/decisions, "Vector index").
var graphFrom = 100_000 // tests lower it

// graph is the vector index of the documents of one embedder, and what its labels mean: the number of a document's
// generation << 32 | ordinal. What is in it follows from the heads: they are written first, and a snapshot that is older than
// they are is brought up to date when it is loaded. live.mu guards the maps.
type graph struct {
	x        *hnsw.Index
	at       hnsw.Place
	ef       int
	docs     map[string]*graphDoc // the current generations
	byNumber map[uint32]*graphDoc // and those that are on their way in or out
	next     uint32
	changed  int // vectors since the last save
	scripts  graphScripts
	flying   int // documents that BuildGraphs is linking in beside everything else: nothing is saved meanwhile
}

// graphDoc is one generation of a document.
type graphDoc struct {
	id      string
	gen     uint32
	number  uint32
	slots   []uint32 // by ordinal
	batches []uint32 // by ordinal: the number of the stored batch with its vector
}

func (d *graphDoc) label(ordinal int) uint64 { return uint64(d.number)<<32 | uint64(ordinal) }

// graphVectors reads the vectors of a generation, [chunks, dimension], and in which batch each lies.
func (x *Index) graphVectors(k docKey, h head) (vectors []float32, batches []uint32, err error) {
	vectors, batches = make([]float32, h.Chunks*h.Dimension), make([]uint32, h.Chunks)
	have, n := make([]bool, h.Chunks), 0
	err = x.store.View(func(r *store.Reader) error {
		prefix := store.GenerationPrefix(store.KindVector, k.collection, k.document, h.Generation)
		return r.EachLong(prefix, "", func(key store.Key, payload []byte) error {
			b, err := checkBatch(payload, h.Chunks, h.Dimension)
			if err != nil {
				return &documentError{k.document, err.Error()}
			}
			for i, o := range b.ordinals {
				widen(vectors[o*h.Dimension:(o+1)*h.Dimension], b.row(i))
				batches[o] = key.Number
				if !have[o] {
					have[o] = true
					n++
				}
			}
			return nil
		})
	})
	if err == nil && n != h.Chunks {
		err = &documentError{k.document, fmt.Sprintf("%d of %d vectors", n, h.Chunks)}
	}
	return vectors, batches, err
}

// graphFetch gives stored vectors by label, for the exact scores of hits. The caller of the search holds live.mu.
func (x *Index) graphFetch(g *graph) func(labels []uint64, dst []byte) error {
	type place struct{ number, batch uint32 }
	return func(labels []uint64, dst []byte) error {
		width := 2 * g.x.Params().Dimension
		read := map[place]batch{}
		return x.store.View(func(r *store.Reader) error {
			for i, label := range labels {
				d, o := g.byNumber[uint32(label>>32)], int(uint32(label))
				if d == nil || o >= len(d.batches) {
					return fmt.Errorf("vector index: label %x: %w", label, core.ErrCorrupt)
				}
				at := place{d.number, d.batches[o]}
				b, ok := read[at]
				if !ok {
					payload, err := r.GetLong(store.Key{
						Kind: store.KindVector, Collection: g.at.Collection, Document: d.id, Generation: d.gen, Number: at.batch,
					})
					if errors.Is(err, core.ErrNotFound) && g.docs[d.id] != d { // removed while it was on its way in: search leaves it out
						clear(dst[i*width : (i+1)*width])
						continue
					}
					if errors.Is(err, core.ErrNotFound) { // a damaged block hides keys
						err = &documentError{d.id, fmt.Sprintf("batch %d of its vectors is missing", at.batch)}
					}
					if err == nil {
						b, err = decodeBatch(payload)
					}
					if err != nil {
						return err
					}
					read[at] = b
				}
				j := slices.Index(b.ordinals, o)
				if j < 0 || 2*b.dimension != width {
					return &documentError{d.id, fmt.Sprintf("vector of chunk %d is not where it was", o)}
				}
				copy(dst[i*width:(i+1)*width], b.row(j))
			}
			return nil
		})
	}
}

// search gives the k best, like denseScan.
func (g *graph) search(query core.Vector, k int) ([]scored, error) {
	const untuned = 256 // while the graph is being made
	for want := k; ; want *= 2 {
		hits, err := g.x.Search(query, want, max(cmp.Or(g.ef, untuned), 2*want))
		if err != nil {
			return nil, err
		}
		var best []scored
		for _, h := range hits {
			d := g.byNumber[uint32(h.Label>>32)]
			if d != nil && g.docs[d.id] == d { // not a generation that is only on its way in
				best = append(best, scored{score: float64(h.Score), document: d.id, gen: d.gen, ordinal: int(uint32(h.Label))})
			}
		}
		if len(best) >= k || len(hits) < want {
			slices.SortFunc(best, better)
			return best[:min(k, len(best))], nil
		}
	}
}

// graphAdd links a generation in, beside searches that do not see it yet. The caller holds x.writing and makes it current.
func (x *Index) graphAdd(ctx context.Context, l *live, g *graph, k docKey, h head) (*graphDoc, error) {
	if h.Dimension != g.x.Params().Dimension {
		return nil, fmt.Errorf("vectors of %d in an index of %d: %w", h.Dimension, g.x.Params().Dimension, core.ErrDimension)
	}
	vectors, batches, err := x.graphVectors(k, h)
	if err != nil {
		return nil, err
	}
	d := &graphDoc{id: k.document, gen: h.Generation, number: g.next, batches: batches}
	g.next++
	l.mu.Lock()
	g.byNumber[d.number] = d
	l.mu.Unlock()
	labels := make([]uint64, h.Chunks)
	for i := range labels {
		labels[i] = d.label(i)
	}
	d.slots, err = g.x.Add(ctx, labels, vectors)
	return d, err
}

// graphSet makes a generation current (nil: none) and takes the one before out. The caller holds x.writing and live.mu.
func (l *live) graphSet(id string, into *graph, d *graphDoc) {
	for _, g := range l.graphs {
		old := g.docs[id]
		delete(g.docs, id)
		if g == into {
			g.docs[id] = d
			g.changed += len(d.slots)
		}
		if old != nil {
			g.x.Delete(old.slots...)
			delete(g.byNumber, old.number)
			g.changed += len(old.slots)
		}
	}
}

// graphCare repairs and saves when it is time. What cannot be saved is found out of date by the next load.
func (x *Index) graphCare(ctx context.Context, g *graph) {
	if g.x.WantsRepair() {
		if err := g.x.Repair(ctx); err != nil {
			return
		}
	}
	if g.changed > max(5000, g.x.Len()/8) {
		x.graphSave(ctx, g)
	}
}

func (x *Index) graphSave(ctx context.Context, g *graph) {
	if g.flying > 0 { // the snapshot would hold vectors that it names no document of
		return
	}
	err := x.graphKnown(g.at)
	if err == nil {
		err = g.x.Save(ctx, x.store, g.at, g.encode())
	}
	if err != nil {
		slog.Warn("vector index not saved", "collection", g.at.Collection, "error", err)
		return
	}
	g.changed = 0
}

// graphDrop gives the memory of a collection's graphs back. The caller holds live.mu.
func (l *live) graphDrop() {
	for _, g := range l.graphs {
		if err := g.x.Close(); err != nil {
			slog.Warn("vector index not closed", "error", err)
		}
	}
	l.graphs, l.graphed = nil, false
}

// encode is what a snapshot keeps of the documents.
func (g *graph) encode() []byte {
	out := []byte{1}
	put := func(v ...uint64) {
		for _, v := range v {
			out = binary.AppendUvarint(out, v)
		}
	}
	put(uint64(g.ef), uint64(g.next), uint64(len(g.docs)))
	for _, d := range g.docs {
		put(uint64(len(d.id)))
		out = append(out, d.id...)
		put(uint64(d.gen), uint64(d.number), uint64(len(d.slots)))
		for i := 0; i < len(d.slots); { // runs of neighbouring slots of the same batch
			n := 1
			for i+n < len(d.slots) && d.slots[i+n] == d.slots[i]+uint32(n) && d.batches[i+n] == d.batches[i] {
				n++
			}
			put(uint64(n), uint64(d.slots[i]), uint64(d.batches[i]))
			i += n
		}
	}
	return out
}

func decodeGraph(payload []byte) (*graph, error) {
	bad := fmt.Errorf("documents of a vector index: %w", core.ErrCorrupt)
	if len(payload) == 0 || payload[0] != 1 {
		return nil, bad
	}
	in := reader{rest: payload[1:]}
	g := &graph{docs: map[string]*graphDoc{}, byNumber: map[uint32]*graphDoc{}}
	g.ef, g.next = int(in.uvarint()), uint32(in.uvarint())
	for range in.uvarint() {
		d := &graphDoc{id: string(in.bytes(in.uvarint()))}
		d.gen, d.number = uint32(in.uvarint()), uint32(in.uvarint())
		n := in.uvarint()
		for uint64(len(d.slots)) < n && !in.bad {
			run, slot, batch := in.uvarint(), in.uvarint(), in.uvarint()
			if run == 0 || run > n-uint64(len(d.slots)) {
				return nil, bad
			}
			for i := range run {
				d.slots, d.batches = append(d.slots, uint32(slot+i)), append(d.batches, uint32(batch))
			}
		}
		if in.bad {
			return nil, bad
		}
		g.docs[d.id], g.byNumber[d.number] = d, d
	}
	if in.bad || len(in.rest) != 0 {
		return nil, bad
	}
	return g, nil
}
