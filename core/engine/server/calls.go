package server

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"

	"google.golang.org/grpc"

	"kakoi/core"
	"kakoi/core/engine"
	pb "kakoi/core/engine/enginepb"
	"kakoi/core/engine/internal/wire"
)

func (s *Server) CountTokens(ctx context.Context, r *pb.CountTokensRequest) (*pb.CountTokensReply, error) {
	e, err := s.use(r.Handle, "generator")
	if err != nil {
		return nil, err
	}
	defer e.leave()
	counts, err := e.gen.CountTokens(ctx, wire.Strings(r.Texts))
	if err != nil {
		return nil, err
	}
	reply := &pb.CountTokensReply{Counts: make([]int64, len(counts))}
	for i, n := range counts {
		reply.Counts[i] = int64(n)
	}
	return reply, nil
}

func (s *Server) Embed(ctx context.Context, r *pb.EmbedRequest) (*pb.EmbedReply, error) {
	e, err := s.use(r.Handle, "embedder")
	if err != nil {
		return nil, err
	}
	defer e.leave()
	vecs, err := e.emb.Embed(ctx, core.EmbedKind(r.Kind), wire.Strings(r.Texts))
	if err != nil {
		return nil, err
	}
	if len(vecs) != len(r.Texts) {
		return nil, fmt.Errorf("embed: %d vectors for %d texts: %w", len(vecs), len(r.Texts), core.ErrCorrupt)
	}
	dimension, packed, err := wire.PackVectors(vecs)
	if err != nil {
		return nil, err
	}
	return &pb.EmbedReply{Dimension: int32(dimension), Vectors: packed}, nil
}

func (s *Server) Rerank(ctx context.Context, r *pb.RerankRequest) (*pb.RerankReply, error) {
	e, err := s.use(r.Handle, "reranker")
	if err != nil {
		return nil, err
	}
	defer e.leave()
	scores, err := e.rank.Rerank(ctx, string(r.Question), wire.Strings(r.Texts))
	if err != nil {
		return nil, err
	}
	if len(scores) != len(r.Texts) {
		return nil, fmt.Errorf("rerank: %d scores for %d texts: %w", len(scores), len(r.Texts), core.ErrCorrupt)
	}
	return &pb.RerankReply{Scores: scores}, nil
}

func (s *Server) Generate(r *pb.GenerateRequest, out grpc.ServerStreamingServer[pb.GenerateEvent]) error {
	e, err := s.use(r.Handle, "generator")
	if err != nil {
		return err
	}
	defer e.leave()
	reqs := make([]core.GenerateRequest, len(r.Prompts))
	for i, p := range r.Prompts {
		reqs[i] = core.GenerateRequest{Prompt: string(p.Text), Adapter: string(p.Adapter), Plain: p.Plain, Sampling: core.Sampling{
			Temperature: p.Temperature, TopK: int(p.TopK), TopP: p.TopP, RepetitionPenalty: p.RepetitionPenalty,
			Seed: p.Seed, MaxNewTokens: int(p.MaxNewTokens), Stop: wire.Strings(p.Stop),
		}}
		if x := p.Refusal; x != nil {
			reqs[i].Refusal = &core.Refusal{Text: string(x.Text), Common: string(x.Common), Decide: x.Decide, Bound: x.Bound}
		}
	}
	replies, err := e.gen.Generate(out.Context(), reqs, func(i int, d core.Delta) error {
		return out.Send(&pb.GenerateEvent{Event: &pb.GenerateEvent_Delta{
			Delta: &pb.Delta{Index: int32(i), Text: []byte(d.Text), Tokens: int32(d.Tokens)},
		}})
	})
	if len(replies) == len(reqs) { // also with an error: they hold what came
		packed := &pb.Replies{}
		for _, r := range replies {
			reply := &pb.Reply{
				Text: []byte(r.Text), PromptTokens: int64(r.PromptTokens), NewTokens: int64(r.NewTokens), Stop: string(r.Stop),
				PrefillSeconds: r.PrefillSeconds, DecodeSeconds: r.DecodeSeconds,
				ReusedTokens: int64(r.ReusedTokens), GuessedTokens: int64(r.GuessedTokens), RightTokens: int64(r.RightTokens), Tokens: r.Tokens,
			}
			if x := r.Refusal; x != nil {
				reply.Refusal = &pb.RefusalScore{Probability: x.Probability, Tokens: int64(x.Tokens), Refused: x.Refused}
			}
			packed.Replies = append(packed.Replies, reply)
		}
		serr := out.Send(&pb.GenerateEvent{Event: &pb.GenerateEvent_Replies{Replies: packed}})
		if err == nil {
			err = serr
		}
	}
	return err
}

func (s *Server) Selftest(r *pb.SelftestRequest, out grpc.ServerStreamingServer[pb.SelftestEvent]) error {
	if s.load.Selftest == nil {
		return fmt.Errorf("self-test: %w", core.ErrUnsupported)
	}
	var mu sync.Mutex
	return s.load.Selftest(out.Context(), r.Device, func(c engine.Check) error {
		mu.Lock()
		defer mu.Unlock()
		return out.Send(&pb.SelftestEvent{Name: valid(c.Name), Ok: c.OK, Detail: valid(c.Detail), Seconds: c.Seconds})
	})
}

func (s *Server) Bench(r *pb.BenchRequest, out grpc.ServerStreamingServer[pb.BenchEvent]) error {
	if s.load.Bench == nil {
		return fmt.Errorf("bench %s: %w", r.Kind, core.ErrUnsupported)
	}
	if len(r.OptionsJson) > 0 && !json.Valid(r.OptionsJson) {
		return fmt.Errorf("bench %s: options are no JSON: %w", r.Kind, core.ErrUsage)
	}
	return s.load.Bench(out.Context(), r.Kind, r.OptionsJson, func(figures json.RawMessage) error {
		return out.Send(&pb.BenchEvent{FiguresJson: figures})
	})
}
