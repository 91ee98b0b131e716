//go:build torch

package neox

import (
	"context"

	"kakoi/core"
	"kakoi/core/internal/device"
	"kakoi/core/internal/torch"
	"kakoi/core/lora"
)

// runner is a model on a device, ready to run: libtorch's operations (torchRunner), or kernels of our own over
// 4-bit weights. Every method is called on the device's thread, one at a time.
type runner interface {
	traits() traits
	room(s *torch.Scope, rows, capacity int) (state, error) // keys and values for rows of capacity tokens
	rowBytes(capacity int) int64                            // memory of one row of a state
	attach(s *torch.Scope, a *lora.Adapter) (int, error)    // puts an adapter beside the weights, never merged, under a number from 1 on
	detach(n int)                                           // frees an adapter that no lane uses
	bytes() int64                                           // memory of the weights
	close()
}

// traits is what the Generator has to know of a runner's speed and arithmetic.
type traits struct {
	dtype string // as in core.GeneratorInfo
	chunk int    // tokens of one prefill call at most: short enough that a cancel is seen soon, long enough to use the device well
	lanes int    // of one call of state.lanes at most
	read  int64  // bytes of the weights that one step reads

	// exact: the logits, keys and values of a lane are the same bits whatever other lanes the call holds, and however
	// many. Prompt lookup, batches and single requests then give identical answers.
	exact bool

	// grain: a prompt may be cut between two prefill calls at multiples of grain without changing a bit of what
	// follows; 1: anywhere. Where products round by the number of rows, grain is chunk: prompts are always cut there,
	// so what they share is computed by equal calls. 0: never; then only whole prompts are kept.
	grain int
}

// lane is one new token of one row. The lanes of one call may be of different rows (a batch), or tokens of one row
// that follow each other (drafts being verified), or both; those of one row stand together, in order.
type lane struct {
	row     int
	id      int32
	adapter int // what attach gave; 0: none
}

// state is the keys and values of some rows. A row's length is the number of tokens it has seen. An error leaves
// every row as it was before the call.
type state interface {
	// prefill appends a chunk of a prompt to a row; logits [V], unless nil, gets those of its last token.
	prefill(s *torch.Scope, row int, ids []int32, adapter int, logits []float32) error
	// lanes appends up to traits.lanes tokens; logits[i] [V], unless nil, gets those of lane i.
	lanes(s *torch.Scope, l []lane, logits [][]float32) error
	length(row int) int
	// keep forgets all but the first n tokens of a row, at no cost.
	keep(row, n int)
	// copy makes row to the first n tokens of row from.
	copy(s *torch.Scope, from, to, n int) error
	close()
}

// chooser is a state that samples on the device, so that only token ids come back. A lane's repetition penalty is
// over its row's tokens up to and including the lane itself, all of which the state has seen go by.
type chooser interface {
	// choose is lanes with sampling: set[i] says how, u[i] is lane i's uniform number. An id below 0 stands for
	// logits without a finite number.
	choose(s *torch.Scope, l []lane, set []core.Sampling, u []float64) ([]int32, error)
	// run decodes n tokens for the row of each lane (one lane a row) without the host in between, with the uniform
	// numbers u[k][i], and gives the ids [n][len(l)]. The rows grow by n: by l[i].id and the first n-1 ids.
	run(s *torch.Scope, l []lane, set []core.Sampling, u [][]float64, n int) ([][]int32, error)
}

// storage is how a runner holds its weights: in 4 bits (NF4) for kernels of our own, or in a dtype of libtorch.
type storage struct {
	nf4   bool
	dtype torch.DType // of the activations where nf4
	plan  PlanRequest // what the model was placed with
	auto  bool        // nobody asked for this storage by name
}

// newRunner loads the model of src onto dev as place settled it. What was made is freed again when something fails.
func newRunner(ctx context.Context, dev *device.Device, cfg Config, as storage, src source, p core.Progress) (runner, error) {
	if as.nf4 && dev.CUDA() {
		return loadCUDA4(ctx, dev, cfg, src, as.plan.Free, p)
	}
	if as.nf4 {
		return loadCPU4(ctx, dev, cfg, src, p)
	}
	m, err := loadModel(ctx, dev, cfg, as.dtype, src, p)
	if err != nil {
		return nil, err
	}
	return newTorchRunner(m, dev.CUDA()), nil
}
