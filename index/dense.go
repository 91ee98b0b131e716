package index

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/viterin/vek/vek32"

	"kakoi/core"
	"kakoi/index/store"
)

// denseLoader gathers the vectors of documents.
type denseLoader struct {
	heads map[string]head
	docs  map[string]*denseDoc
	have  map[string][]bool
}

func (a *denseLoader) add(k store.Key, payload []byte) error {
	h := a.heads[k.Document]
	if h.Generation != k.Generation || h.Generation == 0 {
		return nil // a draft, or on its way out
	}
	b, err := checkBatch(payload, h.Chunks, h.Dimension)
	if err != nil {
		return &documentError{k.Document, err.Error()}
	}
	if a.docs == nil {
		a.docs, a.have = map[string]*denseDoc{}, map[string][]bool{}
	}
	d := a.docs[k.Document]
	if d == nil {
		d = &denseDoc{
			id: k.Document, gen: k.Generation, embedder: h.Embedder, dimension: h.Dimension, chunks: h.Chunks,
			vectors: make([]float32, h.Chunks*h.Dimension),
		}
		a.docs[k.Document], a.have[k.Document] = d, make([]bool, h.Chunks)
	}
	have := a.have[k.Document]
	for i, o := range b.ordinals {
		widen(d.vectors[o*d.dimension:(o+1)*d.dimension], b.row(i))
		have[o] = true
	}
	return nil
}

func (a *denseLoader) finish() error {
	for id, h := range a.heads {
		n := 0
		for _, have := range a.have[id] {
			if have {
				n++
			}
		}
		if n != h.Chunks {
			return &documentError{id, fmt.Sprintf("%d of %d vectors", n, h.Chunks)}
		}
	}
	return nil
}

func (x *Index) loadDense(ctx context.Context, collection string, heads map[string]head, order []string) ([]*denseDoc, error) {
	loaders := make([]*denseLoader, len(split(len(order))))
	err := x.scan(ctx, collection, store.KindVector, order, func(w int, ids []string) func(store.Key, []byte) error {
		loaders[w] = &denseLoader{heads: pick(heads, ids)}
		return loaders[w].add
	})
	docs := make([]*denseDoc, 0, len(order))
	for _, a := range loaders {
		if a == nil || err != nil {
			continue
		}
		err = a.finish()
		docs = slices.AppendSeq(docs, maps.Values(a.docs))
	}
	if err != nil {
		return nil, x.damaged(collection, fmt.Errorf("load vectors: %w", err))
	}
	slices.SortFunc(docs, func(a, b *denseDoc) int { return strings.Compare(a.id, b.id) })
	return docs, nil
}

// denseScan gives the k chunks of the embedder with the highest cosine to query, by looking at every vector: exact,
// and bound by memory bandwidth (about 15 ms for 100,000 x 384).
func denseScan(ctx context.Context, order []*denseDoc, embedder string, query core.Vector, k int) ([]scored, error) {
	runs, err := denseRuns(order, embedder, query)
	if err != nil {
		return nil, err
	}
	ranges := splitRuns(len(runs))
	best := make([]top, len(ranges))
	err = parallel(ctx, ranges, func(w, from, to int) {
		best[w] = top{k: k}
		for _, r := range runs[from:to] {
			n := r.doc.dimension
			for i := r.from; i < r.to; i++ {
				score := float64(vek32.Dot(r.doc.vectors[i*n:(i+1)*n], query))
				if !best[w].hopeless(score) {
					best[w].offer(scored{score: score, document: r.doc.id, gen: r.doc.gen, ordinal: i})
				}
			}
		}
	})
	return merge(best, k), err
}

// denseRun is a run of rows of one document: work is divided by rows, not by documents.
type denseRun struct {
	doc      *denseDoc
	from, to int
}

// denseRuns cuts the documents of an embedder into runs.
func denseRuns(order []*denseDoc, embedder string, query core.Vector) ([]denseRun, error) {
	const run = 1024
	var runs []denseRun
	for _, d := range order {
		if d.embedder != embedder {
			continue
		}
		if d.dimension != len(query) {
			return nil, fmt.Errorf("query is %d wide, the vectors are %d: %w", len(query), d.dimension, core.ErrDimension)
		}
		for from := 0; from < d.chunks; from += run {
			runs = append(runs, denseRun{d, from, min(from+run, d.chunks)})
		}
	}
	return runs, nil
}

// splitRuns divides even two runs: each is up to a thousand rows.
func splitRuns(n int) [][2]int {
	if n > 1 && n < 128 {
		return [][2]int{{0, n / 2}, {n / 2, n}}
	}
	return split(n)
}
