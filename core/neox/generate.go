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

// Generator is core.Generator over one model. It is safe for concurrent use; calls take turns on the device
// chunk by chunk.
type Generator struct {
	info core.GeneratorInfo
	cfg  Config
	dev  *device.Device
	run  runner
	tok  tokenizer
	end  []int32

	mu     sync.RWMutex // held for reading by calls, for writing by Close
	closed bool
}

var _ core.Generator = (*Generator)(nil)

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
	if g.run != nil {
		err = g.dev.Do(context.Background(), func(*torch.Scope) error {
			g.run.close()
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
	err = g.decode(ctx, rows, capacity, emit)
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
	limit := g.cfg.MaxPositionEmbeddings
	r := &row{prompt: g.tok.Encode(q.Prompt), text: textStream{stops: q.Sampling.Stop}}
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
	r.sampler = NewSampler(q.Sampling, r.prompt, i)
	r.logits = make([]float32, g.cfg.VocabSize)
	r.reply.PromptTokens = len(r.prompt)
	return r, nil
}

// decode prefills every row, then decodes one token per row and round.
func (g *Generator) decode(ctx context.Context, rows []*row, capacity int, emit func(int, core.Delta) error) (err error) {
	start := time.Now()
	var st state
	err = g.dev.Do(ctx, func(s *torch.Scope) (err error) {
		st, err = g.run.room(s, len(rows), capacity)
		return err
	})
	if err != nil {
		return err
	}
	defer func() {
		_ = g.dev.Do(context.WithoutCancel(ctx), func(*torch.Scope) error { st.close(); return nil })
	}()
	for i, r := range rows {
		if err := prefill(ctx, g.dev, st, i, r.prompt, g.run.traits().chunk, r.logits); err != nil {
			return err
		}
	}
	prefilled := time.Now()
	for _, r := range rows {
		r.reply.PrefillSeconds = prefilled.Sub(start).Seconds()
	}
	for {
		var open []lane
		var logits [][]float32
		for i, r := range rows {
			if r.done {
				continue
			}
			if err := g.accept(r, func(d core.Delta) error { return emit(i, d) }); err != nil {
				return err
			}
			r.reply.DecodeSeconds = time.Since(prefilled).Seconds()
			if !r.done {
				open, logits = append(open, lane{row: i, id: r.next}), append(logits, r.logits)
			}
		}
		if len(open) == 0 {
			return nil
		}
		if err := step(ctx, g.dev, st, g.run.traits().lanes, open, logits); err != nil {
			return err
		}
	}
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
// before each chunk; what went through stays in the row.
func prefill(ctx context.Context, dev *device.Device, st state, row int, prompt []int32, chunk int, logits []float32) error {
	for len(prompt) > 0 {
		n := min(chunk, len(prompt))
		var out []float32
		if n == len(prompt) {
			out = logits
		}
		err := dev.Do(ctx, func(s *torch.Scope) error { return st.prefill(s, row, prompt[:n], 0, out) })
		if err != nil {
			return fmt.Errorf("prefill: %w", err)
		}
		prompt = prompt[n:]
	}
	return nil
}

// step feeds lanes, at most so many at once, and reads the logits that follow.
func step(ctx context.Context, dev *device.Device, st state, most int, l []lane, logits [][]float32) error {
	for len(l) > 0 {
		n := min(most, len(l))
		if err := dev.Do(ctx, func(s *torch.Scope) error { return st.lanes(s, l[:n], logits[:n]) }); err != nil {
			return fmt.Errorf("decode: %w", err)
		}
		l, logits = l[n:], logits[n:]
	}
	return nil
}
