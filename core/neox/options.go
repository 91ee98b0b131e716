package neox

import "kakoi/core/vault"

// LoadOptions says where and how a model is loaded.
type LoadOptions struct {
	Device  string // "auto" (the zero value too), "cpu", "cuda:0"
	DType   string // "auto" (the zero value too: see chooseDType), "nf4", "fp32", "bf16", "fp16"
	Threads int    // of operations on the CPU; 0: one per processor

	// Lookup says whether answers are guessed from their prompts (see lookup.go): "auto" (the zero value too: where
	// that gives the same answers to the last bit), "on", "off".
	Lookup string

	// Keep4Bit: a model in full precision that is loaded in 4 bits keeps its 4-bit form in the folder DIR/nf4, from where it is
	// loaded the next time. One that is there and up to date is used in any case.
	Keep4Bit bool

	// Key encrypts the adapters' folders, and the run folders of a trainer on this model; nil: they are plain. The model's own files are plain in any case.
	Key *vault.Key
}

// DeviceState is what Describe finds.
type DeviceState struct {
	Name    string // "cpu", "cuda:0"
	Reason  string // why "auto" came to the CPU
	Library string // libtorch's version
	Total   int64  // memory of a GPU, bytes; 0 for the CPU
	Free    int64
}
