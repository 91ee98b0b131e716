//go:build torch

package neox

import (
	"context"
	"errors"
	"fmt"

	"kakoi/core"
	"kakoi/core/internal/device"
	"kakoi/core/internal/kernel/cuda"
	"kakoi/core/internal/torch"
	"kakoi/core/lora"
	"kakoi/core/vault"
)

// Frozen is the weights of a loaded model as training reads them: the ones that answers go on with, never changed and not
// copied. Matrices that are held in 4 bits, or in another type than the one that is computed in, are made anew for each use,
// in one piece of memory.
//
// All methods but Close, Device and Generator are called on the device's thread. Close lets go of the model.
type Frozen struct {
	Config
	DType torch.DType // of what the methods give
	Dir   string      // folder of the model

	g     *Generator
	from  frozen
	owner torch.Owner
	cos   torch.Tensor // [P, R/2]
	sin   torch.Tensor
	norms [][2]norm
	final norm
	bias  [][targets]torch.Tensor
	let   func()
}

// frozen is what a runner has to give for training.
type frozen interface {
	// matrix is a matrix [out, in] of a layer, target as in lora.Names. It is good until the next call.
	matrix(s *torch.Scope, layer int, which target, dtype torch.DType) torch.Tensor
	// vectors are a layer's biases (none where there are none) and norms; layer Layers has the final norm alone, at 0.
	vectors(s *torch.Scope, layer int) (bias [targets]torch.Tensor, norms [2]norm)
	// embed is the input embeddings [N, D] of ids, and head the output embedding [V, D].
	embed(s *torch.Scope, ids []int32, dtype torch.DType) torch.Tensor
	head(s *torch.Scope, dtype torch.DType) torch.Tensor
	// room is the bytes that the calls above need beside the model, in that type.
	room(dtype torch.DType) int64
	// let frees what the calls keep for the next ones.
	let()
}

// ParseDType is the type of a name: "fp32", "bf16", "fp16".
func ParseDType(name string) (torch.DType, error) {
	d, ok := dtypes[name]
	if !ok {
		return 0, fmt.Errorf("dtype %q: %w (fp32, bf16, fp16)", name, core.ErrUsage)
	}
	return d, nil
}

// Frozen opens the model's weights for training that computes in dtype. The Generator's Close waits for Frozen.Close.
func (g *Generator) Frozen(ctx context.Context, dtype torch.DType) (*Frozen, error) {
	done, err := g.use()
	if err != nil {
		return nil, err
	}
	f := &Frozen{Config: g.cfg, DType: dtype, Dir: g.dir, g: g, let: done}
	switch r := g.run.(type) {
	case *torchRunner:
		f.from = frozenTorch{r.model}
	case *cuda4:
		f.from = &frozenCUDA4{cuda4: r}
	case *cpu4:
		f.from = &frozenCPU4{cpu4: r}
	default:
		done()
		return nil, fmt.Errorf("train on a model of type %T: %w", r, core.ErrUnsupported)
	}
	if err := g.dev.Do(ctx, f.prepare); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// prepare makes what is small: tables of angles, norms and biases.
func (f *Frozen) prepare(s *torch.Scope) error {
	keep := func(t torch.Tensor) torch.Tensor {
		if t.None() {
			return t
		}
		return s.Keep(&f.owner, s.To(t, f.DType))
	}
	if half := f.RotaryDims() / 2; half > 0 {
		cos, sin := rotaryTables(f.Config, f.MaxPositionEmbeddings)
		f.cos = keep(s.Floats(cos, int64(f.MaxPositionEmbeddings), int64(half)))
		f.sin = keep(s.Floats(sin, int64(f.MaxPositionEmbeddings), int64(half)))
	}
	f.norms, f.bias = make([][2]norm, f.Layers), make([][targets]torch.Tensor, f.Layers)
	for i := range f.Layers + 1 {
		bias, norms := f.from.vectors(s, i)
		if i == f.Layers {
			f.final = norm{keep(norms[0].w), keep(norms[0].b)}
			break
		}
		for n := range norms {
			f.norms[i][n] = norm{keep(norms[n].w), keep(norms[n].b)}
		}
		for n := range bias {
			f.bias[i][n] = keep(bias[n])
		}
	}
	return s.Err()
}

// Close frees what was made for training and lets go of the model. It may be called again.
func (f *Frozen) Close() error {
	if f.let == nil {
		return nil
	}
	err := f.g.dev.Do(context.Background(), func(*torch.Scope) error {
		f.owner.Close()
		f.from.let()
		return nil
	})
	f.let()
	f.let = nil
	return err
}

// Generator is whose weights they are.
func (f *Frozen) Generator() *Generator { return f.g }

// Device is where the weights are.
func (f *Frozen) Device() *device.Device { return f.g.dev }

// Matrix is the matrix [out, in] of a layer that lora.Names calls by which, good until the next call.
func (f *Frozen) Matrix(s *torch.Scope, layer, which int) torch.Tensor {
	return f.from.matrix(s, layer, target(which), f.DType)
}

// Bias is the bias [out] of such a matrix, none where it has none.
func (f *Frozen) Bias(layer, which int) torch.Tensor { return f.bias[layer][which] }

// Norm is weight and bias [D] of a layer's norm: 0 the input's, 1 the one after attention. Layer Layers is the final norm.
func (f *Frozen) Norm(layer, which int) (w, b torch.Tensor) {
	n := f.final
	if layer < f.Layers {
		n = f.norms[layer][which]
	}
	return n.w, n.b
}

// Angles are the tables of cosines and sines [positions, R/2]; none for a model that turns nothing.
func (f *Frozen) Angles() (cos, sin torch.Tensor) { return f.cos, f.sin }

// TrainKernels are our own kernels for a training step that computes in dtype, and the stream that they are queued on; nil where there are
// none: for another type than bf16, a shape that they do not take, a GPU that cannot compile them. On the device's thread.
func (g *Generator) TrainKernels(dtype torch.DType) (*cuda.Training, uintptr) {
	if !g.dev.CUDA() || dtype != torch.BFloat16 {
		return nil, 0
	}
	gpu, done, err := gpu4(g.dev.Index(), nil)
	if err != nil {
		return nil, 0
	}
	done()
	stream, err := torch.Stream(g.dev.Index())
	if err != nil {
		return nil, 0
	}
	k, err := gpu.Training(cuda.TrainShape{Hidden: g.cfg.HiddenSize, Heads: g.cfg.Heads, Rotary: g.cfg.RotaryDims()})
	if err != nil {
		return nil, 0
	}
	return k, stream
}

// Embed is the input embeddings [N, D] of ids.
func (f *Frozen) Embed(s *torch.Scope, ids []int32) torch.Tensor {
	return f.from.embed(s, ids, f.DType)
}

// Head is the output embedding [V, D].
func (f *Frozen) Head(s *torch.Scope) torch.Tensor { return f.from.head(s, f.DType) }

// Room is the bytes of memory, beside the model, that reading its weights in dtype takes.
func (g *Generator) Room(dtype torch.DType) int64 {
	small := int64(dtype.Size()) * (2*int64(g.cfg.MaxPositionEmbeddings)*int64(g.cfg.RotaryDims()/2) + int64(g.cfg.Layers)*int64(9*g.cfg.HiddenSize+g.cfg.IntermediateSize))
	switch r := g.run.(type) {
	case *torchRunner:
		return small + frozenTorch{r.model}.room(dtype)
	case *cuda4:
		return small + (&frozenCUDA4{cuda4: r}).room(dtype)
	case *cpu4:
		return small + (&frozenCPU4{cpu4: r}).room(dtype)
	}
	return small
}

// Config is the model's shape.
func (g *Generator) Config() Config { return g.cfg }

// Device is where the model is.
func (g *Generator) Device() *device.Device { return g.dev }

// Free is what the model's device, or the machine, still has, in bytes; 0 where that is not known.
func (g *Generator) Free() int64 { return freeOn(g.dev) }

// Dir is the folder that the model was loaded from; empty for one that was not.
func (g *Generator) Dir() string { return g.dir }

// Key is that of LoadOptions: what a trainer on this model writes is under it.
func (g *Generator) Key() *vault.Key { return g.key }

// Encode gives the tokens of a text, without special ones.
func (g *Generator) Encode(text string) []int32 { return g.tok.Encode(text) }

// End is the token that ends an answer, -1 without one.
func (g *Generator) End() int32 {
	if len(g.end) == 0 {
		return -1
	}
	return g.end[0]
}

// frozenTorch is a Model's weights: views, where it is held in the type that is asked for.
type frozenTorch struct{ *Model }

func (f frozenTorch) matrix(s *torch.Scope, i int, which target, dtype torch.DType) torch.Tensor {
	l := &f.layer[i]
	w := [targets]torch.Tensor{l.queryKeyValue.w, l.dense.w, l.up.w, l.down.w}[which]
	return f.as(s, w, dtype)
}

func (f frozenTorch) as(s *torch.Scope, w torch.Tensor, dtype torch.DType) torch.Tensor {
	if dtype == f.DType {
		return w
	}
	return s.To(w, dtype)
}

func (f frozenTorch) vectors(_ *torch.Scope, i int) (bias [targets]torch.Tensor, norms [2]norm) {
	if i == f.Layers {
		return bias, [2]norm{f.norm}
	}
	l := &f.layer[i]
	return [targets]torch.Tensor{l.queryKeyValue.b, l.dense.b, l.up.b, l.down.b}, [2]norm{l.inputNorm, l.postNorm}
}

func (f frozenTorch) embed(s *torch.Scope, ids []int32, dtype torch.DType) torch.Tensor {
	return s.To(s.Embedding(f.Model.embed, s.Ints(wide(ids), int64(len(ids)))), dtype)
}

func (f frozenTorch) head(s *torch.Scope, dtype torch.DType) torch.Tensor {
	return f.as(s, f.Model.head, dtype)
}

func (f frozenTorch) room(dtype torch.DType) int64 {
	if dtype == f.DType {
		return 0
	}
	return int64(dtype.Size()) * max(largest4(f.Config), int64(f.VocabSize)*int64(f.HiddenSize))
}

func (f frozenTorch) let() {}

// matrices4 are the kernels' names of lora.Names.
var matrices4 = [targets]cuda.Matrix{cuda.QKV, cuda.Dense, cuda.Up, cuda.Down}

// frozenCUDA4 is the weights of a 4-bit model on a GPU: the bf16 copies where there are any, else one matrix at a time in the
// memory that prompts use for the same. Everything runs on the device's one stream, so nobody overwrites what is still read.
type frozenCUDA4 struct{ *cuda4 }

func (f *frozenCUDA4) matrix(s *torch.Scope, i int, which target, dtype torch.DType) torch.Tensor {
	m := matrices4[which]
	rows, cols := f.layout.Shape.Size(m)
	at := f.at(f.cuda4.matrix)
	if f.full != 0 {
		at = f.copied(i, m)
	} else if err := f.gpu.Dequantize(f.stream, f.placed(i, m), at); err != nil {
		s.Fail(err)
		return torch.Tensor{}
	}
	return s.To(s.Over(at, torch.BFloat16, []int64{int64(rows), int64(cols)}, nil), dtype)
}

func (f *frozenCUDA4) vectors(s *torch.Scope, i int) (bias [targets]torch.Tensor, norms [2]norm) {
	at := func(offset int64, n int) torch.Tensor {
		return s.Over(f.at(offset), torch.Float32, []int64{int64(n)}, nil)
	}
	pair := func(offset int64) norm {
		return norm{at(offset, f.HiddenSize), at(offset+4*int64(f.HiddenSize), f.HiddenSize)}
	}
	if i == f.Layers {
		return bias, [2]norm{pair(f.layout.FinalNorm())}
	}
	for which, m := range matrices4 {
		if rows, _ := f.layout.Shape.Size(m); target(which) >= up || f.AttentionBias {
			bias[which] = at(f.layout.Bias(i, m), rows)
		}
	}
	return bias, [2]norm{pair(f.layout.Norm(i, 0)), pair(f.layout.Norm(i, 1))}
}

func (f *frozenCUDA4) table(s *torch.Scope, at int64) torch.Tensor {
	return s.Over(f.at(at), torch.BFloat16, []int64{int64(f.VocabSize), int64(f.HiddenSize)}, nil)
}

func (f *frozenCUDA4) embed(s *torch.Scope, ids []int32, dtype torch.DType) torch.Tensor {
	return s.To(s.Embedding(f.table(s, f.cuda4.embed), s.Ints(wide(ids), int64(len(ids)))), dtype)
}

func (f *frozenCUDA4) head(s *torch.Scope, dtype torch.DType) torch.Tensor {
	return s.To(f.table(s, f.cuda4.head), dtype)
}

func (f *frozenCUDA4) room(dtype torch.DType) int64 {
	if dtype == torch.BFloat16 {
		return 0
	}
	return int64(dtype.Size()) * max(largest4(f.Config), int64(f.VocabSize)*int64(f.HiddenSize))
}

func (f *frozenCUDA4) let() {}

// frozenCPU4 is the weights of a 4-bit model on the CPU, written out one matrix at a time. The head, which is held in 8 bits,
// is written out once.
type frozenCPU4 struct {
	*cpu4
	owner  torch.Owner
	buffer torch.Tensor // fp32, the largest matrix
	whole  torch.Tensor // head [V, D]
}

func (f *frozenCPU4) matrix(s *torch.Scope, i int, which target, dtype torch.DType) torch.Tensor {
	if f.buffer.None() {
		f.buffer = s.Keep(&f.owner, s.EmptyHost(torch.Float32, largest4(f.Config)))
	}
	name := lora.Names[which]
	shape := lora.ModelOf(f.Layers, f.HiddenSize, f.IntermediateSize).Shapes[name]
	if s.Err() != nil {
		return torch.Tensor{}
	}
	if err := f.model.LinearInto(i, linearsCPU4[name], f.buffer.HostFloats()[:shape.Out*shape.In]); err != nil {
		s.Fail(err)
		return torch.Tensor{}
	}
	w := s.View(s.Narrow(f.buffer, 0, 0, int64(shape.Out*shape.In)), int64(shape.Out), int64(shape.In))
	return s.To(w, dtype)
}

func (f *frozenCPU4) vectors(s *torch.Scope, i int) (bias [targets]torch.Tensor, norms [2]norm) {
	pair := func(which int) norm {
		w, b := f.model.Norm(i, which)
		return norm{s.Floats(w, int64(len(w))), s.Floats(b, int64(len(b)))}
	}
	if i == f.Layers {
		return bias, [2]norm{pair(0)}
	}
	for which, name := range lora.Names {
		if b := f.model.Bias(i, linearsCPU4[name]); b != nil {
			bias[which] = s.Floats(b, int64(len(b)))
		}
	}
	return bias, [2]norm{pair(0), pair(1)}
}

func (f *frozenCPU4) embed(s *torch.Scope, ids []int32, dtype torch.DType) torch.Tensor {
	t := s.EmptyHost(torch.Float32, int64(len(ids)), int64(f.HiddenSize))
	if s.Err() == nil {
		for i, id := range ids {
			f.model.EmbeddingInto(id, t.HostFloats()[i*f.HiddenSize:(i+1)*f.HiddenSize])
		}
	}
	return s.To(t, dtype)
}

func (f *frozenCPU4) head(s *torch.Scope, dtype torch.DType) torch.Tensor {
	if f.whole.None() {
		t := s.EmptyHost(torch.Float32, int64(f.VocabSize), int64(f.HiddenSize))
		if s.Err() == nil {
			if err := f.model.HeadInto(t.HostFloats()); err != nil {
				s.Fail(err)
			}
		}
		f.whole = s.Keep(&f.owner, s.To(t, dtype))
	}
	return f.whole
}

func (f *frozenCPU4) room(dtype torch.DType) int64 {
	n := 4*largest4(f.Config) + int64(dtype.Size())*int64(f.VocabSize)*int64(f.HiddenSize)
	if dtype != torch.Float32 {
		n += int64(dtype.Size()) * largest4(f.Config)
	}
	return n
}

func (f *frozenCPU4) let() {
	f.owner.Close()
	f.buffer, f.whole = torch.Tensor{}, torch.Tensor{}
}

// Outside is the bytes of the model on a card that are not libtorch's.
func (g *Generator) Outside() int64 {
	if r, ok := g.run.(*cuda4); ok {
		return r.total + r.extra
	}
	return 0
}
