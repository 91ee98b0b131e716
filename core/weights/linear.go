package weights

import (
	"fmt"

	"kakoi/core"
	"kakoi/core/quant"
)

// Int8Rows is a matrix whose row r is Weight[r] * Scale[r].
type Int8Rows struct {
	Weight Tensor // I8 [Out, In]
	Scale  Tensor // F16 or F32 [Out]
}

// Linear is a weight matrix [Out, In]; exactly one of its storages is set.
type Linear struct {
	Name    string
	Out, In int
	Plain   *Tensor      // F32, F16 or BF16
	Quant   *quant.State // bitsandbytes NF4
	Int8    *Int8Rows
}

// Linear returns the matrix called name ("gpt_neox.layers.0.attention.dense.weight") in whatever storage it has.
func (f *Folder) Linear(name string) (Linear, error) {
	t, err := f.Tensor(name)
	if err != nil {
		return Linear{}, err
	}
	l := Linear{Name: name}
	shape := t.Shape
	switch {
	case quant.Is(func(k string) bool { return f.Has(name + k) }):
		if l.Quant, err = f.quantState(name); err != nil {
			return Linear{}, core.Explain(fmt.Errorf("4-bit weight %q: %w", name, err), "error.model.quant", name)
		}
		shape = l.Quant.Shape
	case t.DType == I8 && f.Has(name+".scale"):
		s, err := f.Tensor(name + ".scale")
		if err != nil {
			return Linear{}, err
		}
		if len(shape) != 2 || len(s.Shape) != 1 || s.Shape[0] != shape[0] || (s.DType != F16 && s.DType != F32) {
			return Linear{}, badShape(name+".scale", s.Shape, shape[:1])
		}
		l.Int8 = &Int8Rows{Weight: t, Scale: s}
	case t.DType == F32 || t.DType == F16 || t.DType == BF16:
		l.Plain = &t
	default:
		return Linear{}, core.Explain(fmt.Errorf("weight %q of type %v: %w", name, t.DType, core.ErrUnsupported), "error.model.dtype", name, t.DType.String())
	}
	if len(shape) != 2 {
		return Linear{}, core.Explain(fmt.Errorf("weight %q has shape %v, want two dimensions: %w", name, shape, core.ErrCorrupt), "error.model.tensor.shape", name)
	}
	l.Out, l.In = int(shape[0]), int(shape[1])
	return l, nil
}

func (f *Folder) quantState(name string) (*quant.State, error) {
	return quant.Unmarshal(func(suffix string) ([]byte, bool) {
		t, err := f.Tensor(name + suffix)
		return t.Data, err == nil
	})
}

// Bytes is the memory of the matrix as stored.
func (l Linear) Bytes() int64 {
	switch {
	case l.Quant != nil:
		return l.Quant.Bytes()
	case l.Int8 != nil:
		return int64(len(l.Int8.Weight.Data) + len(l.Int8.Scale.Data))
	}
	return int64(len(l.Plain.Data))
}

// Float32 writes the matrix, row-major [Out, In], into dst, on all cores.
func (l Linear) Float32(dst []float32) error {
	if len(dst) != l.Out*l.In {
		return fmt.Errorf("read %q: %d elements into %d: %w", l.Name, l.Out*l.In, len(dst), core.ErrDimension)
	}
	switch {
	case l.Quant != nil:
		if err := l.Quant.Dequantize(dst); err != nil {
			return fmt.Errorf("read %q: %w", l.Name, err)
		}
		return nil
	case l.Int8 != nil:
		return l.int8Rows(dst)
	}
	return l.Plain.Float32(dst)
}

func (l Linear) int8Rows(dst []float32) error {
	scale := make([]float32, l.Out)
	if err := l.Int8.Scale.Float32(scale); err != nil {
		return err
	}
	data, in := l.Int8.Weight.Data, l.In
	parallel(l.Out, max(1, 1<<16/max(1, in)), func(lo, hi int) {
		for r := lo; r < hi; r++ {
			row, s := dst[r*in:(r+1)*in], scale[r]
			for i, b := range data[r*in : (r+1)*in] {
				row[i] = float32(int8(b)) * s
			}
		}
	})
	return nil
}

func badShape(name string, got, want []int64) error {
	return core.Explain(fmt.Errorf("tensor %q has shape %v, want %v: %w", name, got, want, core.ErrCorrupt), "error.model.tensor.shape", name)
}
