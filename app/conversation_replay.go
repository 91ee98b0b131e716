package app

import (
	"context"
	"fmt"
	"strings"

	"kakoi/app/record"
	"kakoi/core"
	"kakoi/core/rag"
)

// Replayed is an answer generated once more from its receipt.
type Replayed struct {
	Text           string
	Identical      bool // with what was stored; of an answer that was stopped, as far as it goes
	NewTokens      int
	PrefillSeconds float64
	DecodeSeconds  float64
	Refusal        *float64 // how likely it was this time; nil where it was not asked for
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
	r := g.Answer.Receipt
	if r == nil || r.Prompt == "" {
		return Replayed{}, core.Explain(fmt.Errorf("replay answer %s: no prompt: %w", given, core.ErrUnsupported), "error.chat.replay.noprompt")
	}
	models := c.Chat.Models
	defer models.hold(g.Model)()
	gen, err := models.GeneratorNamed(ctx, g.Model, p)
	if err != nil {
		return Replayed{}, fmt.Errorf("replay answer %s: %w", given, err)
	}
	if id := gen.Info().ID; id != r.ModelID {
		return Replayed{}, core.Explain(fmt.Errorf("replay answer %s: model %s, not %s: %w", given, id, r.ModelID, core.ErrNoModel), "error.chat.replay.model", g.Model)
	}
	req := core.GenerateRequest{Prompt: r.Prompt, Sampling: r.Sampling}
	if x := r.Refusal; x != nil { // the bound as it was, whatever it is now
		q := x.Refusal
		req.Refusal = &q
	}
	if r.AdapterID != "" {
		lane, _, err := c.Chat.Adapters.lane(ctx, gen.Info(), r.AdapterID)
		if err != nil {
			return Replayed{}, core.Explain(fmt.Errorf("replay answer %s: %w", given, err), "error.chat.replay.adapter", r.AdapterID)
		}
		req.Adapter = lane.Dir
	}
	replies, err := gen.Generate(ctx, []core.GenerateRequest{req}, func(int, core.Delta) error { return nil })
	if err != nil {
		return Replayed{}, fmt.Errorf("replay answer %s: %w", given, err)
	}
	if len(replies) != 1 {
		return Replayed{}, fmt.Errorf("replay answer %s: %d replies: %w", given, len(replies), core.ErrCorrupt)
	}
	reply := replies[0]
	out := Replayed{
		Text: strings.TrimSpace(reply.Text), NewTokens: reply.NewTokens, PrefillSeconds: reply.PrefillSeconds, DecodeSeconds: reply.DecodeSeconds,
	}
	out.Identical = same(g, out.Text, reply.Text)
	if reply.Refusal != nil {
		out.Refusal = &reply.Refusal.Probability
	}
	return out, nil
}

func same(g record.Given, text, reply string) bool {
	if g.Stopped || g.Failure != nil {
		return strings.HasPrefix(text, g.Answer.Text)
	}
	return rag.Sum(reply) == g.Answer.Receipt.ReplySHA256
}
