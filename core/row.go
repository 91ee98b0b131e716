package core

import (
	"crypto/sha256"
	"encoding/hex"
)

// RowOrigin says where a Row comes from.
type RowOrigin string

const (
	RowFile       RowOrigin = "file"       // a person's file of questions and answers
	RowRule       RowOrigin = "rule"       // drafted from a passage by a rule
	RowModel      RowOrigin = "model"      // drafted from a passage by the chat model
	RowCorrection RowOrigin = "correction" // a person corrected an answer in a chat
	RowWithout    RowOrigin = "without"    // the question of another Row, its gold passage taken out
	RowContrast   RowOrigin = "contrast"   // the question of another Row with a name or a number changed, which no passage has
	RowElsewhere  RowOrigin = "elsewhere"  // a question of another Collection
)

// RowState is what a person decided about a Row in the review.
type RowState string

const (
	RowOpen    RowState = ""        // not looked at: used
	RowKept    RowState = "kept"    // looked at and accepted, perhaps edited
	RowDropped RowState = "dropped" // not used
)

// RowSource is the place in a document that a Row was made from.
type RowSource struct {
	Document string `json:"document"` // Document.ID
	Name     string `json:"name"`
	Page     int    `json:"page"`
	Start    int    `json:"start"` // characters in the page's text
	End      int    `json:"end"`
}

// Row is one training example. Inputs and Labels are what the model learns from, byte for byte: Inputs is the prompt as the
// chat would send it, Labels what should follow it (without the end token; an English answer begins with a space as the
// template asks).
type Row struct {
	ID       string     `json:"id"` // RowID(Inputs, Labels)
	Question string     `json:"question"`
	Answer   string     `json:"answer"`            // as people read it; of a refusal: the refusal sentence
	Refusal  bool       `json:"refusal,omitempty"` // the right answer is "not in the documents"
	Inputs   string     `json:"inputs"`
	Labels   string     `json:"labels"`
	Origin   RowOrigin  `json:"origin"`
	Source   *RowSource `json:"source,omitempty"` // where the answer stands; of a refusal: where that of the Row it was made of stands
	Gold     int        `json:"gold,omitempty"`   // place of the gold passage among the prompt's passages, from 1; 0: not in it
	Shown    []string   `json:"shown,omitempty"`  // Document.IDs of the prompt's passages
	State    RowState   `json:"state,omitempty"`
	Held     bool       `json:"held,omitempty"`     // kept back for the exam and for validation
	Language string     `json:"language,omitempty"` // "ja", "en": of the template

	Evidence   string  `json:"evidence,omitempty"`   // RerankerInfo.ID where Inputs is a narrow model's prompt with evidence alone
	Answerable float64 `json:"answerable,omitempty"` // core.Evidence.Answerable, of that
}

// RowID is the identity of what a Row teaches: 16 hex digits.
func RowID(inputs, labels string) string {
	h := sha256.New()
	h.Write([]byte(inputs))
	h.Write([]byte{0})
	h.Write([]byte(labels))
	return hex.EncodeToString(h.Sum(nil)[:8])
}
