package rag

import (
	"context"
	"fmt"
	"log/slog"
	"strings"

	"kakoi/core"
)

// look finds what a narrow model is asked with: evidence in the passages, or one sentence of them. A cross-encoder that fails costs no answer.
func (a *Asker) look(ctx context.Context, q *asked, passages []core.Passage) error {
	if a.Evidence != nil {
		var err error
		if q.evidence, err = a.evidenceIn(ctx, q.question, passages); err == nil && q.evidence != nil {
			if q.opt.OnRead != nil {
				q.opt.OnRead(passages)
			}
			return nil
		}
		if ctx.Err() != nil && err != nil {
			return err
		}
		if err != nil {
			slog.Warn("no evidence: the model is asked as without", "error", err)
		}
	}
	if len(q.opt.Given) == 0 {
		q.focus = focusOn(q.question, passages)
	}
	return nil
}

// answerFromEvidence asks a narrow model once, with the evidence alone. Lanes that the evidence refuses are not asked.
func (a *Asker) answerFromEvidence(ctx context.Context, lanes []lane, q asked) error {
	shown, prompt, tokens, err := a.evidencePrompt(ctx, q)
	if err != nil {
		return err
	}
	if len(shown) == 0 {
		return core.Explain(fmt.Errorf("no room for evidence in %d tokens: %w", q.room, core.ErrTooLarge), "error.ask.toolong", len([]rune(q.question)), q.room)
	}
	var asking []lane
	var reqs []core.GenerateRequest
	for _, l := range lanes {
		noted := q.evidence.receipt(shown)
		l.ans.Receipt.Evidence = noted
		refusal, refused := q.evidence.decide(l.Lane, q.template, q.opt.Refusal, prompt, noted)
		if refused {
			p := noted.Refusal
			l.ans.RefusalProbability = &p
			if err := refuse(l.ans, q.template, l.emit); err != nil {
				return err
			}
			continue
		}
		l.ans.Passages, l.ans.PromptTokens = shown, tokens
		sent(l.ans.Receipt, prompt)
		asking = append(asking, l)
		reqs = append(reqs, core.GenerateRequest{Prompt: prompt, Sampling: q.sampling, Adapter: l.Dir, Refusal: refusal})
	}
	if len(asking) == 0 {
		return nil
	}
	if err := a.generate(ctx, asking, reqs, q); err != nil {
		return err
	}
	for _, l := range asking {
		if Refused(l.ans.Text, q.template) || insists(l.ans.Text, q.template) {
			l.ans.Refused, l.ans.Text = true, q.template.Refusal()
			continue
		}
		if l.ans.Citations, l.ans.Unsupported, err = citeAnswer(ctx, l.ans.Question, l.ans.Text, shown, a.Embedder, true); err != nil {
			return err
		}
	}
	return nil
}

// insists says whether a model that may not begin with its refusal comes to it all the same.
func insists(text string, t *Template) bool {
	no := bare(t.Refusal())
	return no != "" && strings.Contains(bare(text), no)
}

// toldWith notes how likely the refusal was with what the model said of it.
func toldWith(ans *core.Answer, own *core.RefusalScore) {
	e := ans.Receipt.Evidence
	if own != nil {
		e.Refusal = EvidenceRefusal(e.Answerable, own.Probability)
	}
	p := e.Refusal
	ans.RefusalProbability = &p
}
