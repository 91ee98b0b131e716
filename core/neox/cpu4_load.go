//go:build torch

package neox

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"unsafe"

	"kakoi/core"
	"kakoi/core/internal/device"
	"kakoi/core/internal/kernel/cpu"
	"kakoi/core/internal/torch"
	"kakoi/core/quant"
	"kakoi/core/weights"
)

// loadCPU4 loads a model with 4-bit weights for the CPU's kernels: bitsandbytes' NF4 as it is stored, anything else
// quantised on the way, tensor by tensor. The output embedding is held in 8 bits, in blocks of 64 with a scale each.
func loadCPU4(ctx context.Context, dev *device.Device, cfg Config, src source, p core.Progress) (_ runner, err error) {
	pool, err := cpu.NewPool(dev.Threads())
	if err != nil {
		return nil, err
	}
	r := &cpu4{Config: cfg, pool: pool, adapters: map[int]*cpu.NeoxAdapter{}}
	defer func() {
		if err != nil {
			r.close()
		}
	}()
	cos, sin := rotaryTables(cfg, cfg.MaxPositionEmbeddings)
	if r.model, err = cpu.NewNeox(pool, shapeCPU4(cfg), cos, sin); err != nil {
		return nil, err
	}
	l := &loaderCPU4{cpu4: r, src: src}
	total := int64(cfg.Layers + 1)
	for i := range cfg.Layers + 1 {
		p.Report(core.Update{Stage: "load", Done: int64(i), Total: total})
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		step := func(*torch.Scope) error { return l.layer(i) }
		if i == cfg.Layers {
			step = func(*torch.Scope) error { return l.ends() }
		}
		if err := dev.Do(ctx, step); err != nil {
			if i < cfg.Layers {
				err = fmt.Errorf("layer %d: %w", i, err)
			}
			return nil, err
		}
	}
	p.Report(core.Update{Stage: "load", Done: total, Total: total})
	return r, r.model.Reserve(chunkCPU4)
}

type loaderCPU4 struct {
	*cpu4
	src    source
	packed []byte // of random matrices
}

// layer loads layer i.
func (l *loaderCPU4) layer(i int) error {
	name := layerName(i)
	if prefix(l.src) == "" {
		name = strings.TrimPrefix(name, "gpt_neox.")
	}
	for which, norm := range []string{"input_layernorm", "post_attention_layernorm"} {
		if err := l.norm(i, which, name+norm); err != nil {
			return err
		}
	}
	d, f := l.HiddenSize, l.IntermediateSize
	for _, m := range []struct {
		which   cpu.NeoxLinear
		name    string
		out, in int
		bias    bool
	}{
		{cpu.NeoxQKV, "attention.query_key_value", 3 * d, d, l.AttentionBias},
		{cpu.NeoxDense, "attention.dense", d, d, l.AttentionBias},
		{cpu.NeoxUp, "mlp.dense_h_to_4h", f, d, true},
		{cpu.NeoxDown, "mlp.dense_4h_to_h", d, f, true},
	} {
		var bias []float32
		if m.bias {
			var err error
			if bias, err = l.vector(name+m.name+".bias", m.out); err != nil {
				return err
			}
		}
		q, err := l.codes(name+m.name+".weight", m.out, m.in)
		if err == nil {
			err = l.model.SetLinear4(i, m.which, q.Packed, blockScales(q), q.Map, bias)
		}
		if err != nil {
			return fmt.Errorf("tensor %q: %w", name+m.name+".weight", err)
		}
	}
	return nil
}

// codes is a matrix in 4 bits.
func (l *loaderCPU4) codes(name string, out, in int) (*quant.State, error) {
	shape := []int64{int64(out), int64(in)}
	if _, ok := l.src.(maker); ok {
		return l.random(out, in), nil
	}
	w, err := l.src.Linear(name)
	if err != nil {
		return nil, err
	}
	if w.Out != out || w.In != in {
		return nil, wrongShape(name, []int64{int64(w.Out), int64(w.In)}, shape)
	}
	if w.Quant != nil {
		if w.Quant.BlockSize%cpu.Block != 0 {
			return nil, fmt.Errorf("blocks of %d: %w", w.Quant.BlockSize, core.ErrUnsupported)
		}
		return w.Quant, nil
	}
	if w.Plain != nil {
		return quant.Quantize(w.Plain.Data, plainNames[w.Plain.DType], shape, true)
	}
	v := make([]float32, out*in)
	if err := w.Float32(v); err != nil {
		return nil, err
	}
	return quant.QuantizeNF4(v, "float32", shape, true)
}

var plainNames = map[weights.DType]string{weights.F32: "float32", weights.F16: "float16", weights.BF16: "bfloat16"}

// random is a matrix of random codes with the scales that numbers of deviation 0.02 have.
func (l *loaderCPU4) random(out, in int) *quant.State {
	n := out * in
	if len(l.packed) < n/2 {
		l.packed = make([]byte, n/2)
	}
	source := rand.NewChaCha8([32]byte{1})
	_, _ = source.Read(l.packed[:n/2])
	q := &quant.State{Shape: []int64{int64(out), int64(in)}, BlockSize: cpu.Block, Map: quant.NF4, Packed: l.packed[:n/2], Absmax: make([]float32, n/cpu.Block)}
	r := rand.New(source)
	for i := range q.Absmax {
		q.Absmax[i] = 0.04 + 0.02*r.Float32()
	}
	return q
}

// blockScales are the scales of blocks of cpu.Block elements, whatever the size of the matrix's own.
func blockScales(q *quant.State) []float32 {
	s := q.Scales()
	times := q.BlockSize / cpu.Block
	if times == 1 {
		return s
	}
	out := make([]float32, q.Elements()/cpu.Block)
	for i := range out {
		out[i] = s[i/times]
	}
	return out
}

func (l *loaderCPU4) norm(layer, which int, name string) error {
	w, err := l.vector(name+".weight", l.HiddenSize)
	if err != nil {
		return err
	}
	b, err := l.vector(name+".bias", l.HiddenSize)
	if err != nil {
		return err
	}
	return l.model.SetNorm(layer, which, w, b)
}

func (l *loaderCPU4) vector(name string, n int) ([]float32, error) {
	v := make([]float32, n)
	if _, ok := l.src.(maker); ok {
		for i := range v {
			if strings.HasSuffix(name, "norm.weight") {
				v[i] = 1
			}
		}
		return v, nil
	}
	t, err := l.src.Tensor(name)
	if err == nil && (len(t.Shape) != 1 || t.Shape[0] != int64(n)) {
		err = wrongShape(name, t.Shape, []int64{int64(n)})
	}
	if err == nil {
		err = t.Float32(v)
	}
	if err != nil {
		return nil, fmt.Errorf("tensor %q: %w", name, err)
	}
	return v, nil
}

// ends loads what is not in a layer.
func (l *loaderCPU4) ends() error {
	name := prefix(l.src)
	if err := l.norm(l.Layers, 0, name+"final_layer_norm"); err != nil {
		return err
	}
	in, out := name+"embed_in.weight", "embed_out.weight"
	if _, ok := l.src.(maker); ok {
		return l.randomEnds()
	}
	if l.TieWordEmbeddings {
		out = in
	}
	head, err := l.table(out)
	if err != nil {
		return err
	}
	if head.Int8 != nil {
		s := make([]float32, l.VocabSize)
		if err := head.Int8.Scale.Float32(s); err != nil {
			return err
		}
		data := head.Int8.Weight.Data
		q := unsafe.Slice((*int8)(unsafe.Pointer(unsafe.SliceData(data))), len(data))
		if err := l.model.SetHead8(q, s, l.TieWordEmbeddings); err != nil || l.TieWordEmbeddings {
			return err
		}
	} else if err := l.model.SetHead(head.Plain.Data, plainKinds[head.Plain.DType]); err != nil {
		return fmt.Errorf("tensor %q: %w", out, err)
	}
	rows, err := l.table(in)
	if err != nil {
		return err
	}
	if rows.Plain != nil {
		return l.model.SetEmbedding(rows.Plain.Data, plainKinds[rows.Plain.DType])
	}
	v := make([]float32, rows.Out*rows.In)
	if err := rows.Float32(v); err != nil {
		return err
	}
	return l.model.SetEmbedding(floatBytes(v), cpu.F32)
}

var plainKinds = map[weights.DType]cpu.Kind{weights.F32: cpu.F32, weights.F16: cpu.F16, weights.BF16: cpu.BF16}

// table is an embedding, in plain numbers or 8-bit rows.
func (l *loaderCPU4) table(name string) (weights.Linear, error) {
	w, err := l.src.Linear(name)
	switch {
	case err != nil:
	case w.Out != l.VocabSize || w.In != l.HiddenSize:
		err = wrongShape(name, []int64{int64(w.Out), int64(w.In)}, []int64{int64(l.VocabSize), int64(l.HiddenSize)})
	case w.Plain == nil && w.Int8 == nil:
		err = fmt.Errorf("an embedding in 4 bits: %w", core.ErrUnsupported)
	}
	if err != nil {
		return w, fmt.Errorf("tensor %q: %w", name, err)
	}
	return w, nil
}

// randomEnds are embeddings of random numbers: the input's in bf16, the output's in 8 bits.
func (l *loaderCPU4) randomEnds() error {
	n := l.VocabSize * l.HiddenSize
	raw := make([]byte, 2*n)
	source := rand.NewChaCha8([32]byte{2})
	_, _ = source.Read(raw)
	for i := 1; i < len(raw); i += 2 {
		raw[i] = raw[i]&0x80 | 0x3c // 0.0078 to 0.031, either sign
	}
	if err := l.model.SetEmbedding(raw, cpu.BF16); err != nil {
		return err
	}
	return l.model.SetHead(raw, cpu.BF16)
}
