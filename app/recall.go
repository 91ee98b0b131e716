package app

import (
	"context"
	"slices"
	"time"

	"kakoi/core"
	"kakoi/core/rag/recall"
)

// Ways are the ways of searching that MeasureRetrieval compares, in its order; the last only where a reranker is in use.
var Ways = []string{"dense", "lexical", "fused", "reranked"}

// Found is what the searches found for one question of a question file.
type Found struct {
	Question  recall.Question
	Retrieval Retrieval
	Ranks     []int // by Ways: of the first right passage, 0 when it was not among the first ten
}

// measured is how many hits of each way count.
const measured = 10

// MeasureRetrieval asks all questions of a collection; each hears of every one of them. The figures are in the order of Ways, seconds is the
// median time of a search as a chat does it.
func (l *Library) MeasureRetrieval(ctx context.Context, collection string, questions []recall.Question, each func(Found) error) (figures []recall.Figures, seconds float64, err error) {
	ranks := make([][]int, len(Ways))
	var times []float64
	for _, q := range questions {
		start := time.Now()
		r, err := l.Retrieve(ctx, collection, q.Text, measured)
		if err != nil {
			return nil, 0, err
		}
		times = append(times, time.Since(start).Seconds())
		f := Found{Question: q, Retrieval: r}
		for i, hits := range [][]core.Hit{r.Dense, r.Lexical, r.Fused} {
			f.Ranks = append(f.Ranks, q.Rank(hits))
			ranks[i] = append(ranks[i], f.Ranks[i])
		}
		if err := each(f); err != nil {
			return nil, 0, err
		}
	}
	for _, r := range ranks {
		if len(r) > 0 {
			figures = append(figures, recall.Measure(r))
		}
	}
	slices.Sort(times)
	return figures, times[len(times)/2], nil
}
