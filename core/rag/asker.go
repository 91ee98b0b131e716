package rag

import (
	"context"
	"errors"
	"fmt"
	"time"

	"kakoi/core"
	"kakoi/core/calibrate"
)

// Searcher is what an Asker needs of the library: the two searches of one collection, best first, and the text
// of a page. Both searches run at the same time.
type Searcher interface {
	Dense(ctx context.Context, question string, v core.Vector, embedder string, k int) ([]core.Hit, error) // embedder: EmbedderInfo.ID
	Lexical(ctx context.Context, text string, k int) ([]core.Hit, error)
	PageText(ctx context.Context, document string, page int) (string, error)
	// Around gives the chunks of the same page within n of a chunk, without it, in reading order.
	Around(ctx context.Context, c core.Chunk, n int) ([]core.Chunk, error)
}

// AskOptions says how to search and how to generate. Take a preset and change what is wanted.
type AskOptions struct {
	Candidates   int           // hits taken from each search
	PromptTokens int           // prompt at most; 0: what the model's context leaves, or less for a small model
	Rerank       int           // best fused hits that the Reranker puts in order; 0: none
	Passages     int           // best fused hits, joined into as many passages at most; 0: all
	Neighbours   int           // chunks before and behind each hit that go into the prompt too, where it has room for all hits
	Sampling     core.Sampling // MaxNewTokens is taken off the model's context
	Adapter      string        // ID of an adapter's weights, recorded in the Answer
	AdapterDir   string        // its folder; empty: the model as it is

	Bounds  *calibrate.Record // of Adapter, or of the model as it is; nil: it refuses as it does by itself
	Refusal calibrate.Mode    // which of the bounds; "": none

	// Given are the passages that the question is asked with, in this order; nothing is searched then. An exam of the model alone
	// gives them.
	Given []core.Passage

	// OnPassages (nil is allowed) hears of the passages as soon as they are found, before the model is asked.
	OnPassages func([]core.Passage)

	// OnRead (nil is allowed) hears of the passages in which evidence was looked for.
	OnRead func([]core.Passage)
}

// TECHLab is the preset that follows the TECH Lab recipe credited in the README.
func TECHLab() AskOptions {
	return AskOptions{
		Candidates: 20, Passages: 3,
		Sampling: core.Sampling{Temperature: 0.2, RepetitionPenalty: 1.1, MaxNewTokens: 56, Seed: 1},
	}
}

// Recommended is our own preset: greedy, so that a question asked twice has one answer.
func Recommended() AskOptions {
	return AskOptions{Candidates: 20, Passages: 3, Sampling: core.Sampling{MaxNewTokens: 96}, Refusal: calibrate.Balanced}
}

// Preset returns the options called name, "TECH Lab" or "Recommended", whatever their case and spaces.
func Preset(name string) (AskOptions, error) {
	switch bare(name) {
	case "techlab":
		return TECHLab(), nil
	case "recommended", "":
		return Recommended(), nil
	}
	return AskOptions{}, core.Explain(fmt.Errorf("preset %q: %w", name, core.ErrNotFound), "error.ask.preset", name)
}

// Asker answers questions. Embedder may be nil: then only lexical search is used. It owns nothing and may be
// used by several goroutines when its parts may.
type Asker struct {
	Search    Searcher
	Embedder  core.Embedder
	Reranker  core.Reranker // nil: none
	Evidence  core.Reranker // reads for narrow models where the answer stands, and whether there is one; nil: they are asked without
	Generator core.Generator
	Templates Templates
	Now       func() time.Time // nil: time.Now
}

// Passages finds what the library has on a question and joins the opt.Passages best hits, with their opt.Neighbours. Best first.
func (a *Asker) Passages(ctx context.Context, question string, opt AskOptions) ([]core.Passage, error) {
	hits, err := a.Hits(ctx, question, max(opt.Candidates, opt.Rerank))
	if err == nil {
		err = a.Reorder(ctx, question, hits, opt.Rerank)
	}
	if err != nil {
		return nil, err
	}
	found, err := a.join(ctx, hits, opt.Passages)
	if err != nil || opt.Neighbours <= 0 {
		return found, err
	}
	near, err := a.around(ctx, first(hits, opt.Passages), opt.Neighbours)
	if err != nil {
		return nil, err
	}
	return a.widen(ctx, found, near, func([]core.Passage) (bool, error) { return true, nil })
}

// first are the n best hits; 0: all.
func first(hits []core.Hit, n int) []core.Hit {
	if n > 0 && len(hits) > n {
		return hits[:n]
	}
	return hits
}

// join joins the n best hits; 0: all.
func (a *Asker) join(ctx context.Context, hits []core.Hit, n int) ([]core.Passage, error) {
	return Join(ctx, first(hits, n), a.Search.PageText)
}

// Hits runs dense search (with the embedding before it) and lexical search side by side, k hits each, and fuses them.
func (a *Asker) Hits(ctx context.Context, question string, k int) ([]core.Hit, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var dense []core.Hit
	done := make(chan error, 1)
	go func() {
		err := func() error {
			if a.Embedder == nil {
				return nil
			}
			vecs, err := a.Embedder.Embed(ctx, core.EmbedQuery, []string{question})
			if err != nil {
				return fmt.Errorf("embed question: %w", err)
			}
			if len(vecs) != 1 {
				return fmt.Errorf("embed question: %d vectors: %w", len(vecs), core.ErrCorrupt)
			}
			if dense, err = a.Search.Dense(ctx, question, vecs[0], a.Embedder.Info().ID, k); err != nil {
				return fmt.Errorf("search dense: %w", err)
			}
			return nil
		}()
		if err != nil {
			cancel(err)
		}
		done <- err
	}()
	lexical, err := a.Search.Lexical(ctx, question, k)
	if err != nil {
		err = fmt.Errorf("search lexical: %w", err)
		cancel(err)
	}
	if derr := <-done; derr != nil && (err == nil || errors.Is(err, context.Canceled)) {
		err = derr // the first failure; the other one only saw the cancel
	}
	if err != nil {
		return nil, err
	}
	return Fuse(question, dense, lexical), nil
}

// Ask answers a question from the library. emit (may be nil) gets the answer's text as it comes. When the documents do
// not answer, Answer.Refused is true and its passages are the closest places. On an error, also the
// end of ctx, the Answer holds what came until then.
//
// Errors: core.ErrUsage (no question), core.ErrTooLarge (question over the model's context), core.ErrNoModel, and those of
// the parts.
func (a *Asker) Ask(ctx context.Context, question string, opt AskOptions, emit func(core.Delta) error) (core.Answer, error) {
	answers, err := a.AskEach(ctx, question, opt, []Lane{{Adapter: opt.Adapter, Dir: opt.AdapterDir, Bounds: opt.Bounds}}, func(_ int, d core.Delta) error {
		if emit == nil {
			return nil
		}
		return emit(d)
	})
	return answers[0], err
}

// A model narrower than smallHidden reads short prompts better than long ones: of 21 questions about the samples the
// starter model (512 wide, greedy) answered 17 right with prompts of up to 250 tokens and 14 with up to 384. The
// short prompt is also read in half the time.
const (
	smallHidden = 1024
	smallPrompt = 256
)

func isSmall(model core.GeneratorInfo) bool { return model.Hidden > 0 && model.Hidden < smallHidden }

// promptTokens is how long the prompt may be; room is what the model's context leaves.
func promptTokens(model core.GeneratorInfo, opt AskOptions, room int) int {
	switch {
	case opt.PromptTokens > 0:
		return min(room, opt.PromptTokens)
	case isSmall(model):
		return min(room, smallPrompt)
	}
	return room
}

// refuse answers without the model.
func refuse(ans *core.Answer, t *Template, emit func(core.Delta) error) error {
	ans.Refused, ans.Text = true, t.Refusal()
	return emit(core.Delta{Text: ans.Text})
}
