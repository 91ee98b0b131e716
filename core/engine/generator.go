package engine

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"kakoi/core"
	pb "kakoi/core/engine/enginepb"
	"kakoi/core/engine/internal/wire"
)

type generator struct {
	*model
	info atomic.Pointer[core.GeneratorInfo]
}

// LoadGenerator loads the model folder dir. Loading it twice holds its weights twice.
func (c *Client) LoadGenerator(ctx context.Context, dir string, opt ModelOptions, p core.Progress) (core.Generator, error) {
	g := &generator{model: newModel(c, kindGenerator, dir, opt)}
	if err := load(ctx, g.model, &g.info, func(i core.GeneratorInfo) string { return i.ID }, p); err != nil {
		return nil, err
	}
	return g, nil
}

func (g *generator) Info() core.GeneratorInfo { return *g.info.Load() }

func (g *generator) CountTokens(ctx context.Context, texts []string) ([]int, error) {
	out := make([]int, 0, len(texts))
	for len(texts) > 0 {
		n := batch(texts)
		counts, err := g.count(ctx, texts[:n])
		if err != nil {
			return nil, err
		}
		out = append(out, counts...)
		texts = texts[n:]
	}
	return out, nil
}

func (g *generator) count(ctx context.Context, texts []string) ([]int, error) {
	eng, handle, err := g.in(ctx, nil)
	if err != nil {
		return nil, fmt.Errorf("count tokens with %q: %w", g.name(), err)
	}
	named, done := g.c.call(ctx, eng)
	defer done()
	r, err := eng.pb.CountTokens(named, &pb.CountTokensRequest{Handle: handle, Texts: wire.Bytes(texts)})
	if err != nil {
		return nil, g.doing("count tokens", eng, ctx, err)
	}
	if len(r.Counts) != len(texts) {
		return nil, fmt.Errorf("count tokens with %q: %d counts for %d texts: %w", g.name(), len(r.Counts), len(texts), core.ErrCorrupt)
	}
	counts := make([]int, len(texts))
	for i, n := range r.Counts {
		counts[i] = int(n)
	}
	return counts, nil
}

// Generate streams; when it ends early the replies hold the text and the tokens that came.
func (g *generator) Generate(ctx context.Context, reqs []core.GenerateRequest, emit func(i int, d core.Delta) error) ([]core.Reply, error) {
	eng, handle, err := g.in(ctx, nil)
	if err != nil {
		return nil, fmt.Errorf("generate with %q: %w", g.name(), err)
	}
	named, done := g.c.call(ctx, eng)
	defer done()
	req := &pb.GenerateRequest{Handle: handle}
	for _, r := range reqs {
		s := r.Sampling
		p := &pb.Prompt{
			Text: []byte(r.Prompt), Temperature: s.Temperature, TopK: int64(s.TopK), TopP: s.TopP, RepetitionPenalty: s.RepetitionPenalty,
			Seed: s.Seed, MaxNewTokens: int64(s.MaxNewTokens), Stop: wire.Bytes(s.Stop), Adapter: []byte(r.Adapter), Plain: r.Plain,
		}
		if x := r.Refusal; x != nil {
			p.Refusal = &pb.Refusal{Text: []byte(x.Text), Common: []byte(x.Common), Decide: x.Decide, Bound: x.Bound}
		}
		req.Prompts = append(req.Prompts, p)
	}
	replies := make([]core.Reply, len(reqs))
	finished := false
	stream, err := eng.pb.Generate(named, req)
	if err == nil {
		err = receive(stream, func(ev *pb.GenerateEvent) error {
			switch e := ev.Event.(type) {
			case *pb.GenerateEvent_Delta:
				i := int(e.Delta.Index)
				if i < 0 || i >= len(replies) {
					return fmt.Errorf("delta for prompt %d of %d: %w", i, len(replies), core.ErrCorrupt)
				}
				d := core.Delta{Text: string(e.Delta.Text), Tokens: int(e.Delta.Tokens)}
				replies[i].Text += d.Text
				replies[i].NewTokens += d.Tokens
				if emit != nil {
					return emit(i, d)
				}
			case *pb.GenerateEvent_Replies:
				if len(e.Replies.Replies) != len(reqs) {
					return fmt.Errorf("%d replies for %d prompts: %w", len(e.Replies.Replies), len(reqs), core.ErrCorrupt)
				}
				for i, r := range e.Replies.Replies {
					replies[i] = core.Reply{
						Text: string(r.Text), PromptTokens: int(r.PromptTokens), NewTokens: int(r.NewTokens), Stop: core.StopReason(r.Stop),
						PrefillSeconds: r.PrefillSeconds, DecodeSeconds: r.DecodeSeconds,
						ReusedTokens: int(r.ReusedTokens), GuessedTokens: int(r.GuessedTokens), RightTokens: int(r.RightTokens), Tokens: r.Tokens,
					}
					if x := r.Refusal; x != nil {
						replies[i].Refusal = &core.RefusalScore{Probability: x.Probability, Tokens: int(x.Tokens), Refused: x.Refused}
					}
				}
				finished = true
			}
			return nil
		})
	}
	var stop *stopped
	switch {
	case errors.As(err, &stop):
		return replies, stop.err
	case err != nil:
		return replies, g.doing("generate", eng, ctx, err)
	case !finished:
		return replies, fmt.Errorf("generate with %q: no reply came: %w", g.name(), core.ErrEngine)
	}
	return replies, nil
}
