//go:build torch

package bert

import (
	"context"
	"fmt"

	"kakoi/core"
	"kakoi/core/internal/torch"
)

// Embedder is core.Embedder over one sentence-transformers folder. It is safe for concurrent use.
type Embedder struct {
	held
	info   core.EmbedderInfo
	layout Layout
	config Config
	reader *reader
}

var _ core.Embedder = (*Embedder)(nil)

// Info names the embedder.
func (e *Embedder) Info() core.EmbedderInfo { return e.info }

// block is texts that were read together.
type block struct {
	windows []window
	err     error
}

// Embed returns the vectors of texts in their order, each of length 1. The folder's prompt for kind stands before
// every text; long texts are windowed (package doc); an empty text has the vector of its special tokens.
func (e *Embedder) Embed(ctx context.Context, kind core.EmbedKind, texts []string) ([]core.Vector, error) {
	e.use.RLock()
	defer e.use.RUnlock()
	if e.closed {
		return nil, fmt.Errorf("embed: embedder is closed: %w", core.ErrNoModel)
	}
	if kind != core.EmbedPassage && kind != core.EmbedQuery {
		return nil, fmt.Errorf("embed: kind %d: %w", kind, core.ErrUsage)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	nTexts, nTokens := e.budgets()
	// One block is read ahead while another runs.
	blocks := make(chan block, 1)
	go func() {
		defer close(blocks)
		for from := 0; from < len(texts); from += nTexts {
			ws, err := e.reader.readAll(ctx, kind, from, texts[from:min(from+nTexts, len(texts))])
			select {
			case blocks <- block{ws, err}:
			case <-ctx.Done():
				return
			}
		}
	}()
	out := make([]core.Vector, len(texts))
	for b := range blocks {
		if b.err != nil {
			return nil, fmt.Errorf("embed: %w", b.err)
		}
		for _, run := range batches(b.windows, nTokens) {
			if err := e.run(ctx, run, out); err != nil {
				return nil, readable(fmt.Errorf("embed: %w", err))
			}
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("embed: %w", err)
	}
	for i := range out {
		if !normalise(out[i]) {
			return nil, fmt.Errorf("embed text %d: no finite vector: %w", i, core.ErrCorrupt)
		}
	}
	return out, nil
}

// run embeds a batch and adds its windows' vectors to those of their texts.
func (e *Embedder) run(ctx context.Context, b batch, out []core.Vector) error {
	width := e.info.Dimension
	vals := make([]float32, len(b.windows)*width)
	err := e.dev.Do(ctx, func(s *torch.Scope) error {
		return e.model.vectors(s, b, e.layout.Pooling, vals)
	})
	if err != nil {
		return err
	}
	for i, w := range b.windows {
		v := vals[i*width : (i+1)*width]
		if !normalise(v) {
			return fmt.Errorf("text %d: no finite vector: %w", w.text, core.ErrCorrupt)
		}
		if out[w.text] == nil {
			out[w.text] = make(core.Vector, width)
		}
		for j, x := range v {
			out[w.text][j] += float32(len(w.ids)) * x
		}
	}
	return nil
}
