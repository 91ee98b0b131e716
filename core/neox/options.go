package neox

// LoadOptions says where and how a model is loaded.
type LoadOptions struct {
	Device  string // "auto" (the zero value too), "cpu", "cuda:0"
	DType   string // "auto" (the zero value too: fp32 on the CPU, bf16 on a GPU), "fp32", "bf16", "fp16"
	Threads int    // of operations on the CPU; 0: one per processor
}
