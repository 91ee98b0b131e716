//go:build torch

package bert

import (
	"context"
	"fmt"
	"time"

	"kakoi/core"
	"kakoi/core/internal/torch"
)

// Bench measures an embedder on SampleTexts, passages with their prompt, and hands each figure to emit: "load";
// "matrix", the rate of a plain matrix product on this device in this dtype; "embed"; "peer" where one is asked for.
func Bench(ctx context.Context, opt BenchOptions, emit func(BenchResult) error) (err error) {
	start := time.Now()
	e, err := Load(ctx, opt.Dir, opt.Load, nil)
	if err != nil {
		return err
	}
	loaded := time.Since(start).Seconds()
	defer func() {
		if cerr := e.Close(); err == nil {
			err = cerr
		}
	}()
	base := BenchResult{Device: e.info.Device, DType: e.model.arithmetic(), Instructions: e.model.instructions()}
	opt.fill(e.dev.CUDA())
	texts := SampleTexts(opt.Texts, 1)

	load, matrix := base, base
	load.Name, load.Seconds = "load", loaded
	if err := emit(load); err != nil {
		return err
	}
	matrix.Name = "matrix"
	if matrix.Seconds, matrix.GFLOPPerSecond, err = e.matrixRate(ctx); err != nil {
		return err
	}
	if err := emit(matrix); err != nil {
		return err
	}
	r, err := e.benchEmbed(ctx, base, texts, opt.Runs)
	if err != nil {
		return err
	}
	r.OfMatrix = r.GFLOPPerSecond / matrix.GFLOPPerSecond
	if err := emit(r); err != nil || opt.Peer == "" {
		return err
	}
	peer, err := RunPeer(ctx, opt.Peer, opt.Dir, texts, opt.Runs, opt.Batch, e.info.Device)
	if err != nil {
		return err
	}
	peer.Tokens, peer.TokensPerSecond = r.Tokens, float64(r.Tokens)/peer.Seconds
	return emit(peer)
}

func (o *BenchOptions) fill(cuda bool) {
	if o.Texts <= 0 {
		o.Texts = 256
		if cuda {
			o.Texts = 4096
		}
	}
	if o.Runs <= 0 {
		o.Runs = 3
	}
	if o.Batch <= 0 {
		o.Batch = 32
	}
}

// benchEmbed embeds texts several times and keeps the best.
func (e *Embedder) benchEmbed(ctx context.Context, r BenchResult, texts []string, runs int) (BenchResult, error) {
	ws, err := e.reader.readAll(ctx, core.EmbedPassage, 0, texts)
	if err != nil {
		return r, err
	}
	flops := 0.0
	for _, w := range ws {
		n := float64(len(w.ids))
		h, g := float64(e.config.Hidden), float64(e.config.Inner)
		r.Tokens += len(w.ids)
		flops += float64(e.config.Layers) * (n*2*(4*h*h+2*h*g) + 4*n*n*h)
	}
	r.Name, r.Texts = "embed", len(texts)
	if _, err := e.Embed(ctx, core.EmbedPassage, texts[:min(len(texts), 64)]); err != nil {
		return r, err
	}
	for range runs {
		start := time.Now()
		if _, err := e.Embed(ctx, core.EmbedPassage, texts); err != nil {
			return r, err
		}
		if s := time.Since(start).Seconds(); r.Seconds == 0 || s < r.Seconds {
			r.Seconds = s
		}
	}
	r.ChunksPerSecond, r.TokensPerSecond = float64(len(texts))/r.Seconds, float64(r.Tokens)/r.Seconds
	r.GFLOPPerSecond = flops / r.Seconds / 1e9
	return r, nil
}

// matrixRate is the best rate of a matrix product of the model's arithmetic in GFLOP/s, and the seconds it took.
func (e *Embedder) matrixRate(ctx context.Context) (seconds, gflops float64, err error) {
	err = e.dev.Do(ctx, func(s *torch.Scope) error {
		for range 5 {
			start := time.Now()
			flops, err := e.model.products(s)
			if err != nil {
				return fmt.Errorf("matrix product: %w", err)
			}
			t := time.Since(start).Seconds()
			if rate := flops / t / 1e9; rate > gflops {
				seconds, gflops = t, rate
			}
		}
		return nil
	})
	return seconds, gflops, err
}
