//go:build torch

package neox

import (
	"context"
	"errors"
	"strings"
	"testing"

	"kakoi/core"
	"kakoi/core/internal/device"
	"kakoi/core/internal/torch"
	"kakoi/core/internal/torch/torchtest"
)

// TestChunkedPrefillIsOneShot: the logits after a prompt do not depend on its chunks, also one token at a time.
func TestChunkedPrefillIsOneShot(t *testing.T) {
	torchtest.Setup(t)
	dev, err := device.Open("cpu", 0)
	if err != nil {
		t.Fatal(err)
	}
	m := hashModel(t, dev, tinyShape(false), torch.Float32)
	ids := tokens(40, m.VocabSize)
	want := make([]float32, m.VocabSize)
	if err := prefill(context.Background(), dev, openState(t, dev, m, 1, 40), 0, ids, 40, want); err != nil {
		t.Fatal(err)
	}
	for _, chunk := range []int{1, 2, 7, 13, 39} {
		got := make([]float32, m.VocabSize)
		cache := openState(t, dev, m, 3, 40) // in the middle row of three
		if err := prefill(context.Background(), dev, cache, 1, ids, chunk, got); err != nil {
			t.Fatal(err)
		}
		if d := maxDiff(got, want); d > 1e-5 || cache.length(1) != 40 || cache.length(0) != 0 {
			t.Errorf("chunks of %d: differs by %g, lengths %d, %d", chunk, d, cache.length(1), cache.length(0))
		}
	}
}

// TestCancelKeepsTheCacheLevel: a prefill cancelled between chunks leaves whole chunks behind and goes on from there.
func TestCancelKeepsTheCacheLevel(t *testing.T) {
	torchtest.Setup(t)
	dev, err := device.Open("cpu", 0)
	if err != nil {
		t.Fatal(err)
	}
	m := hashModel(t, dev, tinyShape(true), torch.Float32)
	ids := tokens(40, m.VocabSize)
	want, got := make([]float32, m.VocabSize), make([]float32, m.VocabSize)
	if err := prefill(context.Background(), dev, openState(t, dev, m, 1, 40), 0, ids, 40, want); err != nil {
		t.Fatal(err)
	}
	cache := openState(t, dev, m, 1, 40)
	ctx, cancel := context.WithCancel(context.Background())
	if err := prefill(ctx, dev, cache, 0, ids[:16], 8, got); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := prefill(ctx, dev, cache, 0, ids[16:], 8, got); !errors.Is(err, context.Canceled) || cache.length(0) != 16 {
		t.Fatalf("%v, length %d", err, cache.length(0))
	}
	// A token that does not exist fails inside the model, after the chunk before it.
	if err := prefill(context.Background(), dev, cache, 0, append(tokens(8, m.VocabSize), 9999), 8, got); err == nil || cache.length(0) != 24 {
		t.Fatalf("%v, length %d", err, cache.length(0))
	}
	cache.keep(0, 16)
	if err := prefill(context.Background(), dev, cache, 0, ids[16:], 8, got); err != nil || maxDiff(got, want) > 1e-5 {
		t.Errorf("%v, differs by %g", err, maxDiff(got, want))
	}
	if err := prefill(context.Background(), dev, cache, 0, ids[:1], 8, got); !errors.Is(err, core.ErrTooLarge) {
		t.Errorf("a full cache took a token: %v", err)
	}
}

// TestLoadNamesTheTensor: a missing or misshapen tensor is named with its layer, and nothing stays behind.
func TestLoadNamesTheTensor(t *testing.T) {
	torchtest.Setup(t)
	dev, err := device.Open("cpu", 0)
	if err != nil {
		t.Fatal(err)
	}
	c := tinyShape(false)
	const name = "gpt_neox.layers.1.mlp.dense_4h_to_h.weight"
	gone := newMemorySource(c)
	delete(gone.shapes, name)
	wrong := newMemorySource(c)
	wrong.shapes[name] = []int64{64, 127}
	for _, src := range []memorySource{gone, wrong} {
		_, err := loadModel(context.Background(), dev, c, torch.Float32, src, nil)
		if err == nil || !strings.Contains(err.Error(), "layer 1") || !strings.Contains(err.Error(), name) {
			t.Errorf("%v", err)
		}
	}
}

// TestMemoryRunsOut: a cache beyond all memory is core.ErrOutOfMemory, and the device works on.
func TestMemoryRunsOut(t *testing.T) {
	torchtest.Setup(t)
	dev, err := device.Open("cpu", 0)
	if err != nil {
		t.Fatal(err)
	}
	err = dev.Do(context.Background(), func(s *torch.Scope) error {
		s.Empty(torch.Float32, 1<<45)
		return s.Err()
	})
	if !errors.Is(err, core.ErrOutOfMemory) {
		t.Errorf("%v", err)
	}
	inDevice(t, dev, func(s *torch.Scope) error { s.Empty(torch.Float32, 4); return nil })
}
