//go:build torch

package neox

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"strings"

	"kakoi/core"
	"kakoi/core/internal/device"
	"kakoi/core/internal/kernel/cuda"
	"kakoi/core/internal/kernel/upload"
	"kakoi/core/internal/torch"
	"kakoi/core/quant"
	"kakoi/core/weights"
)

// loader4 brings a model's tensors to the device, one after the other. Files are read by an upload.Job straight into a
// staging area of depth4 slots on the device (tables of the right type straight into the arena); what arrived is
// quantised and laid out there.
type loader4 struct {
	*cuda4
	src   source
	files map[string]*os.File
	parts []upload.Piece
	todo  []item4

	staging uintptr
	slot    int64 // bytes of a slot
	own     temp4
	bad     uintptr // uint32 for every item: set where a value is not finite
}

// item4 is one tensor, or some rows of a table, and what is done when it has arrived.
type item4 struct {
	name  string
	bytes int64 // of a slot that it needs
	make  func(s *torch.Scope, slot uintptr) error
	layer int // it belongs to
}

func (t temp4) at(offset int64) uintptr { return t.base + uintptr(offset) }

func (t temp4) nf4() cuda.NF4 {
	return cuda.NF4{Codes: t.at(t.codes), Absmax: t.at(t.absmax), Q: t.at(t.q), Absmax2: t.at(t.absmax2), Offset: t.at(t.offset)}
}

// loadCUDA4 loads a model with 4-bit weights onto a GPU. A folder in bitsandbytes' format is taken as it is; anything
// else is quantised on the device, tensor by tensor, to the same bytes that bitsandbytes would make of it. free is what
// the device had when the model was planned, for copies4.
func loadCUDA4(ctx context.Context, dev *device.Device, cfg Config, src source, free int64, p core.Progress) (_ runner, err error) {
	l := &loader4{src: src, files: map[string]*os.File{}}
	err = dev.Do(ctx, func(*torch.Scope) (err error) {
		l.cuda4, err = newCUDA4(dev, cfg, p)
		return err
	})
	if err != nil {
		return nil, err
	}
	defer func() {
		for _, f := range l.files {
			_ = f.Close()
		}
		closing := dev.Do(context.WithoutCancel(ctx), func(*torch.Scope) error {
			torch.Synchronize(dev.Index())
			if l.staging != 0 {
				_ = upload.Free(dev.Index(), l.staging)
			}
			if err != nil {
				l.close()
			}
			return nil
		})
		err = errors.Join(err, closing)
	}()
	if err := l.list(); err != nil {
		return nil, err
	}
	if err := l.stage(); err != nil {
		return nil, err
	}
	if err := l.bring(ctx, p); err != nil {
		return nil, err
	}
	if err := dev.Do(ctx, func(s *torch.Scope) error { return l.probe(s, p) }); err != nil {
		return nil, err
	}
	if copies4(cfg, free) > 0 {
		// Another program may have taken the memory meanwhile: the model runs without.
		if err := dev.Do(ctx, func(*torch.Scope) error { return l.keepFull() }); err != nil && !errors.Is(err, core.ErrOutOfMemory) {
			return nil, err
		}
	}
	return l.cuda4, nil
}

// list says what is to be done with every tensor, in order.
func (l *loader4) list() error {
	name := prefix(l.src)
	for i := range l.Layers {
		for m := cuda.QKV; m <= cuda.Down; m++ {
			if err := l.matrixItem(i, m, l.layerName(i)+matrixNames4[m]+".weight"); err != nil {
				return fmt.Errorf("layer %d: %w", i, err)
			}
		}
		l.todo = append(l.todo, item4{name: l.layerName(i), layer: i, make: func(s *torch.Scope, _ uintptr) error { return l.vectors(s, i) }})
	}
	final := item4{name: "final_layer_norm", layer: l.Layers, make: func(s *torch.Scope, _ uintptr) error {
		both := append(l.vector(s, name+"final_layer_norm.weight", l.HiddenSize), l.vector(s, name+"final_layer_norm.bias", l.HiddenSize)...)
		if err := s.Err(); err != nil {
			return err
		}
		return upload.Write(l.dev.Index(), l.at(l.layout.FinalNorm()), floatBytes(both))
	}}
	l.todo = append(l.todo, final)
	if err := l.tableItems(name+"embed_in.weight", l.embed); err != nil {
		return err
	}
	if l.TieWordEmbeddings {
		return nil
	}
	return l.tableItems("embed_out.weight", l.head)
}

var matrixNames4 = [4]string{"attention.query_key_value", "attention.dense", "mlp.dense_h_to_4h", "mlp.dense_4h_to_h"}

func (l *loader4) layerName(i int) string {
	name := layerName(i)
	if prefix(l.src) == "" {
		name = strings.TrimPrefix(name, "gpt_neox.")
	}
	return name
}

// piece adds a tensor's bytes to what is copied for the next item, from its place in the file to a slot at offset, or
// straight to to. false: it does not lie in a file as it is.
func (l *loader4) piece(name string, from, bytes, offset int64, to uintptr) (bool, error) {
	x, ok := l.src.(interface {
		Extent(name string) (weights.Extent, bool)
	})
	if !ok {
		return false, nil
	}
	e, ok := x.Extent(name)
	if !ok {
		return false, nil
	}
	if from+bytes > e.Bytes {
		return false, fmt.Errorf("tensor %q has %d bytes, want %d: %w", name, e.Bytes, from+bytes, core.ErrCorrupt)
	}
	f := l.files[e.Path]
	if f == nil {
		var err error
		if f, err = os.Open(e.Path); err != nil {
			return false, fmt.Errorf("tensor %q: %w", name, err)
		}
		l.files[e.Path] = f
	}
	if to == 0 {
		to = uintptr(offset) // the slot is added when it is known
	}
	l.parts = append(l.parts, upload.Piece{File: f, Offset: e.Offset + from, Bytes: bytes, To: to, Group: len(l.todo)})
	return true, nil
}

// linear is a matrix of the source, with its shape checked.
func (l *loader4) linear(name string, rows, cols int) (weights.Linear, error) {
	w, err := l.src.Linear(name)
	if err != nil {
		return w, fmt.Errorf("tensor %q: %w", name, err)
	}
	if w.Out != rows || w.In != cols {
		return w, fmt.Errorf("tensor %q: %w", name, wrongShape(name, []int64{int64(w.Out), int64(w.In)}, []int64{int64(rows), int64(cols)}))
	}
	return w, nil
}

var plain4 = map[weights.DType]torch.DType{weights.F32: torch.Float32, weights.F16: torch.Float16, weights.BF16: torch.BFloat16}

// matrixItem plans one 4-bit matrix.
func (l *loader4) matrixItem(layer int, m cuda.Matrix, name string) error {
	rows, cols := l.layout.Shape.Size(m)
	n := int64(rows) * int64(cols)
	it := item4{name: name, layer: layer}
	place := func(src cuda.NF4) error {
		return l.gpu.Place(l.stream, src, l.placed(layer, m), l.own.at(l.own.scratch))
	}
	quantise := func(w uintptr, dtype torch.DType) error {
		dst := l.own.nf4()
		dst.Bad = l.bad + uintptr(4*l.index(name))
		if err := l.gpu.Quantize(l.stream, w, dtype, n, dst, l.own.at(l.own.scratch)); err != nil {
			return err
		}
		return place(dst)
	}
	if made, ok := l.src.(maker); ok {
		it.make = func(s *torch.Scope, _ uintptr) error {
			t := made.make(s, name, torch.BFloat16, []int64{int64(rows), int64(cols)})
			if err := s.Err(); err != nil {
				return err
			}
			return quantise(t.Pointer(), torch.BFloat16)
		}
		l.todo = append(l.todo, it)
		return nil
	}
	w, err := l.linear(name, rows, cols)
	if err != nil {
		return err
	}
	switch {
	case w.Quant != nil:
		err = l.quantItem(&it, name, w.Quant, place)
	case w.Plain != nil:
		dtype := plain4[w.Plain.DType]
		it.bytes = n * int64(dtype.Size())
		filed, perr := l.piece(name, 0, it.bytes, 0, 0)
		err = perr
		it.make = func(_ *torch.Scope, slot uintptr) error {
			if !filed {
				if err := upload.Write(l.dev.Index(), slot, w.Plain.Data); err != nil {
					return err
				}
			}
			return quantise(slot, dtype)
		}
	default:
		it.bytes = 4 * n
		it.make = func(_ *torch.Scope, slot uintptr) error {
			vals := make([]float32, n)
			if err := w.Float32(vals); err != nil {
				return err
			}
			if err := upload.Write(l.dev.Index(), slot, floatBytes(vals)); err != nil {
				return err
			}
			return quantise(slot, torch.Float32)
		}
	}
	l.todo = append(l.todo, it)
	return err
}

// quantItem plans a matrix that is in bitsandbytes' format already.
func (l *loader4) quantItem(it *item4, name string, q *quant.State, place func(cuda.NF4) error) error {
	if q.BlockSize != quant.BlockSize || q.Map != quant.NF4 || q.Nested != nil && q.Nested.BlockSize != 256 {
		return fmt.Errorf("tensor %q: blocks of %d, or a map of its own: %w", name, q.BlockSize, core.ErrUnsupported)
	}
	n := int64(q.Elements())
	t := newTemp4(n)
	it.bytes = t.end
	blocks := (n + quant.BlockSize - 1) / quant.BlockSize
	codes, err := l.piece(name, 0, n/2, t.codes, 0)
	if err != nil {
		return err
	}
	scales := false
	if q.Nested != nil {
		scales, err = l.piece(name+".absmax", 0, blocks, t.q, 0)
	}
	if err != nil {
		return err
	}
	it.make = func(_ *torch.Scope, slot uintptr) error {
		t.base = slot
		src := t.nf4()
		write := func(to uintptr, data []byte) {
			if err == nil {
				err = upload.Write(l.dev.Index(), to, data)
			}
		}
		if !codes {
			write(src.Codes, q.Packed)
		}
		if q.Nested == nil {
			src.Q, src.Absmax2, src.Offset = 0, 0, 0
			write(src.Absmax, floatBytes(q.Absmax))
		} else {
			src.Absmax = 0
			if !scales {
				write(src.Q, q.Nested.Codes)
			}
			write(src.Absmax2, floatBytes(q.Nested.Absmax))
			write(src.Offset, floatBytes([]float32{q.Nested.Offset}))
			if q.Nested.Map != quant.DynamicMap {
				src.Map = slot + uintptr(t.scratch)
				write(src.Map, floatBytes(q.Nested.Map[:]))
			}
		}
		if err != nil {
			return err
		}
		return place(src)
	}
	return nil
}

// tableItems plans an embedding matrix: bf16 rows in the arena.
func (l *loader4) tableItems(name string, to int64) error {
	rows, cols := l.VocabSize, l.HiddenSize
	if made, ok := l.src.(maker); ok {
		l.todo = append(l.todo, item4{name: name, layer: l.Layers, make: func(s *torch.Scope, _ uintptr) error {
			t := made.make(s, name, torch.BFloat16, []int64{int64(rows), int64(cols)})
			s.Write(s.Over(l.at(to), torch.BFloat16, []int64{int64(rows), int64(cols)}, nil), t)
			return s.Err()
		}})
		return nil
	}
	w, err := l.linear(name, rows, cols)
	if err != nil {
		return err
	}
	size := 4
	if w.Plain != nil {
		size = w.Plain.DType.Size()
	}
	step := max(1, tableBytes4/(size*cols))
	for from := 0; from < rows; from += step {
		n := min(step, rows-from)
		it := item4{name: name, layer: l.Layers}
		dst := l.at(to) + uintptr(2*from*cols)
		if w.Plain == nil || w.Plain.DType == weights.BF16 {
			filed := false
			if w.Plain != nil {
				if filed, err = l.piece(name, int64(from*cols*2), int64(n*cols*2), 0, dst); err != nil {
					return err
				}
			}
			it.make = func(*torch.Scope, uintptr) error {
				switch {
				case filed:
					return nil
				case w.Plain != nil:
					return upload.Write(l.dev.Index(), dst, w.Plain.Data[from*cols*2:(from+n)*cols*2])
				case from > 0:
					return nil // the first took all
				}
				vals := make([]float32, rows*cols)
				if err := w.Float32(vals); err != nil {
					return err
				}
				return upload.Write(l.dev.Index(), dst, appendBF16(nil, vals))
			}
		} else {
			it.bytes = int64(n * cols * size)
			filed, err := l.piece(name, int64(from*cols*size), it.bytes, 0, 0)
			if err != nil {
				return err
			}
			it.make = func(s *torch.Scope, slot uintptr) error {
				if !filed {
					if err := upload.Write(l.dev.Index(), slot, w.Plain.Data[from*cols*size:(from+n)*cols*size]); err != nil {
						return err
					}
				}
				shape := []int64{int64(n), int64(cols)}
				s.Write(s.Over(dst, torch.BFloat16, shape, nil), s.Over(slot, plain4[w.Plain.DType], shape, nil))
				return s.Err()
			}
		}
		l.todo = append(l.todo, it)
	}
	return nil
}

// vectors brings a layer's biases and norms, which lie together.
func (l *loader4) vectors(s *torch.Scope, i int) error {
	name := l.layerName(i)
	from := l.layout.Bias(i, cuda.QKV)
	end := l.layout.Norm(i, 1) + 8*int64(l.HiddenSize)
	all := make([]float32, (end-from)/4)
	put := func(at int64, v []float32) { copy(all[(at-from)/4:], v) }
	for m := cuda.QKV; m <= cuda.Down; m++ {
		if rows, _ := l.layout.Shape.Size(m); m >= cuda.Up || l.AttentionBias {
			put(l.layout.Bias(i, m), l.vector(s, name+matrixNames4[m]+".bias", rows))
		}
	}
	for which, norm := range []string{"input_layernorm", "post_attention_layernorm"} {
		put(l.layout.Norm(i, which), l.vector(s, name+norm+".weight", l.HiddenSize))
		put(l.layout.Norm(i, which)+4*int64(l.HiddenSize), l.vector(s, name+norm+".bias", l.HiddenSize))
	}
	if err := s.Err(); err != nil {
		return err
	}
	return upload.Write(l.dev.Index(), l.at(from), floatBytes(all))
}

// vector is a vector of the source in fp32; its error becomes the Scope's.
func (l *loader4) vector(s *torch.Scope, name string, n int) []float32 {
	vals := make([]float32, n)
	if made, ok := l.src.(maker); ok {
		s.Read(made.make(s, name, torch.Float32, []int64{int64(n)}), vals)
		return vals
	}
	t, err := l.src.Tensor(name)
	if err == nil && (len(t.Shape) != 1 || t.Shape[0] != int64(n)) {
		err = wrongShape(name, t.Shape, []int64{int64(n)})
	}
	if err == nil {
		err = t.Float32(vals)
	}
	if err != nil {
		s.Fail(fmt.Errorf("tensor %q: %w", name, err))
	}
	return vals
}

// stage takes the staging area: slots, the form between, and the marks of values that are no numbers.
func (l *loader4) stage() error {
	if n := cuda.QuantizeScratch(largest4(l.Config)); n > scratch4 {
		return fmt.Errorf("quantising needs %d bytes, %d are planned", n, int64(scratch4))
	}
	most := int64(0)
	for _, it := range l.todo {
		most = max(most, it.bytes)
	}
	var total int64
	l.slot, l.own, total = staging4(l.Config, most, len(l.todo))
	var err error
	if l.staging, err = alloc4(l.dev, total); err != nil {
		return fmt.Errorf("room to load: %w", err)
	}
	l.own.base = l.staging + uintptr(depth4*l.slot)
	l.bad = l.own.base + uintptr(l.own.end)
	return upload.Zero(l.dev.Index(), l.bad, int64(4*len(l.todo)))
}

// bring runs the copies and what follows each.
func (l *loader4) bring(ctx context.Context, p core.Progress) (err error) {
	var job *upload.Job
	if len(l.parts) > 0 {
		for i := range l.parts {
			if x := &l.parts[i]; x.To < l.base { // an offset into its slot
				x.To += l.staging + uintptr(int64(x.Group%depth4)*l.slot)
			}
		}
		if job, err = upload.Start(l.dev.Index(), l.parts, len(l.todo), depth4); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, job.Finish(err != nil)) }()
	}
	total := int64(l.Layers + 1)
	for i, it := range l.todo {
		p.Report(core.Update{Stage: "load", Done: int64(it.layer), Total: total})
		if job != nil {
			if err := job.Wait(ctx, i); err != nil {
				return err
			}
		}
		err := l.dev.Do(ctx, func(s *torch.Scope) error {
			if err := it.make(s, l.staging+uintptr(int64(i%depth4)*l.slot)); err != nil {
				return err
			}
			if it.bytes == 0 {
				return nil
			}
			return upload.Await(l.dev.Index(), l.stream) // the slot is free again
		})
		if err != nil {
			return fmt.Errorf("tensor %q: %w", it.name, err)
		}
		if job != nil {
			job.Release(i)
		}
	}
	p.Report(core.Update{Stage: "load", Done: total, Total: total})
	return l.finite()
}

// index is the number of the item of a tensor.
func (l *loader4) index(name string) int {
	for i := range l.todo {
		if l.todo[i].name == name {
			return i
		}
	}
	return 0
}

// finite is core.ErrCorrupt for a tensor in which a value was infinite or no number.
func (l *loader4) finite() error {
	marks := make([]byte, 4*len(l.todo))
	if err := upload.Read(l.dev.Index(), marks, l.bad); err != nil {
		return err
	}
	for i, it := range l.todo {
		if binary.LittleEndian.Uint32(marks[4*i:]) != 0 {
			return core.Explain(fmt.Errorf("tensor %q: a value is not finite: %w", it.name, core.ErrCorrupt), "error.model.finite", it.name)
		}
	}
	return nil
}

// floatBytes are the numbers as they lie in memory.
func floatBytes(v []float32) []byte {
	out := make([]byte, 4*len(v))
	for i, x := range v {
		binary.LittleEndian.PutUint32(out[4*i:], math.Float32bits(x))
	}
	return out
}

// appendBF16 appends the numbers rounded to bf16, to nearest even.
func appendBF16(to []byte, v []float32) []byte {
	for _, x := range v {
		u := math.Float32bits(x)
		if u&0x7fffffff > 0x7f800000 {
			u |= 0x400000 // stays no number
		} else {
			u += 0x7fff + u>>16&1
		}
		to = binary.LittleEndian.AppendUint16(to, uint16(u>>16))
	}
	return to
}
