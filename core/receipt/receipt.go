package receipt

import (
	"time"

	"kakoi/core"
)

// Receipt is how one answer came about. Field names are stable; a number that a double does not hold exactly is written as a string.
type Receipt struct {
	Made         time.Time `json:"made"` // when the file was written
	Conversation string    `json:"conversation,omitempty"`
	Turn         string    `json:"turn,omitempty"`
	ID           string    `json:"answer_id,omitempty"` // of the answer in its conversation
	Asked        time.Time `json:"asked,omitzero"`
	Answered     time.Time `json:"answered,omitzero"`

	Question   string         `json:"question"`
	Collection string         `json:"collection"` // that was searched
	Passages   []Passage      `json:"passages"`   // what the model read, best first; where it was not asked, the closest places
	Embedder   *Model         `json:"embedder,omitempty"`
	Model      *Model         `json:"model,omitempty"`
	Adapter    *Adapter       `json:"adapter,omitempty"`
	Evidence   *core.Evidence `json:"evidence,omitempty"` // what the model was to answer from; nil where none was looked for
	Request    *Request       `json:"request,omitempty"`  // nil: the model was not asked
	Reply      *Reply         `json:"reply,omitempty"`    // nil: the model gave none
	Origin     *Origin        `json:"origin,omitempty"`
	Answer     Answer         `json:"answer"`

	Verdict    string      `json:"verdict,omitempty"`    // of a person: "right", "wrong"
	Correction *Correction `json:"correction,omitempty"` // of a person; the answer above is as it was given
	Missing    []Missing   `json:"missing"`              // what is not known
}

// Passage is a stretch of a page, with its hash and place.
type Passage struct {
	Document       string   `json:"document_id"`
	Name           string   `json:"document"`
	DocumentSHA256 string   `json:"document_sha256,omitempty"` // of the file, as it was when the question was asked
	Page           int      `json:"page"`
	Start          int      `json:"start"` // characters in the page's text
	End            int      `json:"end"`
	Text           string   `json:"text"`
	SHA256         string   `json:"sha256"` // of Text
	Score          float64  `json:"score"`
	Dense          float64  `json:"dense"`
	Lexical        float64  `json:"lexical"`
	Same           []string `json:"same,omitempty"` // other documents with the same text
}

// Model names a model by its contents.
type Model struct {
	Name  string      `json:"name"`
	ID    string      `json:"id"` // 16 hex digits over its files
	Files []ModelFile `json:"files,omitempty"`
}

// ModelFile is one file of a model.
type ModelFile struct {
	Name   string `json:"name"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// Adapter names LoRA weights by their contents.
type Adapter struct {
	Name   string `json:"name"`
	ID     string `json:"id"`               // the first 16 hex digits of SHA256
	SHA256 string `json:"sha256,omitempty"` // over the weights, as package core/lora has it
}

// Request is what the model was asked.
type Request struct {
	Prompt       string        `json:"prompt"`
	PromptSHA256 string        `json:"prompt_sha256"`
	Template     string        `json:"template"`
	Sampling     Sampling      `json:"sampling"`
	Refusal      *core.Refusal `json:"refusal,omitempty"`
	RefusalMode  string        `json:"refusal_mode,omitempty"`
}

// Sampling is core.Sampling.
type Sampling struct {
	Temperature       float64  `json:"temperature"`
	TopK              int      `json:"top_k"`
	TopP              float64  `json:"top_p"`
	RepetitionPenalty float64  `json:"repetition_penalty"`
	Seed              string   `json:"seed"` // decimal
	MaxNewTokens      int      `json:"max_new_tokens"`
	Stop              []string `json:"stop"`
}

// Reply is what the model gave.
type Reply struct {
	Text         string             `json:"text"`
	SHA256       string             `json:"sha256"` // of Text
	Tokens       []int32            `json:"tokens,omitempty"`
	PromptTokens int                `json:"prompt_tokens"`
	NewTokens    int                `json:"new_tokens"`
	Stop         string             `json:"stop"`
	Refusal      *core.RefusalScore `json:"refusal,omitempty"`
}

// Origin is core.Origin with the device of the model.
type Origin struct {
	Program    string `json:"program"`
	Engine     string `json:"engine"`
	Torch      string `json:"torch"`
	Processor  string `json:"processor"`
	Device     string `json:"device"`
	DType      string `json:"dtype"`
	Threads    int    `json:"threads"`
	SideBySide int    `json:"side_by_side"`
}

// Who refused.
const (
	RefusedBySearch = "search" // nothing was found: the model was not asked
	RefusedByModel  = "model"
	RefusedByBound  = "bound" // the refusal was more likely than its bound

	RefusedByEvidence = "evidence" // what was found does not answer: the model was not asked
)

// Answer is what a person saw.
type Answer struct {
	Text        string          `json:"text"`
	Refused     bool            `json:"refused"`
	RefusedBy   string          `json:"refused_by,omitempty"`
	Quoted      bool            `json:"quoted,omitempty"`  // Text stands in the passages, and is not the model's reply
	Stopped     bool            `json:"stopped,omitempty"` // by the person: Text is what came until then
	Failure     string          `json:"failure,omitempty"` // it ended with an error: Text is what came until then
	Citations   []core.Citation `json:"citations"`
	Unsupported []string        `json:"unsupported"` // sentences without support
}

// Correction is what a person says the answer should have been.
type Correction struct {
	Kind   string    `json:"kind"` // "answer", "absent", "place"
	Answer string    `json:"answer,omitempty"`
	Name   string    `json:"document,omitempty"`
	Page   int       `json:"page,omitempty"`
	Text   string    `json:"text,omitempty"`
	At     time.Time `json:"at"`
}

// Missing names something that a receipt does not say.
type Missing string

// What can be missing.
const (
	MissingAll       Missing = "receipt"         // nothing was recorded of how the answer came about
	MissingReply     Missing = "reply"           // the model's own words; their hash is there
	MissingTokens    Missing = "tokens"          // ids of the tokens
	MissingOrigin    Missing = "origin"          // versions, processor, threads
	MissingDocuments Missing = "document_sha256" // hashes of the documents' files
	MissingModel     Missing = "model_files"     // hashes of the model's files: it is gone, or another by now
	MissingAdapter   Missing = "adapter_sha256"  // the whole hash of the adapter's weights: it is gone
	MissingPrompt    Missing = "prompt_bytes"    // the prompt held bytes that are no text: it is not what was sent
	MissingReplyByte Missing = "reply_bytes"     // the same of the reply
)
