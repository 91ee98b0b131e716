//go:build torch

package neox

import (
	"context"
	"fmt"
	"math/rand/v2"

	"kakoi/core"
	"kakoi/core/internal/torch"
	"kakoi/core/lora"
)

// tokens measures prefill, or decode.
func (b *bench) tokens(what string, copying, product float64) error {
	prompt, fresh := b.opt.Prompt, b.opt.New
	if prompt <= 0 {
		prompt = 600
	}
	if fresh <= 0 {
		fresh = 64
	}
	limit := b.cfg.MaxPositionEmbeddings - verifyMost
	if limit < 2 {
		return fmt.Errorf("bench %s with a context of %d: %w", what, b.cfg.MaxPositionEmbeddings, core.ErrUsage)
	}
	fresh = min(fresh, limit-1)
	prompt = min(prompt, limit-fresh)
	b.ids = make([]int32, prompt)
	for i := range b.ids {
		b.ids[i] = int32(i * 7919 % b.cfg.VocabSize)
	}
	rows := max(1, b.opt.Batch)
	err := b.dev.Do(b.ctx, func(s *torch.Scope) (err error) {
		if b.opt.LoRA > 0 {
			a, err := randomAdapter(b.cfg, b.opt.LoRA)
			if err != nil {
				return err
			}
			if b.adapter, err = b.run.attach(s, a); err != nil {
				return err
			}
			b.read = 2 * a.Parameters()
		}
		b.st, err = b.run.room(s, rows, prompt+fresh+verifyMost)
		return err
	})
	if err != nil {
		return err
	}
	defer func() {
		_ = b.dev.Do(context.WithoutCancel(b.ctx), func(*torch.Scope) error { b.st.close(); return nil })
	}()
	if what == "prefill" {
		return b.prefill(product)
	}
	return b.decode(rows, fresh, copying)
}

// verifyMost is the most tokens of one row that a step of the benchmark takes.
const verifyMost = 16

// fill runs the prompt through row.
func (b *bench) fill(row int, logits []float32) error {
	rest := b.ids
	for chunk := b.run.traits().chunk; len(rest) > 0; {
		n := min(chunk, len(rest))
		err := b.dev.Do(b.ctx, func(s *torch.Scope) error {
			if len(rest) == len(b.ids) {
				b.st.keep(row, 0)
			}
			if n == len(rest) {
				return b.st.prefill(s, row, rest[:n], b.adapter, logits)
			}
			return b.st.prefill(s, row, rest[:n], b.adapter, nil)
		})
		if err != nil {
			return err
		}
		rest = rest[n:]
	}
	return nil
}

// body is the number of weights that every token of a prompt is multiplied with; the head runs for the last only.
func (b *bench) body() int64 {
	n := b.cfg.Parameters() - int64(b.cfg.VocabSize*b.cfg.HiddenSize)
	if !b.cfg.TieWordEmbeddings {
		n -= int64(b.cfg.VocabSize * b.cfg.HiddenSize)
	}
	return n
}

func (b *bench) prefill(product float64) error {
	logits := make([]float32, b.cfg.VocabSize)
	measure := func(name string) error {
		beside, bound := b.multiplies()
		times, n, err := b.medians(append([]func() error{func() error { return b.fill(0, logits) }}, beside...)...)
		if err != nil {
			return err
		}
		t, tokens, adds := times[0], float64(len(b.ids)), float64(b.body())
		r := BenchResult{Name: name, Runs: n, Tokens: len(b.ids), LoRA: b.opt.LoRA, Milliseconds: millis(t), TokensPerSec: tokens / t.Seconds(),
			GFLOPPerSec: 2 * adds * tokens / 1e9 / t.Seconds()}
		if r.Beside = bound(times[1:]); r.Beside > 0 {
			product, adds = r.Beside, b.run.(ownBounds).multiplied()
		}
		r.OfLimit = 2 * adds * tokens / 1e9 / t.Seconds() / product
		b.report(r)
		return nil
	}
	if err := measure("prefill"); err != nil {
		return err
	}
	if x, ok := b.st.(interface {
		timeParts(s *torch.Scope, ids []int32, adapter int, emit func(name string, ms float64)) error
	}); ok {
		err := b.dev.Do(b.ctx, func(s *torch.Scope) error {
			return x.timeParts(s, b.ids, b.adapter, func(name string, ms float64) {
				b.report(BenchResult{Name: "prefill: " + name, Runs: 1, Tokens: min(len(b.ids), b.run.traits().chunk), Milliseconds: ms})
			})
		})
		if err != nil {
			return err
		}
	}
	if x, ok := b.run.(interface {
		pauseCopies() (resume func(), had bool)
	}); ok {
		if resume, had := x.pauseCopies(); had {
			defer resume()
			return measure("prefill, without bf16 copies")
		}
	}
	return nil
}

// decode measures one row, where asked for several rows at once, and several tokens of one row.
func (b *bench) decode(rows, fresh int, copying float64) error {
	for row := range rows {
		if err := b.fill(row, nil); err != nil {
			return err
		}
	}
	one, err := b.rows(1, fresh, copying, 0)
	if err != nil {
		return err
	}
	if rows > 1 {
		if _, err := b.rows(rows, fresh, copying, one); err != nil {
			return err
		}
	}
	for m := 1; m <= min(verifyMost, b.run.traits().lanes); m *= 2 {
		if err := b.verify(m, copying, one); err != nil {
			return err
		}
	}
	return nil
}

// rows decodes fresh tokens greedily for each of n rows at once and gives the seconds of a step. Where the state can,
// it chooses the tokens itself and goes on without the host.
func (b *bench) rows(n, fresh int, copying, one float64) (float64, error) {
	prompt := len(b.ids)
	set, u := make([]core.Sampling, n), make([][]float64, fresh)
	for i := range u {
		u[i] = make([]float64, n)
	}
	logits := make([][]float32, n)
	for i := range logits {
		logits[i] = make([]float32, b.cfg.VocabSize)
	}
	beside, bound := b.reads()
	times, runs, err := b.medians(append([]func() error{func() error {
		l := make([]lane, n)
		for i := range l {
			l[i] = lane{row: i, adapter: b.adapter}
		}
		for done := 0; done < fresh; {
			err := b.dev.Do(b.ctx, func(s *torch.Scope) error {
				for i := range n {
					b.st.keep(i, prompt+done)
				}
				if c, ok := b.st.(chooser); ok {
					k := min(fresh-done, runSteps(b.run))
					ids, err := c.run(s, l, set, u[done:done+k], k)
					if err != nil {
						return err
					}
					for i := range l {
						l[i].id = ids[k-1][i]
					}
					done += k
					return nil
				}
				if err := b.st.lanes(s, l, logits); err != nil {
					return err
				}
				for i := range l {
					l[i].id = max(0, argmax(logits[i]))
				}
				done++
				return nil
			})
			if err != nil {
				return err
			}
		}
		return nil
	}}, beside...)...)
	if err != nil {
		return 0, err
	}
	t := times[0]
	step := t.Seconds() / float64(fresh)
	r := BenchResult{Name: "decode", Runs: runs, Tokens: fresh * n, Context: prompt, LoRA: b.opt.LoRA, Milliseconds: millis(t), TokensPerSec: float64(n) / step}
	if n > 1 {
		r.Rows, r.OfOne = n, step/one
	}
	if r.Beside = bound(times[1:]); r.Beside > 0 {
		copying = r.Beside
	}
	b.limited(&r, n, step, copying)
	return step, nil
}

// runSteps is how many tokens a chooser of the runner decodes without the host.
func runSteps(r runner) int {
	if x, ok := r.(interface{ steps() int }); ok {
		return x.steps()
	}
	return 1
}

// limited adds what a step of n rows reads, and how that stands to the bandwidth.
func (b *bench) limited(r *BenchResult, n int, step, copying float64) {
	read := float64(b.run.traits().read+b.read) + float64(n)*float64(b.run.rowBytes(len(b.ids)+r.Tokens/max(1, n)/2))
	r.BytesPerTok, r.GBPerSec, r.OfLimit = read/float64(n), read/step/1e9, read/step/1e9/copying
	b.report(*r)
}

// verify measures a step of m tokens of one row, as when drafts are checked: the token after each comes back.
func (b *bench) verify(m int, copying, one float64) error {
	prompt := len(b.ids)
	l, set, u := make([]lane, m), make([]core.Sampling, m), make([]float64, m)
	logits := make([][]float32, m)
	for i := range l {
		l[i] = lane{id: int32((i*31 + 7) % b.cfg.VocabSize), adapter: b.adapter}
		logits[i] = make([]float32, b.cfg.VocabSize)
	}
	const often = 16 // steps of a run: the clock is coarse beside one
	t, runs, err := b.median(func() error {
		return b.dev.Do(b.ctx, func(s *torch.Scope) error {
			for range often {
				b.st.keep(0, prompt)
				if c, ok := b.st.(chooser); ok {
					if _, err := c.choose(s, l, set, u); err != nil {
						return err
					}
				} else if err := b.st.lanes(s, l, logits); err != nil {
					return err
				}
			}
			return nil
		})
	})
	if err != nil {
		return err
	}
	step := t.Seconds() / often
	r := BenchResult{Name: "verify", Runs: runs, Tokens: m, Rows: m, Context: prompt, LoRA: b.opt.LoRA, Milliseconds: step * 1e3, TokensPerSec: float64(m) / step, OfOne: step / one}
	b.limited(&r, 1, step, copying)
	return nil
}

// randomAdapter is a LoRA on query_key_value of a model of this shape.
func randomAdapter(c Config, rank int) (*lora.Adapter, error) {
	rng := rand.New(rand.NewPCG(1, 2))
	noise := func(n int, scale float64) []float32 {
		v := make([]float32, n)
		for i := range v {
			v[i] = float32(rng.NormFloat64() * scale)
		}
		return v
	}
	var ts []lora.Target
	for i := range c.Layers {
		ts = append(ts, lora.Target{Layer: i, Name: lora.QueryKeyValue, Rank: rank, In: c.HiddenSize, Out: 3 * c.HiddenSize, Alpha: float64(4 * rank),
			A: noise(rank*c.HiddenSize, 0.02), B: noise(3*c.HiddenSize*rank, 0.02)})
	}
	a := lora.Adapter{Name: "random", Targets: ts}
	return lora.New(a)
}
