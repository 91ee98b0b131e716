package train

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"kakoi/core"
	"kakoi/core/neox"
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

// TestEightBitIsBitsandbytes: 50 steps of 8-bit AdamW end in bitsandbytes' states, those of its GPU kernel (on an H200) and those of the
// library's plain restatement of it: codes equal or next to each other, scales and weights within rounding; tensors below 4,096
// numbers keep fp32.
func TestEightBitIsBitsandbytes(t *testing.T) {
	var cuda goldenEight
	unzip(t, "testdata/eight_cuda.json.gz", &cuda)
	for name, g := range map[string]goldenEight{"plain": golden(t).Eight, "GPU": cuda} {
		t.Run(name, func(t *testing.T) { eightBit(t, g) })
	}
}

func eightBit(t *testing.T, g goldenEight) {
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
		o.update(w, grad, 1, 1e-3, 2)
	}
	for i, x := range g.Tensors {
		p := parts[i]
		if d := apart(w[p.from:p.from+p.n], floats(t, x.Weight)); d > 1e-3 {
			t.Errorf("%d weights differ by %g", x.N, d)
		}
		if x.Absmax1 == "" {
			if d := max(apart(o.of[i].m, floats(t, x.State1)), apart(o.of[i].v, floats(t, x.State2))); d > 1e-5 || o.of[i].eight {
				t.Errorf("%d numbers in fp32: moments differ by %g", x.N, d)
			}
			continue
		}
		if d := max(apart(o.of[i].mTop, floats(t, x.Absmax1)), apart(o.of[i].vTop, floats(t, x.Absmax2))); d > 1e-3 {
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

// TestCoderIsNearest: the quick look-up gives what bitsandbytes' search gives, for random numbers of all sizes and around every
// midpoint.
func TestCoderIsNearest(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for name, m := range map[string]*[256]float32{"signed": &quant.DynamicMap, "unsigned": &quant.UnsignedDynamicMap} {
		c := newCoder(m)
		check := func(x float32) {
			if got, want := c.code(x), quant.Nearest(m, x); got != want {
				t.Fatalf("%s: %v has the code %d, want %d", name, x, got, want)
			}
		}
		for i := range 255 {
			mid := (m[i] + m[i+1]) * 0.5
			for range 4 {
				check(mid)
				check(m[i])
				mid = math.Nextafter32(mid, 2)
			}
			mid = (m[i] + m[i+1]) * 0.5
			for range 4 {
				mid = math.Nextafter32(mid, -2)
				check(mid)
			}
		}
		for range 2_000_000 {
			x := float32(math.Pow(10, -9*r.Float64()))
			check(x)
			check(-x)
		}
		for _, x := range []float32{0, 1, -1, float32(math.Copysign(0, -1)), 1e-40, -1e-40} {
			check(x)
		}
	}
}

func TestWatch(t *testing.T) {
	for name, c := range map[string]struct {
		losses []float64
		lost   int // at which it is; 0: never
	}{
		"falling":     {[]float64{5, 4, 3, 2, 1, 0.5, 0.3, 0.2, 0.1, 0.1, 0.1}, 0},
		"noisy":       {[]float64{1, 3, 0.5, 3, 2, 0.4, 3, 3, 0.5, 3, 3, 3, 3}, 0},
		"no number":   {[]float64{3, math.NaN()}, 2},
		"at once":     {[]float64{5, 40, 60}, 2},
		"little more": {[]float64{5, 5, 5, 5, 5, 5, 5, 5, 6, 6, 6, 6, 6, 6}, 0},
		"later":       {[]float64{3, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 9, 9, 9, 9, 9}, 13},
	} {
		var w watch
		lost := 0
		for i, l := range c.losses {
			if w.see(l, 80) {
				lost = i + 1
				break
			}
		}
		if lost != c.lost {
			t.Errorf("%s: lost at %d, want %d", name, lost, c.lost)
		}
	}
}

// TestEvaluated: the best is the least finite loss; one that is no number waits like any worse one, and the checkpoint can be written.
func TestEvaluated(t *testing.T) {
	p, dir := progress{}, t.TempDir()
	for i, loss := range []float64{math.Inf(1), math.NaN(), 3, 2, 2, math.Inf(-1), 2.5} {
		p.Step = i + 1
		p.Losses = append(p.Losses, point{Step: p.Step, Loss: 1})
		best := p.evaluated(loss, 3)
		if want := loss == 3 || i == 3; best != want {
			t.Errorf("step %d, loss %v: best %v", p.Step, loss, best)
		}
		if err := writeCheckpoint(nil, dir, p, nil, newAdamW(core.TrainSettings{}, nil)); err != nil {
			t.Errorf("step %d, loss %v: %v", p.Step, loss, err)
		}
		if p.Early != (i == 6) {
			t.Errorf("step %d: waited %d, early %v", p.Step, p.Waited, p.Early)
		}
	}
	if p.BestStep != 4 || p.BestLoss != 2 || p.Losses[0].Held != nil || *p.Losses[6].Held != 2.5 {
		t.Errorf("%+v", p)
	}
}

// TestOrder: every epoch has every example once, the same for the same seed; budgets hold; steps are counted as the Hugging Face
// trainer does.
func TestOrder(t *testing.T) {
	var examples []example
	for i := range 137 {
		examples = append(examples, example{ids: make([]int32, 5+(i*37)%60), from: 1})
	}
	for _, s := range []core.TrainSettings{
		{Batch: 12, MaxTokens: 64}, {Batch: 4, MaxTokens: 64, Packing: true}, {TokenBudget: 100, Batch: 1, MaxTokens: 64}, {TokenBudget: 300, Batch: 1, MaxTokens: 64, Packing: true},
	} {
		f := fillingOf(s)
		var before [][]int
		for epoch := range 3 {
			batches := f.epoch(examples, 7, epoch)
			seen := map[int]int{}
			for _, b := range batches {
				n := 0
				for _, i := range b {
					seen[i]++
					n += len(examples[i].ids)
				}
				if f.Budget > 0 && n > f.Budget || f.Budget == 0 && len(b) > s.Batch || n > f.most(examples) || len(b) == 0 {
					t.Fatalf("%+v: a micro-batch of %d rows with %d tokens", f, len(b), n)
				}
			}
			if len(seen) != len(examples) || len(slices.Concat(batches...)) != len(examples) {
				t.Fatalf("%+v: %d of %d examples", f, len(seen), len(examples))
			}
			if !slices.EqualFunc(batches, f.epoch(examples, 7, epoch), slices.Equal) || slices.EqualFunc(batches, before, slices.Equal) {
				t.Fatalf("%+v: epoch %d is not its own", f, epoch)
			}
			before = batches
		}
		if n := len(slices.Concat(f.inOrder(examples)...)); n != len(examples) {
			t.Errorf("%+v: %d of %d examples to evaluate", f, n, len(examples))
		}
	}
	// 137 rows in batches of 12 are 12 micro-batches, the last of 5; by 5 that is 3 steps an epoch.
	f := fillingOf(core.TrainSettings{Batch: 12})
	if got := f.steps(examples, core.TrainSettings{Epochs: 2.5}, 5); !slices.Equal(got, []int{3, 3, 2}) {
		t.Errorf("steps %v", got)
	}
	// The recipe's: 400 rows, batch 12, 64 micro-batches a step: one step an epoch.
	s := core.TechLab()
	if got := fillingOf(s).steps(examples, s, s.Accumulate); len(got) != 200 || sum(got) != 200 {
		t.Errorf("%d epochs, %d steps", len(got), sum(got))
	}
}

// TestParameterCounts: the report line of the reference shape.
func TestParameterCounts(t *testing.T) {
	c := neox.RinnaShape
	s := core.TechLab()
	places, err := targetsOf(s, c.Layers, c.HiddenSize, c.IntermediateSize)
	if err != nil {
		t.Fatal(err)
	}
	p := core.TrainPlan{Trainable: int64(layOut(places).total)}
	p.All = all(c, true, p.Trainable)
	if got := p.Report(); got != "trainable params: 3,244,032 || all params: 2,086,515,200 || trainable%: 0.15547607800796276" {
		t.Error(got)
	}
	if got := all(c, false, 0); got != 3796120064 {
		t.Errorf("all %d", got)
	}
}

// TestMemoryPlanOfTheReference: the parts add up as facts/models.md computes them, and less is kept the more is computed again.
func TestMemoryPlanOfTheReference(t *testing.T) {
	c := neox.RinnaShape
	places, err := targetsOf(core.TechLab(), c.Layers, c.HiddenSize, c.IntermediateSize)
	if err != nil {
		t.Fatal(err)
	}
	kept := map[string]float64{}
	for _, keep := range []string{"none", "gelu", "layer"} {
		parts := demand{
			cfg: c, element: 2, places: places, optimizer: "paged_adamw_8bit", dropout: true, keep: keep, tokens: 12 * 1024, counted: 12 * 1023,
			chunk: 1024, weights: 2510 << 20,
		}.plan()
		for _, b := range parts {
			if b.Part == "activations" {
				kept[keep] = float64(b.Bytes) / 1e9
			}
		}
		t.Logf("%s: %.2f GB beside the model, %+v", keep, float64(onDevice(parts, false))/1e9, parts)
	}
	for keep, want := range map[string]float64{"none": 24.9, "gelu": 14.9, "layer": 2.5} {
		if math.Abs(kept[keep]-want) > 0.02*want {
			t.Errorf("%s keeps %.2f GB, want %.1f", keep, kept[keep], want)
		}
	}
}

// BenchmarkUpdate is the optimiser's part of a step at the reference shape.
func BenchmarkUpdate(b *testing.B) {
	c := neox.RinnaShape
	s := core.TechLab()
	places, err := targetsOf(s, c.Layers, c.HiddenSize, c.IntermediateSize)
	if err != nil {
		b.Fatal(err)
	}
	p := layOut(places)
	w, g, o := p.first(1), p.first(2), newAdamW(s, p.parts)
	for b.Loop() {
		_, by, _ := norm(g, 1, s.ClipNorm)
		o.update(w, g, by, 1e-4, runtime.GOMAXPROCS(0))
	}
}
