package engine

import (
	"context"
	"fmt"
	"sync/atomic"

	"kakoi/core"
	pb "kakoi/core/engine/enginepb"
	"kakoi/core/engine/internal/wire"
)

type reranker struct {
	*model
	info atomic.Pointer[core.RerankerInfo]
}

// LoadReranker loads the folder dir of a cross-encoder. Loading it twice holds its weights twice.
func (c *Client) LoadReranker(ctx context.Context, dir string, opt ModelOptions, p core.Progress) (core.Reranker, error) {
	r := &reranker{model: newModel(c, kindReranker, dir, opt)}
	if err := load(ctx, r.model, &r.info, func(i core.RerankerInfo) string { return i.ID }, p); err != nil {
		return nil, err
	}
	return r, nil
}

func (r *reranker) Info() core.RerankerInfo { return *r.info.Load() }

func (r *reranker) Rerank(ctx context.Context, question string, texts []string) ([]float32, error) {
	out := make([]float32, 0, len(texts))
	for len(texts) > 0 {
		n := batch(texts)
		eng, handle, err := r.in(ctx, nil)
		if err != nil {
			return nil, fmt.Errorf("rerank %d texts with %q: %w", n, r.name(), err)
		}
		scores, err := r.some(ctx, eng, handle, question, texts[:n])
		if err != nil {
			return nil, err
		}
		out = append(out, scores...)
		texts = texts[n:]
	}
	return out, nil
}

func (r *reranker) some(ctx context.Context, eng *process, handle uint64, question string, texts []string) ([]float32, error) {
	named, done := r.c.call(ctx, eng)
	defer done()
	reply, err := eng.pb.Rerank(named, &pb.RerankRequest{Handle: handle, Question: []byte(question), Texts: wire.Bytes(texts)})
	if err != nil {
		return nil, r.doing(fmt.Sprintf("rerank %d texts", len(texts)), eng, ctx, err)
	}
	if len(reply.Scores) != len(texts) {
		return nil, fmt.Errorf("rerank with %q: %d scores of %d texts: %w", r.name(), len(reply.Scores), len(texts), core.ErrCorrupt)
	}
	return reply.Scores, nil
}
