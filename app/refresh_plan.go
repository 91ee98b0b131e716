package app

import (
	"context"
	"fmt"
	"time"

	"kakoi/core"
)

// RefreshPlan says what a change to another embedder asks for.
type RefreshPlan struct {
	Documents int           // that get new vectors
	Chunks    int           // of them
	Rate      float64       // chunks a second, measured on some of them; 0 when there is nothing to do
	Time      time.Duration // at this rate
}

// PlanRefresh loads an embedder, used or not, counts what would need its vectors, and embeds some of it to say how long all of
// it takes. Nothing is changed.
func (l *Library) PlanRefresh(ctx context.Context, embedder string, p core.Progress) (RefreshPlan, error) {
	model, err := l.Models.Find(ctx, embedder)
	if err != nil {
		return RefreshPlan{}, err
	}
	defer l.Models.hold(model.Name)()
	defer func() {
		if !model.InUse {
			l.Models.releaseOthers(embedder) // it will be used, most likely
		}
	}()
	e, err := l.Models.Engine.Embedder(ctx, model.Dir, l.Models.options(), p)
	if err != nil {
		return RefreshPlan{}, fmt.Errorf("load embedder %q: %w", embedder, err)
	}
	plan, texts, err := l.without(ctx, e.Info().ID)
	if err != nil || len(texts) == 0 {
		return plan, err
	}
	s, err := l.Models.embedSpeed(ctx, model, texts, p)
	if err != nil {
		return plan, fmt.Errorf("try embedder %q: %w", embedder, err)
	}
	if plan.Rate = s.Embeds; plan.Rate > 0 {
		plan.Time = time.Duration(float64(plan.Chunks) / plan.Rate * float64(time.Second))
	}
	return plan, nil
}

// without counts the documents that have no vectors of an embedder, and takes some of their texts.
func (l *Library) without(ctx context.Context, embedder string) (plan RefreshPlan, texts []string, err error) {
	all, err := l.Store.Collections(ctx)
	if err != nil {
		return plan, nil, fmt.Errorf("list collections: %w", err)
	}
	for _, c := range all {
		docs, err := l.Store.Documents(ctx, c.ID)
		if err != nil {
			return plan, nil, fmt.Errorf("list documents of %q: %w", c.Name, err)
		}
		for _, d := range docs {
			if d.State != core.DocumentReady || d.Embedder == embedder {
				continue
			}
			plan.Documents++
			plan.Chunks += d.Chunks
			if len(texts) >= speedTexts {
				continue
			}
			chunks, err := l.Store.Chunks(ctx, c.ID, d.ID)
			if err != nil {
				return plan, nil, fmt.Errorf("read document %q: %w", d.ID, err)
			}
			for _, chunk := range chunks[:min(len(chunks), speedTexts/4, speedTexts-len(texts))] {
				texts = append(texts, chunk.Text)
			}
		}
	}
	return plan, texts, nil
}
