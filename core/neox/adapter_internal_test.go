//go:build torch

package neox

import (
	"context"
	"errors"
	"slices"
	"testing"

	"kakoi/core"
	"kakoi/core/internal/device"
	"kakoi/core/internal/torch"
	"kakoi/core/internal/torch/torchtest"
	"kakoi/core/lora"
)

// merged is src with W + Scale B A in place of W.
func merged(src memorySource, a *lora.Adapter) memorySource {
	for _, t := range a.Targets {
		name := layerName(t.Layer) + t.Name + ".weight"
		w := slices.Clone(src.values(name))
		for o := range t.Out {
			for i := range t.In {
				sum := float32(0)
				for r := range t.Rank {
					sum += t.B[o*t.Rank+r] * t.A[r*t.In+i]
				}
				w[o*t.In+i] += t.Scale * sum
			}
		}
		src.made[name] = w
	}
	return src
}

// TestAdapterIsMergedWeights: an adapter on the side gives the logits of weights it is merged into, in a prompt and in
// lanes of rows with different adapters.
func TestAdapterIsMergedWeights(t *testing.T) {
	torchtest.Setup(t)
	dev, err := device.Open(torchtest.Device(), 0)
	if err != nil {
		t.Fatal(err)
	}
	c := tinyShape(false)
	m := hashModel(t, dev, c, torch.Float32)
	adapters := []*lora.Adapter{nil, stressAdapter(c, "one", 4), stressAdapter(c, "two", 17)}
	ids := tokens(12, c.VocabSize)
	want := make([][]float32, len(adapters)) // of every token
	for i, a := range adapters {
		with := m
		if a != nil {
			var err error
			with, err = loadModel(context.Background(), dev, c, torch.Float32, merged(newMemorySource(c), a), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer inDevice(t, dev, func(*torch.Scope) error { with.Close(); return nil })
		}
		want[i] = forwardAll(t, dev, with, ids)
	}
	if maxDiff(want[0], want[1]) < 0.1 || maxDiff(want[1], want[2]) < 0.1 {
		t.Fatalf("the adapters change too little to tell: %g, %g", maxDiff(want[0], want[1]), maxDiff(want[1], want[2]))
	}

	st := openState(t, dev, m, 3, 12)
	number := make([]int, len(adapters))
	inDevice(t, dev, func(s *torch.Scope) error {
		for i, a := range adapters[1:] {
			n, err := st.run.attach(s, a)
			if err != nil {
				return err
			}
			number[i+1] = n
		}
		return nil
	})
	row := func(adapter, token int) []float32 {
		return want[adapter][token*c.VocabSize : (token+1)*c.VocabSize]
	}
	logits := make([][]float32, 3)
	for i := range adapters {
		logits[i] = make([]float32, c.VocabSize)
		inDevice(t, dev, func(s *torch.Scope) error { return st.prefill(s, i, ids[:8], number[i], logits[i]) })
		if d := maxDiff(logits[i], row(i, 7)); d > 1e-4 {
			t.Errorf("prompt with adapter %d: differs by %g", i, d)
		}
	}
	for at := 8; at < 12; at++ {
		inDevice(t, dev, func(s *torch.Scope) error {
			return st.lanes(s, []lane{{0, ids[at], 0}, {1, ids[at], number[1]}, {2, ids[at], number[2]}}, logits)
		})
		for i := range adapters {
			if d := maxDiff(logits[i], row(i, at)); d > 1e-4 {
				t.Errorf("token %d with adapter %d: differs by %g", at, i, d)
			}
		}
	}

	live := torch.Live()
	inDevice(t, dev, func(s *torch.Scope) error {
		st.run.detach(number[1])
		if err := st.prefill(s, 0, nil, number[1], nil); !errors.Is(err, core.ErrUsage) {
			t.Errorf("a detached adapter: %v", err)
		}
		wrong := stressAdapter(tinyShapeOf(32), "narrow", 4)
		if _, err := st.run.attach(s, wrong); err == nil {
			t.Error("an adapter of another model was attached")
		}
		return nil
	})
	if torch.Live() >= live {
		t.Errorf("%d tensors before, %d after detach", live, torch.Live())
	}
	inDevice(t, dev, func(*torch.Scope) error { st.run.detach(number[2]); return nil })
}

func tinyShapeOf(hidden int) Config {
	c := tinyShape(false)
	c.HiddenSize = hidden
	return c
}
