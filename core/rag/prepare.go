package rag

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"kakoi/core"
)

// Prepared is a question as a chat sends it to the model. Training rows are made of it.
type Prepared struct {
	Template *Template
	Found    []core.Passage // what the library has, best first
	None     bool           // nothing was found: the chat refuses without asking the model, and there is no prompt
	Prompt   string
	Passages []core.Passage // in Prompt; fewer or shorter than Found where the budget is small
	Tokens   int            // of Prompt

	// Of a narrow model: what it is asked before Prompt, with one stretch of what was found. It answers then if it can; if not, it is
	// asked Prompt. Empty when there is no such stretch.
	Focused       string
	FocusPassages []core.Passage // in Focused

	// Of a narrow model with Asker.Evidence: Focused has the evidence then, and is all that is asked; Prompt is what would be without.
	Evidence   string  // core.Evidence.ID; "": none
	Answerable float64 // core.Evidence.Answerable
}

// Prepare finds passages for a question and builds the prompts that Ask would send, the same bytes, without asking the model.
//
// Errors: those of Ask.
func (a *Asker) Prepare(ctx context.Context, question string, opt AskOptions) (Prepared, error) {
	question = strings.TrimSpace(question)
	q, err := a.open(question, opt)
	if err != nil {
		return Prepared{}, err
	}
	if err := a.find(ctx, &q); err != nil {
		return Prepared{}, fmt.Errorf("prepare: %w", err)
	}
	p := Prepared{Template: q.template, Found: q.found, None: q.none}
	if q.none {
		return p, nil
	}
	if q.focus != nil {
		prompt, tokens, err := a.focusPrompt(ctx, q)
		if err != nil {
			return Prepared{}, fmt.Errorf("prepare: %w", err)
		}
		if tokens <= smallPrompt {
			p.Focused, p.FocusPassages = prompt, []core.Passage{q.focus.passage}
		}
	}
	if err := a.prepareEvidence(ctx, q, &p); err != nil {
		return Prepared{}, fmt.Errorf("prepare: %w", err)
	}
	p.Passages, p.Prompt, p.Tokens, err = a.fit(ctx, q)
	if err != nil {
		return Prepared{}, fmt.Errorf("prepare: %w", err)
	}
	return p, nil
}

func (a *Asker) prepareEvidence(ctx context.Context, q asked, p *Prepared) (err error) {
	if q.evidence == nil {
		return nil
	}
	if p.FocusPassages, p.Focused, _, err = a.evidencePrompt(ctx, q); err == nil {
		p.Evidence, p.Answerable = q.evidence.id, q.evidence.best
	}
	return err
}

// PrepareWith builds the prompts of a question with passages that were not searched for, as many as fit.
func (a *Asker) PrepareWith(ctx context.Context, question string, passages []core.Passage, opt AskOptions) (Prepared, error) {
	q, err := a.open(strings.TrimSpace(question), opt)
	if err != nil {
		return Prepared{}, err
	}
	q.found = dropEqual(slices.Clone(passages))
	p := Prepared{Template: q.template, Found: q.found, None: len(q.found) == 0}
	if p.None {
		return p, nil
	}
	if a.Evidence != nil && isSmall(q.model) {
		q.opt.Given = q.found
		if err = a.look(ctx, &q, q.found); err == nil {
			err = a.prepareEvidence(ctx, q, &p)
		}
		if err != nil {
			return Prepared{}, fmt.Errorf("prepare: %w", err)
		}
	}
	if p.Passages, p.Prompt, p.Tokens, err = a.fit(ctx, q); err != nil {
		return Prepared{}, fmt.Errorf("prepare: %w", err)
	}
	return p, nil
}

// asked is a question on its way to the model.
type asked struct {
	question string // trimmed
	opt      AskOptions
	model    core.GeneratorInfo
	embedder core.EmbedderInfo // of no ID without one
	template *Template
	sampling core.Sampling
	room     int // tokens for a prompt

	found []core.Passage
	near  []core.Chunk // around the hits of found
	none  bool
	focus *focus // nil: none, or the model needs none

	evidence *evidence // nil: none, or the model needs none; then there is no focus
}

// open looks at what is asked before anything is searched.
func (a *Asker) open(question string, opt AskOptions) (asked, error) {
	if question == "" {
		return asked{}, core.Explain(fmt.Errorf("ask: no question: %w", core.ErrUsage), "error.ask.empty")
	}
	if a.Generator == nil {
		return asked{}, core.Explain(fmt.Errorf("ask: %w", core.ErrNoModel), "error.ask.nomodel")
	}
	q := asked{question: question, opt: opt, model: a.Generator.Info(), template: a.Templates.For(question), sampling: opt.Sampling}
	if q.template == nil {
		return asked{}, fmt.Errorf("ask: template %q: %w", Language(question), core.ErrNotFound)
	}
	if q.sampling.MaxNewTokens <= 0 {
		q.sampling.MaxNewTokens = q.model.MaxTokens / 4
	}
	q.sampling.Stop = append(append([]string{}, q.sampling.Stop...), q.template.Stop()...)
	if a.Embedder != nil {
		q.embedder = a.Embedder.Info()
	}
	q.room = q.model.MaxTokens - q.sampling.MaxNewTokens
	return q, nil
}

// find searches for the question. OnPassages hears of what was found.
func (a *Asker) find(ctx context.Context, q *asked) error {
	if len(q.opt.Given) > 0 {
		if q.found = dropEqual(slices.Clone(q.opt.Given)); isSmall(q.model) {
			return a.look(ctx, q, q.found)
		}
		return nil
	}
	// Before the search: embedding a question that the model cannot read would be minutes for nothing.
	if _, _, _, err := Fit(ctx, a.Generator, q.template, nil, q.question, q.room); err != nil {
		return err
	}
	hits, err := a.Hits(ctx, q.question, max(q.opt.Candidates, q.opt.Rerank))
	if err == nil {
		err = a.Reorder(ctx, q.question, hits, q.opt.Rerank)
	}
	if err != nil {
		return err
	}
	if q.found, err = a.join(ctx, hits, q.opt.Passages); err != nil {
		return err
	}
	if q.near, err = a.around(ctx, first(hits, q.opt.Passages), q.opt.Neighbours); err != nil {
		return err
	}
	if q.opt.OnPassages != nil {
		if q.found == nil {
			q.opt.OnPassages([]core.Passage{})
		} else {
			q.opt.OnPassages(q.found)
		}
	}
	if q.none = nothingFound(q.question, q.found, q.embedder); q.none || !isSmall(q.model) || q.opt.PromptTokens != 0 {
		return nil
	}
	n := focusHits
	if a.Evidence != nil {
		n = reading.hits
	}
	near, err := a.join(ctx, hits, max(n, q.opt.Passages))
	if err != nil {
		return err
	}
	return a.look(ctx, q, near)
}

// fit builds the prompt of what was found.
func (a *Asker) fit(ctx context.Context, q asked) (fit []core.Passage, prompt string, tokens int, err error) {
	budget := promptTokens(q.model, q.opt, q.room)
	fit, prompt, tokens, err = Fit(ctx, a.Generator, q.template, q.found, q.question, budget)
	if errors.Is(err, core.ErrTooLarge) && budget < q.room {
		budget = q.room // a long question takes what it needs
		fit, prompt, tokens, err = Fit(ctx, a.Generator, q.template, q.found, q.question, budget)
	}
	if err == nil && len(q.near) > 0 && slices.EqualFunc(fit, q.found, func(a, b core.Passage) bool { return a.Start == b.Start && a.End == b.End }) {
		fit, prompt, tokens, err = a.fitWider(ctx, q, fit, prompt, tokens, budget)
	}
	if err == nil && len(fit) == 0 {
		err = core.Explain(fmt.Errorf("no room for passages in %d tokens: %w", budget, core.ErrTooLarge), "error.ask.toolong", len([]rune(q.question)), budget)
	}
	return fit, prompt, tokens, err
}

// fitWider puts what is around the hits into a prompt that has them all, as far as it goes.
func (a *Asker) fitWider(ctx context.Context, q asked, fit []core.Passage, prompt string, tokens, budget int) ([]core.Passage, string, int, error) {
	wider, err := a.widen(ctx, fit, q.near, func(ps []core.Passage) (bool, error) {
		text := q.template.Prompt(ps, q.question)
		counts, err := count(ctx, a.Generator, []string{text})
		if err != nil || counts[0] > budget {
			return false, err
		}
		prompt, tokens = text, counts[0]
		return true, nil
	})
	return wider, prompt, tokens, err
}

// focusPrompt is the prompt with the focus alone, and its length in tokens.
func (a *Asker) focusPrompt(ctx context.Context, q asked) (prompt string, tokens int, err error) {
	// Shown with each cell of a table's row on a line of its own, which small models read better.
	cells := q.focus.passage
	cells.Text = strings.ReplaceAll(cells.Text, " | ", "\n")
	prompt = q.template.Prompt([]core.Passage{cells}, q.question)
	counts, err := count(ctx, a.Generator, []string{prompt})
	if err != nil {
		return "", 0, err
	}
	return prompt, counts[0], nil
}
