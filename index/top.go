package index

import (
	"context"
	"runtime"
	"slices"
	"strings"
	"sync"
)

// scored is a chunk with a score.
type scored struct {
	score    float64
	shift    float64 // of score, see matched
	document string
	gen      uint32
	ordinal  int
}

// better orders by score, then document and place, so equal scores always come in the same order.
func better(a, b scored) int {
	switch {
	case a.score != b.score:
		if a.score > b.score {
			return -1
		}
		return 1
	case a.document != b.document:
		return strings.Compare(a.document, b.document)
	}
	return a.ordinal - b.ordinal
}

// top keeps the k best offers: a heap with the worst on top.
type top struct {
	k    int
	heap []scored
}

func (t *top) offer(s scored) {
	if len(t.heap) == t.k {
		if better(s, t.heap[0]) >= 0 {
			return
		}
		t.heap[0] = s
		t.sink()
		return
	}
	t.heap = append(t.heap, s)
	for i := len(t.heap) - 1; i > 0; {
		parent := (i - 1) / 2
		if better(t.heap[parent], t.heap[i]) >= 0 {
			break
		}
		t.heap[parent], t.heap[i] = t.heap[i], t.heap[parent]
		i = parent
	}
}

func (t *top) sink() {
	for i := 0; ; {
		worst := i
		for _, child := range []int{2*i + 1, 2*i + 2} {
			if child < len(t.heap) && better(t.heap[child], t.heap[worst]) > 0 {
				worst = child
			}
		}
		if worst == i {
			return
		}
		t.heap[i], t.heap[worst] = t.heap[worst], t.heap[i]
		i = worst
	}
}

// hopeless says that an offer with this score cannot enter; offer asks again with the ties.
func (t *top) hopeless(score float64) bool { return len(t.heap) == t.k && score < t.heap[0].score }

// merge gives the k best of several tops, best first.
func merge(tops []top, k int) []scored {
	var all []scored
	for _, t := range tops {
		all = append(all, t.heap...)
	}
	slices.SortFunc(all, better)
	return all[:min(k, len(all))]
}

// split cuts n items into one range per processor, at most 8, of at least 64 items.
func split(n int) [][2]int {
	workers := max(1, min(runtime.GOMAXPROCS(0), 8, n/64))
	ranges := make([][2]int, workers)
	for w := range ranges {
		ranges[w] = [2]int{n * w / workers, n * (w + 1) / workers}
	}
	return ranges
}

// parallel runs fn over the ranges, a goroutine each.
func parallel(ctx context.Context, ranges [][2]int, fn func(worker, from, to int)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	var wait sync.WaitGroup
	for w, r := range ranges {
		wait.Add(1)
		go func() {
			defer wait.Done()
			fn(w, r[0], r[1])
		}()
	}
	wait.Wait()
	return ctx.Err()
}
