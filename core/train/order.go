package train

import (
	"math"
	"math/rand/v2"
	"slices"

	"kakoi/core"
)

// filling says how micro-batches are made.
type filling struct {
	Batch   int  `json:"batch"`  // rows of one
	Budget  int  `json:"budget"` // > 0: tokens of one instead
	Packing bool `json:"packing"`
}

func fillingOf(s core.TrainSettings) filling {
	f := filling{Batch: s.Batch, Budget: s.TokenBudget, Packing: s.Packing}
	if f.Packing && f.Budget == 0 {
		f.Budget = s.Batch * s.MaxTokens
	}
	return f
}

// most is the largest number of tokens that a micro-batch of these examples can have.
func (f filling) most(examples []example) int {
	lengths := make([]int, len(examples))
	total := 0
	for i, e := range examples {
		lengths[i] = len(e.ids)
		total += len(e.ids)
	}
	slices.Sort(lengths)
	if len(lengths) == 0 {
		return 0
	}
	if f.Budget > 0 {
		return max(lengths[len(lengths)-1], min(f.Budget, total))
	}
	n := 0
	for _, l := range lengths[max(0, len(lengths)-f.Batch):] {
		n += l
	}
	return n
}

// half is a filling of half the size; false when there is nothing to halve. A batch is only halved evenly, so that the steps
// with twice the accumulation stay what they were.
func (f filling) half(longest int) (filling, bool) {
	if f.Budget > 0 {
		if f.Budget/2 < longest {
			return f, false
		}
		f.Budget /= 2
		if f.Packing {
			f.Batch = max(1, f.Batch/2)
		}
		return f, true
	}
	if f.Batch%2 != 0 {
		if f.Batch == 1 {
			return f, false
		}
		f.Batch = 1 // no even half is left
		return f, true
	}
	f.Batch /= 2
	return f, true
}

// Streams of random numbers that follow from a run's seed.
const (
	streamWeights = 1 << 56
	streamOrder   = 2 << 56
	streamDropout = 3 << 56
)

// epoch is the micro-batches of an epoch, as numbers of examples. It depends on the seed and the epoch alone.
func (f filling) epoch(examples []example, seed uint64, epoch int) [][]int {
	r := rand.New(rand.NewPCG(seed, streamOrder+uint64(epoch)))
	order := r.Perm(len(examples))
	switch {
	case f.Budget == 0:
		return slices.Collect(slices.Chunk(order, f.Batch))
	case f.Packing:
		return f.pack(examples, order)
	}
	batches := f.buckets(examples, order)
	r.Shuffle(len(batches), func(i, j int) { batches[i], batches[j] = batches[j], batches[i] })
	return batches
}

// pack puts the examples, in the order they come, into the first of some open micro-batches that has room.
func (f filling) pack(examples []example, order []int) [][]int {
	const open = 8
	type bin struct {
		rows []int
		room int
	}
	var bins []bin
	var out [][]int
	for _, i := range order {
		n := len(examples[i].ids)
		at := slices.IndexFunc(bins, func(b bin) bool { return b.room >= n })
		if at < 0 {
			if len(bins) == open {
				out = append(out, bins[0].rows)
				bins = bins[1:]
			}
			bins = append(bins, bin{room: f.Budget})
			at = len(bins) - 1
		}
		bins[at].rows = append(bins[at].rows, i)
		bins[at].room -= n
	}
	for _, b := range bins {
		out = append(out, b.rows)
	}
	return out
}

// buckets cuts the order into windows, sorts each by length and fills micro-batches from it up to the budget.
func (f filling) buckets(examples []example, order []int) [][]int {
	const window = 512
	var out [][]int
	for part := range slices.Chunk(order, window) {
		part = slices.Clone(part)
		slices.SortStableFunc(part, func(a, b int) int { return len(examples[b].ids) - len(examples[a].ids) })
		var rows []int
		n := 0
		for _, i := range part {
			if l := len(examples[i].ids); n > 0 && n+l > f.Budget {
				out = append(out, rows)
				rows, n = nil, 0
			}
			rows = append(rows, i)
			n += len(examples[i].ids)
		}
		if len(rows) > 0 {
			out = append(out, rows)
		}
	}
	return out
}

// inOrder is micro-batches of examples in their order, for evaluation.
func (f filling) inOrder(examples []example) [][]int {
	var out [][]int
	var rows []int
	n := 0
	for i, e := range examples {
		full := f.Budget == 0 && len(rows) == f.Batch || f.Budget > 0 && n+len(e.ids) > f.Budget
		if len(rows) > 0 && full {
			out = append(out, rows)
			rows, n = nil, 0
		}
		rows = append(rows, i)
		n += len(e.ids)
	}
	if len(rows) > 0 {
		out = append(out, rows)
	}
	return out
}

// steps is the optimiser steps of each epoch, as the Hugging Face trainer counts them: what is left over at an epoch's end is a
// step too; of the last, begun epoch the share is rounded up.
func (f filling) steps(examples []example, s core.TrainSettings, accumulate int) []int {
	var out []int
	whole, part := math.Modf(s.Epochs)
	for e := range int(whole) + 1 {
		if e == int(whole) && part == 0 {
			break
		}
		n := (len(f.epoch(examples, s.Seed, e)) + accumulate - 1) / accumulate
		if e == int(whole) {
			n = int(math.Ceil(part * float64(n)))
		}
		if n > 0 {
			out = append(out, n)
		}
	}
	return out
}

func sum(n []int) int {
	total := 0
	for _, x := range n {
		total += x
	}
	return total
}

// mostCounted is the largest number of tokens in the loss that a micro-batch can have.
func (f filling) mostCounted(examples []example) int {
	counts := make([]int, len(examples))
	total := 0
	for i, e := range examples {
		counts[i] = e.counted()
		total += counts[i]
	}
	if f.Budget > 0 {
		return min(f.most(examples), total)
	}
	slices.Sort(counts)
	return sum(counts[max(0, len(counts)-f.Batch):])
}
