package app

import (
	"cmp"
	"context"
	"slices"

	"kakoi/core"
	"kakoi/core/rag"
	"kakoi/core/rag/recall"
)

// PromptPlan says which prompts MeasurePrompts builds.
type PromptPlan struct {
	Tokens     int // of a prompt at most
	Passages   int // hits that go into it; 0: the preset's
	Neighbours int // chunks before and behind each of them
}

// PromptFigures is how often a prompt holds what answers its question.
type PromptFigures struct {
	Questions  int     `json:"questions"`
	Passages   int     `json:"passages"`
	Neighbours int     `json:"neighbours"`
	Tokens     int     `json:"prompt_tokens_at_most"`
	MeanTokens float64 `json:"prompt_tokens"` // of the prompts as they are
	Holding    float64 `json:"holding"`       // part of the questions whose passages say what is needed, 0 to 1
}

// MeasurePrompts builds the prompt of each question as a chat does, with the model in use, and looks for what the question file says must be there.
func (c *Chat) MeasurePrompts(ctx context.Context, collection string, questions []recall.Question, plan PromptPlan, p core.Progress) (PromptFigures, error) {
	how, err := c.how(AskOptions{Top: plan.Passages, Neighbours: &plan.Neighbours})
	if err != nil {
		return PromptFigures{}, err
	}
	how.PromptTokens = plan.Tokens
	templates, err := rag.LoadTemplates(c.Prompts...)
	if err != nil {
		return PromptFigures{}, err
	}
	coll, err := c.Library.Collection(ctx, collection)
	if err != nil {
		return PromptFigures{}, err
	}
	defer c.Models.hold("")()
	defer c.Models.holdEmbedder()()
	asker := rag.Asker{Search: Searcher{Store: c.Library.Store, Collection: coll.ID}, Templates: templates}
	var gerr, eerr, rerr error
	asker.Generator, gerr = c.Models.GeneratorNamed(ctx, "", p)
	asker.Embedder, eerr = c.Models.Embedder(ctx, nil)
	asker.Reranker, how.Rerank, rerr = c.Models.Reranker(ctx, nil)
	if err := cmp.Or(gerr, eerr, rerr); err != nil {
		return PromptFigures{}, err
	}
	f := PromptFigures{Questions: len(questions), Passages: how.Passages, Neighbours: how.Neighbours, Tokens: plan.Tokens}
	held, tokens := 0, 0
	for i, q := range questions {
		p.Report(core.Update{Stage: "search", Done: int64(i), Total: int64(len(questions)), Note: q.Text})
		made, err := asker.Prepare(ctx, q.Text, how)
		if err != nil {
			return PromptFigures{}, err
		}
		tokens += made.Tokens
		if slices.ContainsFunc(made.Passages, func(p core.Passage) bool { return q.Holds(p.Name, p.Text) }) {
			held++
		}
	}
	f.Holding, f.MeanTokens = float64(held)/float64(max(1, f.Questions)), float64(tokens)/float64(max(1, f.Questions))
	return f, nil
}
