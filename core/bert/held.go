//go:build torch

package bert

import (
	"context"
	"errors"
	"sync"

	"kakoi/core/internal/device"
	"kakoi/core/internal/torch"
	"kakoi/core/token"
	"kakoi/core/weights"
)

// held is what an embedder and a reranker have of a folder.
type held struct {
	dev    *device.Device
	model  encoder
	folder *weights.Folder // the model's word embeddings lie in its mapping
	tok    *token.Tokenizer
	use    sync.RWMutex // held for reading by calls, for writing by Close
	closed bool
}

// Budgets: tokens that run at once (with libtorch on the CPU few, so that a layer's activations stay in its cache; our
// kernels divide them themselves) and texts that are read while those before them run.
const (
	cpuTokens, kernelTokens, cudaTokens = 1024, 8192, 32768
	cpuTexts, kernelTexts, cudaTexts    = 512, 512, 1024
)

// budgets are the texts and tokens that go together on this device.
func (h *held) budgets() (texts, tokens int) {
	if _, own := h.model.(*cpuModel); own {
		return kernelTexts, kernelTokens
	}
	if h.dev.CUDA() {
		return cudaTexts, cudaTokens
	}
	return cpuTexts, cpuTokens
}

// Close waits for running calls and frees everything. It may be called again.
func (h *held) Close() error {
	h.use.Lock()
	defer h.use.Unlock()
	if h.closed {
		return nil
	}
	h.closed = true
	var err error
	if h.model != nil {
		err = h.dev.Do(context.Background(), func(*torch.Scope) error { h.model.close(); return nil })
	}
	if h.tok != nil {
		err = errors.Join(err, h.tok.Close())
	}
	return errors.Join(err, h.folder.Close())
}
