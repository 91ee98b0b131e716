package neox

import (
	"errors"
	"math"
	"testing"

	"kakoi/core"
)

// TestSamplerIsTransformers: probabilities after penalty, temperature, top-k and top-p within 1e-6.
func TestSamplerIsTransformers(t *testing.T) {
	g := golden(t).Sampler
	logits := hashUniform("sampler.logits", 300)
	for i := range logits {
		logits[i] *= 9
	}
	logits[17] = logits[23] // a tie
	if len(g.Cases) < 20 {
		t.Fatalf("%d cases", len(g.Cases))
	}
	for _, c := range g.Cases {
		s := core.Sampling{Temperature: c.Temperature, TopK: c.TopK, TopP: c.TopP, RepetitionPenalty: c.RepetitionPenalty}
		probs, ids := NewSampler(s, g.Seen, 0).Probabilities(logits)
		got := map[int32]float64{}
		for i, id := range ids {
			got[id] = probs[i]
		}
		for _, p := range c.Probs {
			id := int32(p[0])
			if d := math.Abs(got[id] - p[1]); d > 1e-6 {
				t.Errorf("%+v: token %d has %v, transformers %v", s, id, got[id], p[1])
			}
			delete(got, id)
		}
		for id, p := range got {
			if p > 1e-6 {
				t.Errorf("%+v: token %d has %v, transformers none", s, id, p)
			}
		}
	}
}

func TestSamplerDrawsByProbability(t *testing.T) {
	logits := []float32{0, float32(math.Log(3)), negativeInfinity, float32(math.Log(6))}
	s := NewSampler(core.Sampling{Temperature: 1, Seed: 42}, nil, 0)
	again := NewSampler(core.Sampling{Temperature: 1, Seed: 42}, nil, 0)
	other := NewSampler(core.Sampling{Temperature: 1, Seed: 43}, nil, 0)
	const n = 20000
	count, differ := make([]float64, 4), false
	for range n {
		a, err := s.Next(logits)
		if err != nil {
			t.Fatal(err)
		}
		if b, _ := again.Next(logits); a != b {
			t.Fatal("the same seed gave another token")
		}
		if c, _ := other.Next(logits); a != c {
			differ = true
		}
		count[a]++
	}
	for i, want := range []float64{0.1, 0.3, 0, 0.6} {
		if math.Abs(count[i]/n-want) > 0.015 {
			t.Errorf("token %d drawn %v of the time, want %v", i, count[i]/n, want)
		}
	}
	if !differ {
		t.Error("another seed gave the same stream")
	}
}

func TestSamplerGreedy(t *testing.T) {
	s := NewSampler(core.Sampling{RepetitionPenalty: 2}, []int32{1}, 0)
	for i, want := range []int32{2, 0, 1} { // each choice is penalised from then on; 2 and 3 tie: the first wins
		logits := [][]float32{{1, 4, 3, 3}, {5, 9, 5.5, 4}, {1, 9, 5, 4}}[i]
		if id, err := s.Next(logits); err != nil || id != want {
			t.Errorf("step %d: token %d, %v; want %d", i, id, err, want)
		}
	}
	nan := float32(math.NaN())
	for _, temperature := range []float64{0, 1} {
		if _, err := NewSampler(core.Sampling{Temperature: temperature}, nil, 0).Next([]float32{nan, nan}); !errors.Is(err, core.ErrCorrupt) {
			t.Errorf("NaN logits: %v", err)
		}
	}
}

func TestValidateSampling(t *testing.T) {
	for _, bad := range []core.Sampling{{Temperature: -1}, {Temperature: math.NaN()}, {TopK: -1}, {TopP: 1.5}, {TopP: -0.1}, {RepetitionPenalty: -2}, {MaxNewTokens: -1}, {Temperature: math.Inf(1)}} {
		if err := ValidateSampling(bad); !errors.Is(err, core.ErrUsage) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	if err := ValidateSampling(core.Sampling{Temperature: 0.2, TopK: 5, TopP: 0.9, RepetitionPenalty: 1.1, MaxNewTokens: 56}); err != nil {
		t.Error(err)
	}
}
