package main

import (
	"context"
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"

	"kakoi/app"
	"kakoi/core"
	"kakoi/core/engine"
	"kakoi/core/vault"
)

// hashes is an engine inside this process whose vectors are made of the texts' hashes: for what a library costs beside its embedder.
type hashes struct{}

const hashDimension = 384

func startHashes(context.Context, *vault.Key) (app.Client, error) { return hashes{}, nil }

func (hashes) LoadEmbedder(context.Context, string, engine.ModelOptions, core.Progress) (core.Embedder, error) {
	return hashes{}, nil
}

func (hashes) LoadGenerator(context.Context, string, engine.ModelOptions, core.Progress) (core.Generator, error) {
	return nil, fmt.Errorf("generate by hashes: %w", core.ErrUnsupported)
}

func (hashes) Close() error { return nil }

func (hashes) Info() core.EmbedderInfo {
	return core.EmbedderInfo{ID: "00000000hashes00", Name: "hashes", Dimension: hashDimension, MaxTokens: 512, Device: "cpu"}
}

func (hashes) Embed(ctx context.Context, _ core.EmbedKind, texts []string) ([]core.Vector, error) {
	out := make([]core.Vector, len(texts))
	for i, text := range texts {
		h := fnv.New64a()
		h.Write([]byte(text))
		rng := rand.New(rand.NewPCG(h.Sum64(), 1))
		v, sum := make(core.Vector, hashDimension), 0.0
		for k := range v {
			v[k] = float32(rng.NormFloat64())
			sum += float64(v[k]) * float64(v[k])
		}
		for k := range v {
			v[k] /= float32(math.Sqrt(sum))
		}
		out[i] = v
	}
	return out, ctx.Err()
}
