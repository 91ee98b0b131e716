//go:build torch

package neox

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"kakoi/core"
	"kakoi/core/internal/device"
	"kakoi/core/internal/torch"
	"kakoi/core/vault"
)

// tokenizer is what generation needs of token.Tokenizer.
type tokenizer interface {
	Encode(text string) []int32
	DecodeBytes(ids []int32) []byte
	VocabSize() int
	Close() error
}

// Generator is core.Generator over one model. It is safe for concurrent use: calls share the steps of one loop, see
// schedule.go.
type Generator struct {
	info     core.GeneratorInfo
	cfg      Config
	dev      *device.Device
	run      runner
	tok      tokenizer
	end      []int32
	lookup   bool // guess from the prompt where a request does not say otherwise
	adapters adapters
	loop     schedule
	plan     PlanRequest // of the load: device, dtype and shape
	keeper   *keeper     // writes the 4-bit form; nil: nothing to write
	dir      string      // the model's folder; empty: made of random numbers
	key      *vault.Key  // of adapters and runs; see LoadOptions

	mu     sync.RWMutex // held for reading by calls, for writing by Close
	closed bool
}

var _ core.Generator = (*Generator)(nil)

// newGenerator makes a Generator over a loaded model, which it owns from then on. Lookup is on where the runner
// gives the same answers with it.
func newGenerator(cfg Config, dev *device.Device, run runner, tok tokenizer, end []int32) *Generator {
	g := &Generator{cfg: cfg, dev: dev, run: run, tok: tok, end: end, lookup: run.traits().exact}
	g.adapters.g, g.loop.g = g, g
	g.loop.costs = newCosts(run.traits().lanes)
	g.loop.belief = newBelief()
	return g
}

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
	g.keeper.stop()
	g.loop.close()
	err := g.dev.Do(context.Background(), func(*torch.Scope) error {
		g.run.close()
		if g.dev.CUDA() {
			torch.EmptyCache()
		}
		return nil
	})
	return errors.Join(err, g.tok.Close())
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

// Generate implements core.Generator.
func (g *Generator) Generate(ctx context.Context, reqs []core.GenerateRequest, emit func(i int, d core.Delta) error) (replies []core.Reply, err error) {
	done, err := g.use()
	if err != nil {
		return nil, err
	}
	defer done()
	if len(reqs) == 0 {
		return nil, nil
	}
	c := newCall(ctx, len(reqs))
	rows := make([]*row, len(reqs))
	for i, q := range reqs {
		if rows[i], err = g.newRow(c, i, q); err != nil {
			return nil, fmt.Errorf("request %d: %w", i, err)
		}
		c.replies[i].PromptTokens = len(rows[i].prompt)
	}
	release, err := g.adapters.use(ctx, reqs, rows)
	defer release()
	if err != nil {
		return c.replies, readable(err)
	}
	if emit == nil {
		emit = func(int, core.Delta) error { return nil }
	}
	g.loop.submit(rows)
	if err := c.serve(emit); err != nil {
		return c.replies, readable(fmt.Errorf("generate with %q: %w", g.info.Name, err))
	}
	return c.replies, nil
}

// newRow checks a request and makes its row.
func (g *Generator) newRow(c *call, i int, q core.GenerateRequest) (*row, error) {
	if err := ValidateSampling(q.Sampling); err != nil {
		return nil, err
	}
	limit := g.cfg.MaxPositionEmbeddings
	r := &row{call: c, index: i, prompt: g.tok.Encode(q.Prompt), text: textStream{stops: q.Sampling.Stop}, plain: q.Plain, set: q.Sampling}
	if len(r.prompt) == 0 {
		r.prompt = slices.Clone(g.cfg.BOS)
	}
	if len(r.prompt) == 0 {
		return nil, core.Explain(fmt.Errorf("prompt without tokens: %w", core.ErrEmpty), "error.prompt.empty")
	}
	if len(r.prompt) >= limit {
		return nil, core.Explain(fmt.Errorf("prompt of %d tokens for a model of %d: %w", len(r.prompt), limit, core.ErrTooLarge),
			"error.prompt.too_long", len(r.prompt), limit)
	}
	for _, id := range r.prompt {
		if id < 0 || int(id) >= g.cfg.VocabSize {
			return nil, fmt.Errorf("token %d for %d embeddings: %w", id, g.cfg.VocabSize, core.ErrCorrupt)
		}
	}
	r.maxNew = limit - len(r.prompt)
	if n := q.Sampling.MaxNewTokens; n > 0 {
		r.maxNew = min(r.maxNew, n)
	}
	if q.Refusal != nil {
		var err error
		if r.refusal, err = g.newRefusal(*q.Refusal, q.Prompt, r.prompt); err != nil {
			return nil, err
		}
	}
	r.sampler = NewSampler(q.Sampling, r.prompt, i)
	r.reply.PromptTokens = len(r.prompt)
	return r, nil
}
