package rag

import (
	"cmp"
	"slices"

	"kakoi/core"
)

// rrfK is the constant of reciprocal rank fusion (Cormack, Clarke and Büttcher, SIGIR 2009).
const rrfK = 60

type chunkKey struct {
	document string
	ordinal  int
}

// Fuse merges the results of dense and lexical search, each best first, by reciprocal rank fusion:
// Score = sum over the lists of 1/(60+rank). Every chunk appears once, with the scores and ranks it has in
// either list. Best first; ties go to the better single rank, then the cosine, then reading order.
func Fuse(dense, lexical []core.Hit) []core.Hit {
	out := make([]core.Hit, 0, len(dense)+len(lexical))
	at := make(map[chunkKey]int, cap(out))
	place := func(h core.Hit) *core.Hit {
		key := chunkKey{h.Chunk.Document, h.Chunk.Ordinal}
		i, ok := at[key]
		if !ok {
			i = len(out)
			at[key] = i
			out = append(out, core.Hit{Chunk: h.Chunk, Name: h.Name})
		}
		return &out[i]
	}
	for i, h := range dense {
		if f := place(h); f.DenseRank == 0 {
			f.Dense, f.DenseRank = h.Dense, i+1
			f.Score += 1 / float64(rrfK+i+1)
		}
	}
	for i, h := range lexical {
		if f := place(h); f.LexicalRank == 0 {
			f.Lexical, f.LexicalRank = h.Lexical, i+1
			f.Score += 1 / float64(rrfK+i+1)
		}
	}
	slices.SortStableFunc(out, func(a, b core.Hit) int {
		return cmp.Or(
			cmp.Compare(b.Score, a.Score),
			cmp.Compare(bestRank(a), bestRank(b)),
			cmp.Compare(b.Dense, a.Dense),
			cmp.Compare(a.Chunk.Document, b.Chunk.Document),
			cmp.Compare(a.Chunk.Ordinal, b.Chunk.Ordinal),
		)
	})
	return out
}

func bestRank(h core.Hit) int {
	switch {
	case h.DenseRank == 0:
		return h.LexicalRank
	case h.LexicalRank == 0:
		return h.DenseRank
	}
	return min(h.DenseRank, h.LexicalRank)
}
