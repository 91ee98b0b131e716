//go:build torch

package neox

import (
	"context"
	"testing"

	"kakoi/core/internal/device"
	"kakoi/core/internal/torch"
	"kakoi/core/internal/torch/torchtest"
	"kakoi/core/weights"
)

const starterDir = "../../resources/starter"

// starter loads the starter model's weights without its tokenizer.
func starter(t testing.TB, dtype torch.DType) (*device.Device, *Model) {
	t.Helper()
	folder, err := weights.Open(starterDir)
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	var cfg Config
	if err := folder.Config(&cfg); err != nil {
		t.Fatal(err)
	}
	dev, err := device.Open(torchtest.Device(), 0)
	if err != nil {
		t.Fatal(err)
	}
	m, err := loadModel(context.Background(), dev, cfg, dtype, folder, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { inDevice(t, dev, func(*torch.Scope) error { m.Close(); return nil }) })
	return dev, m
}

func inDevice(t testing.TB, dev *device.Device, fn func(*torch.Scope) error) {
	t.Helper()
	if err := dev.Do(context.Background(), fn); err != nil {
		t.Fatal(err)
	}
}

// openCache makes a cache that closes with the test.
func openCache(t testing.TB, dev *device.Device, m *Model, rows, capacity int) *KVCache {
	t.Helper()
	var cache *KVCache
	inDevice(t, dev, func(s *torch.Scope) (err error) {
		cache, err = m.newCache(s, rows, capacity)
		return err
	})
	t.Cleanup(func() { inDevice(t, dev, func(*torch.Scope) error { cache.Close(); return nil }) })
	return cache
}

// openState is openCache with its steps.
func openState(t testing.TB, dev *device.Device, m *Model, rows, capacity int) *torchState {
	t.Helper()
	return &torchState{cache: openCache(t, dev, m, rows, capacity), run: newTorchRunner(m, dev.CUDA())}
}

// tokens is a fixed prompt of n ids below vocab.
func tokens(n, vocab int) []int32 {
	ids := make([]int32, n)
	for i := range ids {
		ids[i] = int32((uint32(i)*2654435761 + 12345) % uint32(vocab))
	}
	return ids
}

func BenchmarkLoad(b *testing.B) {
	for range b.N {
		folder, err := weights.Open(starterDir)
		if err != nil {
			b.Fatal(err)
		}
		var cfg Config
		if err := folder.Config(&cfg); err != nil {
			b.Fatal(err)
		}
		dev, _ := device.Open("cpu", 0)
		m, err := loadModel(context.Background(), dev, cfg, torch.Float32, folder, nil)
		if err != nil {
			b.Fatal(err)
		}
		inDevice(b, dev, func(*torch.Scope) error { m.Close(); return nil })
		folder.Close()
	}
}

// BenchmarkPrefill runs a prompt of 600 tokens; ns/op is one prompt.
func BenchmarkPrefill(b *testing.B) {
	dev, m := starter(b, torch.Float32)
	st := openState(b, dev, m, 1, 640)
	logits := make([]float32, m.VocabSize)
	ids := tokens(600, m.VocabSize)
	for b.Loop() {
		st.keep(0, 0)
		if err := prefill(context.Background(), dev, st, 0, ids, wideChunk, logits); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkDecode decodes at 600 tokens in the cache; ns/op is one token.
func BenchmarkDecode(b *testing.B) {
	for _, c := range []struct {
		name  string
		dtype torch.DType
		own   bool
	}{{"fp32", torch.Float32, true}, {"fp32-libtorch", torch.Float32, false}, {"bf16", torch.BFloat16, true}} {
		b.Run(c.name, func(b *testing.B) {
			dev, m := starter(b, c.dtype)
			inDevice(b, dev, func(*torch.Scope) error { torch.SmallLinear(c.own); return nil })
			defer inDevice(b, dev, func(*torch.Scope) error { torch.SmallLinear(true); return nil })
			st := openState(b, dev, m, 1, 640)
			logits := make([]float32, m.VocabSize)
			st.cache.lengths[0] = 600
			for b.Loop() {
				if err := feed(context.Background(), dev, st, 1, []lane{{id: 7}}, [][]float32{logits}); err != nil {
					b.Fatal(err)
				}
				st.keep(0, 600)
			}
		})
	}
}
