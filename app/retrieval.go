package app

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"kakoi/core"
	"kakoi/core/rag"
)

// Retrieval is what the two searches find for a query, and what becomes of it.
type Retrieval struct {
	Collection string
	Embedder   string
	Dense      []core.Hit // by meaning, best first
	Lexical    []core.Hit // by words
	Fused      []core.Hit // both
	Reranked   []core.Hit // as they go to the model, where a reranker is in use; else empty
	Seconds    float64    // of all of it
	Reranking  float64    // seconds of that
}

// Retrieve shows how a query is searched, top hits of each kind. Hits of Fused carry the scores and ranks of both searches.
func (l *Library) Retrieve(ctx context.Context, collection, query string, top int) (Retrieval, error) {
	if strings.TrimSpace(query) == "" {
		return Retrieval{}, core.Explain(fmt.Errorf("search: %w", core.ErrUsage), "error.search.empty")
	}
	c, err := l.Collection(ctx, collection)
	if err != nil {
		return Retrieval{}, err
	}
	defer l.Models.holdEmbedder()()
	embedder, err := l.Models.Embedder(ctx, nil)
	if err != nil {
		return Retrieval{}, err
	}
	reranker, n, err := l.Models.Reranker(ctx, nil)
	if err != nil {
		return Retrieval{}, err
	}
	start := time.Now()
	asker := rag.Asker{Search: Searcher{Store: l.Store, Collection: c.ID}, Embedder: embedder, Reranker: reranker}
	hits, err := asker.Hits(ctx, query, max(rag.Recommended().Candidates, top, n))
	if err != nil {
		return Retrieval{}, fmt.Errorf("search %q: %w", c.Name, err)
	}
	first := func(rank func(core.Hit) int) []core.Hit {
		var out []core.Hit
		for _, h := range hits {
			if rank(h) > 0 {
				out = append(out, h)
			}
		}
		slices.SortFunc(out, func(a, b core.Hit) int { return cmp.Compare(rank(a), rank(b)) })
		return out[:min(top, len(out))]
	}
	fused := slices.Clone(hits[:min(top, len(hits))])
	before := time.Now()
	var reranked []core.Hit
	if reranker != nil {
		if err := asker.Reorder(ctx, query, hits, n); err != nil {
			return Retrieval{}, fmt.Errorf("search %q: %w", c.Name, err)
		}
		reranked = slices.Clone(hits[:min(top, len(hits))])
	}
	return Retrieval{
		Reranked: reranked, Reranking: time.Since(before).Seconds(),
		Collection: c.Name, Embedder: embedder.Info().Name,
		Dense:   first(func(h core.Hit) int { return h.DenseRank }),
		Lexical: first(func(h core.Hit) int { return h.LexicalRank }),
		Fused:   fused,
		Seconds: time.Since(start).Seconds(),
	}, nil
}
