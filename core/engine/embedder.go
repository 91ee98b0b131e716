package engine

import (
	"context"
	"fmt"
	"sync/atomic"

	"kakoi/core"
	pb "kakoi/core/engine/enginepb"
	"kakoi/core/engine/internal/wire"
)

const (
	maxBatchBytes = 8 << 20 // of text in one message
	maxBatchTexts = 1024    // in one message: 16 MiB of vectors at 4096 dimensions
)

type embedder struct {
	*model
	info atomic.Pointer[core.EmbedderInfo]
}

// LoadEmbedder loads the model folder dir. Loading it twice holds its weights twice.
func (c *Client) LoadEmbedder(ctx context.Context, dir string, opt ModelOptions, p core.Progress) (core.Embedder, error) {
	e := &embedder{model: newModel(c, kindEmbedder, dir, opt)}
	if err := load(ctx, e.model, &e.info, func(i core.EmbedderInfo) string { return i.ID }, p); err != nil {
		return nil, err
	}
	return e, nil
}

func (e *embedder) Info() core.EmbedderInfo { return *e.info.Load() }

func (e *embedder) Embed(ctx context.Context, kind core.EmbedKind, texts []string) ([]core.Vector, error) {
	out := make([]core.Vector, 0, len(texts))
	for len(texts) > 0 {
		n := batch(texts)
		vecs, err := e.embed(ctx, kind, texts[:n])
		if err != nil {
			return nil, err
		}
		out = append(out, vecs...)
		texts = texts[n:]
	}
	return out, nil
}

func (e *embedder) embed(ctx context.Context, kind core.EmbedKind, texts []string) ([]core.Vector, error) {
	eng, handle, err := e.in(ctx, nil)
	if err != nil {
		return nil, fmt.Errorf("embed %d texts with %q: %w", len(texts), e.name(), err)
	}
	named, done := e.c.call(ctx, eng)
	defer done()
	r, err := eng.pb.Embed(named, &pb.EmbedRequest{Handle: handle, Kind: int32(kind), Texts: wire.Bytes(texts)})
	if err != nil {
		return nil, e.doing(fmt.Sprintf("embed %d texts", len(texts)), eng, ctx, err)
	}
	return wire.UnpackVectors(len(texts), int(r.Dimension), r.Vectors)
}

// batch says how many of texts (at least one) fit one message.
func batch(texts []string) int {
	size := 0
	for i, t := range texts {
		size += len(t)
		if i > 0 && (size > maxBatchBytes || i == maxBatchTexts) {
			return i
		}
	}
	return len(texts)
}
