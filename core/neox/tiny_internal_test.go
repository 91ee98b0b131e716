//go:build torch

package neox

import (
	"context"
	"math/rand/v2"
	"testing"

	"kakoi/core"
	"kakoi/core/internal/device"
	"kakoi/core/internal/torch"
	"kakoi/core/internal/torch/torchtest"
)

// letters is a tokenizer of one byte a token: id 0 begins, the others are printable bytes.
type letters struct{ vocab int }

func (l letters) Encode(text string) []int32 {
	ids := make([]int32, len(text))
	for i := range ids {
		ids[i] = int32(text[i]) % int32(l.vocab)
	}
	return ids
}

func (l letters) DecodeBytes(ids []int32) []byte {
	out := make([]byte, len(ids))
	for i, id := range ids {
		out[i] = byte(' ' + id)
	}
	return out
}

func (l letters) VocabSize() int { return l.vocab }
func (l letters) Close() error   { return nil }

// tinyGenerator is a Generator over a model of the hash, with end tokens that it may well sample.
func tinyGenerator(t testing.TB, c Config, dtype torch.DType, wrap func(runner) runner) *Generator {
	t.Helper()
	dev, err := device.Open(torchtest.Device(), 0)
	if err != nil {
		t.Fatal(err)
	}
	m, err := loadModel(context.Background(), dev, c, dtype, newMemorySource(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	run := runner(newTorchRunner(m, dev.CUDA()))
	if wrap != nil {
		run = wrap(run)
	}
	g := newGenerator(c, dev, run, letters{c.VocabSize}, []int32{2, 91})
	g.info.Name = "tiny"
	t.Cleanup(func() {
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	})
	return g
}

// tinyLong is the model of these tests.
func tinyLong() Config {
	c := tinyShape(true)
	c.MaxPositionEmbeddings = 256
	c.BOS = TokenIDs{0}
	return c
}

// randomText is n letters of a small alphabet with repeated passages, so that there is something to look up.
func randomText(r *rand.Rand, n int) string {
	var b []byte
	for len(b) < n {
		if len(b) > 10 && r.IntN(3) == 0 {
			from := r.IntN(len(b) - 5)
			b = append(b, b[from:min(len(b), from+3+r.IntN(12))]...)
		} else {
			b = append(b, byte('a'+r.IntN(20)))
		}
	}
	return string(b[:n])
}

// randomSampling draws settings of every kind.
func randomSampling(r *rand.Rand) core.Sampling {
	s := core.Sampling{MaxNewTokens: 1 + r.IntN(60), Seed: r.Uint64()}
	if r.IntN(2) == 0 {
		s.Temperature = 0.05 + r.Float64()
		s.TopK = []int{0, 5, 40}[r.IntN(3)]
		s.TopP = []float64{0, 0.9}[r.IntN(2)]
	}
	if r.IntN(2) == 0 {
		s.RepetitionPenalty = 0.8 + 0.5*r.Float64()
	}
	if r.IntN(4) == 0 {
		s.Stop = []string{string(rune('a' + r.IntN(20))), "xyz"}
	}
	return s
}

// onDevice makes a runner's states choosers, with the meaning that the interface gives them, on the host.
type onDevice struct{ runner }

func (r onDevice) room(s *torch.Scope, rows, capacity int) (state, error) {
	st, err := r.runner.room(s, rows, capacity)
	if err != nil {
		return nil, err
	}
	return &hostChooser{state: st, vocab: r.runner.(*torchRunner).model.VocabSize, ids: make([][]int32, rows)}, nil
}

type hostChooser struct {
	state
	vocab int
	ids   [][]int32 // of each row
	runs  int
}

func (h *hostChooser) keep(row, n int) {
	h.state.keep(row, n)
	h.ids[row] = h.ids[row][:h.state.length(row)]
}

func (h *hostChooser) prefill(s *torch.Scope, row int, ids []int32, adapter int, logits []float32) error {
	err := h.state.prefill(s, row, ids, adapter, logits)
	if err == nil {
		h.ids[row] = append(h.ids[row], ids...)
	}
	return err
}

func (h *hostChooser) copy(s *torch.Scope, from, to, n int) error {
	err := h.state.copy(s, from, to, n)
	if err == nil {
		h.ids[to] = append([]int32(nil), h.ids[from][:n]...)
	}
	return err
}

func (h *hostChooser) choose(s *torch.Scope, l []lane, set []core.Sampling, u []float64) ([]int32, error) {
	logits := make([][]float32, len(l))
	for i := range l {
		logits[i] = make([]float32, h.vocab)
	}
	if err := h.state.lanes(s, l, logits); err != nil {
		return nil, err
	}
	out := make([]int32, len(l))
	for i, x := range l {
		h.ids[x.row] = append(h.ids[x.row], x.id)
		p := NewSampler(set[i], h.ids[x.row], 0)
		p.drawn = []float64{u[i]}
		id, err := p.Next(logits[i])
		if err != nil {
			id = -1
		}
		out[i] = id
	}
	return out, nil
}

func (h *hostChooser) run(s *torch.Scope, l []lane, set []core.Sampling, u [][]float64, n int) ([][]int32, error) {
	h.runs++
	var out [][]int32
	l = append([]lane(nil), l...)
	for k := range n {
		ids, err := h.choose(s, l, set, u[k])
		if err != nil {
			return nil, err
		}
		for i, id := range ids {
			l[i].id = id
		}
		out = append(out, ids)
	}
	return out, nil
}
