//go:build torch

package neox

import (
	"context"
	"fmt"
	"math"
	"strings"

	"kakoi/core"
	"kakoi/core/internal/device"
	"kakoi/core/internal/torch"
)

// Selftest holds the device's operations and a tiny model, in each dtype, against plain Go in float64. emit gets
// every check with its largest error; the error is core.ErrCorrupt when one failed, core.ErrNoDevice when there is
// no such device. It takes seconds.
func Selftest(ctx context.Context, deviceName string, emit func(name string, ok bool, detail string)) error {
	dev, err := device.Open(deviceName, 0)
	if err != nil {
		return err
	}
	var failed []string
	check := func(name string, limit, diff float64, err error) error {
		ok := err == nil && diff <= limit // false for NaN
		detail := fmt.Sprintf("%s: largest error %.2g, limit %.2g", dev.Name(), diff, limit)
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
	for _, o := range selftestOps {
		// A number of dtype has a relative error of its step; sums of 64 products of numbers below 1 stay below 8.
		for _, d := range []struct {
			dtype torch.DType
			limit float64
		}{{torch.Float32, 2e-5}, {torch.BFloat16, 0.06}, {torch.Float16, 0.01}} {
			diff, err := o.run(ctx, dev, d.dtype)
			if err := check(o.name+" "+d.dtype.String(), d.limit, diff, err); err != nil {
				return err
			}
		}
	}
	for _, d := range []struct {
		dtype torch.DType
		limit float64 // of the logits' root mean square error, relative to their root mean square
	}{{torch.Float32, 1e-5}, {torch.BFloat16, 0.03}, {torch.Float16, 0.004}} {
		for _, parallel := range []bool{true, false} {
			diff, err := tinyModel(ctx, dev, d.dtype, parallel)
			name := fmt.Sprintf("model %s parallel=%v", d.dtype, parallel)
			if err := check(name, d.limit, diff, err); err != nil {
				return err
			}
		}
	}
	if dev.CUDA() {
		if err := selftestKernels(ctx, dev, &failed, emit); err != nil {
			return err
		}
	}
	if dev.CUDA() || fastCPU4(shapes4["512 wide, heads of 64"]) {
		if err := selftest4(ctx, dev, check); err != nil {
			return err
		}
	}
	diff, err := deviceSampling(ctx, dev)
	if err := check("sampling", 1e-6, diff, err); err != nil {
		return err
	}
	diff, err = refusals(ctx, dev)
	if err := check("refusals", 1e-4, diff, err); err != nil {
		return err
	}
	if err := stressed(ctx, dev, &failed, emit); err != nil {
		return err
	}
	if len(failed) > 0 {
		return fmt.Errorf("self-test of %s: %s: %w", dev.Name(), strings.Join(failed, ", "), core.ErrCorrupt)
	}
	return nil
}

// selftestOp computes an operation on the device and in Go. in gives the inputs by name, as rounded to the dtype.
type selftestOp struct {
	name string
	on   func(s *torch.Scope, in func(name string, shape ...int64) torch.Tensor) torch.Tensor
	want func(in func(name string) []float32) []float64
}

// Sizes of the self-test's operands.
const (
	stRows  = 5
	stWidth = 64
	stHeads = 2
	stDim   = 16
)

func (o selftestOp) run(ctx context.Context, dev *device.Device, dtype torch.DType) (float64, error) {
	inputs := map[string][]float32{}
	var got []float32
	err := dev.Do(ctx, func(s *torch.Scope) error {
		in := func(name string, shape ...int64) torch.Tensor {
			n := int64(1)
			for _, d := range shape {
				n *= d
			}
			t := s.To(s.Floats(hashUniform("selftest."+name, int(n)), shape...), dtype)
			inputs[name] = make([]float32, n)
			s.Read(t, inputs[name])
			return t
		}
		out := o.on(s, in)
		if err := s.Err(); err != nil {
			return err
		}
		n := int64(1)
		for _, d := range out.Shape() {
			n *= d
		}
		got = make([]float32, n)
		s.Read(out, got)
		return s.Err()
	})
	if err != nil {
		return math.NaN(), err
	}
	return worst64(got, o.want(func(name string) []float32 { return inputs[name] })), nil
}

var selftestOps = []selftestOp{
	{"matmul", func(s *torch.Scope, in func(string, ...int64) torch.Tensor) torch.Tensor {
		return s.Linear(in("x", stRows, stWidth), in("w", 48, stWidth), in("b", 48))
	}, func(in func(string) []float32) []float64 { return refRows(in("x"), in("w"), in("b")) }},
	{"matrix-vector", func(s *torch.Scope, in func(string, ...int64) torch.Tensor) torch.Tensor {
		return s.Linear(in("x", 1, stWidth), in("w", 48, stWidth), in("b", 48))
	}, func(in func(string) []float32) []float64 { return refRows(in("x"), in("w"), in("b")) }},
	{"layer norm", func(s *torch.Scope, in func(string, ...int64) torch.Tensor) torch.Tensor {
		return s.LayerNorm(in("x", stRows, stWidth), stWidth, in("w", stWidth), in("b", stWidth), 1e-5)
	}, func(in func(string) []float32) []float64 {
		var out []float64
		for x := widen(in("x")); len(x) > 0; x = x[stWidth:] {
			out = append(out, refNorm(x[:stWidth], in("w"), in("b"), 1e-5)...)
		}
		return out
	}},
	{"gelu", func(s *torch.Scope, in func(string, ...int64) torch.Tensor) torch.Tensor {
		x := in("x", stRows, stWidth)
		return s.Cat(0, s.Gelu(x, false), s.Gelu(x, true))
	}, func(in func(string) []float32) []float64 {
		var out []float64
		for _, name := range []string{"gelu", "gelu_new"} {
			for _, v := range in("x") {
				out = append(out, refAct(name, float64(v)))
			}
		}
		return out
	}},
	{"rotary", func(s *torch.Scope, in func(string, ...int64) torch.Tensor) torch.Tensor {
		x := s.Copy(in("x", stRows, stDim), in("x", stRows, stDim).DType())
		s.Rotary(x, in("cos", stRows, stDim/4), in("sin", stRows, stDim/4))
		return x
	}, func(in func(string) []float32) []float64 {
		out, half := widen(in("x")), stDim/4
		for i := range stRows {
			refRotate(out[i*stDim:(i+1)*stDim], in("cos")[i*half:(i+1)*half], in("sin")[i*half:(i+1)*half])
		}
		return out
	}},
	{"attention", func(s *torch.Scope, in func(string, ...int64) torch.Tensor) torch.Tensor {
		q, k, v := in("q", 1, stHeads, stRows, stDim), in("k", 1, stHeads, stRows, stDim), in("v", 1, stHeads, stRows, stDim)
		mask := s.CausalMask(stRows, stRows, 0, q.DType())
		last := s.Attention(s.Narrow(q, 2, stRows-1, 1), k, v, torch.Tensor{}, false)
		return s.Cat(2, s.Attention(q, k, v, torch.Tensor{}, true), s.Attention(q, k, v, mask, false), last)
	}, selftestAttention},
}

// selftestAttention is, per head, the causal result twice and its last row once more.
func selftestAttention(in func(string) []float32) []float64 {
	q, k, v := in("q"), in("k"), in("v")
	var out []float64
	for h := range stHeads {
		var head []float64
		for i := range stRows {
			score := make([]float64, i+1)
			for j := range score {
				for e := range stDim {
					score[j] += float64(q[(h*stRows+i)*stDim+e]) * float64(k[(h*stRows+j)*stDim+e]) / math.Sqrt(stDim)
				}
			}
			row := make([]float64, stDim)
			for j, p := range refSoftmax(score) {
				for e := range row {
					row[e] += p * float64(v[(h*stRows+j)*stDim+e])
				}
			}
			head = append(head, row...)
		}
		out = append(append(append(out, head...), head...), head[(stRows-1)*stDim:]...)
	}
	return out
}

func refRows(x, w, b []float32) []float64 {
	var out []float64
	for v := widen(x); len(v) > 0; v = v[stWidth:] {
		out = append(out, refLinear(v[:stWidth], w, b)...)
	}
	return out
}

// tinyShape is the model of the self-test: two layers, partial rotary, untied head.
func tinyShape(parallel bool) Config {
	return Config{
		VocabSize: 96, HiddenSize: 64, Layers: 2, Heads: 4, IntermediateSize: 128, HiddenAct: "gelu", RotaryPct: 0.5, RotaryBase: 10000,
		MaxPositionEmbeddings: 64, LayerNormEps: 1e-5, UseParallelResidual: parallel, AttentionBias: true,
	}
}

// tinyModel runs a prompt in two chunks and two tokens one by one, and compares the logits with referenceForward:
// the relative root mean square error.
func tinyModel(ctx context.Context, dev *device.Device, dtype torch.DType, parallel bool) (float64, error) {
	c := tinyShape(parallel)
	src := newMemorySource(c)
	m, err := loadModel(ctx, dev, c, dtype, src, nil)
	if err != nil {
		return math.NaN(), err
	}
	ids := []int32{3, 14, 15, 92, 65, 35, 89, 79, 32, 38}
	defer func() {
		_ = dev.Do(context.WithoutCancel(ctx), func(*torch.Scope) error { m.Close(); return nil })
	}()
	var got []float32
	err = dev.Do(ctx, func(s *torch.Scope) error {
		cache, err := m.newCache(s, 1, len(ids))
		if err != nil {
			return err
		}
		defer cache.Close()
		for at := 0; at < len(ids); {
			n := map[int]int{0: 5, 5: 3}[at]
			n = max(n, 1)
			where, err := cache.chunk(s, 0, n)
			if err != nil {
				return err
			}
			part := make([]float32, n*c.VocabSize)
			s.Read(m.Forward(s, s.Ints(wide(ids[at:at+n]), 1, int64(n)), where, cache), part)
			if err := s.Err(); err != nil {
				return err
			}
			cache.advance(where)
			got = append(got, part...)
			at += n
		}
		return nil
	})
	if err != nil {
		return math.NaN(), err
	}
	var square, wrong float64
	for i, row := range referenceForward(c, src.values, ids) {
		for j, v := range row {
			square += v * v
			wrong += math.Pow(v-float64(got[i*c.VocabSize+j]), 2)
		}
	}
	return math.Sqrt(wrong / square), nil
}

// deviceSampling compares the sampler's probabilities over logits that went through the device with a softmax of
// the device's own.
func deviceSampling(ctx context.Context, dev *device.Device) (float64, error) {
	logits := hashUniform("selftest.logits", 512)
	for i := range logits {
		logits[i] *= 8
	}
	probs := make([]float32, len(logits))
	err := dev.Do(ctx, func(s *torch.Scope) error {
		t := s.Floats(logits, int64(len(logits)))
		s.Read(s.Softmax(t, 0), probs)
		s.Read(t, logits)
		return s.Err()
	})
	if err != nil {
		return math.NaN(), err
	}
	ours, ids := NewSampler(core.Sampling{Temperature: 1}, nil, 0).Probabilities(logits)
	diff := 0.0
	for i, id := range ids {
		diff = math.Max(diff, math.Abs(ours[i]-float64(probs[id])))
	}
	if len(ids) != len(logits) {
		return math.NaN(), fmt.Errorf("%d of %d tokens have a probability", len(ids), len(logits))
	}
	return diff, nil
}

// worst64 is the largest difference, NaN for unequal lengths.
func worst64(got []float32, want []float64) float64 {
	if len(got) != len(want) {
		return math.NaN()
	}
	worst := 0.0
	for i := range got {
		worst = math.Max(worst, math.Abs(float64(got[i])-want[i])) // keeps NaN
	}
	return worst
}
