package rag

import (
	"context"
	"fmt"
	"log/slog"
	"strings"

	"kakoi/core"
	"kakoi/core/calibrate"
)

// look finds what a narrow model is asked with: evidence in the passages, or one sentence of them. A cross-encoder that fails costs no answer.
func (a *Asker) look(ctx context.Context, q *asked, passages []core.Passage) error {
	if a.Evidence != nil {
		var err error
		if q.evidence, err = a.evidenceIn(ctx, q.question, passages, len(q.opt.Given) == 0); err == nil && q.evidence != nil {
			if q.opt.OnRead != nil {
				q.opt.OnRead(q.evidence.passages)
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
	// Nothing is emitted before it is known that an answer stays.
	var asking []lane
	var emits []func(core.Delta) error
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
		unseen := l
		unseen.emit = func(core.Delta) error { return nil }
		asking = append(asking, unseen)
		emits = append(emits, l.emit)
		reqs = append(reqs, core.GenerateRequest{Prompt: prompt, Sampling: q.sampling, Adapter: l.Dir, Refusal: refusal})
	}
	if len(asking) == 0 {
		return nil
	}
	if err := a.generate(ctx, asking, reqs, q); err != nil {
		for _, l := range asking {
			l.ans.Text = ""
		}
		return err
	}
	for i, l := range asking {
		if err := a.settle(ctx, l.ans, q, shown); err != nil {
			return err
		}
		if err := emits[i](core.Delta{Text: l.ans.Text, Tokens: l.ans.NewTokens}); err != nil {
			return err
		}
	}
	return nil
}

// settle makes of what the model said the answer, with its place.
func (a *Asker) settle(ctx context.Context, ans *core.Answer, q asked, shown []core.Passage) error {
	said := ans.Text
	if Refused(said, q.template) || insists(said, q.template) {
		if ans.Receipt.Evidence.Mode == string(calibrate.Off) {
			ans.Refused, ans.Text = true, q.template.Refusal()
			return nil
		}
		said = "" // the evidence has decided that there is an answer: it is quoted
	}
	ans.Text = ""
	text, quoted, of, err := a.verified(ctx, q, said, shown)
	if err != nil {
		return err
	}
	from := q.evidence.chosen[of].whole()
	if !quoted {
		text = finished(text)
	}
	text = cased(unlabelled(unfinished(text, from.stretch.text), from.heading))
	ans.Text, ans.Quoted = text, text != strings.TrimSpace(ans.Receipt.Reply)
	ans.Citations, ans.Unsupported, err = citeAnswer(ctx, ans.Question, text, shown, a.Embedder, true)
	if err != nil || len(ans.Unsupported) == 0 {
		return err
	}
	// What stands there word for word, behind a yes or no, is from there.
	if _, rest := yesNo(text); ans.Quoted || stands(strings.TrimSpace(withoutCopula(rest)), shown[of].Text) {
		p := shown[of]
		ans.Citations = []core.Citation{{Sentence: text, ID: p.Document, Document: p.Name, Page: p.Page, Start: p.Start, End: p.End, Text: p.Text, Score: 1}}
		ans.Unsupported = []string{}
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
