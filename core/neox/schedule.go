//go:build torch

package neox

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"kakoi/core"
	"kakoi/core/internal/torch"
)

// schedule is the loop that all calls of a Generator share. It runs while there are rows: a chunk of the oldest prompt
// that is not in yet, then a step of all rows that decode, and so on, so that a long prompt does not silence the
// others for longer than a chunk. The state outlives the loop: prompts leave their keys and values there for those
// that begin alike, until it was idle for long or memory is short.
type schedule struct {
	g *Generator

	mu      sync.Mutex
	waiting []*row // submitted, in order
	running bool

	// What follows belongs to the loop; close and the idle timer take it while none runs.
	work     sync.Mutex
	state    state
	slots    []*slot
	capacity int // tokens of a slot
	rows     []*row
	uses     int
	costs    *costs
	belief   belief
	logits   [][]float32 // of a step's lanes
	idle     *time.Timer
}

// How long the state outlives the last call, and how many prompts it keeps at most.
const (
	idleFor   = 10 * time.Minute
	mostSlots = 8
	blockMost = 8 // tokens between two looks at ctx and end tokens where the device samples
)

// submit hands rows to the loop.
func (l *schedule) submit(rows []*row) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.waiting = append(l.waiting, rows...)
	if !l.running {
		l.running = true
		go l.loop()
	}
}

func (l *schedule) loop() {
	l.work.Lock()
	defer l.work.Unlock()
	if l.idle != nil {
		l.idle.Stop()
	}
	for l.admit() {
		l.dropOver()
		l.prompts()
		l.step()
		l.rows = slices.DeleteFunc(l.rows, l.ended)
	}
	l.idle = time.AfterFunc(idleFor, l.release)
	if memoryShort() {
		l.free()
	}
}

// admit takes over what was submitted; false: there is nothing to do, and the loop ends.
func (l *schedule) admit() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rows = append(l.rows, l.waiting...)
	l.waiting = nil
	l.running = len(l.rows) > 0
	return l.running
}

// dropOver lets go of rows that nobody waits for. What they computed stays in their slots.
func (l *schedule) dropOver() {
	l.rows = slices.DeleteFunc(l.rows, func(r *row) bool {
		if !r.call.over() {
			return false
		}
		r.leave()
		if !r.done { // the call knows of its end already
			r.call.leave()
		}
		return true
	})
}

// ended says whether the row is done, and frees its slot then.
func (l *schedule) ended(r *row) bool {
	if r.done {
		r.leave()
	}
	return r.done
}

// leave gives the row's slot back.
func (r *row) leave() {
	if r.slot != nil {
		r.slot.user = nil
		r.slot = nil
	}
}

// fail ends all calls of the rows with err. When no others are left, the state goes too: memory may be what lacks.
func (l *schedule) fail(rows []*row, err error) {
	for _, r := range rows {
		r.call.fail(err)
	}
	l.dropOver()
	if len(l.rows) == 0 {
		l.free()
	}
}

// prompts computes one chunk of the oldest prompt that is not in yet.
func (l *schedule) prompts() {
	i := slices.IndexFunc(l.rows, func(r *row) bool { return !r.deciding })
	if i < 0 {
		return
	}
	r := l.rows[i]
	ready, err := l.makeRoom(len(r.prompt) + max(r.maxNew, r.extra()))
	if err != nil {
		l.fail([]*row{r}, err)
	}
	if err != nil || !ready {
		return
	}
	err = l.g.dev.Do(context.Background(), func(s *torch.Scope) error {
		if r.slot == nil {
			if ok, err := l.take(s, r); err != nil || !ok {
				return err
			}
		}
		return l.chunk(s, r)
	})
	if err != nil {
		l.fail([]*row{r}, fmt.Errorf("prefill: %w", err))
	}
}

// chunk computes the next chunk of r's prompt; after the last one r decodes.
func (l *schedule) chunk(s *torch.Scope, r *row) error {
	c, t := r.slot, l.g.run.traits()
	if at := len(c.prompt); at < len(r.prompt) {
		end := min(at+t.chunk, len(r.prompt))
		if t.grain > 1 && end < len(r.prompt) {
			end = max(end/t.grain*t.grain, min(at+1, end))
		}
		var logits []float32
		if end == len(r.prompt) {
			if len(c.logits) != l.g.cfg.VocabSize {
				c.logits = make([]float32, l.g.cfg.VocabSize)
			}
			logits = c.logits
		}
		_, number := r.adapter.of()
		if err := l.state.prefill(s, c.at, r.prompt[at:end], number, logits); err != nil {
			return err
		}
		c.prompt = append(c.prompt, r.prompt[at:end]...)
		c.whole = end == len(r.prompt)
		if !c.whole {
			return nil
		}
	}
	if r.refusal != nil {
		if err := l.score(s, r); err != nil || r.done {
			return err
		}
	}
	id, err := r.sampler.Next(c.logits)
	if err != nil {
		return err
	}
	r.deciding = true
	r.ids = slices.Clone(r.prompt)
	r.belief = l.belief
	r.reply.PrefillSeconds = time.Since(r.call.start).Seconds()
	r.accept(l.g, id)
	return nil
}

// makeRoom opens the state, or a larger one than there is, for rows of need tokens; false: others still use the
// one that is too small.
func (l *schedule) makeRoom(need int) (bool, error) {
	if l.state != nil && l.capacity >= need {
		return true, nil
	}
	if slices.ContainsFunc(l.slots, func(c *slot) bool { return c.user != nil }) {
		return false, nil
	}
	l.free()
	limit := l.g.cfg.MaxPositionEmbeddings
	var err error
	for _, size := range [][2]int{{l.rowsThatFit(limit), limit}, {1, limit}, {1, need}} {
		var st state
		if err = l.g.fits(size[0], size[1]); err == nil {
			err = l.g.dev.Do(context.Background(), func(s *torch.Scope) (err error) {
				st, err = l.g.run.room(s, size[0], size[1])
				return err
			})
		}
		if err == nil {
			l.state, l.capacity = st, size[1]
			for i := range size[0] {
				l.slots = append(l.slots, &slot{at: i})
			}
			return true, nil
		}
		if !errors.Is(err, core.ErrOutOfMemory) {
			break
		}
	}
	return false, err
}

// rowsThatFit is how many rows a state may have without taking more than a quarter of the memory that is free now.
func (l *schedule) rowsThatFit(capacity int) int {
	free := freeMemory()
	if l.g.dev.CUDA() {
		free = 0
		if m, err := l.g.dev.Memory(); err == nil {
			free = m.Free
		}
	}
	return int(min(mostSlots, max(1, free/4/max(1, l.g.run.rowBytes(capacity)))))
}

// memoryShort says whether other programs need what the state keeps.
func memoryShort() bool {
	const least = 512 << 20
	free := freeMemory()
	return free > 0 && free < least
}

// release frees the state if no loop runs.
func (l *schedule) release() {
	l.work.Lock()
	defer l.work.Unlock()
	l.mu.Lock()
	running := l.running
	l.mu.Unlock()
	if !running {
		l.free()
	}
}

// close waits for the loop and frees the state; no row is submitted any more.
func (l *schedule) close() {
	l.work.Lock()
	defer l.work.Unlock()
	if l.idle != nil {
		l.idle.Stop()
	}
	l.free()
}

// free gives the state back; none of its slots is in use.
func (l *schedule) free() {
	if l.state == nil {
		return
	}
	// Do fails only for a function that does.
	_ = l.g.dev.Do(context.Background(), func(*torch.Scope) error {
		l.state.close()
		if l.g.dev.CUDA() {
			torch.EmptyCache()
		}
		return nil
	})
	l.state, l.slots, l.capacity = nil, nil, 0
}
