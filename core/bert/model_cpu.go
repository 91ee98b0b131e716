//go:build torch

package bert

import (
	"context"
	"fmt"

	"kakoi/core"
	"kakoi/core/internal/kernel/cpu"
	"kakoi/core/internal/torch"
	"kakoi/core/weights"
)

// encoder turns a batch into vectors. Its methods are called on the device's thread.
type encoder interface {
	// vectors pools the hidden states of a batch: dst [windows * len(modes) * H], not normalised.
	vectors(s *torch.Scope, b batch, modes []string, dst []float32) error
	// products multiplies matrices of the model's arithmetic for a while and returns the operations done.
	products(s *torch.Scope) (flops float64, err error)
	arithmetic() string // "fp32", "int8"
	instructions() string
	close()
}

// cpuModel is the encoder in our own kernels, 8 bits or BF16 (package kernel/cpu).
type cpuModel struct {
	Config
	enc   *cpu.Encoder
	pool  *cpu.Pool
	codes cpu.Codes
	owned cpu.Memory // the word embeddings, where they had to be converted

	ids, from, skip []int32 // of the last batch, kept for the next
	states          []float32
}

// codesNames are the arithmetics under the names of LoadOptions.DType.
var codesNames = map[string]cpu.Codes{"int8": cpu.Int8, "bf16": cpu.BFloat}

func codesName(c cpu.Codes) string {
	for name, code := range codesNames {
		if c == code {
			return name
		}
	}
	return ""
}

// loadCPU builds the model for the processor; with kernels of set or below; threads 0: one per processor.
func loadCPU(ctx context.Context, cfg Config, codes cpu.Codes, set cpu.Set, threads int, src source, p core.Progress) (_ *cpuModel, err error) {
	m := &cpuModel{Config: cfg, codes: codes}
	defer func() {
		if err != nil {
			m.close()
		}
	}()
	if m.pool, err = cpu.NewPool(threads); err != nil {
		return nil, err
	}
	total := int64(cfg.Layers + 1)
	p.Report(core.Update{Stage: "load", Total: total})
	r := &tensors{m: &model{Config: cfg, prefix: prefix(src)}, s: torch.NewScope(-1), src: src} // nothing is put into the Scope
	words, err := m.words(r)
	if err != nil {
		return nil, err
	}
	m.enc, err = cpu.NewEncoder(cpu.EncoderShape{
		Hidden: cfg.Hidden, Heads: cfg.Heads, Inner: cfg.Inner, Layers: cfg.Layers, Vocab: cfg.types() * cfg.Vocab, Positions: cfg.Positions,
		First: cfg.FirstPosition(), Eps: cfg.Eps, Activation: plainActivation(cfg.Activation), Codes: codes,
	}, words)
	if err != nil {
		return nil, err
	}
	m.enc.Limit(set)
	places := make([]float32, cfg.Positions*cfg.Hidden)
	if r.positions(places); r.err() != nil {
		return nil, r.err()
	}
	if err := m.enc.SetPositions(places); err != nil {
		return nil, err
	}
	h, g := cfg.Hidden, cfg.Inner
	w, b := make([]float32, max(3*h*h, g*h)), make([]float32, max(3*h, g))
	norm := func(layer, which int, name string) error {
		r.floats(w[:h], []int{h}, name+".weight", name+".gamma")
		r.floats(b[:h], []int{h}, name+".bias", name+".beta")
		if r.err() != nil {
			return r.err()
		}
		return m.enc.SetNorm(layer, which, w[:h], b[:h])
	}
	if err := norm(-1, 0, "embeddings.LayerNorm"); err != nil {
		return nil, err
	}
	for i := range cfg.Layers {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		p.Report(core.Update{Stage: "load", Done: int64(i + 1), Total: total})
		matrix := func(which cpu.EncoderMatrix, out, in int, names ...string) error {
			for k, name := range names {
				r.floats(w[k*out*in:(k+1)*out*in], []int{out, in}, name+".weight")
				r.floats(b[k*out:(k+1)*out], []int{out}, name+".bias")
			}
			if r.err() != nil {
				return r.err()
			}
			n := len(names) * out
			return m.enc.SetMatrix(i, which, w[:n*in], b[:n])
		}
		name := layerPrefix(i)
		at := name + "attention."
		for _, set := range []func() error{
			func() error { return matrix(cpu.EncoderQKV, h, h, at+"self.query", at+"self.key", at+"self.value") },
			func() error { return matrix(cpu.EncoderOut, h, h, at+"output.dense") },
			func() error { return matrix(cpu.EncoderUp, g, h, name+"intermediate.dense") },
			func() error { return matrix(cpu.EncoderDown, h, g, name+"output.dense") },
			func() error { return norm(i, 0, at+"output.LayerNorm") },
			func() error { return norm(i, 1, name+"output.LayerNorm") },
		} {
			if err := set(); err != nil {
				return nil, fmt.Errorf("layer %d: %w", i, err)
			}
		}
	}
	p.Report(core.Update{Stage: "load", Done: total, Total: total})
	return m, nil
}

// words leaves the word embeddings where and as they are, if they can be used so.
func (m *cpuModel) words(r *tensors) (cpu.Words, error) {
	shape := []int{m.Vocab, m.Hidden}
	t, ok := r.get(shape, "embeddings.word_embeddings.weight")
	if !ok {
		return cpu.Words{}, r.err()
	}
	if m.second {
		return m.pairWords(r, t)
	}
	switch t.DType {
	case weights.F32, weights.F16, weights.BF16:
		if aligned(t) {
			return cpu.Words{Data: t.Data, Bytes: t.DType.Size(), Half: t.DType == weights.F16}, nil
		}
	}
	var err error
	if m.owned, err = cpu.Alloc(int64(m.Vocab) * int64(m.Hidden) * 4); err == nil {
		err = t.Float32(m.owned.Floats())
	}
	return cpu.Words{Data: m.owned.Bytes(), Bytes: 4}, err
}

// pairWords lays out the word embeddings twice, the second time with the difference between the token types 1 and 0: a token of a pair's second
// part is looked up there, so that the kernels need not know of types.
func (m *cpuModel) pairWords(r *tensors, t weights.Tensor) (cpu.Words, error) {
	n := m.Vocab * m.Hidden
	types := make([]float32, m.Types*m.Hidden)
	r.floats(types, []int{m.Types, m.Hidden}, "embeddings.token_type_embeddings.weight")
	if r.err() != nil {
		return cpu.Words{}, r.err()
	}
	var err error
	if m.owned, err = cpu.Alloc(2 * int64(n) * 4); err != nil {
		return cpu.Words{}, err
	}
	words := m.owned.Floats()
	if err := t.Float32(words[:n]); err != nil {
		return cpu.Words{}, err
	}
	for i, v := range words[:n] {
		words[n+i] = v + types[m.Hidden+i%m.Hidden] - types[i%m.Hidden]
	}
	return cpu.Words{Data: m.owned.Bytes(), Bytes: 4}, nil
}

// plainActivation folds the names that config.json has for one function.
func plainActivation(name string) string {
	switch name {
	case "gelu", "relu":
		return name
	case "silu", "swish":
		return "silu"
	}
	return "gelu_tanh"
}

func (m *cpuModel) vectors(_ *torch.Scope, b batch, modes []string, dst []float32) error {
	m.ids, m.from, m.skip = m.ids[:0], append(m.from[:0], 0), m.skip[:0]
	for _, w := range b.windows {
		m.ids = append(m.ids, w.ids...)
		if m.second && w.second > 0 {
			for i := len(m.ids) - len(w.ids) + w.second; i < len(m.ids); i++ {
				m.ids[i] += int32(m.Vocab)
			}
		}
		m.from = append(m.from, int32(len(m.ids)))
		m.skip = append(m.skip, int32(w.skip))
	}
	if len(modes) == 1 && modes[0] == "mean" {
		return m.enc.Run(m.pool, m.ids, m.from, m.skip, dst, nil)
	}
	h := m.Hidden
	if n := b.tokens * h; cap(m.states) < n {
		m.states = make([]float32, n)
	}
	states := m.states[:b.tokens*h]
	if err := m.enc.Run(m.pool, m.ids, m.from, m.skip, nil, states); err != nil {
		return err
	}
	width := h * len(modes)
	for i, w := range b.windows {
		poolHost(dst[i*width:(i+1)*width], states[int(m.from[i])*h:int(m.from[i+1])*h], h, modes, w.skip)
	}
	return nil
}

func (m *cpuModel) products(*torch.Scope) (float64, error) { return m.enc.Products(m.pool, 400) }

func (m *cpuModel) arithmetic() string { return codesName(m.codes) }

func (m *cpuModel) instructions() string { return m.enc.Instructions() }

func (m *cpuModel) close() {
	if m.enc != nil {
		m.enc.Close()
	}
	m.pool.Close()
	m.owned.Free()
}

var _, _ encoder = (*cpuModel)(nil), (*model)(nil)
