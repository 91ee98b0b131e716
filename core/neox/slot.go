//go:build torch

package neox

import (
	"slices"

	"kakoi/core/internal/torch"
)

// slot is a row of the state: while a request has it, and afterwards, when its prompt may be the beginning of the
// next one.
type slot struct {
	at      int     // row of the state
	user    *row    // nil: free
	adapter string  // ID of the adapter its tokens went through
	prompt  []int32 // what it has of the prompt it was last used for, cut at multiples of the runner's grain
	whole   bool    // that is the whole prompt, and logits what follows it
	logits  []float32
	used    int // order of the last use
}

// shared is how many tokens of prompt the slot has.
func (c *slot) shared(prompt []int32) int {
	n := 0
	for n < min(len(c.prompt), len(prompt)) && c.prompt[n] == prompt[n] {
		n++
	}
	return n
}

// reusable is how many tokens of prompt need not be computed again with this slot. Unless it is the very prompt that
// the slot had, the last token is computed for its logits; and a cut of the prompt must not change what is computed.
func (c *slot) reusable(prompt []int32, adapter string, grain int) int {
	if c.adapter != adapter {
		return 0
	}
	n := c.shared(prompt)
	if n == len(prompt) && c.whole && n == len(c.prompt) {
		return n
	}
	if grain == 0 {
		return 0
	}
	n = min(n, len(prompt)-1) / grain * grain
	if n < leastReuse {
		return 0
	}
	return n
}

// leastReuse is what makes it worth to give up what follows in the slot.
const leastReuse = 8

// take gives a row a slot, with as much of the row's prompt in it as an earlier one left there or in another slot;
// false when no slot is free. It is called on the device's thread.
func (l *schedule) take(s *torch.Scope, r *row) (bool, error) {
	id, _ := r.adapter.of()
	grain := l.g.run.traits().grain
	var best, oldest *slot // of all; of the free ones
	reuse := 0
	for _, c := range l.slots {
		if n := c.reusable(r.prompt, id, grain); !r.plain && n > reuse {
			best, reuse = c, n
		}
		if c.user == nil && (oldest == nil || c.used < oldest.used) {
			oldest = c
		}
	}
	if oldest == nil {
		return false, nil
	}
	// Go on in place where little is lost, else in a copy.
	to := oldest
	if best != nil && best.user == nil && (best == oldest || reuse == len(r.prompt) || 2*reuse > len(best.prompt)) {
		to = best
	}
	if to == best || best == nil {
		l.state.keep(to.at, reuse)
	} else {
		to.prompt, to.whole = nil, false // a copy that fails may have got to some layers
		if err := l.state.copy(s, best.at, to.at, reuse); err != nil {
			return false, err
		}
		if reuse == len(r.prompt) { // then the other one's are a whole prompt's
			to.logits = append(to.logits[:0], best.logits...)
		}
	}
	to.prompt, to.whole = slices.Clone(r.prompt[:reuse]), reuse == len(r.prompt)
	to.adapter, to.user = id, r
	r.slot, r.reply.ReusedTokens = to, reuse
	l.uses++
	to.used = l.uses
	return true, nil
}
