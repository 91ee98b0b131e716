//go:build torch

package neox

import (
	"context"
	"fmt"
	"slices"
	"time"

	"kakoi/core"
	"kakoi/core/internal/torch"
)

// step decodes: every row that has its prompt in gets one token at least.
func (l *schedule) step() {
	var rows []*row
	for _, r := range l.rows {
		if r.deciding && !r.done {
			rows = append(rows, r)
		}
	}
	for group := range slices.Chunk(rows, l.g.run.traits().lanes) {
		if err := l.g.dev.Do(context.Background(), func(s *torch.Scope) error { return l.decode(s, group) }); err != nil {
			l.fail(group, fmt.Errorf("decode: %w", err))
		}
	}
}

// decode is one step of some rows, with what guesses are worth checking beside the tokens that are due. On a device
// that samples, rows without guesses run several tokens ahead.
func (l *schedule) decode(s *torch.Scope, rows []*row) error {
	guesses, matches := l.guess(rows)
	device, sampling := l.state.(chooser)
	// What is forbidden at the beginning of an answer the device does not know.
	if slices.ContainsFunc(rows, func(r *row) bool { return r.sampler.guard.on() }) {
		device, sampling = nil, false
	}
	if n := l.blockOf(rows, guesses); sampling && n > 1 {
		return l.block(s, device, rows, n)
	}
	var lanes []lane
	for i, r := range rows {
		_, number := r.adapter.of()
		lanes = append(lanes, lane{r.slot.at, r.next, number})
		for _, id := range guesses[i] {
			lanes = append(lanes, lane{r.slot.at, id, number})
		}
	}
	pick, err := l.forward(s, device, rows, guesses, lanes)
	if err != nil {
		return err
	}
	at := 0
	for i, r := range rows {
		if err := l.check(r, guesses[i], matches[i], func(k int) (int32, error) { return pick(at+k, r) }); err != nil {
			r.call.fail(err)
		}
		at += 1 + len(guesses[i])
	}
	return nil
}

// guess proposes what to check for each row, and how many tokens agreed before it.
func (l *schedule) guess(rows []*row) (guesses [][]int32, matches []int) {
	t := l.g.run.traits()
	guesses, matches = make([][]int32, len(rows)), make([]int, len(rows))
	chances := make([][]float64, len(rows))
	for i, r := range rows {
		if r.plain || !l.g.lookup {
			continue
		}
		// One token comes of the step without any guess.
		most := min(t.lanes-len(rows), r.maxNew-r.reply.NewTokens-1)
		guesses[i], matches[i] = draft(r.ids, most)
		p := 1.0
		for k := range guesses[i] {
			p *= r.belief.of(matches[i] + k)
			chances[i] = append(chances[i], p)
		}
	}
	for i, n := range plan(chances, l.costs, t.lanes) {
		guesses[i] = guesses[i][:n]
		rows[i].dull++
		if n > 0 {
			rows[i].dull = 0
		}
	}
	return guesses, matches
}

// forward runs the lanes and gives what samples lane k, which is of row r. Lanes of a row are asked for in order and
// only as long as the guesses were right, so a Sampler has always seen what stands before.
func (l *schedule) forward(s *torch.Scope, device chooser, rows []*row, guesses [][]int32, lanes []lane) (pick func(k int, r *row) (int32, error), err error) {
	start := time.Now()
	defer func() {
		if err == nil {
			l.costs.add(len(lanes), time.Since(start).Seconds())
		}
	}()
	if device == nil {
		logits := l.buffers(len(lanes))
		if err := l.state.lanes(s, lanes, logits); err != nil {
			return nil, err
		}
		return func(k int, r *row) (int32, error) { return r.sampler.Next(logits[k]) }, nil
	}
	var set []core.Sampling
	var u []float64
	for i, r := range rows {
		for k := range 1 + len(guesses[i]) {
			set, u = append(set, r.set), append(u, r.sampler.uniform(r.sampler.next+k))
		}
	}
	ids, err := device.choose(s, lanes, set, u)
	if err != nil {
		return nil, err
	}
	return func(k int, r *row) (int32, error) { return ids[k], r.sampler.took(ids[k]) }, nil
}

// check samples a row's lanes while its guesses are right, and forgets the lanes that were fed a wrong one.
func (l *schedule) check(r *row, guess []int32, match int, pick func(k int) (int32, error)) error {
	before := l.state.length(r.slot.at) - 1 - len(guess)
	r.reply.GuessedTokens += len(guess)
	right := 0
	defer func() { l.state.keep(r.slot.at, before+1+right) }()
	for k := 0; ; k++ {
		id, err := pick(k)
		if err != nil {
			return err
		}
		ok := k < len(guess) && guess[k] == id
		if k < len(guess) {
			r.belief.learn(match+k, ok)
			l.belief.learn(match+k, ok)
		}
		if ok {
			right++
			r.reply.RightTokens++
		}
		if r.accept(l.g, id); !ok || r.done {
			return nil
		}
	}
}

// blockOf is how many tokens rows without guesses run ahead: the more, the longer nothing was guessed, since a text
// that begins to be copied is noticed after the block.
func (l *schedule) blockOf(rows []*row, guesses [][]int32) int {
	n := blockMost
	for i, r := range rows {
		if len(guesses[i]) > 0 {
			return 1
		}
		n = min(n, r.maxNew-r.reply.NewTokens)
		if l.g.lookup && !r.plain {
			n = min(n, 1<<min(r.dull/2, 3))
		}
	}
	return n
}

// block decodes n tokens for each row without looking at them in between, and forgets what a row ran beyond its end.
func (l *schedule) block(s *torch.Scope, device chooser, rows []*row, n int) error {
	lanes, set, u := make([]lane, len(rows)), make([]core.Sampling, len(rows)), make([][]float64, n)
	for i, r := range rows {
		_, number := r.adapter.of()
		lanes[i], set[i] = lane{r.slot.at, r.next, number}, r.set
		for k := range n {
			u[k] = append(u[k], r.sampler.uniform(r.sampler.next+k))
		}
	}
	start := time.Now()
	ids, err := device.run(s, lanes, set, u, n)
	if err != nil {
		return err
	}
	l.costs.add(len(rows), time.Since(start).Seconds()/float64(n))
	for i, r := range rows {
		before := l.state.length(r.slot.at) - n
		for k := range n {
			if err := r.sampler.took(ids[k][i]); err != nil {
				r.call.fail(err)
				break
			}
			if r.accept(l.g, ids[k][i]); r.done {
				l.state.keep(r.slot.at, before+k+1)
				break
			}
		}
	}
	return nil
}

// buffers gives n buffers for logits, used again in the next step.
func (l *schedule) buffers(n int) [][]float32 {
	for len(l.logits) < n {
		l.logits = append(l.logits, make([]float32, l.g.cfg.VocabSize))
	}
	return l.logits[:n]
}
