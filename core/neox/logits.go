package neox

// LogitsOptions says what Logits computes.
type LogitsOptions struct {
	Dir     string // model folder; it needs no tokenizer
	Load    LoadOptions
	IDs     []int32
	Adapter string // folder of a LoRA; empty: none
	Path    string // "prefill": as a prompt is computed; "lanes": as tokens are decoded, up to 16 at once
}
