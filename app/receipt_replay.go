package app

import (
	"context"
	"fmt"

	"kakoi/core"
	"kakoi/core/receipt"
)

// ReceiptReplay is a receipt's answer generated again.
type ReceiptReplay struct {
	receipt.Comparison
	Text           string   `json:"text"` // that came now
	NewTokens      int      `json:"new_tokens"`
	PrefillSeconds float64  `json:"prefill_seconds"`
	DecodeSeconds  float64  `json:"decode_seconds"`
	Refusal        *float64 `json:"refusal_probability,omitempty"` // this time; nil where it was not asked for
	Partial        bool     `json:"partial,omitempty"`             // the answer was stopped, or failed: compared as far as it went
}

// Replay generates the reply of a receipt again, with the model and the adapter of the same hashes, and compares. Nothing is stored.
//
// Errors: core.ErrUnsupported when the model was not asked; core.ErrNoModel when it is not here, or is another; core.ErrNotFound when its
// adapter is not here.
func (r *Receipts) Replay(ctx context.Context, of receipt.Receipt, p core.Progress) (ReceiptReplay, error) {
	return r.Conversations.Chat.replay(ctx, of, p)
}

func (c *Chat) replay(ctx context.Context, of receipt.Receipt, p core.Progress) (ReceiptReplay, error) {
	out := ReceiptReplay{Partial: of.Answer.Stopped || of.Answer.Failure != ""}
	req, err := of.Generate()
	if err != nil {
		return out, err
	}
	name, err := c.modelNamed(ctx, *of.Model)
	if err != nil {
		return out, err
	}
	defer c.Models.hold(name)()
	gen, err := c.Models.GeneratorNamed(ctx, name, p)
	if err != nil {
		return out, fmt.Errorf("replay: %w", err)
	}
	if id := gen.Info().ID; id != of.Model.ID {
		return out, core.Explain(fmt.Errorf("replay: model %s, not %s: %w", id, of.Model.ID, core.ErrNoModel), "error.chat.replay.model", name)
	}
	if x := of.Adapter; x != nil {
		lane, _, err := c.Adapters.lane(ctx, gen.Info(), x.ID)
		if err != nil {
			return out, core.Explain(fmt.Errorf("replay: %w", err), "error.chat.replay.adapter", x.ID)
		}
		req.Adapter = lane.Dir
	}
	replies, err := gen.Generate(ctx, []core.GenerateRequest{req}, func(int, core.Delta) error { return nil })
	if err != nil {
		return out, fmt.Errorf("replay: %w", err)
	}
	if len(replies) != 1 {
		return out, fmt.Errorf("replay: %d replies: %w", len(replies), core.ErrCorrupt)
	}
	reply := replies[0]
	o := c.origin(ctx)
	out.Comparison = of.Compare(reply, receipt.Origin{
		Program: o.Program, Engine: o.Engine, Torch: o.Torch, Processor: o.Processor, Device: gen.Info().Device, DType: gen.Info().DType,
		Threads: o.Threads, SideBySide: 1,
	})
	out.Text, out.NewTokens, out.PrefillSeconds, out.DecodeSeconds = reply.Text, reply.NewTokens, reply.PrefillSeconds, reply.DecodeSeconds
	if reply.Refusal != nil {
		out.Refusal = &reply.Refusal.Probability
	}
	return out, nil
}
