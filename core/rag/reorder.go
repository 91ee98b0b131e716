package rag

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

	"kakoi/core"
)

// Reorder has the Reranker read the first n of hits with the question and puts them in its order, before the others: their Score becomes 1 plus the
// logistic function of its logit. Without a Reranker, or with n 0, nothing changes.
func (a *Asker) Reorder(ctx context.Context, question string, hits []core.Hit, n int) error {
	first := hits[:min(n, len(hits))]
	if a.Reranker == nil || len(first) == 0 {
		return nil
	}
	texts := make([]string, len(first))
	for i, h := range first {
		texts[i] = h.Chunk.Text
	}
	scores, err := scoresOf(ctx, a.Reranker, question, texts)
	if err != nil {
		return fmt.Errorf("rerank %d passages: %w", len(texts), err)
	}
	for i, s := range scores {
		first[i].Rerank, first[i].Score = float64(s), 1+1/(1+math.Exp(-float64(s)))
	}
	slices.SortStableFunc(first, func(x, y core.Hit) int { return cmp.Compare(y.Rerank, x.Rerank) })
	return nil
}

// scoresOf are a reranker's logits, one of each text: core.ErrCorrupt when it gives another number of them.
func scoresOf(ctx context.Context, r core.Reranker, question string, texts []string) ([]float32, error) {
	scores, err := r.Rerank(ctx, question, texts)
	if err == nil && len(scores) != len(texts) {
		err = fmt.Errorf("%d scores: %w", len(scores), core.ErrCorrupt)
	}
	return scores, err
}
