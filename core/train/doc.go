// Package train trains adapters (LoRA, arXiv 2106.09685) on the frozen weights of a model that goes on answering; with 4-bit
// weights that is QLoRA (arXiv 2305.14314). Trainer is core.Trainer over a neox.Generator.
//
// # Words
//
// An example is a row as tokens, with the place from where its tokens count in the loss. A micro-batch is some examples, one
// after the other without padding, each with positions and attention of its own; a step is some micro-batches whose gradients
// are added before the weights change once. Masters are the adapter's weights in fp32, in the host's memory, where the optimiser
// with its moments works (so nothing of it is in the way on a card, and there is nothing to page out); the device has a copy in
// the type that is computed in, and the gradients in fp32.
//
// # Arithmetic
//
// Forward and backward of a block are written out (block.go, block_back.go): no autograd, one node per block. Only what an
// adapter needs is computed: the frozen matrices get no gradients, and the backward pass ends at the lowest matrix that has an
// adapter. Recompute says what is not kept in between: "none", "gelu" (the input of the activation) or "layer" (all but the
// layer's input). On a GPU, in bf16, fast.go does the same with kernels of our own (package kernel/cuda, train.cu).
//
// # Exactness
//
// All random numbers follow from the seed and a counter (of weights, of epochs, of micro-batches and matrices), so there is no
// state to lose: a run that is killed and resumed from its last checkpoint gives the same bytes as one that was not (on the same
// device with as many threads).
//
// # Who closes what
//
// A Trainer holds nothing between calls. During Train it keeps the Generator open and takes turns on the device's thread, a
// block at a time, so answers go on in between.
//
// Settings, order, schedules, optimisers, checkpoints and the memory plan are pure Go. The rest needs the build tag "torch";
// without it the Trainer gives core.ErrNoDevice.
package train
