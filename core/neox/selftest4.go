//go:build torch

package neox

import (
	"context"
	"fmt"
	"math"
	"slices"

	"kakoi/core"
	"kakoi/core/internal/device"
	"kakoi/core/internal/torch"
	"kakoi/core/lora"
	"kakoi/core/quant"
)

// shapes4 are the models of the 4-bit self-test: small, and each with something of its own.
var shapes4 = map[string]Config{
	"64 wide, heads of 16, partial rotary, relu": {
		VocabSize: 90, HiddenSize: 64, Layers: 2, Heads: 4, IntermediateSize: 128, HiddenAct: "relu", RotaryPct: 0.5, RotaryBase: 10000,
		MaxPositionEmbeddings: 512, LayerNormEps: 1e-5, AttentionBias: true,
	},
	"parallel, heads of 32, no bias, tied": {
		VocabSize: 160, HiddenSize: 128, Layers: 2, Heads: 4, IntermediateSize: 512, HiddenAct: "gelu_new", RotaryPct: 0.25, RotaryBase: 10000,
		MaxPositionEmbeddings: 512, LayerNormEps: 1e-5, UseParallelResidual: true, TieWordEmbeddings: true,
	},
	"512 wide, heads of 64": {
		VocabSize: 1024, HiddenSize: 512, Layers: 2, Heads: 8, IntermediateSize: 2048, HiddenAct: "gelu", RotaryPct: 1, RotaryBase: 10000,
		MaxPositionEmbeddings: 512, LayerNormEps: 1e-5, AttentionBias: true,
	},
	"256 wide, heads of 128, silu": {
		VocabSize: 512, HiddenSize: 256, Layers: 2, Heads: 2, IntermediateSize: 1024, HiddenAct: "silu", RotaryPct: 1, RotaryBase: 10000,
		MaxPositionEmbeddings: 512, LayerNormEps: 1e-5, AttentionBias: true,
	},
}

// limit4 bounds the root mean square error of the logits, relative to their root mean square: activations are bf16.
const limit4 = 0.02

// selftest4 holds the 4-bit runner of a device against plain Go in float64 over the dequantised weights, with prompts,
// single tokens, several at once, several rows, an adapter, and the choice of tokens on the device.
func selftest4(ctx context.Context, dev *device.Device, check func(name string, limit, diff float64, err error) error) error {
	names := make([]string, 0, len(shapes4))
	for name := range shapes4 {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		t := &test4{ctx: ctx, dev: dev, cfg: shapes4[name], src: newMemorySource(shapes4[name])}
		if err := t.open(); err != nil {
			if err := check("4-bit "+name, 0, math.NaN(), err); err != nil {
				return err
			}
			continue
		}
		err := t.checks(func(what string, limit, diff float64, err error) error {
			return check("4-bit "+name+": "+what, limit, diff, err)
		})
		t.close()
		if err != nil {
			return err
		}
	}
	return nil
}

type test4 struct {
	ctx     context.Context
	dev     *device.Device
	cfg     Config
	src     memorySource
	run     runner
	adapter int
	lora    *lora.Adapter
}

func (t *test4) open() (err error) {
	if t.run, err = newRunner(t.ctx, t.dev, t.cfg, storage{nf4: true, dtype: torch.BFloat16}, t.src, nil); err != nil {
		return err
	}
	var ts []lora.Target
	for i, s := range lora.ModelOf(t.cfg.Layers, t.cfg.HiddenSize, t.cfg.IntermediateSize).Shapes {
		for layer := range t.cfg.Layers {
			rank := 8
			if i == lora.Down {
				rank = 5
			}
			name := fmt.Sprintf("lora.%d.%s", layer, i)
			a, b := hashUniform(name+".a", rank*s.In), hashUniform(name+".b", s.Out*rank)
			for k := range a {
				a[k] = bf16(a[k] / float32(math.Sqrt(float64(s.In))))
			}
			for k := range b {
				b[k] = bf16(b[k] / 8)
			}
			ts = append(ts, lora.Target{Layer: layer, Name: i, Rank: rank, In: s.In, Out: s.Out, Alpha: float64(2 * rank), A: a, B: b})
		}
	}
	if t.lora, err = lora.New(lora.Adapter{Name: "self-test", Targets: ts}); err == nil {
		err = t.do(func(s *torch.Scope) (err error) {
			t.adapter, err = t.run.attach(s, t.lora)
			return err
		})
	}
	if err != nil {
		t.close()
	}
	return err
}

func (t *test4) close() {
	_ = t.dev.Do(context.WithoutCancel(t.ctx), func(*torch.Scope) error { t.run.close(); return nil })
}

func (t *test4) do(fn func(s *torch.Scope) error) error { return t.dev.Do(t.ctx, fn) }

// bf16 rounds as a device that stores bf16 does.
func bf16(v float32) float32 {
	b := appendBF16(nil, []float32{v})
	return math.Float32frombits(uint32(b[0])<<16 | uint32(b[1])<<24)
}

// weights are the tensors as the runner holds them: matrices through NF4, embeddings in bf16; with merged the adapter
// added.
func (t *test4) weights(merged bool) func(name string) []float32 {
	made := map[string][]float32{}
	return func(name string) []float32 {
		if v := made[name]; v != nil {
			return v
		}
		v, shape := slices.Clone(t.src.values(name)), t.src.shapes[name]
		if len(shape) == 2 && len(name) > 20 && name[:15] == "gpt_neox.layers" {
			q, err := quant.QuantizeNF4(v, "float32", shape, true)
			if err == nil {
				err = q.Dequantize(v)
			}
			if err != nil {
				panic(err) // the values are made here, and finite
			}
			for i := range t.lora.Targets {
				if x := &t.lora.Targets[i]; merged && name == layerName(x.Layer)+matrixNames4[slices.Index(lora.Names, x.Name)]+".weight" {
					for o := range x.Out {
						for r := range x.Rank {
							for k := range x.In {
								v[o*x.In+k] += x.Scale * x.B[o*x.Rank+r] * x.A[r*x.In+k]
							}
						}
					}
				}
			}
		} else if len(shape) == 2 {
			for i := range v {
				v[i] = bf16(v[i])
			}
		}
		made[name] = v
		return v
	}
}

// relative is the root mean square error of got, relative to that of want.
func relative(got []float32, want [][]float64) float64 {
	var square, wrong float64
	for i, row := range want {
		for j, v := range row {
			square += v * v
			wrong += math.Pow(v-float64(got[i*len(row)+j]), 2)
		}
	}
	return math.Sqrt(wrong / square)
}

func (t *test4) checks(check func(what string, limit, diff float64, err error) error) error {
	ids := tokens4(30, t.cfg.VocabSize)
	plain, merged := referenceForward(t.cfg, t.weights(false), ids), referenceForward(t.cfg, t.weights(true), ids)
	for _, c := range []struct {
		what string
		run  func() (float64, float64, error) // limit, difference
	}{
		{"prompt in two chunks", func() (float64, float64, error) { return t.prompt(ids, 0, plain) }},
		{"prompt with adapter", func() (float64, float64, error) { return t.prompt(ids, t.adapter, merged) }},
		{"tokens one by one", func() (float64, float64, error) { return t.oneByOne(ids, 0, plain) }},
		{"tokens one by one with adapter", func() (float64, float64, error) { return t.oneByOne(ids, t.adapter, merged) }},
		{"lanes together, bit for bit", func() (float64, float64, error) { return t.together(ids) }},
		{"choice on the device", func() (float64, float64, error) { return t.choice(ids) }},
	} {
		if c.what == "choice on the device" && !t.dev.CUDA() {
			continue // the CPU's logits are where the sampler is
		}
		limit, diff, err := c.run()
		if err := check(c.what, limit, diff, err); err != nil {
			return err
		}
	}
	return nil
}

// tokens4 is a fixed prompt.
func tokens4(n, vocab int) []int32 {
	ids := make([]int32, n)
	for i := range ids {
		ids[i] = int32((uint32(i)*2654435761 + 12345) % uint32(vocab))
	}
	return ids
}

// room makes a state for one function.
func (t *test4) room(rows int, fn func(s *torch.Scope, st state) error) error {
	return t.do(func(s *torch.Scope) error {
		st, err := t.run.room(s, rows, 64)
		if err != nil {
			return err
		}
		defer st.close()
		return fn(s, st)
	})
}

// prompt: the logits after a chunk of 20 and after one of 10 behind it.
func (t *test4) prompt(ids []int32, adapter int, want [][]float64) (float64, float64, error) {
	v := t.cfg.VocabSize
	got := make([]float32, 2*v)
	err := t.room(2, func(s *torch.Scope, st state) error {
		if err := st.prefill(s, 1, ids[:20], adapter, got[:v]); err != nil {
			return err
		}
		return st.prefill(s, 1, ids[20:], adapter, got[v:])
	})
	return limit4, relative(got, [][]float64{want[19], want[29]}), err
}

// oneByOne: a prompt of 10, then 20 tokens singly.
func (t *test4) oneByOne(ids []int32, adapter int, want [][]float64) (float64, float64, error) {
	v := t.cfg.VocabSize
	got := make([]float32, 20*v)
	err := t.room(2, func(s *torch.Scope, st state) error {
		if err := st.prefill(s, 1, ids[:10], adapter, nil); err != nil {
			return err
		}
		for i, id := range ids[10:] {
			if err := st.lanes(s, []lane{{row: 1, id: id, adapter: adapter}}, [][]float32{got[i*v : (i+1)*v]}); err != nil {
				return err
			}
		}
		return nil
	})
	return limit4, relative(got, want[10:]), err
}

// together: rows of different lengths, with and without adapter, and several tokens of a row, in calls of up to as many
// lanes as there may be: the same bits as one at a time. The difference is the number of logits that are not.
func (t *test4) together(ids []int32) (float64, float64, error) {
	if !t.run.traits().exact {
		return 0, 0, fmt.Errorf("the decoder's kernels do not run here: %w", core.ErrUnsupported)
	}
	v := t.cfg.VocabSize
	pass := func(most int) ([]float32, error) {
		var out []float32
		err := t.room(3, func(s *torch.Scope, st state) error {
			for row := range 3 {
				if err := st.prefill(s, row, ids[:4+3*row], 0, nil); err != nil {
					return err
				}
			}
			var all []lane
			for row, n := range []int{7, 1, 8} {
				for i := range n {
					all = append(all, lane{row: row, id: ids[(row*5+i*3)%len(ids)], adapter: t.adapter * (row % 2)})
				}
			}
			for len(all) > 0 {
				n := min(most, len(all))
				part := make([]float32, n*v)
				rows := make([][]float32, n)
				for i := range rows {
					rows[i] = part[i*v : (i+1)*v]
				}
				if err := st.lanes(s, all[:n], rows); err != nil {
					return err
				}
				out, all = append(out, part...), all[n:]
			}
			return nil
		})
		return out, err
	}
	one, err := pass(1)
	if err != nil {
		return 0, math.NaN(), err
	}
	wrong := 0
	for _, most := range []int{2, 3, 5, 8, 16} {
		got, err := pass(most)
		if err != nil {
			return 0, math.NaN(), err
		}
		for i := range one {
			if math.Float32bits(got[i]) != math.Float32bits(one[i]) {
				wrong++
			}
		}
	}
	return 0, float64(wrong), nil
}

// choice: what the device chooses, token by token and in one run, against the Go sampler over the logits of the same
// lanes, greedily and by sampling with a penalty. The difference is the number of other tokens.
func (t *test4) choice(ids []int32) (float64, float64, error) {
	v, steps := t.cfg.VocabSize, 12
	wrong := 0
	for _, set := range []core.Sampling{{}, {RepetitionPenalty: 1.3}, {Temperature: 0.8, TopK: 20, TopP: 0.9, RepetitionPenalty: 1.2, Seed: 7}, {Temperature: 1.5, Seed: 3}} {
		u := make([]float64, steps)
		for i, x := range hashUniform("selftest4.u", steps) {
			u[i] = float64(x+1) / 2
		}
		want := make([]int32, steps)
		err := t.room(1, func(s *torch.Scope, st state) error {
			logits := make([]float32, v)
			if err := st.prefill(s, 0, ids[:9], 0, nil); err != nil {
				return err
			}
			next := ids[9]
			seen := slices.Clone(ids[:10])
			for i := range want {
				if err := st.lanes(s, []lane{{id: next}}, [][]float32{logits}); err != nil {
					return err
				}
				p := NewSampler(set, seen, 0)
				if set.Temperature == 0 {
					next = argmax(p.penalise(logits))
				} else {
					probs, order := p.Probabilities(logits)
					next = pick(probs, order, u[i])
				}
				want[i] = next
				seen = append(seen, next)
			}
			return nil
		})
		if err != nil {
			return 0, math.NaN(), err
		}
		for _, whole := range []bool{false, true} {
			got := make([]int32, steps)
			err := t.room(1, func(s *torch.Scope, st state) error {
				c, ok := st.(chooser)
				if !ok {
					return fmt.Errorf("no choice on the device: %w", core.ErrUnsupported)
				}
				if err := st.prefill(s, 0, ids[:9], 0, nil); err != nil {
					return err
				}
				l := []lane{{id: ids[9]}}
				for i := 0; i < steps; {
					if !whole {
						x, err := c.choose(s, l, []core.Sampling{set}, u[i:i+1])
						if err != nil {
							return err
						}
						got[i], l[0].id = x[0], x[0]
						i++
						continue
					}
					n := min(5, steps-i)
					us := make([][]float64, n)
					for k := range us {
						us[k] = u[i+k : i+k+1]
					}
					x, err := c.run(s, l, []core.Sampling{set}, us, n)
					if err != nil {
						return err
					}
					for k := range n {
						got[i+k] = x[k][0]
					}
					i += n
					l[0].id = got[i-1]
				}
				return nil
			})
			if err != nil {
				return 0, math.NaN(), err
			}
			for i := range want {
				if got[i] != want[i] {
					wrong++
				}
			}
		}
	}
	return 0, float64(wrong), nil
}
