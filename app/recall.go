package app

import (
	"context"
	"fmt"
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

// Measured is what all questions came to.
type Measured struct {
	Figures   []recall.Figures // by Ways
	Seconds   float64          // median time of a search, as a chat does it
	Reranking float64          // median of the part that is the reranker's
}

// measured is how many hits of each way count.
const measured = 10

// MeasureRetrieval asks all questions of a collection; each hears of every one of them. The first one is not
// timed: it loads.
func (l *Library) MeasureRetrieval(ctx context.Context, collection string, questions []recall.Question, each func(Found) error) (Measured, error) {
	ranks := make([][]int, len(Ways))
	var times, reranks []float64
	if len(questions) == 0 {
		return Measured{}, fmt.Errorf("measure retrieval without questions: %w", core.ErrUsage)
	}
	if _, err := l.Retrieve(ctx, collection, questions[0].Text, measured); err != nil {
		return Measured{}, err
	}
	for _, q := range questions {
		start := time.Now()
		r, err := l.Retrieve(ctx, collection, q.Text, measured)
		if err != nil {
			return Measured{}, err
		}
		times, reranks = append(times, time.Since(start).Seconds()), append(reranks, r.Reranking)
		f := Found{Question: q, Retrieval: r}
		for i, hits := range [][]core.Hit{r.Dense, r.Lexical, r.Fused, r.Reranked}[:ways(r)] {
			f.Ranks = append(f.Ranks, q.Rank(hits))
			ranks[i] = append(ranks[i], f.Ranks[i])
		}
		if err := each(f); err != nil {
			return Measured{}, err
		}
	}
	var figures []recall.Figures
	for _, r := range ranks {
		if len(r) > 0 {
			figures = append(figures, recall.Measure(r))
		}
	}
	slices.Sort(times)
	slices.Sort(reranks)
	return Measured{Figures: figures, Seconds: times[len(times)/2], Reranking: reranks[len(reranks)/2]}, nil
}

// ways is how many of Ways a retrieval has.
func ways(r Retrieval) int {
	if r.Reranked == nil {
		return len(Ways) - 1
	}
	return len(Ways)
}
