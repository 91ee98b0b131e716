package index

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"kakoi/core"
	"kakoi/index/store"
)

// Query asks both searches; an empty Text leaves the lexical one out, an empty Vector the dense one.
type Query struct {
	Text     string
	Vector   core.Vector // L2-normalised
	Embedder string      // EmbedderInfo.ID of Vector: vectors of others are never compared
	Asked    string      // what Vector is of: where the collection is also written in another script, its passages are compared fairly; "": by cosine alone
	K        int         // hits of each search; 0: 10
}

// Result has the hits of each search, best first; equal scores come in the order of document id and chunk.
type Result struct {
	Dense   []core.Hit // Dense, Shift and DenseRank set, best Dense+Shift first
	Lexical []core.Hit // Lexical, Share and LexicalRank set
}

// Search looks through the current versions of a collection's documents. core.ErrNotFound for the collection,
// core.ErrDimension, core.ErrCorrupt naming the document.
func (x *Index) Search(ctx context.Context, coll string, q Query) (Result, error) {
	coll, err := x.collection(coll)
	if err != nil {
		return Result{}, err
	}
	if q.K <= 0 {
		q.K = 10
	}
	terms := queryTerms(q.Text)
	if len(terms) > 0 {
		go func() { _, _ = loadDictionary() }() // half a second once: the vectors' search, which a question's vector is made for meanwhile, needs it
	}
	l, err := x.ready(ctx, coll, len(q.Vector) > 0, len(terms) > 0 || q.Asked != "")
	if err != nil {
		return Result{}, err
	}
	l.mu.RLock() // until the texts are fetched: Commit and Remove erase after having had this lock
	defer l.mu.RUnlock()
	var found Result
	if len(q.Vector) > 0 {
		search := x.dense
		if q.Asked != "" {
			search = x.denseBoth
		}
		best, err := search(ctx, coll, l, q)
		if err != nil {
			return Result{}, fmt.Errorf("dense search: %w", err)
		}
		if found.Dense, err = x.hits(coll, best, func(h *core.Hit, s scored, rank int) { h.Dense, h.Shift, h.DenseRank = s.score-s.shift, s.shift, rank }); err != nil {
			return Result{}, err
		}
	}
	if len(terms) > 0 {
		scan, err := lexicalScan(ctx, l.lexical.docs, terms, max(leastCandidates, q.K+moreCandidates))
		if err != nil {
			return Result{}, fmt.Errorf("lexical search: %w", err)
		}
		candidates, err := x.hits(coll, scan.best, func(h *core.Hit, s scored, _ int) { h.Lexical = s.score })
		if err != nil {
			return Result{}, err
		}
		if found.Lexical, err = refine(q.Text, terms, scan, candidates, q.K); err != nil {
			return Result{}, fmt.Errorf("lexical search: %w", err)
		}
	}
	return found, nil
}

// dense gives the best of the graph, if there is one, and of all that is not in it. The caller holds l.mu.
func (x *Index) dense(ctx context.Context, coll string, l *live, q Query) ([]scored, error) {
	best, err := denseScan(ctx, l.dense.docs, q.Embedder, q.Vector, q.K)
	g := l.graphs[q.Embedder]
	if err != nil || g == nil {
		return best, err
	}
	found, err := g.search(q.Vector, q.K)
	if err != nil {
		return nil, x.damaged(coll, err)
	}
	best = append(best, found...)
	slices.SortFunc(best, better)
	return best[:min(q.K, len(best))], nil
}

// hits fetches the texts.
func (x *Index) hits(coll string, best []scored, set func(h *core.Hit, s scored, rank int)) ([]core.Hit, error) {
	hits := make([]core.Hit, len(best))
	name := ""
	err := x.store.View(func(r *store.Reader) error {
		type blockKey struct {
			document string
			block    int
		}
		blocks := map[blockKey][]core.Chunk{}
		infos := map[string]core.Document{}
		for i, s := range best {
			// All of it from the generation that was scored: the head may have moved on meanwhile.
			k := docKey{coll, s.document}
			name = s.document
			of, known := infos[s.document]
			if !known {
				i, err := getInfo(r, k, s.gen)
				if err != nil {
					return err
				}
				of = i.Document
				infos[s.document] = of
			}
			name = of.Name
			at := blockKey{s.document, s.ordinal / blockChunks}
			chunks, ok := blocks[at]
			if !ok {
				payload, err := r.GetLong(store.Key{
					Kind: store.KindChunk, Collection: coll, Document: s.document, Generation: s.gen, Number: uint32(at.block),
				})
				if err != nil {
					return err
				}
				if chunks, err = decodeChunks(payload, s.document, at.block*blockChunks); err != nil {
					return err
				}
				blocks[at] = chunks
			}
			if s.ordinal%blockChunks >= len(chunks) {
				return fmt.Errorf("chunk %d: %w", s.ordinal, core.ErrCorrupt)
			}
			hits[i] = core.Hit{Chunk: chunks[s.ordinal%blockChunks], Name: name, Modified: of.Modified}
			set(&hits[i], s, i+1)
		}
		return nil
	})
	if err != nil {
		if errors.Is(err, core.ErrNotFound) { // the indexes say it is there: a damaged block hides keys
			err = fmt.Errorf("%w: %w", core.ErrCorrupt, err)
		}
		return nil, x.named(fmt.Errorf("fetch hit in %q: %w", name, err), name)
	}
	return hits, nil
}
