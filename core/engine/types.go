package engine

import (
	"encoding/json"
	"time"

	"kakoi/core"
	"kakoi/core/closed"
	"kakoi/core/vault"
)

// ModelOptions says how a model is loaded. The zero value lets the engine choose.
type ModelOptions struct {
	Device  string `json:"device"`  // "", "auto", "cpu", "cuda:0"
	DType   string `json:"dtype"`   // "", "auto", "nf4", "fp32", "bf16", "fp16"
	Threads int    `json:"threads"` // CPU threads; 0: as many as physical cores

	Base string `json:"base,omitempty"` // of a reranker that is a LoRA adapter: folder of the encoder that it changes

	// Of a generator.
	Lookup   string `json:"lookup,omitempty"`    // guess answers from their prompts: "", "auto" (where answers stay the same), "on", "off"
	Keep4Bit bool   `json:"keep_4bit,omitempty"` // keep a model that was loaded in 4 bits in its folder, as DIR/nf4

	Key *vault.Key `json:"-"` // of adapters and runs. The client takes Params.Key
}

// DeviceInfo is what the engine found to compute on.
type DeviceInfo struct {
	Device      string `json:"device"`                 // the one "auto" means: "cpu", "cuda:0"
	Name        string `json:"name"`                   // "NVIDIA H200", or the processor's name
	Threads     int    `json:"threads"`                // CPU threads used by default
	Torch       string `json:"torch,omitempty"`        // libtorch version; empty in a build without it
	MemoryBytes int64  `json:"memory_bytes,omitempty"` // of the device
	FreeBytes   int64  `json:"free_bytes,omitempty"`
	Note        string `json:"note,omitempty"` // why CUDA is not used, where it could be expected
}

// LoadedModel is one model that the engine holds.
type LoadedModel struct {
	Kind string          `json:"kind"` // "generator", "embedder", "reranker"
	Dir  string          `json:"dir"`
	Info json.RawMessage `json:"info"` // core.GeneratorInfo, core.EmbedderInfo or core.RerankerInfo
}

// Status is the engine process as `kakoi doctor` shows it.
type Status struct {
	PID           int           `json:"pid"`
	Version       string        `json:"version"`
	ResidentBytes int64         `json:"resident_bytes"`
	Device        DeviceInfo    `json:"device"`
	Proof         closed.Proof  `json:"proof"`            // of the engine process
	Libraries     string        `json:"libraries"`        // folder of libtorch, as chosen
	Reason        string        `json:"libraries_reason"` // translation key, see ChooseLibraries
	Models        []LoadedModel `json:"models"`
	Started       time.Time     `json:"started"`
	StartSeconds  float64       `json:"start_seconds"` // from process start to the first answer
	Restarts      int           `json:"restarts"`      // since the client was made
	LastCrash     string        `json:"last_crash,omitempty"`
}

// Check is one result of the engine's self-test.
type Check struct {
	Name    string  `json:"name"`
	OK      bool    `json:"ok"`
	Detail  string  `json:"detail,omitempty"`
	Seconds float64 `json:"seconds"`
}

var (
	_ core.Generator = (*generator)(nil)
	_ core.Embedder  = (*embedder)(nil)
	_ core.Reranker  = (*reranker)(nil)
)
