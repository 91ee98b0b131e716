//go:build torch

package train

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"

	"kakoi/core"
	"kakoi/core/internal/torch"
	"kakoi/core/internal/torch/torchtest"
	"kakoi/core/lora"
	"kakoi/core/neox"
)

// hashed are an adapter's weights as golden.py sets them.
func hashed(p params) []float32 {
	w := make([]float32, p.total)
	for i, x := range p.places {
		for k, name := range []string{"lora_A", "lora_B"} {
			at := p.parts[2*i+k]
			v := hashUniform(fmt.Sprintf("base_model.model.gpt_neox.layers.%d.%s.%s.weight", x.layer, lora.Names[x.which], name), at.n)
			for j := range v {
				w[at.from+j] = 0.3 * v[j]
			}
		}
	}
	return w
}

// openNet is a net over a model folder, closed at the test's end.
func openNet(t *testing.T, g *neox.Generator, s core.TrainSettings, dtype torch.DType, keep string, chunk int) *net {
	t.Helper()
	ctx := context.Background()
	c := g.Config()
	places, err := targetsOf(s, c.Layers, c.HiddenSize, c.IntermediateSize)
	if err != nil {
		t.Fatal(err)
	}
	base, err := g.Frozen(ctx, dtype)
	if err != nil {
		t.Fatal(err)
	}
	n, err := newNet(ctx, base, layOut(places), s.Alpha, s.Dropout, s.Seed, keep, chunk)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		n.close()
		if err := base.Close(); err != nil {
			t.Error(err)
		}
	})
	return n
}

// loadInto gives a net the weights w, and readInto copies its gradients to g.
func loadInto(ctx context.Context, n *net, w []float32) error {
	copy(n.masters, w)
	return n.load(ctx)
}

func readInto(ctx context.Context, n *net, g []float32) error {
	err := n.read(ctx)
	copy(g, n.gradients)
	return err
}

func counted(e []example) (n int) {
	for _, x := range e {
		n += x.counted()
	}
	return n
}

// TestGradientsArePEFTs: loss, the gradient of every tensor, and ten steps of AdamW with a schedule, clipping and two micro-batches a
// step, against transformers and peft (fp32): gradients within 1e-4 of the largest of their tensor, losses within 1e-5. There batches
// are padded, here they are packed; what is kept for the backward pass makes no difference, nor whose operations they are.
func TestGradientsArePEFTs(t *testing.T) {
	torchtest.Setup(t)
	ctx := context.Background()
	for i, c := range golden(t).Cases {
		for _, way := range []string{"none", "gelu", "layer", "none own", "gelu own", "layer own"} {
			t.Run(fmt.Sprintf("%d-%s", i, way), func(t *testing.T) {
				keep, own, _ := strings.Cut(way, " ")
				s := core.TrainSettings{
					Rank: 4, Alpha: 10, Targets: c.Targets, RankPattern: c.Ranks, Beta1: 0.9, Beta2: 0.98, Epsilon: 1e-8, WeightDecay: 0.01, ClipNorm: 1,
					LearningRate: 3e-3, Schedule: "cosine", WarmupSteps: 3, Optimizer: "adamw",
				}
				n := openNet(t, load(t, tinyFolder(t, c.Config), "fp32"), s, torch.Float32, keep, 16)
				if own != "" {
					onHost(t, n)
				}
				p := n.params
				w, g := hashed(p), make([]float32, p.total)
				if err := loadInto(ctx, n, w); err != nil {
					t.Fatal(err)
				}
				rows := examplesOf(c.Rows)
				k := float64(counted(rows))
				loss, err := n.pass(ctx, rows, 0, true, 1/k)
				if err != nil {
					t.Fatal(err)
				}
				if d := math.Abs(loss/k - c.Loss); d > 1e-5 {
					t.Errorf("loss %v, want %v", loss/k, c.Loss)
				}
				if err := readInto(ctx, n, g); err != nil {
					t.Fatal(err)
				}
				if len(c.Grads) != len(p.parts) {
					t.Fatalf("%d tensors, want %d", len(p.parts), len(c.Grads))
				}
				worst := 0.0
				for at, x := range p.places {
					for half, name := range []string{"lora_A", "lora_B"} {
						key := fmt.Sprintf("base_model.model.gpt_neox.layers.%d.%s.%s.weight", x.layer, lora.Names[x.which], name)
						part := p.parts[2*at+half]
						want := floats(t, c.Grads[key])
						if len(want) != part.n {
							t.Fatalf("%s: %d numbers, want %d", key, part.n, len(want))
						}
						d := apart(g[part.from:part.from+part.n], want)
						if worst = max(worst, d); !(d <= 1e-4) {
							t.Errorf("%s differs by %.2g", key, d)
						}
					}
				}
				opt := newAdamW(s, p.parts)
				apartLoss := 0.0
				for step, x := range c.Steps {
					if err := loadInto(ctx, n, w); err != nil {
						t.Fatal(err)
					}
					k, total := 0, 0.0
					for _, rows := range x.Rows {
						k += counted(examplesOf(rows))
					}
					for m, rows := range x.Rows {
						loss, err := n.pass(ctx, examplesOf(rows), uint64(2*step+m), true, 1/float64(k))
						if err != nil {
							t.Fatal(err)
						}
						total += loss
					}
					if err := readInto(ctx, n, g); err != nil {
						t.Fatal(err)
					}
					size, by, finite := norm(g, 1, s.ClipNorm)
					lr := rate(s, step, len(c.Steps))
					opt.update(w, g, by, lr, 2)
					d := math.Abs(total/float64(k) - x.Loss)
					if apartLoss = max(apartLoss, d); d > 1e-5 || !finite || math.Abs(size-x.Norm) > 1e-4*x.Norm || math.Abs(lr-x.Rate) > 1e-12 {
						t.Errorf("step %d: loss %v, norm %v, rate %v; want %v, %v, %v", step, total/float64(k), size, lr, x.Loss, x.Norm, x.Rate)
					}
				}
				t.Logf("gradients differ by %.2g at most, ten losses by %.2g", worst, apartLoss)
			})
		}
	}
}

// TestPackedIsAlone: the loss and gradients of examples in one micro-batch are the sums of those of each alone; a passage never sees
// its neighbour.
func TestPackedIsAlone(t *testing.T) {
	torchtest.Setup(t)
	ctx := context.Background()
	c := golden(t).Cases[1]
	s := core.TrainSettings{Rank: 4, Alpha: 10, Targets: c.Targets}
	n := openNet(t, load(t, tinyFolder(t, c.Config), "fp32"), s, torch.Float32, "none", 1000)
	w := hashed(n.params)
	rows := examplesOf(c.Rows)
	run := func(batches ...[]example) (float64, []float32) {
		if err := loadInto(ctx, n, w); err != nil {
			t.Fatal(err)
		}
		total := 0.0
		for i, b := range batches {
			loss, err := n.pass(ctx, b, uint64(i), true, 0.01)
			if err != nil {
				t.Fatal(err)
			}
			total += loss
		}
		g := make([]float32, n.params.total)
		if err := readInto(ctx, n, g); err != nil {
			t.Fatal(err)
		}
		return total, g
	}
	packed, gp := run(rows)
	alone, ga := run(rows[:1], rows[1:2], rows[2:])
	if math.Abs(packed-alone) > 1e-4*alone || apart(gp, ga) > 1e-5 {
		t.Errorf("losses %v and %v, gradients differ by %g", packed, alone, apart(gp, ga))
	}
}

// TestDropoutRepeats: a micro-batch of the same number leaves out the same numbers, however it is recomputed; another number does
// not; in evaluation nothing is left out.
func TestDropoutRepeats(t *testing.T) {
	torchtest.Setup(t)
	ctx := context.Background()
	c := golden(t).Cases[1]
	s := core.TrainSettings{Rank: 4, Alpha: 10, Targets: c.Targets, Dropout: 0.3, Seed: 7}
	g := load(t, tinyFolder(t, c.Config), "fp32")
	rows := examplesOf(c.Rows)
	grads := map[string][]float32{}
	losses := map[string]float64{}
	for _, keep := range []string{"none", "gelu", "layer"} {
		n := openNet(t, g, s, torch.Float32, keep, 1000)
		for _, number := range []uint64{3, 4} {
			if err := loadInto(ctx, n, hashed(n.params)); err != nil {
				t.Fatal(err)
			}
			loss, err := n.pass(ctx, rows, number, true, 0.01)
			if err != nil {
				t.Fatal(err)
			}
			v := make([]float32, n.params.total)
			if err := readInto(ctx, n, v); err != nil {
				t.Fatal(err)
			}
			key := fmt.Sprint(number)
			if old, ok := grads[key]; ok && (apart(v, old) > 1e-5 || losses[key] != loss) {
				t.Errorf("keep %s, number %d: loss %v and %v, gradients differ by %g", keep, number, loss, losses[key], apart(v, old))
			}
			grads[key], losses[key] = v, loss
		}
		loss, err := n.pass(ctx, rows, 5, false, 0)
		if err != nil {
			t.Fatal(err)
		}
		if k := float64(counted(rows)); math.Abs(loss/k-c.Loss) > 1e-5 {
			t.Errorf("evaluation: loss %v, want %v", loss/k, c.Loss)
		}
	}
	if apart(grads["3"], grads["4"]) < 1e-2 {
		t.Error("two micro-batches left out the same numbers")
	}
}
