package train

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"

	"kakoi/core"
	"kakoi/core/neox"
)

// BenchOptions says what Bench measures.
type BenchOptions struct {
	Shape    neox.Config // random weights of it
	Model    string      // a model's folder instead
	Load     neox.LoadOptions
	Sequence int // tokens of a sequence (default 1024; on the CPU 256)
	Batch    int // sequences of a micro-batch (default 12; on the CPU 2)
	Rank     int // of the adapter on query_key_value (default 8)
	Steps    int // of a figure, after two to warm up (default 4; on the CPU 2)

	// "none", "gelu", "layer", "natural"; "low", without bf16 copies: "gelu", "layer". nil: all of these. "plain": "none" by libtorch's
	// operations instead of our own kernels. Whole runs, asked for only: "recipe", "recipe-auto", "chat", "full", "fp32".
	Figures []string
	Profile bool // where a step's time goes, too
}

// complete puts in what was left open, and refuses what makes no sense.
func (o *BenchOptions) complete(cuda bool) error {
	known := []string{"none", "gelu", "layer", "natural", "low", "plain", "recipe", "recipe-auto", "chat", "full", "fp32"}
	for _, f := range o.Figures {
		if !slices.Contains(known, f) {
			return core.Explain(fmt.Errorf("bench train: figure %q: %w", f, core.ErrUsage), "error.usage.value", "--figures", f, strings.Join(known, ", "))
		}
	}
	usual := []int{1024, 12, 8, 4}
	if !cuda {
		usual = []int{256, 2, 8, 2}
	}
	for i, to := range []*int{&o.Sequence, &o.Batch, &o.Rank, &o.Steps} {
		if *to == 0 {
			*to = usual[i]
		}
	}
	if o.Sequence < 2 || o.Sequence > o.Shape.MaxPositionEmbeddings || o.Batch < 1 {
		return fmt.Errorf("bench train with %d sequences of %d tokens: %w", o.Batch, o.Sequence, core.ErrUsage)
	}
	return nil
}

// BenchResult is one figure: a training step of one micro-batch, with the optimiser's part.
type BenchResult struct {
	Name        string             `json:"name"` // "matmul", "train", "train, natural lengths"
	Device      string             `json:"device"`
	DType       string             `json:"dtype"` // of the weights
	Compute     string             `json:"compute,omitempty"`
	Recompute   string             `json:"recompute,omitempty"`
	Copies      bool               `json:"copies,omitempty"` // bf16 copies of the matrices are kept
	Sequences   int                `json:"sequences,omitempty"`
	Tokens      int                `json:"tokens,omitempty"`       // of a step, none of them padding
	Milli       float64            `json:"milliseconds,omitempty"` // median of a step
	Forward     float64            `json:"forward_milliseconds,omitempty"`
	Optimiser   float64            `json:"optimiser_milliseconds,omitempty"` // gradients read, clipped, weights changed and written
	PerSecond   float64            `json:"tokens_per_second,omitempty"`
	Peak        int64              `json:"peak_bytes,omitempty"`    // measured, the weights counted in
	Planned     int64              `json:"planned_bytes,omitempty"` // by the memory plan
	GFLOPPerTok float64            `json:"gflop_per_token,omitempty"`
	TFLOPs      float64            `json:"tflop_per_second,omitempty"`
	Parts       map[string]float64 `json:"parts_milliseconds,omitempty"` // of the device's time in one step, with Profile
	OfLimit     float64            `json:"of_limit,omitempty"`           // of the tokens a second that the matrix rate of this run would give without recomputing
}

// flops are the operations of one token of a sequence of length tokens, forward and backward through frozen weights without
// recomputing: two products with every matrix (of layer 0 the backward one ends at the adapter, which is not counted here), the head
// twice, and causal attention, whose backward pass takes two and a half times its forward one.
func flops(c neox.Config, length float64) float64 {
	d, f, v, l := float64(c.HiddenSize), float64(c.IntermediateSize), float64(c.VocabSize), float64(c.Layers)
	return 4*l*(4*d*d+2*d*f) + 4*v*d + 3.5*2*length*d*l
}

// naturalLengths are the lengths of a natural mix of rows: lognormal, median 380, sigma 0.5, from 150 to 900.
func naturalLengths(n int) []int {
	r := rand.New(rand.NewPCG(1, 2))
	out := make([]int, n)
	for i := range out {
		out[i] = int(min(900, max(150, 380*math.Exp(0.5*r.NormFloat64()))))
	}
	return out
}

// made are examples of random tokens.
func made(lengths []int, vocab int) []example {
	r := rand.New(rand.NewPCG(3, 4))
	out := make([]example, len(lengths))
	for i, n := range lengths {
		out[i] = example{from: 1, ids: make([]int32, n)}
		for k := range out[i].ids {
			out[i].ids[k] = int32(r.IntN(vocab))
		}
	}
	return out
}

// wants says whether a figure is to be measured.
func (o BenchOptions) wants(figure string) bool {
	return o.Figures == nil || slices.Contains(o.Figures, figure)
}

// repeated is a list of n times v.
func repeated(v, n int) []int { return slices.Repeat([]int{v}, n) }
