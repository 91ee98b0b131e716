//go:build torch

package neox

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
	"unicode"

	"kakoi/core"
	"kakoi/core/internal/torch"
)

// refusal is a core.Refusal in tokens.
type refusal struct {
	core.Refusal
	ids  []int32 // the decisive tokens
	text []byte  // of these
}

// newRefusal splits a refusal as it follows the prompt; nil when it does not fit the context behind that.
func (g *Generator) newRefusal(q core.Refusal, before string, prompt []int32) (*refusal, error) {
	if strings.TrimSpace(q.Text) == "" || !strings.HasPrefix(q.Text, q.Common) || math.IsNaN(q.Bound) {
		return nil, fmt.Errorf("refusal %q with the common beginning %q and the bound %g: %w", q.Text, q.Common, q.Bound, core.ErrUsage)
	}
	ids := g.continuation(before, prompt, q.Text)
	n := decisive(ids, len(q.Common), func(id int32) int { return len(g.tok.DecodeBytes([]int32{id})) })
	said := func() []byte { return bytes.TrimLeftFunc(g.tok.DecodeBytes(ids[:n]), unicode.IsSpace) }
	for n < len(ids) && len(said()) == 0 { // a space that is a token of its own decides nothing
		n++
	}
	text := said()
	if ids = ids[:n]; len(text) == 0 {
		return nil, fmt.Errorf("refusal %q: its tokens have no text: %w", q.Text, core.ErrUsage)
	}
	for _, id := range ids {
		if id < 0 || int(id) >= g.cfg.VocabSize {
			return nil, fmt.Errorf("token %d of the refusal for %d embeddings: %w", id, g.cfg.VocabSize, core.ErrCorrupt)
		}
	}
	if len(prompt)+len(ids)-1 > g.cfg.MaxPositionEmbeddings {
		return nil, nil
	}
	return &refusal{Refusal: q, ids: ids, text: text}, nil
}

// continuation are the tokens of text behind a prompt: those that both together have more, or, where the two share a token, those of
// the text by itself, without a white space that a tokenizer puts before every text.
func (g *Generator) continuation(before string, prompt []int32, text string) []int32 {
	if both := g.tok.Encode(before + text); len(both) > len(prompt) && slices.Equal(both[:len(prompt)], prompt) {
		return both[len(prompt):]
	}
	ids := g.tok.Encode(text)
	for len(ids) > 1 && strings.TrimLeftFunc(text, unicode.IsSpace) == text && len(bytes.TrimSpace(g.tok.DecodeBytes(ids[:1]))) == 0 {
		ids = ids[1:]
	}
	return ids
}

// extra is how many tokens behind its prompt a row has to have room for, to score its refusal.
func (r *row) extra() int {
	if r.refusal == nil {
		return 0
	}
	return len(r.refusal.ids) - 1
}

// score finds out how likely r's refusal is, and gives it or forbids it where that is to be decided. The prompt is in, and the row ends as
// long as it was.
func (l *schedule) score(s *torch.Scope, r *row) error {
	q, at := r.refusal, r.slot.at
	p, err := chance(r.slot.logits, q.ids[0])
	if err != nil {
		return err
	}
	defer l.state.keep(at, len(r.prompt))
	_, number := r.adapter.of()
	for from := 0; from+1 < len(q.ids); {
		n := min(l.g.run.traits().lanes, len(q.ids)-1-from)
		lanes := make([]lane, n)
		for i := range lanes {
			lanes[i] = lane{at, q.ids[from+i], number}
		}
		logits := l.buffers(n)
		if err := l.state.lanes(s, lanes, logits); err != nil {
			return err
		}
		for i := range lanes {
			next, err := chance(logits[i], q.ids[from+i+1])
			if err != nil {
				return err
			}
			p *= next
		}
		from += n
	}
	r.reply.Refusal = &core.RefusalScore{Probability: p, Tokens: len(q.ids), Refused: q.Decide && p > q.Bound}
	switch {
	case r.reply.Refusal.Refused:
		r.refuse()
	case q.Decide:
		r.sampler.guard = newGuard(q.text, l.g.tok.VocabSize(), func(id int32) []byte { return l.g.tok.DecodeBytes([]int32{id}) })
	}
	return nil
}

// refuse ends the row with the refusal's text.
func (r *row) refuse() {
	r.ids, r.deciding, r.done = slices.Clone(r.prompt), true, true
	r.reply.Stop, r.reply.PrefillSeconds = core.StopRefusal, time.Since(r.call.start).Seconds()
	r.call.put(event{row: r.index, delta: core.Delta{Text: r.refusal.Text}, reply: r.reply})
	r.call.put(event{row: r.index, reply: r.reply, ends: true})
}
