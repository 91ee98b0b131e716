package app

import (
	"context"
	"fmt"
	"strings"

	"kakoi/core"
	"kakoi/core/receipt"
)

// Replayed is an answer generated once more from its receipt.
type Replayed struct {
	Text           string
	Identical      bool // with what was stored; of an answer that was stopped, as far as it goes
	NewTokens      int
	PrefillSeconds float64
	DecodeSeconds  float64
	Refusal        *float64 // how likely it was this time; nil where it was not asked for

	Comparison receipt.Comparison // where it differs, and why that may be
}

// Replay sends the stored prompt with the stored sampling to the model of the same ID and compares what comes. Nothing is
// stored.
//
// Errors: core.ErrUnsupported when the model was not asked; core.ErrNoModel when the model is gone or is another by now;
// core.ErrNotFound when its adapter is gone.
func (c *Conversations) Replay(ctx context.Context, conversation, turn, given string, p core.Progress) (Replayed, error) {
	t, err := c.turn(ctx, conversation, turn)
	if err != nil {
		return Replayed{}, err
	}
	g, _, ok := t.Given(given)
	if !ok {
		return Replayed{}, core.Explain(fmt.Errorf("answer %s: %w", given, core.ErrNotFound), "error.chat.turn")
	}
	of := receipt.Of(g.Answer)
	if of.Model != nil {
		of.Model.Name = g.Model
	}
	if of.Answer.Stopped = g.Stopped; g.Failure != nil {
		of.Answer.Failure = g.Failure.Text
	}
	r, err := c.Chat.replay(ctx, of, p)
	if err != nil {
		return Replayed{}, fmt.Errorf("answer %s: %w", given, err)
	}
	return Replayed{
		Text: strings.TrimSpace(r.Text), Identical: r.Identical, NewTokens: r.NewTokens, PrefillSeconds: r.PrefillSeconds, DecodeSeconds: r.DecodeSeconds,
		Refusal: r.Refusal, Comparison: r.Comparison,
	}, nil
}
