package rag

import (
	"context"
	"fmt"
	"strings"
	"time"

	"kakoi/core"
	"kakoi/core/calibrate"
)

// Lane is one of those who answer a question side by side: the model as it is, or with an adapter.
type Lane struct {
	Adapter string // ID of the adapter's weights, recorded in the Answer; empty: none
	Dir     string // its folder

	Bounds *calibrate.Record // its refusals'; nil: it refuses as it does by itself
}

// lane is a Lane on its way to its answer.
type lane struct {
	Lane
	ans  *core.Answer
	emit func(core.Delta) error
}

// AskEach is Ask for several at once: the library is searched once, and all are asked the same prompts in one batch. The answers are
// in the order of lanes, and emit (may be nil) hears of each by its place there.
func (a *Asker) AskEach(ctx context.Context, question string, opt AskOptions, lanes []Lane, emit func(i int, d core.Delta) error) ([]core.Answer, error) {
	now := a.Now
	if now == nil {
		now = time.Now
	}
	start := now()
	question = strings.TrimSpace(question)
	answers := make([]core.Answer, len(lanes))
	all := make([]lane, len(lanes))
	for i, l := range lanes {
		answers[i] = core.Answer{Question: question, Adapter: l.Adapter, Citations: []core.Citation{}, Unsupported: []string{}, Passages: []core.Passage{}}
		all[i] = lane{Lane: l, ans: &answers[i], emit: func(d core.Delta) error {
			if answers[i].FirstToken == 0 {
				answers[i].FirstToken = now().Sub(start).Seconds()
			}
			if emit == nil {
				return nil
			}
			return emit(i, d)
		}}
	}
	err := a.answer(ctx, question, opt, all)
	for i := range answers {
		answers[i].Seconds = now().Sub(start).Seconds()
	}
	return answers, err
}

func (a *Asker) answer(ctx context.Context, question string, opt AskOptions, lanes []lane) error {
	q, err := a.open(question, opt)
	for _, l := range lanes {
		l.ans.Model = q.model.Name
	}
	if err != nil {
		return err
	}
	for _, l := range lanes {
		l.ans.Receipt = &core.Receipt{
			Template: q.template.Name(), ModelID: q.model.ID, EmbedderID: q.embedder.ID, AdapterID: l.Adapter,
			Device: q.model.Device, DType: q.model.DType, Sampling: q.sampling,
		}
	}
	err = a.find(ctx, &q)
	for _, l := range lanes {
		if len(q.found) > 0 {
			l.ans.Passages = q.found
		}
	}
	if err != nil {
		return fmt.Errorf("ask: %w", err)
	}
	if q.none {
		for _, l := range lanes {
			if err := refuse(l.ans, q.template, l.emit); err != nil {
				return err
			}
		}
		return nil
	}
	if q.evidence != nil {
		if err := a.answerFromEvidence(ctx, lanes, q); err != nil {
			return fmt.Errorf("ask: %w", err)
		}
		return nil
	}
	if q.focus != nil {
		if lanes, err = a.answerFocused(ctx, lanes, q); err != nil {
			return fmt.Errorf("ask: %w", err)
		}
		if len(lanes) == 0 {
			return nil
		}
	}
	fit, prompt, tokens, err := a.fit(ctx, q)
	if err != nil {
		return fmt.Errorf("ask: %w", err)
	}
	for _, l := range lanes {
		l.ans.Passages, l.ans.PromptTokens = fit, tokens
		sent(l.ans.Receipt, prompt)
	}
	if err := a.generate(ctx, lanes, requests(lanes, prompt, q), q); err != nil {
		return fmt.Errorf("ask: %w", err)
	}
	for _, l := range lanes {
		if err := a.cite(ctx, l.ans, q); err != nil {
			return fmt.Errorf("ask: %w", err)
		}
	}
	return nil
}

// generate has the model answer, and notes what came; on an error, too.
func (a *Asker) generate(ctx context.Context, lanes []lane, reqs []core.GenerateRequest, q asked) error {
	streamed := make([]strings.Builder, len(lanes))
	replies, err := a.Generator.Generate(ctx, reqs, func(i int, d core.Delta) error {
		streamed[i].WriteString(d.Text)
		return lanes[i].emit(d)
	})
	for i, l := range lanes {
		text := streamed[i].String()
		if len(replies) == len(lanes) {
			text, l.ans.NewTokens = replies[i].Text, replies[i].NewTokens
			if replies[i].PromptTokens > 0 {
				l.ans.PromptTokens = replies[i].PromptTokens
			}
			got(l.ans.Receipt, replies[i])
			told(l.ans, reqs[i].Refusal, q.opt.Refusal, replies[i].Refusal)
			if l.ans.Receipt.Evidence != nil {
				toldWith(l.ans, replies[i].Refusal)
			}
		}
		l.ans.Text = strings.TrimSpace(text)
	}
	if err != nil {
		return fmt.Errorf("generate: %w", err)
	}
	return nil
}

// cite looks at a finished answer: a refusal, or where it stands.
func (a *Asker) cite(ctx context.Context, ans *core.Answer, q asked) (err error) {
	if Refused(ans.Text, q.template) {
		ans.Refused, ans.Text = true, q.template.Refusal()
		return nil
	}
	if ans.Citations, ans.Unsupported, err = CiteAnswer(ctx, ans.Question, ans.Text, ans.Passages, a.Embedder); err != nil {
		return err
	}
	if q.focus != nil {
		q.focus.doubt(ans)
	}
	return nil
}

// requests are the same prompt for each lane.
func requests(lanes []lane, prompt string, q asked) []core.GenerateRequest {
	reqs := make([]core.GenerateRequest, len(lanes))
	for i, l := range lanes {
		l.Bounds = l.Bounds.With("")
		reqs[i] = core.GenerateRequest{Prompt: prompt, Sampling: q.sampling, Adapter: l.Dir, Refusal: RefusalOf(l.Lane, q.template, q.opt.Refusal, prompt)}
	}
	return reqs
}
