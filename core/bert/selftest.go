//go:build torch

package bert

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"runtime"
	"strings"

	"kakoi/core"
	"kakoi/core/internal/device"
	"kakoi/core/internal/kernel/cpu"
	"kakoi/core/internal/torch"
	"kakoi/core/weights"
)

// selftestLengths are the windows of the self-test, in tokens: unequal ones, equal ones, and more than one tile of
// the attention kernels.
var selftestLengths = []int{7, 1, 130, 19, 7, 2, 48, 33, 7}

// selftestKinds are the encoders of the self-test, each with a pooling.
var selftestKinds = []struct{ model, pooling string }{{"bert", "mean"}, {"xlm-roberta", "cls"}}

// Selftest runs tiny encoders of both position numberings on the device, in each dtype and, on the CPU, in our own
// kernels of each instruction set, and holds the vectors against plain Go in float64, batches of unequal lengths
// against their texts one by one (our kernels: the same bits), and fp16 against fp32. emit gets
// every check with its figures; the error is core.ErrCorrupt when one failed, core.ErrNoDevice when there is no such
// device. It takes about a second.
func Selftest(ctx context.Context, deviceName string, emit func(name string, ok bool, detail string)) error {
	dev, err := device.Open(deviceName, 0)
	if err != nil {
		return err
	}
	var failed []string
	check := func(name string, got, want []core.Vector, cosine, worst float64, err error) error {
		c, w := agreement(got, want)
		ok := err == nil && c >= cosine && w <= worst // false for NaN
		detail := fmt.Sprintf("%s: cosine %.7f, limit %g; largest error %.2g, limit %g", dev.Name(), c, cosine, w, worst)
		if err != nil {
			detail = fmt.Sprintf("%s: %v", dev.Name(), err)
		}
		if !ok {
			failed = append(failed, name)
		}
		if emit != nil {
			emit(name, ok, detail)
		}
		return ctx.Err()
	}
	for _, kind := range selftestKinds {
		cfg := tinyConfig(kind.model)
		src := newMemorySource(cfg)
		defer src.pins.Unpin()
		want := referenceVectors(cfg, src, kind.pooling)
		together := map[torch.DType][]core.Vector{}
		for _, d := range []struct {
			dtype         torch.DType
			cosine, worst float64 // of vectors of length 1 with 64 components
		}{{torch.Float32, 0.999999, 2e-5}, {torch.BFloat16, 0.999, 0.03}, {torch.Float16, 0.9999, 0.005}} {
			all, single, err := tinyEncoder(ctx, dev, cfg, arithmetic{dtype: d.dtype}, src, kind.pooling)
			together[d.dtype] = all
			name := "encoder " + kind.model + " " + d.dtype.String()
			if err := check(name, all, want, d.cosine, d.worst, err); err != nil {
				return err
			}
			if err := check(name+" one by one", single, all, d.cosine, d.worst, err); err != nil {
				return err
			}
		}
		name := "encoder " + kind.model + " fp16 against fp32"
		if err := check(name, together[torch.Float16], together[torch.Float32], 0.999, 0.05, nil); err != nil {
			return err
		}
		if dev.CUDA() {
			continue
		}
		for _, how := range ownKernels() {
			all, single, err := tinyEncoder(ctx, dev, cfg, how, src, kind.pooling)
			limit := 0.9995
			if how.codes == cpu.Int8 { // a network of random weights has no redundancy to hide a rounding in
				limit = 0.998
			}
			name := fmt.Sprintf("encoder %s %s kernels %v", kind.model, codesName(how.codes), how.set)
			if err := check(name, all, want, limit, 0.05, err); err != nil {
				return err
			}
			if err := check(name+" one by one", single, all, 1-1e-7, 0, err); err != nil {
				return err
			}
		}
	}
	if len(failed) > 0 {
		return fmt.Errorf("self-test of %s: %s: %w", dev.Name(), strings.Join(failed, ", "), core.ErrCorrupt)
	}
	return nil
}

// ownKernels are our kernels for the CPU: each code with each instruction set that there is.
func ownKernels() []arithmetic {
	var all []arithmetic
	for _, c := range []cpu.Codes{cpu.Int8, cpu.BFloat} {
		for set := cpu.Plain; set <= cpu.Detect(); set++ {
			all = append(all, arithmetic{own: true, codes: c, set: set})
		}
	}
	return all
}

// agreement is the lowest cosine and the largest difference of two lists of vectors of length 1; NaN where they have
// not the same sizes.
func agreement(got, want []core.Vector) (cosine, worst float64) {
	if len(got) != len(want) || len(got) == 0 {
		return math.NaN(), math.NaN()
	}
	cosine = 1
	for i := range got {
		if len(got[i]) != len(want[i]) {
			return math.NaN(), math.NaN()
		}
		dot, a, b := 0.0, 0.0, 0.0
		for j := range got[i] {
			x, y := float64(got[i][j]), float64(want[i][j])
			dot, a, b = dot+x*y, a+x*x, b+y*y
			worst = math.Max(worst, math.Abs(x-y)) // keeps NaN
		}
		cosine = math.Min(cosine, dot/math.Sqrt(a*b))
	}
	return cosine, worst
}

func tinyConfig(model string) Config {
	c := Config{ModelType: model, Hidden: 64, Layers: 2, Heads: 4, Inner: 128, Vocab: 96, Positions: 160, Types: 2, Eps: 1e-12, Activation: "gelu"}
	if model != "bert" {
		pad := 1
		c.PadID, c.Types, c.Eps = &pad, 1, 1e-5
	}
	return c
}

func selftestWindows(c Config) []window {
	ws := make([]window, len(selftestLengths))
	for i, n := range selftestLengths {
		ws[i] = window{text: i, ids: make([]int32, n)}
		for t := range ws[i].ids {
			ws[i].ids[t] = int32((7 + 31*i + 17*t + t*t*(i+1)) % c.Vocab)
		}
	}
	return ws
}

func referenceVectors(c Config, src *memorySource, pooling string) []core.Vector {
	var out []core.Vector
	for _, w := range selftestWindows(c) {
		var v core.Vector
		for _, x := range refPool(referenceForward(c, src.floats, w.ids), pooling) {
			v = append(v, float32(x))
		}
		out = append(out, v)
	}
	return out
}

// tinyEncoder embeds the self-test's windows in one batch and each alone.
func tinyEncoder(ctx context.Context, dev *device.Device, cfg Config, how arithmetic, src *memorySource, pooling string) (together, single []core.Vector, err error) {
	e := &Embedder{held: held{dev: dev}, layout: Layout{Pooling: []string{pooling}}, info: core.EmbedderInfo{Dimension: cfg.Hidden}}
	if e.model, err = how.load(ctx, dev, cfg, src, nil); err != nil {
		return nil, nil, err
	}
	defer func() {
		err = errors.Join(err, dev.Do(context.WithoutCancel(ctx), func(*torch.Scope) error { e.model.close(); return nil }))
	}()
	embed := func(budget int) ([]core.Vector, error) {
		out := make([]core.Vector, len(selftestLengths))
		for _, b := range batches(selftestWindows(cfg), budget) {
			if err := e.run(ctx, b, out); err != nil {
				return nil, err
			}
		}
		for i := range out {
			if !normalise(out[i]) {
				return nil, fmt.Errorf("window %d: no finite vector: %w", i, core.ErrCorrupt)
			}
		}
		return out, nil
	}
	if together, err = embed(cudaTokens); err == nil {
		single, err = embed(1)
	}
	return together, single, err
}

// memorySource is the weights of the self-test's encoders, made when they are asked for.
type memorySource struct {
	shapes map[string][]int64
	values map[string][]float32
	pins   runtime.Pinner // libtorch keeps addresses of the word embeddings
}

func newMemorySource(c Config) *memorySource {
	h, g := int64(c.Hidden), int64(c.Inner)
	m := &memorySource{shapes: map[string][]int64{
		"embeddings.word_embeddings.weight": {int64(c.Vocab), h}, "embeddings.position_embeddings.weight": {int64(c.Positions), h},
		"embeddings.token_type_embeddings.weight": {int64(c.Types), h},
	}, values: map[string][]float32{}}
	linear := func(name string, out, in int64) {
		m.shapes[name+".weight"], m.shapes[name+".bias"] = []int64{out, in}, []int64{out}
	}
	norm := func(name string) {
		m.shapes[name+".LayerNorm.weight"], m.shapes[name+".LayerNorm.bias"] = []int64{h}, []int64{h}
	}
	norm("embeddings")
	for i := range c.Layers {
		p := layerPrefix(i)
		for _, name := range []string{"self.query", "self.key", "self.value", "output.dense"} {
			linear(p+"attention."+name, h, h)
		}
		linear(p+"intermediate.dense", g, h)
		linear(p+"output.dense", h, g)
		norm(p + "attention.output")
		norm(p + "output")
	}
	return m
}

// floats gives a tensor: matrices of a size that keeps the softmax far from uniform, LayerNorms around 1.
func (m *memorySource) floats(name string) []float32 {
	if v, ok := m.values[name]; ok {
		return v
	}
	n := int64(1)
	for _, d := range m.shapes[name] {
		n *= d
	}
	v := hashUniform("selftest."+name, int(n))
	switch {
	case strings.HasSuffix(name, "LayerNorm.weight"):
		for i := range v {
			v[i] = 1 + 0.5*v[i]
		}
	case strings.HasSuffix(name, ".bias"):
		scale(v, 0.2)
	case !strings.HasPrefix(name, "embeddings."):
		scale(v, float32(2/math.Sqrt(float64(m.shapes[name][1]))))
	}
	m.values[name] = v
	return v
}

func (m *memorySource) Has(name string) bool { return m.shapes[name] != nil }

func (m *memorySource) Tensor(name string) (weights.Tensor, error) {
	if !m.Has(name) {
		return weights.Tensor{}, fmt.Errorf("tensor %q: %w", name, core.ErrNotFound)
	}
	v := m.floats(name)
	data := make([]byte, 0, 4*len(v))
	for _, x := range v {
		data = binary.LittleEndian.AppendUint32(data, math.Float32bits(x))
	}
	m.pins.Pin(&data[0])
	return weights.Tensor{Name: name, DType: weights.F32, Shape: m.shapes[name], Data: data}, nil
}
