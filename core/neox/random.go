//go:build torch

package neox

import (
	"context"
	"fmt"

	"kakoi/core"
	"kakoi/core/internal/torch"
)

// Random is a Generator over random weights of a shape, made on the device itself, for figures. Its tokenizer makes one token of a
// byte. Without copies a 4-bit model keeps none of its matrices in bf16, however much memory there is.
func Random(ctx context.Context, cfg Config, opt LoadOptions, copies bool) (*Generator, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	dev, as, err := place(opt, cfg, stored{"BF16", "BF16"})
	if err != nil {
		return nil, readable(err)
	}
	if !copies {
		as.plan.Free = 0
	}
	run, err := newRunner(ctx, dev, cfg, as, randomSource{shapes: tensorShapes(cfg)}, nil)
	if err != nil {
		return nil, readable(err)
	}
	g := newGenerator(cfg, dev, run, byteTokens(cfg.VocabSize), []int32{2})
	g.plan = as.plan
	g.info = core.GeneratorInfo{
		ID: "random", Name: "random", MaxTokens: cfg.MaxPositionEmbeddings, Layers: cfg.Layers, Hidden: cfg.HiddenSize, Vocab: cfg.VocabSize,
		Device: dev.Name(), DType: run.traits().dtype, Bytes: run.bytes(),
	}
	return g, nil
}

// byteTokens is a tokenizer of bytes, for a vocabulary of so many tokens.
type byteTokens int

func (b byteTokens) Encode(text string) []int32 {
	ids := make([]int32, len(text))
	for i := range len(text) {
		ids[i] = int32(text[i]) % int32(b)
	}
	return ids
}

func (b byteTokens) DecodeBytes(ids []int32) []byte {
	out := make([]byte, len(ids))
	for i, id := range ids {
		out[i] = byte(id)
	}
	return out
}

func (b byteTokens) VocabSize() int { return int(b) }
func (b byteTokens) Close() error   { return nil }

// MatrixRate measures the product of square matrices in a type on the model's device: operations a second, the median of some runs.
func (g *Generator) MatrixRate(ctx context.Context, dtype torch.DType) (float64, error) {
	b := &bench{ctx: ctx, cfg: g.cfg, dev: g.dev, run: g.run, as: storage{dtype: dtype}, opt: BenchOptions{Seconds: 1}}
	side, often := int64(1024), 1
	if g.dev.CUDA() {
		side, often = 8192, 8
	}
	t, _, err := b.inOneGo(func(s *torch.Scope) func() {
		x, y := s.Normal(s.Empty(dtype, side, side), 0, 1), s.Normal(s.Empty(dtype, side, side), 0, 1)
		return func() {
			for range often {
				s.Drop(s.MatMul(x, y))
			}
		}
	})
	if err != nil {
		return 0, fmt.Errorf("matrix rate: %w", err)
	}
	return 2 * float64(side*side*side) * float64(often) / t.Seconds(), nil
}
