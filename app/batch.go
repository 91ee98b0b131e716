package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"kakoi/core"
)

// grace is how long a batch may go on after its job was cancelled: many times what one takes, but an engine that hangs must
// not hold the job, and with it the process, for ever.
const grace = time.Minute

// lingering is ctx without its cancel until delay has passed since then.
func lingering(ctx context.Context, delay time.Duration) (context.Context, context.CancelFunc) {
	out, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		select {
		case <-out.Done():
		case <-time.After(delay):
			cancel()
		}
	})
	return out, func() { stop(); cancel() }
}

// pace keeps one call of the embedder near a second: a stop waits for it, a kill loses it, progress moves with it. The embedder
// sorts what it gets by length, so it gets no fewer than leastChunks.
type pace struct{ next int }

const (
	firstChunks, leastChunks, mostChunks = 32, 16, 1024

	callTime = time.Second
)

// chunks is the size of the next call.
func (p *pace) chunks() int {
	if p.next == 0 {
		return firstChunks
	}
	return p.next
}

// took learns from a call of n chunks.
func (p *pace) took(n int, d time.Duration) {
	want := mostChunks
	if d > 0 {
		want = int(min(float64(n)*float64(callTime)/float64(d), mostChunks))
	}
	p.next = max(leastChunks, min(want, 2*p.chunks(), mostChunks))
}

// batch embeds the first chunks of the queue and stores their vectors; documents that are complete are committed. It
// does not stop in the middle: what was computed is kept.
func (a *adder) batch(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	ctx, cancel := lingering(ctx, grace)
	defer cancel()
	var parts []part
	var texts []string
	most := a.pace.chunks()
	for _, d := range a.queue {
		n := min(len(d.missing), most-len(texts))
		if n == 0 {
			break
		}
		for _, ordinal := range d.missing[:n] {
			texts = append(texts, d.chunks[ordinal].Text)
		}
		parts = append(parts, part{d, d.missing[:n]})
	}
	start := time.Now()
	vectors, err := a.embed(ctx, texts)
	if err == nil {
		a.pace.took(len(texts), time.Since(start))
	}
	if err != nil && len(parts) > 1 && !isFatal(err) {
		return a.apart(ctx, parts)
	}
	if err != nil {
		return a.unembedded(ctx, parts[0], err)
	}
	for _, part := range parts {
		n := len(part.ordinals)
		if err := a.put(ctx, part, vectors[:n]); err != nil {
			return err
		}
		vectors = vectors[n:]
	}
	return nil
}

// part is what one document has in a batch.
type part struct {
	*draft
	ordinals []int
}

// apart embeds the documents of a batch that failed as a whole one by one, to find the one that cannot be embedded.
func (a *adder) apart(ctx context.Context, parts []part) error {
	for _, p := range parts {
		texts := make([]string, len(p.ordinals))
		for i, ordinal := range p.ordinals {
			texts[i] = p.chunks[ordinal].Text
		}
		vectors, err := a.embed(ctx, texts)
		if err != nil {
			err = a.unembedded(ctx, p, err)
		} else {
			err = a.put(ctx, p, vectors)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// embed tries again when the engine was lost: the next call starts a new one.
func (a *adder) embed(ctx context.Context, texts []string) (vectors []core.Vector, err error) {
	const attempts = 2
	for range attempts {
		vectors, err = a.embedder.Embed(ctx, core.EmbedPassage, texts)
		if err == nil && len(vectors) != len(texts) {
			err = fmt.Errorf("%d vectors of %d texts: %w", len(vectors), len(texts), core.ErrCorrupt)
		}
		if !errors.Is(err, core.ErrEngine) {
			break
		}
		slog.Warn("embed chunks", "chunks", len(texts), "error", err)
	}
	if err != nil {
		return nil, fmt.Errorf("embed %d chunks: %w", len(texts), err)
	}
	return vectors, nil
}

// isFatal says that no other document would fare better.
func isFatal(err error) bool {
	return errorsIsAny(err, core.ErrNoSpace, core.ErrNoModel, core.ErrNoDevice, core.ErrOutOfMemory, core.ErrDimension, context.Canceled, errClosed)
}

// unembedded gives up on a document, or on everything when the engine is lost for the second document in a row.
func (a *adder) unembedded(ctx context.Context, p part, err error) error {
	lost := errors.Is(err, core.ErrEngine)
	if isFatal(err) || lost && a.lost {
		return fmt.Errorf("add %q: %w", p.doc.Source, err)
	}
	a.lost = lost
	a.drop(p.draft)
	f := p.prepared
	f.err, f.left = err, len(p.missing)
	return a.failed(ctx, f)
}

// drop takes a draft out of the queue.
func (a *adder) drop(d *draft) {
	a.queue = slices.DeleteFunc(a.queue, func(q *draft) bool { return q == d })
	a.queued -= len(d.missing)
}

func (a *adder) put(ctx context.Context, p part, vectors []core.Vector) error {
	a.lost = false
	if err := p.PutVectors(ctx, p.ordinals, vectors); err != nil {
		return fmt.Errorf("store vectors of %q: %w", p.doc.Source, err)
	}
	n := len(p.ordinals)
	p.missing = p.missing[n:]
	a.queued -= n
	a.summary.Embedded += n
	a.weigh.embedded(n)
	a.report(p.doc.Name)
	if len(p.missing) > 0 {
		return nil
	}
	a.drop(p.draft)
	return a.commit(ctx, p.draft)
}
