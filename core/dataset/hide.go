package dataset

import (
	"context"
	"slices"

	"kakoi/core"
	"kakoi/core/rag"
)

// Hiding is a library without some places: chunks that touch one of them are not found. What else is found moves up, as it would
// if they had never been there.
func Hiding(s rag.Searcher, places []core.RowSource) rag.Searcher {
	if len(places) == 0 {
		return s
	}
	return hiding{s, places}
}

type hiding struct {
	rag.Searcher
	places []core.RowSource
}

// moreHits are asked for, since the hidden ones are likely to be the best: a place touches two or three chunks.
const moreHits = 8

func (h hiding) Dense(ctx context.Context, question string, v core.Vector, embedder string, k int) ([]core.Hit, error) {
	hits, err := h.Searcher.Dense(ctx, question, v, embedder, k+moreHits*len(h.places))
	return h.without(hits, k), err
}

func (h hiding) Lexical(ctx context.Context, text string, k int) ([]core.Hit, error) {
	hits, err := h.Searcher.Lexical(ctx, text, k+moreHits*len(h.places))
	return h.without(hits, k), err
}

func (h hiding) Around(ctx context.Context, c core.Chunk, n int) ([]core.Chunk, error) {
	near, err := h.Searcher.Around(ctx, c, n)
	return slices.DeleteFunc(slices.Clone(near), h.hidden), err
}

// hidden says whether a chunk touches one of the places.
func (h hiding) hidden(c core.Chunk) bool {
	return slices.ContainsFunc(h.places, func(p core.RowSource) bool {
		return c.Document == p.Document && c.Page == p.Page && c.Start < p.End && p.Start < c.End
	})
}

func (h hiding) without(hits []core.Hit, k int) []core.Hit {
	var out []core.Hit
	for _, hit := range hits {
		if !h.hidden(hit.Chunk) && len(out) < k {
			out = append(out, hit)
		}
	}
	return out
}
