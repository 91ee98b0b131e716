package server

import (
	"encoding/json"
	"fmt"

	"kakoi/core"
)

// BenchOptions are the options of Bench as JSON. What a kind has no use for it leaves alone; 0 is the native package's
// own default.
type BenchOptions struct {
	Model   string `json:"model"`           // folder
	Shape   string `json:"shape,omitempty"` // "rinna-4b": random weights of that shape, in place of a folder
	Device  string `json:"device,omitempty"`
	DType   string `json:"dtype,omitempty"`
	Threads int    `json:"threads,omitempty"`
	Tokens  int    `json:"tokens,omitempty"`  // decode: generated in a run; prefill: in the prompt; embed: texts in a run
	Batch   int    `json:"batch,omitempty"`   // embed: of the peer; decode: rows at once, measured beside one
	Context int    `json:"context,omitempty"` // decode: tokens before the first
	LoRA    int    `json:"lora,omitempty"`    // decode, prefill: rank of an adapter that is attached
	Lookup  bool   `json:"lookup,omitempty"`  // decode: what prompt lookup gains on 50 prompts from the sample documents
	Rounds  int    `json:"rounds,omitempty"`  // embed: runs; decode, prefill: seconds of a figure
	Setting string `json:"setting,omitempty"` // memory: the one setting that this process measures, as JSON; train: the figures wanted (train.BenchOptions.Figures)
	Profile bool   `json:"profile,omitempty"` // train: where a step's time goes, too
	Peer    string `json:"peer,omitempty"`    // embed: a Python with sentence-transformers to measure beside
}

// ParseBench reads and checks the options of Bench.
func ParseBench(kind string, options json.RawMessage) (BenchOptions, error) {
	var o BenchOptions
	if len(options) > 0 {
		if err := json.Unmarshal(options, &o); err != nil {
			return o, fmt.Errorf("bench %s: options: %w: %w", kind, core.ErrUsage, err)
		}
	}
	switch {
	case o.Shape != "" && o.Shape != "rinna-4b":
		return o, fmt.Errorf("bench %s: shape %q: %w", kind, o.Shape, core.ErrUsage)
	case o.Model == "" && (o.Shape == "" || kind == "embed") && kind != "memory":
		return o, fmt.Errorf("bench %s without a model folder: %w", kind, core.ErrUsage)
	case o.Lookup && (kind != "decode" || o.Model == ""):
		return o, fmt.Errorf("bench %s: lookup is of decode with a model folder: %w", kind, core.ErrUsage)
	case o.Tokens < 0 || o.Batch < 0 || o.Context < 0 || o.LoRA < 0 || o.Rounds < 0 || o.Threads < 0:
		return o, fmt.Errorf("bench %s with a negative count: %w", kind, core.ErrUsage)
	}
	return o, nil
}
