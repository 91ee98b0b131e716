package bert

// LoadOptions says where and how an embedder is loaded.
type LoadOptions struct {
	Device  string // "auto" (the zero value too), "cpu", "cuda:0"
	DType   string // "auto" (the zero value too), "fp32", "bf16", "fp16", "int8" (CPU)
	Base    string // of a reranker that is a LoRA adapter: folder of the encoder that it changes; "": the folder is a whole model
	Threads int    // of operations on the CPU; 0: one per processor
}

// BenchOptions says what Bench measures.
type BenchOptions struct {
	Dir   string      `json:"dir"` // model folder
	Load  LoadOptions `json:"load"`
	Texts int         `json:"texts"` // chunks to embed in one run (default 256 on the CPU, 4096 on a GPU)
	Runs  int         `json:"runs"`  // the best one counts (default 3)
	Peer  string      `json:"peer"`  // a Python with sentence-transformers: measured on the same texts; "" for none
	Batch int         `json:"batch"` // the peer's batch size (default 32, its own default)
}

// BenchResult is one figure.
type BenchResult struct {
	Name            string  `json:"name"` // "load", "matrix", "tokenise", "encode", "embed", "fp32", "peer", "peer int8", "peer fp16"
	Device          string  `json:"device"`
	DType           string  `json:"dtype"`
	Instructions    string  `json:"instructions,omitempty"`      // of the matrix products
	Seconds         float64 `json:"seconds"`                     // of the best run
	Texts           int     `json:"texts,omitempty"`             // in a run
	Tokens          int     `json:"tokens,omitempty"`            // in a run, special tokens included
	ChunksPerSecond float64 `json:"chunks_per_second,omitempty"` // texts
	TokensPerSecond float64 `json:"tokens_per_second,omitempty"`
	GFLOPPerSecond  float64 `json:"gflop_per_second,omitempty"`
	OfMatrix        float64 `json:"of_matrix,omitempty"`    // share of the matrix rate measured in the same run
	OfPeer          float64 `json:"of_peer,omitempty"`      // our chunks per second over this one's
	CosineLeast     float64 `json:"cosine_least,omitempty"` // of our vectors to this one's
	CosineMean      float64 `json:"cosine_mean,omitempty"`
	SameTop10       float64 `json:"same_top10,omitempty"` // share of each text's ten nearest that are the same with our vectors
	Note            string  `json:"note,omitempty"`       // the peer's version
}
