package app

import (
	"context"
	"fmt"
	"time"

	"kakoi/core"
	"kakoi/core/ingest"
)

// RefreshPlan says what a change to another embedder or splitter asks for.
type RefreshPlan struct {
	Documents int           `json:"documents"` // that are made anew
	Chunks    int           `json:"chunks"`    // of them, afterwards
	New       int           `json:"new"`       // of these, those that are embedded: the others keep their vectors
	Rate      float64       `json:"rate"`      // chunks a second, measured on some of them; 0 when there is nothing to embed
	Time      time.Duration `json:"time"`      // at this rate
	Bytes     int64         `json:"bytes"`     // of disk, at most, while the old ones are still there beside the new ones
}

// size adds a document whose texts take so many bytes: its pages, its chunks, its words (less than either), its vectors in float16.
func (p *RefreshPlan) size(text int64, chunks, dimension int) {
	p.Bytes += 3*text + int64(chunks)*2*int64(dimension)
}

// PlanRefresh loads an embedder, used or not, counts what would need its vectors, and embeds some of it to say how long all of
// it takes. Nothing is changed.
func (l *Library) PlanRefresh(ctx context.Context, embedder string, p core.Progress) (RefreshPlan, error) {
	return l.planChange(ctx, embedder, "", p)
}

// PlanResplit splits all documents with a splitter, by name, as Resplit would, counts the passages that are not there yet, and embeds some of
// them to say how long all of it takes. Nothing is changed.
func (l *Library) PlanResplit(ctx context.Context, splitter string, p core.Progress) (RefreshPlan, error) {
	return l.planChange(ctx, l.Settings.Get().Embedder, splitter, p)
}

func (l *Library) planChange(ctx context.Context, embedder, splitter string, p core.Progress) (plan RefreshPlan, err error) {
	if documents, _, err := l.Size(ctx); err != nil || documents == 0 {
		return plan, err // without a document no model is needed
	}
	model, err := l.Models.Find(ctx, embedder)
	if err != nil {
		return plan, err
	}
	defer l.Models.hold(model.Name)()
	defer func() {
		if !model.InUse {
			l.Models.releaseOthers(embedder) // it will be used, most likely
		}
	}()
	e, err := l.Models.Engine.Embedder(ctx, model.Dir, l.Models.options(), p)
	if err != nil {
		return plan, fmt.Errorf("load embedder %q: %w", embedder, err)
	}
	print := ""
	if splitter != "" {
		if print, err = fingerprint(Split(splitter)); err != nil {
			return plan, err
		}
	}
	stale, err := l.stale(ctx, e.Info().ID, print)
	if err != nil {
		return plan, err
	}
	var texts []string
	for i, s := range stale {
		p.Report(core.Update{Stage: "plan", Done: int64(i), Total: int64(len(stale))})
		some, err := l.plan(ctx, &plan, s, e.Info(), splitter, print)
		if err != nil {
			return plan, err
		}
		texts = append(texts, some[:min(len(some), speedTexts/4, speedTexts-len(texts))]...)
	}
	if len(texts) == 0 {
		return plan, nil
	}
	speed, err := l.Models.embedSpeed(ctx, model, texts, p)
	if err != nil {
		return plan, fmt.Errorf("try embedder %q: %w", embedder, err)
	}
	if plan.Rate = speed.Embeds; plan.Rate > 0 {
		plan.Time = time.Duration(float64(plan.New) / plan.Rate * float64(time.Second))
	}
	return plan, nil
}

// plan counts what becomes of one document, and gives the texts of it that would be embedded.
func (l *Library) plan(ctx context.Context, plan *RefreshPlan, s StaleDocument, e core.EmbedderInfo, splitter, print string) (fresh []string, err error) {
	chunks, err := l.Store.Chunks(ctx, s.Collection.ID, s.Document.ID)
	if err != nil {
		return nil, fmt.Errorf("read document %q: %w", s.Document.ID, err)
	}
	have := map[string]bool{}
	if s.Document.Embedder == e.ID {
		for _, c := range chunks {
			have[c.Text] = true
		}
	}
	if splitter != "" && s.Document.Split != print {
		pages, err := l.Store.Pages(ctx, s.Collection.ID, s.Document.ID)
		if err != nil {
			return nil, fmt.Errorf("read document %q: %w", s.Document.ID, err)
		}
		if chunks, err = ingest.Split(pages, Split(splitter)); err != nil {
			return nil, fmt.Errorf("split %q: %w", s.Document.Source, err)
		}
	}
	text := int64(0)
	for _, c := range chunks {
		text += int64(len(c.Text))
		if !have[c.Text] {
			fresh = append(fresh, c.Text)
		}
	}
	plan.Documents++
	plan.Chunks += len(chunks)
	plan.New += len(fresh)
	plan.size(text, len(chunks), e.Dimension)
	return fresh, nil
}
