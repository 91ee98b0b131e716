//go:build torch

package neox

import (
	"fmt"

	"kakoi/core"
	"kakoi/core/internal/torch"
	"kakoi/core/lora"
)

// torchRunner runs a Model with libtorch's operations, on the CPU or a GPU, in fp32, bf16 or fp16.
type torchRunner struct {
	model    *Model
	cuda     bool
	adapters map[int]*adapter
	last     int // number given out
}

func newTorchRunner(m *Model, cuda bool) *torchRunner {
	return &torchRunner{model: m, cuda: cuda, adapters: map[int]*adapter{}}
}

// traits: on the CPU every lane goes through the same sums in the same order; cuBLAS chooses its kernels by the number
// of rows. Prompts are cut at whole chunks on both.
func (r *torchRunner) traits() traits {
	chunk := chunkCPU(r.model.Config)
	t := traits{dtype: r.model.DType.String(), chunk: chunk, lanes: lanesTorch, exact: true, grain: chunk}
	t.read = r.model.Bytes()
	if !r.model.TieWordEmbeddings { // of the embeddings only a row
		t.read -= int64(r.model.VocabSize*r.model.HiddenSize) * int64(r.model.DType.Size())
	}
	if r.cuda {
		t.chunk, t.exact, t.grain = chunkCUDA, false, chunkCUDA
	}
	return t
}

func (r *torchRunner) room(s *torch.Scope, rows, capacity int) (state, error) {
	c, err := r.model.newCache(s, rows, capacity)
	if err != nil {
		return nil, err
	}
	return &torchState{cache: c, run: r}, nil
}

func (r *torchRunner) rowBytes(capacity int) int64 {
	return 2 * int64(r.model.Layers) * int64(r.model.HiddenSize) * int64(capacity) * int64(r.model.DType.Size())
}

func (r *torchRunner) bytes() int64 { return r.model.Bytes() }

func (r *torchRunner) attach(s *torch.Scope, a *lora.Adapter) (int, error) {
	on, err := r.model.newAdapter(s, a)
	if err != nil {
		return 0, err
	}
	r.last++
	r.adapters[r.last] = on
	return r.last, nil
}

func (r *torchRunner) detach(n int) {
	if a := r.adapters[n]; a != nil {
		a.owner.Close()
		delete(r.adapters, n)
	}
}

func (r *torchRunner) close() {
	for n := range r.adapters {
		r.detach(n)
	}
	r.model.Close()
}

// torchState is a KVCache with the steps over it.
type torchState struct {
	cache *KVCache
	run   *torchRunner
}

func (t *torchState) length(row int) int { return t.cache.lengths[row] }

func (t *torchState) keep(row, n int) { t.cache.lengths[row] = min(n, t.cache.lengths[row]) }

func (t *torchState) close() { t.cache.Close() }

func (t *torchState) copy(s *torch.Scope, from, to, n int) error {
	if n > t.cache.lengths[from] {
		return fmt.Errorf("copy %d tokens of a row of %d: %w", n, t.cache.lengths[from], core.ErrUsage)
	}
	if n > 0 && from != to {
		for i := range t.cache.keys {
			for _, room := range [2]torch.Tensor{t.cache.keys[i], t.cache.values[i]} {
				src := s.Narrow(s.Select(room, 0, int64(from)), 1, 0, int64(n))
				s.Write(s.Narrow(s.Select(room, 0, int64(to)), 1, 0, int64(n)), src)
			}
		}
		if err := s.Err(); err != nil {
			return err
		}
	}
	t.cache.lengths[to] = n
	return nil
}

func (t *torchState) prefill(s *torch.Scope, row int, ids []int32, adapter int, logits []float32) error {
	at, err := t.cache.chunk(s, row, len(ids))
	if err != nil {
		return err
	}
	if at.lora, err = usesOf([]lane{{adapter: adapter}}, t.run.adapters); err != nil {
		return err
	}
	out := t.cache.model.forward(s, s.Ints(wide(ids), 1, int64(len(ids))), at, t.cache, logits != nil)
	if logits != nil {
		s.Read(out, logits)
	}
	if err := s.Err(); err != nil {
		return err
	}
	t.cache.advance(at)
	return nil
}

func (t *torchState) lanes(s *torch.Scope, l []lane, logits [][]float32) error {
	at, err := t.cache.lanes(s, l, !t.run.cuda)
	if err != nil {
		return err
	}
	if at.lora, err = usesOf(l, t.run.adapters); err != nil {
		return err
	}
	ids := make([]int64, len(l))
	wanted := false
	for i := range l {
		ids[i] = int64(l[i].id)
		wanted = wanted || logits[i] != nil
	}
	out := t.cache.model.forward(s, s.Ints(ids, at.b, 1), at, t.cache, wanted) // [m, 1, V]
	for i := range l {
		if logits[i] != nil {
			s.Read(s.Select(out, 0, int64(i)), logits[i])
		}
	}
	if err := s.Err(); err != nil {
		return err
	}
	t.cache.advance(at)
	return nil
}

func wide(ids []int32) []int64 {
	out := make([]int64, len(ids))
	for i, id := range ids {
		out[i] = int64(id)
	}
	return out
}
