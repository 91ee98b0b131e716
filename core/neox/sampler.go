package neox

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"kakoi/core"
)

// unreachable is how far below the best a score may lie: e^-60 is 1e-26, less than a float64 of the random
// stream can hit. What lies lower is not sorted.
const unreachable = 60

var negativeInfinity = float32(math.Inf(-1))

// Sampler picks the next token of one row by transformers' definitions, in its order: repetition penalty
// (over prompt and answer), temperature, top-k, top-p. Temperature 0 picks the most likely token; equal ones: the
// lowest id.
//
// The row's i-th new token takes the i-th number of the random stream, whatever computes it: the tokens do not depend on
// how many are checked at once, nor on whether the device or Next samples them.
type Sampler struct {
	set   core.Sampling
	seen  map[int32]struct{}
	rng   *rand.Rand
	drawn []float64 // of the random stream
	next  int       // index of the next token
	guard *guard    // of a beginning that the answer may not have; nil: none

	scores []float32
	order  []int32
}

// ValidateSampling says whether s can be used.
func ValidateSampling(s core.Sampling) error {
	bad := func(name string, v any) error {
		return core.Explain(fmt.Errorf("sampling %s %v: %w", name, v, core.ErrUsage), "error.sampling.value", name, v)
	}
	switch {
	case !(s.Temperature >= 0) || math.IsInf(s.Temperature, 0):
		return bad("temperature", s.Temperature)
	case s.TopK < 0:
		return bad("top_k", s.TopK)
	case !(s.TopP >= 0 && s.TopP <= 1):
		return bad("top_p", s.TopP)
	case !(s.RepetitionPenalty >= 0) || math.IsInf(s.RepetitionPenalty, 0):
		return bad("repetition_penalty", s.RepetitionPenalty)
	case s.MaxNewTokens < 0:
		return bad("max_new_tokens", s.MaxNewTokens)
	}
	return nil
}

// NewSampler makes a sampler for one row. row varies the random stream between the rows of one request batch.
func NewSampler(s core.Sampling, prompt []int32, row int) *Sampler {
	p := &Sampler{set: s, seen: map[int32]struct{}{}, rng: rand.New(rand.NewPCG(s.Seed, uint64(row)))}
	for _, id := range prompt {
		p.seen[id] = struct{}{}
	}
	return p
}

// Next picks a token from its logits [V] and remembers it. Logits without a finite maximum are core.ErrCorrupt.
func (p *Sampler) Next(logits []float32) (int32, error) {
	var id int32
	if p.set.Temperature == 0 {
		id = argmax(p.penalise(logits))
	} else {
		probs, ids := p.Probabilities(logits)
		id = pick(probs, ids, p.uniform(p.next))
	}
	return id, p.took(id)
}

// took remembers a token that was picked, by Next or by the device; an id below 0 is the lack of one.
func (p *Sampler) took(id int32) error {
	if id < 0 {
		return fmt.Errorf("sample: logits hold no finite number: %w", core.ErrCorrupt)
	}
	p.seen[id] = struct{}{}
	p.next++
	if p.guard.on() {
		p.guard.took(id)
	}
	return nil
}

// uniform is number i of the random stream, in [0, 1).
func (p *Sampler) uniform(i int) float64 {
	for len(p.drawn) <= i {
		p.drawn = append(p.drawn, p.rng.Float64())
	}
	return p.drawn[i]
}

// Probabilities is the distribution Next draws from: tokens with a probability above 0, most likely first. The
// slices are valid until the next call.
func (p *Sampler) Probabilities(logits []float32) ([]float64, []int32) {
	scores := p.penalise(logits)
	if t := p.set.Temperature; t > 0 && t != 1 {
		for i := range scores {
			scores[i] /= float32(t)
		}
	}
	p.order = p.order[:0]
	floor := negativeInfinity
	if i := argmax(scores); i >= 0 {
		floor = scores[i] - unreachable
	}
	if k := p.set.TopK; k > 0 && k < len(scores) {
		floor = max(floor, kthLargest(scores, k))
	}
	for i, v := range scores {
		if v >= floor && v > negativeInfinity {
			p.order = append(p.order, int32(i))
		}
	}
	slices.SortStableFunc(p.order, func(a, b int32) int { return cmp.Compare(scores[b], scores[a]) })
	probs := softmax(scores, p.order)
	if tp := p.set.TopP; tp > 0 && tp < 1 {
		n := nucleus(probs, tp)
		p.order = p.order[:n]
		probs = softmax(scores, p.order)
	}
	return probs, p.order
}

// penalise divides positive and multiplies negative logits of tokens seen before (arXiv 1909.05858), and takes out what is forbidden.
func (p *Sampler) penalise(logits []float32) []float32 {
	p.scores = append(p.scores[:0], logits...)
	if p.guard.on() {
		p.guard.mask(p.scores)
	}
	pen := float32(p.set.RepetitionPenalty)
	if pen == 0 || pen == 1 {
		return p.scores
	}
	for id := range p.seen {
		if int(id) >= len(p.scores) {
			continue
		}
		if v := p.scores[id]; v < 0 {
			p.scores[id] = v * pen
		} else {
			p.scores[id] = v / pen
		}
	}
	return p.scores
}

// nucleus is how many of the sorted probabilities stay: transformers drops, from the least likely upwards, what
// sums to at most 1 - topP, and always keeps one.
func nucleus(probs []float64, topP float64) int {
	sum := 0.0
	for n := len(probs); n > 1; n-- {
		sum += probs[n-1]
		if sum > 1-topP {
			return n
		}
	}
	return 1
}

func softmax(scores []float32, ids []int32) []float64 {
	probs := make([]float64, len(ids))
	if len(ids) == 0 {
		return probs
	}
	top, sum := float64(scores[ids[0]]), 0.0
	for i, id := range ids {
		probs[i] = math.Exp(float64(scores[id]) - top)
		sum += probs[i]
	}
	for i := range probs {
		probs[i] /= sum
	}
	return probs
}

// kthLargest is the value of rank k from the top, with a heap of the k largest.
func kthLargest(v []float32, k int) float32 {
	heap := slices.Clone(v[:k])
	down := func(i int) {
		for {
			c := 2*i + 1
			if c >= k {
				return
			}
			if c+1 < k && heap[c+1] < heap[c] {
				c++
			}
			if heap[i] <= heap[c] {
				return
			}
			heap[i], heap[c] = heap[c], heap[i]
			i = c
		}
	}
	for i := k/2 - 1; i >= 0; i-- {
		down(i)
	}
	for _, x := range v[k:] {
		if x > heap[0] {
			heap[0] = x
			down(0)
		}
	}
	return heap[0]
}

// argmax is the place of the largest number, the first of equal ones; -1 where there is none above -Inf.
func argmax(v []float32) int32 {
	best, at := negativeInfinity, int32(-1)
	for i, x := range v {
		if x > best {
			best, at = x, int32(i)
		}
	}
	if math.IsInf(float64(best), 1) {
		return -1
	}
	return at
}

// pick inverts the cumulative distribution at u in [0, 1).
func pick(probs []float64, ids []int32, u float64) int32 {
	if len(ids) == 0 || math.IsNaN(probs[0]) {
		return -1
	}
	for i, p := range probs {
		if u -= p; u < 0 {
			return ids[i]
		}
	}
	return ids[len(ids)-1] // rounding left a crumb
}
