//go:build torch

package neox

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"kakoi/core"
	"kakoi/core/internal/device"
	"kakoi/core/internal/torch"
)

// tokenizer is what generation needs of token.Tokenizer.
type tokenizer interface {
	Encode(text string) []int32
	DecodeBytes(ids []int32) []byte
	VocabSize() int
	Close() error
}

// Generator is core.Generator over one Model. It is safe for concurrent use; calls take turns on the device
// chunk by chunk.
type Generator struct {
	info  core.GeneratorInfo
	dev   *device.Device
	model *Model
	tok   tokenizer
	end   []int32

	mu     sync.RWMutex // held for reading by calls, for writing by Close
	closed bool
}

var _ core.Generator = (*Generator)(nil)

// Chunks of a prompt that go through the model at once: short enough that a cancel is seen soon, long enough to
// use the device well.
const (
	chunkCPU  = 256
	chunkCUDA = 2048
)

// Info names the model.
func (g *Generator) Info() core.GeneratorInfo { return g.info }

// Close waits for running calls and frees the model. It may be called again.
func (g *Generator) Close() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return nil
	}
	g.closed = true
	var err error
	if g.model != nil {
		err = g.dev.Do(context.Background(), func(*torch.Scope) error {
			g.model.Close()
			if g.dev.CUDA() {
				torch.EmptyCache()
			}
			return nil
		})
	}
	if g.tok != nil {
		if terr := g.tok.Close(); err == nil {
			err = terr
		}
	}
	return err
}

// use guards a call against Close.
func (g *Generator) use() (done func(), err error) {
	g.mu.RLock()
	if g.closed {
		g.mu.RUnlock()
		return nil, fmt.Errorf("model %q is closed: %w", g.info.Name, core.ErrNoModel)
	}
	return g.mu.RUnlock, nil
}

// CountTokens is the number of tokens of each text, without special tokens.
func (g *Generator) CountTokens(ctx context.Context, texts []string) ([]int, error) {
	done, err := g.use()
	if err != nil {
		return nil, err
	}
	defer done()
	counts := make([]int, len(texts))
	for i, t := range texts {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		counts[i] = len(g.tok.Encode(t))
	}
	return counts, nil
}

// row is one request on its way.
type row struct {
	prompt  []int32
	maxNew  int
	sampler *Sampler
	text    textStream
	answer  []byte
	held    int // tokens not yet in a Delta
	next    int32
	logits  []float32
	done    bool
	reply   core.Reply
}

// Generate implements core.Generator: all requests run as one batch.
func (g *Generator) Generate(ctx context.Context, reqs []core.GenerateRequest, emit func(i int, d core.Delta) error) (replies []core.Reply, err error) {
	done, err := g.use()
	if err != nil {
		return nil, err
	}
	defer done()
	if len(reqs) == 0 {
		return nil, nil
	}
	rows := make([]*row, len(reqs))
	capacity := 0
	for i, q := range reqs {
		if rows[i], err = g.newRow(i, q); err != nil {
			return nil, fmt.Errorf("request %d: %w", i, err)
		}
		capacity = max(capacity, len(rows[i].prompt)+rows[i].maxNew)
	}
	if emit == nil {
		emit = func(int, core.Delta) error { return nil }
	}
	err = g.run(ctx, rows, capacity, emit)
	replies = make([]core.Reply, len(rows))
	for i, r := range rows {
		r.reply.Text = string(r.answer)
		replies[i] = r.reply
	}
	if err != nil {
		return replies, readable(fmt.Errorf("generate with %q: %w", g.info.Name, err))
	}
	return replies, nil
}

func (g *Generator) newRow(i int, q core.GenerateRequest) (*row, error) {
	if err := ValidateSampling(q.Sampling); err != nil {
		return nil, err
	}
	limit := g.model.MaxPositionEmbeddings
	r := &row{prompt: g.tok.Encode(q.Prompt), text: textStream{stops: q.Sampling.Stop}}
	if len(r.prompt) == 0 {
		r.prompt = slices.Clone(g.model.BOS)
	}
	if len(r.prompt) == 0 {
		return nil, core.Explain(fmt.Errorf("prompt without tokens: %w", core.ErrEmpty), "error.prompt.empty")
	}
	if len(r.prompt) >= limit {
		return nil, core.Explain(fmt.Errorf("prompt of %d tokens for a model of %d: %w", len(r.prompt), limit, core.ErrTooLarge),
			"error.prompt.too_long", len(r.prompt), limit)
	}
	for _, id := range r.prompt {
		if id < 0 || int(id) >= g.model.VocabSize {
			return nil, fmt.Errorf("token %d for %d embeddings: %w", id, g.model.VocabSize, core.ErrCorrupt)
		}
	}
	r.maxNew = limit - len(r.prompt)
	if n := q.Sampling.MaxNewTokens; n > 0 {
		r.maxNew = min(r.maxNew, n)
	}
	r.sampler = NewSampler(q.Sampling, r.prompt, i)
	r.logits = make([]float32, g.model.VocabSize)
	r.reply.PromptTokens = len(r.prompt)
	return r, nil
}

// run prefills every row, then decodes one token per row and round.
func (g *Generator) run(ctx context.Context, rows []*row, capacity int, emit func(int, core.Delta) error) (err error) {
	start := time.Now()
	var cache *KVCache
	err = g.dev.Do(ctx, func(s *torch.Scope) (err error) {
		cache, err = g.model.newCache(s, len(rows), capacity)
		return err
	})
	if err != nil {
		return err
	}
	defer func() {
		_ = g.dev.Do(context.WithoutCancel(ctx), func(*torch.Scope) error { cache.Close(); return nil })
	}()
	for i, r := range rows {
		if err := prefill(ctx, g.dev, cache, i, r.prompt, g.chunk(), r.logits); err != nil {
			return err
		}
	}
	prefilled := time.Now()
	for _, r := range rows {
		r.reply.PrefillSeconds = prefilled.Sub(start).Seconds()
	}
	for {
		open := 0
		for i, r := range rows {
			if r.done {
				continue
			}
			if err := g.accept(r, func(d core.Delta) error { return emit(i, d) }); err != nil {
				return err
			}
			r.reply.DecodeSeconds = time.Since(prefilled).Seconds()
			if !r.done {
				open++
			}
		}
		if open == 0 {
			return nil
		}
		if err := decode(ctx, g.dev, cache, rows); err != nil {
			return err
		}
	}
}

func (g *Generator) chunk() int {
	if g.dev.CUDA() {
		return chunkCUDA
	}
	return chunkCPU
}

// accept samples the row's next token from its logits and hands out the text that is certain now.
func (g *Generator) accept(r *row, emit func(core.Delta) error) (err error) {
	if r.next, err = r.sampler.Next(r.logits); err != nil {
		return err
	}
	text, stop := "", core.StopReason("")
	if slices.Contains(g.end, r.next) {
		text, stop = r.text.flush(), core.StopEnd
	} else {
		r.reply.NewTokens++
		r.held++
		var stopped bool
		text, stopped = r.text.push(g.tok.DecodeBytes([]int32{r.next}))
		switch {
		case stopped:
			stop = core.StopString
		case r.reply.NewTokens >= r.maxNew:
			text, stop = text+r.text.flush(), core.StopLength
		}
	}
	r.done, r.reply.Stop = stop != "", stop
	if text == "" {
		return nil
	}
	r.answer = append(r.answer, text...)
	d := core.Delta{Text: text, Tokens: r.held}
	r.held = 0
	return emit(d)
}

// prefill runs a prompt through the model in chunks; logits [V] gets those of its last token. ctx is looked at
// before each chunk; what went through stays in the cache.
func prefill(ctx context.Context, dev *device.Device, cache *KVCache, row int, prompt []int32, chunk int, logits []float32) error {
	for len(prompt) > 0 {
		n := min(chunk, len(prompt))
		last := n == len(prompt)
		err := dev.Do(ctx, func(s *torch.Scope) error {
			at, err := cache.chunk(s, row, n)
			if err != nil {
				return err
			}
			ids := s.Ints(wide(prompt[:n]), 1, int64(n))
			out := cache.model.forward(s, ids, at, cache, last)
			if last {
				s.Read(out, logits)
			}
			if err := s.Err(); err != nil {
				return err
			}
			cache.advance(at, nil)
			return nil
		})
		if err != nil {
			return fmt.Errorf("prefill: %w", err)
		}
		prompt = prompt[n:]
	}
	return nil
}

// decode feeds each open row's newest token and reads the logits that follow. Closed rows run along without
// moving on.
func decode(ctx context.Context, dev *device.Device, cache *KVCache, rows []*row) error {
	err := dev.Do(ctx, func(s *torch.Scope) error {
		at, err := cache.next(s)
		if err != nil {
			return err
		}
		ids := make([]int64, len(rows))
		for i, r := range rows {
			if !r.done {
				ids[i] = int64(r.next)
			}
		}
		out := cache.model.forward(s, s.Ints(ids, at.b, 1), at, cache, true) // [B, 1, V]
		for i, r := range rows {
			if !r.done {
				s.Read(s.Select(out, 0, int64(i)), r.logits)
			}
		}
		if err := s.Err(); err != nil {
			return err
		}
		cache.advance(at, func(i int) bool { return !rows[i].done })
		return nil
	})
	if err != nil {
		return fmt.Errorf("decode: %w", err)
	}
	return nil
}

func wide(ids []int32) []int64 {
	out := make([]int64, len(ids))
	for i, id := range ids {
		out[i] = int64(id)
	}
	return out
}
