package neox

import (
	"fmt"
	"slices"

	"kakoi/core"
	"kakoi/core/lora"
)

// PlanRequest is what a memory plan is made for. Zero values mean what they say below.
type PlanRequest struct {
	Config   Config
	Device   string   // "cpu" or "cuda"
	DType    string   // "fp32", "bf16", "fp16", "nf4"
	Stored   string   // of the linears in the folder: "F32", "F16", "BF16", "NF4"; "": as DType
	Embed    string   // of the input embeddings there: "F32", "F16", "BF16", "I8"; "": 16 bits
	Context  int      // tokens of a row, prompt and answer; 0: all the model takes
	Batch    int      // rows that are answered together; 0: 1
	Kept     int      // rows whose keys and values are kept between requests (prefix reuse)
	Lanes    int      // tokens of one step: drafts and rows together; 0: what the runner takes
	Adapters int      // adapters attached at a time
	Rank     int      // of each; 0: 8
	Targets  []string // matrices each changes (lora.Names); nil: query_key_value
	Free     int64    // bytes that the GPU has free, for copies that are only made where there is plenty; 0: none are
	Train    *TrainRequest
}

// Phase is a time with its own use of memory.
type Phase uint8

// The phases. A buffer names all in which it is there; the peak is that of the largest.
const (
	Loading Phase = 1 << iota
	Prefilling
	Decoding
	Training
	Running = Prefilling | Decoding
	Always  = Loading | Running
)

// Buffer is a piece of memory of one purpose.
type Buffer struct {
	Group string // "process", "weights", "adapters", "cache", "prefill", "decode", "load", "train": a key of the translations, plan.group.X
	Name  string // a key of the translations, plan.buffer.X
	Bytes int64
	When  Phase
}

// Plan is every buffer of a model at work, known before anything is allocated.
type Plan struct {
	Device, DType         string
	Context, Batch, Lanes int
	Kept, Adapters        int
	Buffers               []Buffer
	Measured              bool // the figures were held against measurements (training is not yet)
}

// Names of buffers that a runner allocates by the plan.
const (
	BufferProcess     = "process"     // programs, libraries, CUDA's context
	BufferLayers      = "layers"      // the linears with their biases and norms, as the runner holds them
	BufferScales      = "scales"      // of 4-bit weights, where they lie apart
	BufferEmbed       = "embed"       // input embeddings
	BufferHead        = "head"        // output embeddings
	BufferCopies      = "copies"      // of 4-bit weights in bf16, for prompts
	BufferRotary      = "rotary"      // tables of cosines and sines
	BufferAdapters    = "adapters"    // LoRA
	BufferKV          = "kv"          // keys and values of the rows being answered
	BufferKept        = "kept"        // keys and values kept for the next request
	BufferStaging     = "staging"     // what passes while a tensor is loaded or quantised
	BufferDequantised = "dequantised" // one matrix in full precision, for a prompt's products
	BufferActivations = "activations" // of a chunk of a prompt
	BufferAttention   = "attention"   // scores and masks of a chunk
	BufferLogits      = "logits"
	BufferStep        = "step"    // workspace of a decode step
	BufferKernels     = "kernels" // that a library compiles for itself
)

// NewPlan computes the buffers. Errors: core.ErrUsage for a request that makes no sense, core.ErrTooLarge for a context longer than the
// model's, core.ErrUnsupported for a shape the 4-bit kernels do not take.
func NewPlan(r PlanRequest) (Plan, error) {
	if err := r.Config.Validate(); err != nil {
		return Plan{}, err
	}
	if r.Context == 0 {
		r.Context = r.Config.MaxPositionEmbeddings
	}
	if r.Context > r.Config.MaxPositionEmbeddings {
		return Plan{}, core.Explain(fmt.Errorf("context of %d for a model of %d: %w", r.Context, r.Config.MaxPositionEmbeddings, core.ErrTooLarge), "error.plan.context", r.Context, r.Config.MaxPositionEmbeddings)
	}
	r.Batch = max(r.Batch, 1)
	if r.Rank == 0 {
		r.Rank = 8
	}
	if r.Targets == nil {
		r.Targets = []string{lora.QueryKeyValue}
	}
	if r.Context < 1 || r.Batch > 1<<12 || r.Kept < 0 || r.Kept > 1<<12 || r.Adapters < 0 || r.Adapters > 1<<10 || r.Rank < 1 || r.Rank > lora.MaxRank || r.Lanes < 0 {
		return Plan{}, fmt.Errorf("plan for context %d, %d rows, %d adapters of rank %d: %w", r.Context, r.Batch, r.Adapters, r.Rank, core.ErrUsage)
	}
	for _, name := range r.Targets {
		if !slices.Contains(lora.Names, name) {
			return Plan{}, fmt.Errorf("plan for an adapter of %q: %w", name, core.ErrUsage)
		}
	}
	p := Plan{Device: r.Device, DType: r.DType, Context: r.Context, Batch: r.Batch, Kept: r.Kept, Adapters: r.Adapters, Measured: true}
	var err error
	switch {
	case r.Train != nil:
		err = p.train(r)
	case r.Device != "cpu" && r.Device != "cuda":
		err = fmt.Errorf("plan for device %q: %w", r.Device, core.ErrUsage)
	case r.DType == "nf4" && r.Device == "cpu":
		err = p.cpu4(r)
	case r.DType == "nf4":
		err = p.cuda4(r)
	default:
		err = p.torch(r)
	}
	return p, err
}

// add appends a buffer unless it is empty.
func (p *Plan) add(group, name string, bytes int64, when Phase) {
	if bytes > 0 {
		p.Buffers = append(p.Buffers, Buffer{group, name, bytes, when})
	}
}

// Bytes is the size of the buffer called name, all of them where there are several; 0 without one.
func (p Plan) Bytes(name string) int64 {
	var n int64
	for _, b := range p.Buffers {
		if b.Name == name {
			n += b.Bytes
		}
	}
	return n
}

// In is the memory of one phase.
func (p Plan) In(phase Phase) int64 {
	var n int64
	for _, b := range p.Buffers {
		if b.When&phase != 0 {
			n += b.Bytes
		}
	}
	return n
}

// Peak is the memory of the phase that needs most.
func (p Plan) Peak() int64 {
	return max(p.In(Loading), p.In(Prefilling), p.In(Decoding), p.In(Training))
}

// More is Peak without what the process has already.
func (p Plan) More() int64 { return p.Peak() - p.Bytes(BufferProcess) }

// Held is what a loaded model takes before anything is asked of it, without what the process has anyway.
func (p Plan) Held() int64 {
	var n int64
	for _, b := range p.Buffers {
		if (b.When&Always == Always || b.Group == "weights" && b.When&Running == Running) && b.Name != BufferProcess {
			n += b.Bytes
		}
	}
	return n
}

// Row is what one more row of this context takes.
func (p Plan) Row() int64 {
	if p.Batch == 0 {
		return 0
	}
	return p.Bytes(BufferKV) / int64(p.Batch)
}

// Fit is what a machine with so much memory can do instead of a request it has no room for.
type Fit struct {
	Context int // longest with the request's batch; 0: none
	Batch   int // most rows with the request's context; 0: none
}

// LargestFit looks for what fits into free bytes, the process included: the longest context, and the most rows.
func LargestFit(r PlanRequest, free int64) Fit {
	fits := func(context, batch int) bool {
		q := r
		q.Context, q.Batch = context, batch
		p, err := NewPlan(q)
		return err == nil && p.Peak() <= free
	}
	batch, context := max(r.Batch, 1), r.Context
	if context == 0 {
		context = r.Config.MaxPositionEmbeddings
	}
	return Fit{
		Context: largest(context, func(n int) bool { return fits(n, batch) }),
		Batch:   largest(batch, func(n int) bool { return fits(context, n) }),
	}
}

// largest is the largest n from 1 to limit for which ok holds, which must hold for all below it too; 0 if for none.
func largest(limit int, ok func(int) bool) int {
	low, high := 0, limit
	for low < high {
		if mid := (low + high + 1) / 2; ok(mid) {
			low = mid
		} else {
			high = mid - 1
		}
	}
	return low
}

// Refuse is core.ErrOutOfMemory for a plan that does not fit into free bytes beside what the process has already, with a sentence that
// says what would; nil where it fits, or where free is 0, unknown.
func (p Plan) Refuse(r PlanRequest, free int64) error {
	need := p.More()
	if free <= 0 || need <= free {
		return nil
	}
	err := fmt.Errorf("%s on %s with %d tokens in %d rows needs %d bytes, %d are free: %w", p.DType, p.Device, p.Context, p.Batch, need, free, core.ErrOutOfMemory)
	gb := func(n int64) float64 { return float64(n) / 1e9 }
	switch fit := LargestFit(r, free+p.Bytes(BufferProcess)); {
	case fit.Context > 0:
		return core.Explain(err, "error.plan.shorter", gb(need), gb(free), fit.Context)
	case fit.Batch > 0:
		return core.Explain(err, "error.plan.fewer", gb(need), gb(free), fit.Batch)
	}
	return core.Explain(err, "error.model.memory_need", gb(need), gb(free))
}

// adapterParameters is the number of weights of one adapter, with ranks rounded up to a multiple of step.
func (r PlanRequest) adapterParameters(step int) int64 {
	shapes := lora.ModelOf(r.Config.Layers, r.Config.HiddenSize, r.Config.IntermediateSize).Shapes
	rank := int64((r.Rank + step - 1) / step * step)
	var n int64
	for _, name := range r.Targets {
		n += rank * int64(shapes[name].In+shapes[name].Out)
	}
	return n * int64(r.Config.Layers)
}

// kvBytes is the keys and values of rows of n tokens.
func (c Config) kvBytes(rows, n, size int) int64 {
	return 2 * int64(c.Layers) * int64(c.HiddenSize) * int64(rows) * int64(n) * int64(size)
}
