package core

import "context"

// EmbedKind tells an Embedder which of its prompts to put before a text.
type EmbedKind int

const (
	EmbedPassage EmbedKind = iota // a text to be found
	EmbedQuery                    // a question
)

// EmbedderInfo names a loaded embedder. ID changes when its weights, tokenizer, prompts or pooling do:
// vectors of different IDs are never compared.
type EmbedderInfo struct {
	ID        string `json:"id"` // 16 hex digits
	Name      string `json:"name"`
	Dimension int    `json:"dimension"`
	MaxTokens int    `json:"max_tokens"` // longer texts are windowed
	Device    string `json:"device"`     // "cpu", "cuda:0"
}

// Embedder turns texts into L2-normalised vectors, in the order given.
type Embedder interface {
	Info() EmbedderInfo
	Embed(ctx context.Context, kind EmbedKind, texts []string) ([]Vector, error)
	Close() error
}

// GeneratorInfo names a loaded chat model.
type GeneratorInfo struct {
	ID        string `json:"id"` // 16 hex digits over its files
	Name      string `json:"name"`
	MaxTokens int    `json:"max_tokens"` // prompt and answer together
	Layers    int    `json:"layers"`
	Hidden    int    `json:"hidden"`
	Vocab     int    `json:"vocab"`
	Device    string `json:"device"`
	DType     string `json:"dtype"` // "fp32", "bf16", "fp16"; "nf4": weights in 4 bits
	Bytes     int64  `json:"bytes"` // of the weights as loaded
}

// Sampling has Hugging Face's definitions and order: repetition penalty, temperature, top-k, top-p.
// The zero value decodes greedily to the model's end token or its context limit.
type Sampling struct {
	Temperature       float64  `json:"temperature"`        // 0: greedy
	TopK              int      `json:"top_k"`              // 0: off
	TopP              float64  `json:"top_p"`              // 0 or 1: off
	RepetitionPenalty float64  `json:"repetition_penalty"` // 0 or 1: off
	Seed              uint64   `json:"seed"`
	MaxNewTokens      int      `json:"max_new_tokens"` // 0: up to the context limit
	Stop              []string `json:"stop,omitempty"` // generation ends before the first of these
}

// GenerateRequest is one prompt, tokenised as it is without special tokens.
type GenerateRequest struct {
	Prompt   string
	Sampling Sampling
	Adapter  string   // folder of a LoRA adapter as PEFT writes it; empty: the model as it is
	Plain    bool     // compute every token by itself: no prompt lookup, nothing kept of earlier prompts
	Refusal  *Refusal // nil: the model decides, and nothing is told of it
}

// Delta is newly generated text; it never ends inside a UTF-8 character or a possible stop string.
type Delta struct {
	Text   string
	Tokens int // tokens this delta stands for
}

// StopReason says why a generation ended.
type StopReason string

const (
	StopEnd    StopReason = "end"    // the model's end token
	StopString StopReason = "stop"   // one of Sampling.Stop
	StopLength StopReason = "length" // MaxNewTokens or the context limit

	StopRefusal StopReason = "refusal" // GenerateRequest.Refusal was decided: the reply is its text
)

// Reply is a finished generation.
type Reply struct {
	Text           string
	PromptTokens   int
	NewTokens      int
	Stop           StopReason
	PrefillSeconds float64
	DecodeSeconds  float64
	ReusedTokens   int // of the prompt: kept from earlier ones, not computed again
	GuessedTokens  int // checked by prompt lookup beside those that were due
	RightTokens    int // of the guesses: those that were right, and are in NewTokens

	Tokens []int32 // ids as they were chosen, with the end token where it came; none where a Refusal decided

	Refusal *RefusalScore // of GenerateRequest.Refusal; nil when that was nil, or when its tokens did not fit the context behind the prompt
}

// Generator continues prompts. Requests of one call, whatever their adapters, run as one batch as far as memory
// allows; emit is called from one goroutine with the request's place in reqs. An error of emit, or the end of ctx,
// stops everything; the replies then hold what came.
type Generator interface {
	Info() GeneratorInfo
	CountTokens(ctx context.Context, texts []string) ([]int, error)
	Generate(ctx context.Context, reqs []GenerateRequest, emit func(i int, d Delta) error) ([]Reply, error)
	Close() error
}
