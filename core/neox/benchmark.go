package neox

// BenchOptions says what Bench measures.
type BenchOptions struct {
	Dir     string // model folder; empty: random weights of Shape, made on the device
	Shape   Config // used when Dir is empty
	Load    LoadOptions
	Prompt  int     // tokens of the prompt, and of the context that decoding starts from (default 600, at most what the model takes)
	New     int     // tokens to decode (default 64)
	Batch   int     // rows to decode beside the one (0: one row only)
	LoRA    int     // rank of an adapter of random numbers to attach (0: none)
	Seconds float64 // per figure, at least one run (default 3)
}

// BenchResult is one figure. Bytes per token over Seconds per token is what the machine's bandwidth bounds: of
// copying on a GPU, of reading on a CPU.
type BenchResult struct {
	Name         string  `json:"name"` // "copy", "read", "matmul", "matmul with loads"; "first token", "file copy", "load"; "prefill", "prefill, without bf16 copies", "prefill: PART"; "decode", "verify"
	Device       string  `json:"device"`
	DType        string  `json:"dtype"`
	Instructions string  `json:"instructions,omitempty"` // of the processor, that the kernels use
	Runs         int     `json:"runs"`
	Tokens       int     `json:"tokens,omitempty"`  // of one run
	Context      int     `json:"context,omitempty"` // tokens in the cache before the run
	Rows         int     `json:"rows,omitempty"`    // decoded at once, where more than one; verify: tokens of one row
	LoRA         int     `json:"lora,omitempty"`    // rank of the adapter
	Milliseconds float64 `json:"milliseconds"`      // median of a run
	TokensPerSec float64 `json:"tokens_per_second,omitempty"`
	BytesPerTok  float64 `json:"bytes_per_token,omitempty"` // weights and cache read for one token
	GBPerSec     float64 `json:"gb_per_second,omitempty"`
	GFLOPPerSec  float64 `json:"gflop_per_second,omitempty"`
	OfLimit      float64 `json:"of_limit,omitempty"` // share of the bandwidth (decode), of the matmul rate (prefill; ours on the CPU: with loads, counting both bytes of activations of two) or of the file copy's rate (load)
	Beside       float64 `json:"beside,omitempty"`   // that limit, measured between the runs by our own kernels on the CPU: GB/s (decode) or GFLOP/s (prefill)
	OfOne        float64 `json:"of_one,omitempty"`   // time of a step, against that of one token of one row
}

// RinnaShape is the shape of rinna's bilingual-gpt-neox-4b family: 3.8 billion parameters.
var RinnaShape = Config{
	ModelType: "gpt_neox", VocabSize: 65536, HiddenSize: 2816, Layers: 36, Heads: 22, IntermediateSize: 11264, HiddenAct: "gelu",
	RotaryPct: 1, RotaryBase: 10000, MaxPositionEmbeddings: 2048, LayerNormEps: 1e-5, AttentionBias: true,
}

// MemoryResult compares the memory of a model at work with its plan. All in bytes; the process itself, as it was before the model, is counted
// on both sides.
type MemoryResult struct {
	Name         string  `json:"name"` // "memory"
	Device       string  `json:"device"`
	DType        string  `json:"dtype"`
	Stored       string  `json:"stored"`
	Layers       int     `json:"layers"`
	Hidden       int     `json:"hidden"`
	Context      int     `json:"context"`
	Batch        int     `json:"batch"`
	Adapters     int     `json:"adapters"`
	Process      int64   `json:"process"` // before the model
	PlannedLoad  int64   `json:"planned_load"`
	MeasuredLoad int64   `json:"measured_load"`
	Planned      int64   `json:"planned"`
	Measured     int64   `json:"measured"`
	Ratio        float64 `json:"ratio"` // planned over measured
}
