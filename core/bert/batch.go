package bert

import (
	"cmp"
	"slices"
)

// window is a stretch of a text's tokens that runs through the model at once.
type window struct {
	text int     // place in the call's texts
	ids  []int32 // with special tokens
	skip int     // tokens at the start that pooling leaves out

	second int // of a pair: the tokens from here on are of type 1, where the model has types; 0: there are none
}

// group is windows of one length within a batch.
type group struct{ windows, length int }

// batch is windows that run together, longest first.
type batch struct {
	windows []window
	groups  []group
	tokens  int
}

// spans cuts n tokens into stretches of at most size that overlap by at least overlap, all of one length but for
// rounding, so that no stretch is a short rest.
func spans(n, size, overlap int) [][2]int {
	if n <= size {
		return [][2]int{{0, n}}
	}
	overlap = min(overlap, size-1)
	step := size - overlap
	count := (n - overlap + step - 1) / step
	out := make([][2]int, count)
	for i := range out {
		start := i * (n - size) / (count - 1)
		out[i] = [2]int{start, start + size}
	}
	return out
}

// batches sorts windows by length and cuts them into batches of at most budget tokens (or one window).
func batches(ws []window, budget int) []batch {
	slices.SortStableFunc(ws, func(a, b window) int { return cmp.Compare(len(b.ids), len(a.ids)) })
	var out []batch
	for from := 0; from < len(ws); {
		b := batch{}
		to := from
		for ; to < len(ws) && (to == from || b.tokens+len(ws[to].ids) <= budget); to++ {
			n := len(ws[to].ids)
			b.tokens += n
			if last := len(b.groups) - 1; last >= 0 && b.groups[last].length == n {
				b.groups[last].windows++
			} else {
				b.groups = append(b.groups, group{1, n})
			}
		}
		b.windows = ws[from:to]
		out = append(out, b)
		from = to
	}
	return out
}
