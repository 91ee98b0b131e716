package train

import (
	"kakoi/core/neox"
)

// work is the operations of a run: forward and backward over the rows of its epochs, what is computed again, and the evaluations.
type work struct {
	cfg    neox.Config
	keep   string
	tokens float64 // of an epoch
	length float64 // of the rows, each counted as often as it has tokens
	share  float64 // of the tokens, that the loss counts: no others meet the head
	held   float64 // tokens of an evaluation
	epochs float64
	evals  float64
}

func (w work) operations() float64 {
	d, f, v, l := float64(w.cfg.HiddenSize), float64(w.cfg.IntermediateSize), float64(w.cfg.VocabSize), float64(w.cfg.Layers)
	linears, attention, head := 2*l*(4*d*d+2*d*f), 2*w.length*d*l, 2*v*d*w.share
	forward := linears + attention + head
	step := 2*linears + 3.5*attention + 2*head
	switch w.keep {
	case "layer":
		step += linears - 2*l*d*f + attention // but not the last matrix
	case "gelu":
		step += 2 * l * d * f
	}
	return w.epochs*w.tokens*step + w.evals*w.held*forward
}

// What of the device's matrix rate a training reaches: measured with bench train (docs/decisions/0021), rounded down.
const (
	shareCUDA = 0.7
	shareCPU  = 0.45
)
