package core

// Receipt says how an Answer came about, so that it can be explained and generated again. Prompt is empty when the model was not
// asked, because nothing was found.
type Receipt struct {
	Prompt         string     `json:"prompt"`        // as sent
	PromptSHA256   string     `json:"prompt_sha256"` // hex
	ReplySHA256    string     `json:"reply_sha256"`  // hex, of the text as the model gave it
	Template       string     `json:"template"`      // language of the prompt's template
	ModelID        string     `json:"model_id"`      // GeneratorInfo.ID
	EmbedderID     string     `json:"embedder_id"`   // EmbedderInfo.ID
	AdapterID      string     `json:"adapter_id,omitempty"`
	Device         string     `json:"device"`
	DType          string     `json:"dtype"`
	Sampling       Sampling   `json:"sampling"` // as used
	PrefillSeconds float64    `json:"prefill_seconds"`
	DecodeSeconds  float64    `json:"decode_seconds"`
	Stop           StopReason `json:"stop"` // empty when it was stopped from outside

	Reply     string            `json:"reply,omitempty"`     // as the model gave it; empty in receipts of before 2026-11-28
	Tokens    []int32           `json:"tokens,omitempty"`    // Reply.Tokens; empty where the model was stopped, or a Refusal decided
	Origin    *Origin           `json:"origin,omitempty"`    // nil in receipts of before 2026-11-28
	Documents map[string]string `json:"documents,omitempty"` // hex SHA-256 of the files that the passages are from, by Document.ID

	Refusal *RefusalReceipt `json:"refusal,omitempty"` // nil when the model was not asked for it, or did not say

	Evidence *Evidence `json:"evidence,omitempty"` // nil where none was looked for
}

// Evidence is what a Reranker read in the found passages before a narrow model was asked: the stretches that answer the question best, and how
// likely they do. The model is asked with them alone.
type Evidence struct {
	ID         string            `json:"id"`         // RerankerInfo.ID
	Read       int               `json:"read"`       // stretches that were compared
	Answerable float64           `json:"answerable"` // probability that the best one answers
	Refusal    float64           `json:"refusal"`    // probability of the refusal that this comes to, with the model's own where it was asked
	Mode       string            `json:"mode"`       // calibrate.Mode; "off": the model decided by itself
	Bound      float64           `json:"bound"`      // of Refusal; 0 where Mode is "off"
	Refused    bool              `json:"refused"`    // Refusal was above Bound: the model was not asked
	Stretches  []EvidenceStretch `json:"stretches"`  // best first, those that the model reads
}

// EvidenceStretch is a stretch of a page that is read as evidence.
type EvidenceStretch struct {
	ID          string  `json:"document_id"` // Document.ID
	Document    string  `json:"document"`    // Document.Name
	Page        int     `json:"page"`
	Start       int     `json:"start"` // characters in the page's text
	End         int     `json:"end"`
	Text        string  `json:"text"`
	Heading     string  `json:"heading,omitempty"` // above it in its passage
	Probability float64 `json:"probability"`       // that it answers
}

// RefusalReceipt is what a model was asked of the refusal, and what it said.
type RefusalReceipt struct {
	Refusal
	RefusalScore
	Mode string `json:"mode"` // calibrate.Mode; "off" where nothing was decided
}

// Origin is what an answer was computed with: where any of it differs, the same request may be answered with other tokens.
type Origin struct {
	Program    string `json:"program"` // version of kakoi
	Engine     string `json:"engine"`  // version of kakoi-engine
	Torch      string `json:"torch"`   // version of libtorch
	Processor  string `json:"processor"`
	Threads    int    `json:"threads"`      // of a CPU
	SideBySide int    `json:"side_by_side"` // answers of the batch: 1 alone
}
