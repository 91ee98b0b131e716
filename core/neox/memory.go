//go:build torch

package neox

import (
	"fmt"
	"math"
	"strings"
	"unsafe"

	"kakoi/core"
	"kakoi/core/internal/torch"
	"kakoi/core/weights"
)

// memorySource is a source made of the hash: the model of the self-test and of the golden tests.
type memorySource struct {
	shapes map[string][]int64
	made   map[string][]float32
}

func newMemorySource(c Config) memorySource {
	return memorySource{shapes: tensorShapes(c), made: map[string][]float32{}}
}

// values are the tensor's elements: matrices spread so that a layer neither fades nor explodes, norms about 1.
func (m memorySource) values(name string) []float32 {
	if v := m.made[name]; v != nil {
		return v
	}
	shape := m.shapes[name]
	n := int64(1)
	for _, d := range shape {
		n *= d
	}
	v := hashUniform(name, int(n))
	scale, shift := float32(0.25), float32(0)
	switch {
	case strings.Contains(name, "embed"):
		scale = 1
	case len(shape) == 2:
		scale = float32(1.5 / math.Sqrt(float64(shape[1])))
	case strings.HasSuffix(name, "norm.weight"):
		shift = 1
	}
	for i := range v {
		v[i] = shift + scale*v[i]
	}
	m.made[name] = v
	return v
}

func (m memorySource) Has(name string) bool { return m.shapes[name] != nil }

func (m memorySource) Tensor(name string) (weights.Tensor, error) {
	if !m.Has(name) {
		return weights.Tensor{}, fmt.Errorf("tensor %q: %w", name, core.ErrNotFound)
	}
	v := m.values(name)
	data := unsafe.Slice((*byte)(unsafe.Pointer(&v[0])), 4*len(v))
	return weights.Tensor{Name: name, DType: weights.F32, Shape: m.shapes[name], Data: data}, nil
}

func (m memorySource) Linear(name string) (weights.Linear, error) {
	t, err := m.Tensor(name)
	if err != nil || len(t.Shape) != 2 {
		return weights.Linear{}, fmt.Errorf("matrix %q: %w", name, core.ErrNotFound)
	}
	return weights.Linear{Name: name, Out: int(t.Shape[0]), In: int(t.Shape[1]), Plain: &t}, nil
}

// randomSource is a maker of normal numbers, for benchmarks of a shape without its weights.
type randomSource struct{ shapes map[string][]int64 }

func (r randomSource) Has(name string) bool { return r.shapes[name] != nil }

func (r randomSource) Tensor(name string) (weights.Tensor, error) {
	return weights.Tensor{}, fmt.Errorf("tensor %q: %w", name, core.ErrNotFound)
}

func (r randomSource) Linear(name string) (weights.Linear, error) {
	return weights.Linear{}, fmt.Errorf("matrix %q: %w", name, core.ErrNotFound)
}

func (r randomSource) make(s *torch.Scope, name string, dtype torch.DType, shape []int64) torch.Tensor {
	mean, std := 0.0, 0.02
	if strings.HasSuffix(name, "norm.weight") {
		mean = 1
	}
	return s.Normal(s.Empty(dtype, shape...), mean, std)
}
