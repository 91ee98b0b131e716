//go:build torch

package neox

import (
	"context"
	"slices"
	"sync"
	"time"

	"kakoi/core"
)

// row is one request on its way. After submit it belongs to the loop.
type row struct {
	call    *call
	index   int // in the call
	prompt  []int32
	set     core.Sampling
	maxNew  int
	plain   bool
	adapter *attached // nil: none
	refusal *refusal  // nil: nothing is scored
	sampler *Sampler
	text    textStream

	slot     *slot
	begun    bool    // has its slot
	deciding bool    // the prompt is in, tokens come
	next     int32   // sampled, not yet in the state
	ids      []int32 // prompt and answer up to next, to guess from
	belief   belief
	dull     int // rounds without a guess worth checking
	held     int // tokens not yet in a Delta
	done     bool
	reply    core.Reply // without its text
}

// accept takes the row's newest token and gives out the text that is certain now.
func (r *row) accept(g *Generator, id int32) {
	r.next = id
	r.ids = append(r.ids, id)
	r.reply.Tokens = append(r.reply.Tokens, id) // who has an earlier copy of reply does not look behind its end
	text, stop := "", core.StopReason("")
	if slices.Contains(g.end, id) {
		text, stop = r.text.flush(), core.StopEnd
	} else {
		r.reply.NewTokens++
		r.held++
		var stopped bool
		text, stopped = r.text.push(g.tok.DecodeBytes([]int32{id}))
		switch {
		case stopped:
			stop = core.StopString
		case r.reply.NewTokens >= r.maxNew:
			text, stop = text+r.text.flush(), core.StopLength
		}
	}
	r.done, r.reply.Stop = stop != "", stop
	r.reply.DecodeSeconds = time.Since(r.call.start).Seconds() - r.reply.PrefillSeconds
	if text != "" {
		r.call.put(event{row: r.index, delta: core.Delta{Text: text, Tokens: r.held}, reply: r.reply})
		r.held = 0
	}
	if r.done {
		r.call.put(event{row: r.index, reply: r.reply, ends: true})
	}
}

// call is one Generate: what its rows have for it, from the loop's goroutine to the caller's.
type call struct {
	ctx     context.Context
	start   time.Time
	replies []core.Reply // the caller's

	mu      sync.Mutex
	events  []event
	open    int   // rows that have not ended
	err     error // the first failure
	stopped bool  // the caller wants no more
	ready   chan struct{}
}

// event is a delta of a row (the reply then stands at it), or its end.
type event struct {
	row   int
	delta core.Delta
	reply core.Reply
	ends  bool
}

func newCall(ctx context.Context, rows int) *call {
	return &call{ctx: ctx, start: time.Now(), replies: make([]core.Reply, rows), open: rows, ready: make(chan struct{}, 1)}
}

func (c *call) put(e event) {
	c.mu.Lock()
	c.events = append(c.events, e)
	if e.ends {
		c.open--
	}
	c.mu.Unlock()
	c.wake()
}

func (c *call) wake() {
	select {
	case c.ready <- struct{}{}:
	default:
	}
}

// fail stops the call's rows.
func (c *call) fail(err error) {
	c.mu.Lock()
	if c.err == nil {
		c.err = err
	}
	c.stopped = true
	c.mu.Unlock()
}

// over says whether the call's rows are wanted no more.
func (c *call) over() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stopped || c.ctx.Err() != nil
}

// leave ends a row of a call that is over.
func (c *call) leave() {
	c.mu.Lock()
	c.open--
	c.mu.Unlock()
	c.wake()
}

// serve hands the deltas to emit until all rows have ended. Nothing is emitted after the first error or the end of
// ctx; then serve only waits until the loop has let go of the rows, a step or a chunk at most.
func (c *call) serve(emit func(int, core.Delta) error) error {
	for {
		c.mu.Lock()
		events, open := c.events, c.open
		c.events = nil
		c.mu.Unlock()
		for _, e := range events {
			if c.ctx.Err() != nil {
				c.fail(c.ctx.Err())
			}
			if c.over() {
				break
			}
			text := c.replies[e.row].Text + e.delta.Text
			c.replies[e.row] = e.reply
			c.replies[e.row].Text = text
			if e.delta.Text != "" {
				if err := emit(e.row, e.delta); err != nil {
					c.fail(err)
				}
			}
		}
		if open == 0 {
			c.mu.Lock()
			defer c.mu.Unlock()
			if c.err == nil && len(c.events) == 0 && c.ctx.Err() != nil && c.anyUnfinished() {
				c.err = c.ctx.Err()
			}
			return c.err
		}
		<-c.ready
	}
}

// anyUnfinished says whether a reply has no end.
func (c *call) anyUnfinished() bool {
	return slices.ContainsFunc(c.replies, func(r core.Reply) bool { return r.Stop == "" })
}
