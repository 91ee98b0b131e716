//go:build torch

package neox

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"testing"

	"kakoi/core"
	"kakoi/core/internal/device"
	"kakoi/core/internal/torch"
	"kakoi/core/internal/torch/torchtest"
	"kakoi/core/token"
)

// forwardAll is the logits [T, V] of every token of ids, in one chunk.
func forwardAll(t testing.TB, dev *device.Device, m *Model, ids []int32) []float32 {
	t.Helper()
	cache := openCache(t, dev, m, 1, len(ids))
	out := make([]float32, len(ids)*m.VocabSize)
	inDevice(t, dev, func(s *torch.Scope) error {
		at, err := cache.chunk(s, 0, len(ids))
		if err != nil {
			return err
		}
		s.Read(m.Forward(s, s.Ints(wide(ids), 1, int64(len(ids))), at, cache), out)
		return s.Err()
	})
	return out
}

func hashModel(t testing.TB, dev *device.Device, c Config, dtype torch.DType) *Model {
	t.Helper()
	m, err := loadModel(context.Background(), dev, c, dtype, newMemorySource(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { inDevice(t, dev, func(*torch.Scope) error { m.Close(); return nil }) })
	return m
}

// TestRandomModelsAgreeWithTransformers holds every variant's logits against transformers (fp32): fp32 within 1e-4;
// bf16 and fp16 pick the same token, or one that the reference puts within one step of the dtype of its best (a step at
// the size of the best logit: both round to the same number), on at least 99% of the positions.
func TestRandomModelsAgreeWithTransformers(t *testing.T) {
	torchtest.Setup(t)
	dev, err := device.Open(torchtest.Device(), 0)
	if err != nil {
		t.Fatal(err)
	}
	var worst float64
	var positions, plain, fair, plainHF, plain16, fair16 int
	for _, g := range golden(t).Models {
		var c Config
		if err := json.Unmarshal(g.Config, &c); err != nil {
			t.Fatal(err)
		}
		name := fmt.Sprintf("layers=%d parallel=%v pct=%v tied=%v bias=%v", c.Layers, c.UseParallelResidual, c.RotaryPct, c.TieWordEmbeddings, c.AttentionBias)
		t.Run(name, func(t *testing.T) {
			want := unpack(t, g.Logits)
			got := forwardAll(t, dev, hashModel(t, dev, c, torch.Float32), g.IDs)
			if d := maxDiff(got, want); d > 1e-4 {
				t.Errorf("fp32 logits differ by %g", d)
			} else {
				worst = max(worst, d)
			}
			half := forwardAll(t, dev, hashModel(t, dev, c, torch.BFloat16), g.IDs)
			half16 := forwardAll(t, dev, hashModel(t, dev, c, torch.Float16), g.IDs)
			for i := range g.IDs {
				w := want[i*c.VocabSize : (i+1)*c.VocabSize]
				best, ours := argmax(w), argmax(half[i*c.VocabSize:(i+1)*c.VocabSize])
				positions++
				if ours == best {
					plain++
				}
				if g.TopBF16[i] == best {
					plainHF++
				}
				if w[best]-w[ours] <= bf16Step(w[best]) {
					fair++
				}
				ours = argmax(half16[i*c.VocabSize : (i+1)*c.VocabSize])
				if ours == best {
					plain16++
				}
				if w[best]-w[ours] <= bf16Step(w[best])/8 {
					fair16++
				}
			}
		})
	}
	t.Logf("%s, fp32: largest difference %.2g; bf16 top-1 over %d positions: same %d (transformers' own bf16: %d), same up to one bf16 step %d; fp16: same %d, up to one step %d",
		dev.Name(), worst, positions, plain, plainHF, fair, plain16, fair16)
	if positions < 500 || float64(min(fair, fair16)) < 0.99*float64(positions) {
		t.Errorf("of %d positions bf16 picks another token on %d, fp16 on %d", positions, positions-fair, positions-fair16)
	}
}

// bf16Step is the distance of neighbours at v; fp16 has three bits more.
func bf16Step(v float32) float32 {
	return float32(math.Ldexp(1, int(math.Floor(math.Log2(math.Abs(float64(v)))))-7))
}

// TestReferenceForward holds the pure-Go forward of the self-test against the same logits.
func TestReferenceForward(t *testing.T) {
	for _, g := range golden(t).Models {
		var c Config
		if err := json.Unmarshal(g.Config, &c); err != nil {
			t.Fatal(err)
		}
		var got []float32
		for _, row := range referenceForward(c, newMemorySource(c).values, g.IDs) {
			for _, v := range row {
				got = append(got, float32(v))
			}
		}
		if d := maxDiff(got, unpack(t, g.Logits)); d > 1e-4 {
			t.Errorf("%s: differs by %g", g.Config, d)
		}
	}
}

// TestStarterContinuations: 64 greedy tokens of each prompt, alone and in one batch of unequal lengths, are
// transformers'.
func TestStarterContinuations(t *testing.T) {
	torchtest.Setup(t)
	g := golden(t).Starter
	dev, m := starter(t, torch.Float32)
	tok, err := token.Load(starterDir)
	if err != nil {
		t.Fatal(err)
	}
	gen := newGenerator(m.Config, dev, newTorchRunner(m, dev.CUDA()), tok, nil)
	defer gen.loop.close()
	for i, p := range g.Prompts {
		if ids := tok.Encode(p); !slices.Equal(ids, g.IDs[i]) {
			t.Fatalf("prompt %d: tokens %v, want %v", i, ids, g.IDs[i])
		}
		if got := greedyTokens(t, gen, []string{p})[0]; !slices.Equal(got, g.Continuations[i]) {
			t.Errorf("prompt %d alone: %v, want %v", i, got, g.Continuations[i])
		}
	}
	for i, got := range greedyTokens(t, gen, g.Prompts) {
		if !slices.Equal(got, g.Batch[i]) {
			t.Errorf("prompt %d in the batch: %v, want %v", i, got, g.Batch[i])
		}
	}
}

// greedyTokens decodes 64 tokens per prompt and returns their ids.
func greedyTokens(t testing.TB, gen *Generator, prompts []string) [][]int32 {
	t.Helper()
	reqs := make([]core.GenerateRequest, len(prompts))
	for i, p := range prompts {
		reqs[i] = core.GenerateRequest{Prompt: p, Sampling: core.Sampling{MaxNewTokens: 64}}
	}
	ids, _ := generateIDs(t, gen, reqs)
	return ids
}

// generateIDs is Generate that tells the token ids.
func generateIDs(t testing.TB, g *Generator, reqs []core.GenerateRequest) ([][]int32, []core.Reply) {
	t.Helper()
	ctx := context.Background()
	c := newCall(ctx, len(reqs))
	rows := make([]*row, len(reqs))
	for i, q := range reqs {
		var err error
		if rows[i], err = g.newRow(c, i, q); err != nil {
			t.Fatal(err)
		}
	}
	release, err := g.adapters.use(ctx, reqs, rows)
	defer release()
	if err != nil {
		t.Fatal(err)
	}
	g.loop.submit(rows)
	if err := c.serve(func(int, core.Delta) error { return nil }); err != nil {
		t.Fatal(err)
	}
	ids := make([][]int32, len(rows))
	for i, r := range rows {
		ids[i] = r.ids[len(r.prompt):]
	}
	return ids, c.replies
}

// TestStarterBF16: on 379 tokens of Japanese and English text bf16 picks transformers' fp32 token on at least 99% of
// the positions, up to one bf16 step, and not less often than transformers' own bf16 does, less one in a hundred.
func TestStarterBF16(t *testing.T) {
	torchtest.Setup(t)
	g := golden(t).Starter
	dev, m := starter(t, torch.BFloat16)
	half := forwardAll(t, dev, m, g.Long)
	dev, full := starter(t, torch.Float32)
	exact := forwardAll(t, dev, full, g.Long)
	plain, plainHF, fair := 0, 0, 0
	for i := range g.Long {
		w := exact[i*m.VocabSize : (i+1)*m.VocabSize]
		if best := argmax(w); best != g.Top[i] {
			t.Errorf("position %d: fp32 picks %d, transformers %d", i, best, g.Top[i])
		}
		ours := argmax(half[i*m.VocabSize : (i+1)*m.VocabSize])
		if ours == g.Top[i] {
			plain++
		}
		if g.TopBF16[i] == g.Top[i] {
			plainHF++
		}
		if w[g.Top[i]]-w[ours] <= bf16Step(w[g.Top[i]]) {
			fair++
		}
	}
	some := unpack(t, g.Some)
	last := exact[(len(g.Long)-1)*m.VocabSize:]
	for i, v := range some {
		if d := math.Abs(float64(v - last[i*40])); d > 1e-4*max(1, math.Abs(float64(v))) {
			t.Errorf("logit %d: %v, transformers %v", i*40, last[i*40], v)
		}
	}
	n := len(g.Long)
	t.Logf("bf16 top-1 over %d positions: same %d (transformers' own bf16: %d), same up to one bf16 step %d", n, plain, plainHF, fair)
	if float64(fair) < 0.99*float64(n) || float64(plain) < float64(plainHF)-0.01*float64(n) {
		t.Errorf("bf16 differs on too many positions")
	}
}
