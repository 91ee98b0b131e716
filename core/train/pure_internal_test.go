package train

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"kakoi/core"
	"kakoi/core/quant"
)

// TestSchedules: every step's learning rate is transformers'.
func TestSchedules(t *testing.T) {
	for _, g := range golden(t).Schedules {
		s := core.TrainSettings{Schedule: g.Schedule, WarmupSteps: g.Warmup, LearningRate: 2e-4}
		for i, want := range g.Rates {
			if got := rate(s, i, len(g.Rates)); math.Abs(got-want) > 1e-15 {
				t.Errorf("%s, warm-up %d, step %d: %v, want %v", g.Schedule, g.Warmup, i, got, want)
			}
		}
	}
}

// TestEightBitIsBitsandbytes: 50 steps of 8-bit AdamW end in bitsandbytes' states: codes equal or next to each other, scales and
// weights within rounding; tensors below 4,096 numbers keep fp32.
func TestEightBitIsBitsandbytes(t *testing.T) {
	g := golden(t).Eight
	if !slices.Equal(quant.DynamicMap[:], floats(t, g.Maps["signed"])) {
		t.Error("the signed map differs")
	}
	if !slices.Equal(quant.UnsignedDynamicMap[:], floats(t, g.Maps["unsigned"])) {
		t.Error("the unsigned map differs")
	}
	var parts []part
	var w []float32
	for _, x := range g.Tensors {
		parts = append(parts, part{len(w), x.N})
		w = append(w, hashUniform(fmt.Sprintf("weight %d", x.N), x.N)...)
	}
	set := core.TrainSettings{Optimizer: "paged_adamw_8bit", Beta1: 0.9, Beta2: 0.995, Epsilon: 1e-8, WeightDecay: 0.01}
	o := newAdamW(set, parts)
	for step := range 50 {
		grad := make([]float32, len(w))
		for _, p := range parts {
			u, size := hashUniform(fmt.Sprintf("gradient %d %d", p.n, step), p.n), hashUniform(fmt.Sprintf("size %d", p.n), p.n)
			for i, x := range u {
				grad[p.from+i] = x * (1.01 + size[i]) * float32(1+step%3)
			}
		}
		o.update(w, grad, 1e-3, 2)
	}
	for i, x := range g.Tensors {
		p := parts[i]
		if d := apart(w[p.from:p.from+p.n], floats(t, x.Weight)); d > 1e-4 {
			t.Errorf("%d weights differ by %g", x.N, d)
		}
		if x.Absmax1 == "" {
			if d := max(apart(o.of[i].m, floats(t, x.State1)), apart(o.of[i].v, floats(t, x.State2))); d > 1e-5 || o.of[i].eight {
				t.Errorf("%d numbers in fp32: moments differ by %g", x.N, d)
			}
			continue
		}
		if d := max(apart(o.of[i].mTop, floats(t, x.Absmax1)), apart(o.of[i].vTop, floats(t, x.Absmax2))); d > 1e-4 {
			t.Errorf("%d numbers: scales differ by %g", x.N, d)
		}
		for name, pair := range map[string][2][]byte{"first": {o.of[i].m8, raw(t, x.State1)}, "second": {o.of[i].v8, raw(t, x.State2)}} {
			same, far := 0, 0
			for k := range pair[0] {
				switch d := int(pair[0][k]) - int(pair[1][k]); {
				case d == 0:
					same++
				case d > 1 || d < -1:
					far++
				}
			}
			t.Logf("%d numbers, %s moment: %d codes identical, %d more than one apart", x.N, name, same, far)
			if far > 0 {
				t.Errorf("%d numbers: %d codes of the %s moment are more than one apart", x.N, far, name)
			}
		}
	}
}
