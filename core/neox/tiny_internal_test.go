//go:build torch

package neox

import (
	"context"
	"testing"

	"kakoi/core"
	"kakoi/core/internal/device"
	"kakoi/core/internal/torch"
	"kakoi/core/internal/torch/torchtest"
)

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
	c.MaxPositionEmbeddings = 512
	c.BOS = TokenIDs{0}
	return c
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
