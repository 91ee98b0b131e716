//go:build torch

package bert

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"kakoi/core"
	"kakoi/core/internal/device"
	"kakoi/core/internal/torch"
	"kakoi/core/token"
	"kakoi/core/weights"
)

// Embedder is core.Embedder over one sentence-transformers folder. It is safe for concurrent use.
type Embedder struct {
	info   core.EmbedderInfo
	layout Layout
	dev    *device.Device
	model  encoder
	config Config
	folder *weights.Folder // the model's word embeddings lie in its mapping
	tok    *token.Tokenizer
	reader *reader
	use    sync.RWMutex // held for reading by Embed, for writing by Close
	closed bool
}

var _ core.Embedder = (*Embedder)(nil)

// Budgets: tokens that run at once (with libtorch on the CPU few, so that a layer's activations stay in its cache; our
// kernels divide them themselves) and texts that are read while those before them run.
const (
	cpuTokens, kernelTokens, cudaTokens = 1024, 8192, 32768
	cpuTexts, kernelTexts, cudaTexts    = 512, 512, 1024
)

// budgets are the texts and tokens that go together on this embedder's device.
func (e *Embedder) budgets() (texts, tokens int) {
	if _, own := e.model.(*cpuModel); own {
		return kernelTexts, kernelTokens
	}
	if e.dev.CUDA() {
		return cudaTexts, cudaTokens
	}
	return cpuTexts, cpuTokens
}

// Info names the embedder.
func (e *Embedder) Info() core.EmbedderInfo { return e.info }

// Close waits for running calls and frees everything. It may be called again.
func (e *Embedder) Close() error {
	e.use.Lock()
	defer e.use.Unlock()
	if e.closed {
		return nil
	}
	e.closed = true
	var err error
	if e.model != nil {
		err = e.dev.Do(context.Background(), func(*torch.Scope) error { e.model.close(); return nil })
	}
	if e.tok != nil {
		err = errors.Join(err, e.tok.Close())
	}
	return errors.Join(err, e.folder.Close())
}

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
