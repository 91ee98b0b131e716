package train

import (
	"kakoi/core"
	"kakoi/core/neox"
)

// demand is what the memory of a run depends on.
type demand struct {
	cfg       neox.Config
	element   int64 // bytes of a number as computed with
	places    []place
	optimizer string
	dropout   bool
	keep      string // Recompute
	tokens    int64  // of the largest micro-batch
	counted   int64  // of them, in the loss
	chunk     int64  // tokens whose logits exist at the same time
	weights   int64  // of the model, there already
	room      int64  // neox.Generator.Room
	fast      bool   // with our own kernels
	host      bool   // on the CPU
}

// plan is the memory of a training step, part by part. The weights are there already; of the others "optimizer" (masters and
// moments) lies in the host's memory, also where the model is on a card.
//
// Kept between a block's forward and backward pass, in numbers a token: its input D, the feed-forward part's input D (where the
// parts follow each other), q k v 3D, attention's result D, the activation's input F. Beside that stands the one thing that is at
// work: a block, forward or backward, or the head.
func (l demand) plan() []core.TrainBytes {
	n, m, e := l.tokens, l.counted, l.element
	d, f, v, layers := int64(l.cfg.HiddenSize), int64(l.cfg.IntermediateSize), int64(l.cfg.VocabSize), int64(l.cfg.Layers)
	p := layOut(l.places)
	whole := n * (4*d*e + d*e + 4*int64(l.cfg.Heads) + 16) // qkv, attention's result, its sums, the norms' numbers
	if !l.cfg.UseParallelResidual {
		whole += n * d * e
	}
	var each int64
	switch l.keep {
	case "none":
		each = whole + n*f*e
	case "gelu":
		each = whole
	default:
		each = n * d * e
	}
	// A block at work: the widest moment of the backward pass, at the activation or at attention.
	has := func(which int) bool {
		for _, x := range l.places {
			if x.which == which {
				return true
			}
		}
		return false
	}
	wide := 2*f + 3*d // gradients on both sides of the activation, of the output, and two rows beside
	if l.keep == "gelu" {
		wide += f // the activation's input, computed again
	}
	if has(3) {
		wide += f // its result, for the last matrix's adapter
		if l.dropout {
			wide += f + f/2
		}
	}
	attention := 14 * d // gradients of q k v as they come and put together, of both sides, the kernel's sums in fp32, turned copies
	logit := int64(8)
	if l.fast {
		attention, logit = 9*d, 6
		for _, x := range l.places {
			each += 4 * n * int64(x.rank) / layers // what stands between A and B
		}
	}
	if l.host {
		// The C library seldom gives a freed tensor's room to the next one of another size: nearly all that a block makes, forward and
		// backward, stands at the same time (measured).
		wide = max(wide, 28*d+6*f)
	}
	busy := n * e * max(wide, attention)
	if l.keep == "layer" {
		busy += whole + n*f*e - n*d*e
	}
	head := l.chunk*v*logit + (4*m+2*n)*d*e + 24*m
	beside := max(0, busy-head)
	if l.host {
		beside = busy // the same here
	}
	batch := n * (12*int64(l.cfg.RotaryDims())/2*e/2 + 32)
	out := []core.TrainBytes{
		{Part: "weights", Bytes: l.weights},
		{Part: "adapter", Bytes: int64(p.total) * (4 + e)},
		{Part: "optimizer", Bytes: 8*int64(p.total) + momentBytes(l.optimizer, p.sizes()), Host: true},
		{Part: "activations", Bytes: layers * each},
		{Part: "logits", Bytes: head},
		{Part: "buffers", Bytes: beside + batch + l.room},
	}
	return out
}

// onDevice is what a plan takes of the model's device beside the weights; host counts what is in the host's memory, too.
func onDevice(parts []core.TrainBytes, host bool) int64 {
	var n int64
	for _, b := range parts {
		if b.Part != "weights" && (host || !b.Host) {
			n += b.Bytes
		}
	}
	return n
}

// chunkOf is the tokens whose logits exist at the same time: as many as fit in most bytes of fp32, twice over.
func chunkOf(vocab int, most int64) int {
	return int(min(4096, max(64, most/(8*int64(vocab)))))
}

// headRoom is the bytes that chunkOf may fill, twice over: where memory is not short, more rows at once, whose products are the faster.
func headRoom(cuda bool, keep string) int64 {
	switch {
	case !cuda:
		return 64 << 20
	case keep == "layer":
		return 512 << 20
	}
	return 1536 << 20
}

// all is the numbers stored for a model with an adapter of trainable weights, as PEFT counts them: two 4-bit weights are one.
func all(c neox.Config, fourBit bool, trainable int64) int64 {
	n := c.Parameters() + trainable
	if fourBit {
		d, f := int64(c.HiddenSize), int64(c.IntermediateSize)
		linears := int64(c.Layers) * (4*d*d + 2*d*f)
		n -= linears / 2
	}
	return n
}
