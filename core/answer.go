package core

import "time"

// Hit is a Chunk with what the searches said of it. Ranks start at 1; 0 means "not among the results".
type Hit struct {
	Chunk       Chunk
	Name        string    // Document.Name
	Modified    time.Time // Document.Modified
	Score       float64   // fused, 0 to 1; of those that a reranker put in order from 1 to 2
	Dense       float64   // cosine similarity
	Shift       float64   // what is added to Dense of a text in another script than the question's, to compare it with the others
	Lexical     float64   // BM25
	Rerank      float64   // the reranker's logit; 0 where it was not asked
	Share       float64   // of Lexical in the most that the question's words could give, 0 to 1
	DenseRank   int
	LexicalRank int
}

// Passage is a stretch of one page as the model reads it: overlapping Hits joined, equal text of
// several files kept once.
type Passage struct {
	Document string   `json:"document"` // Document.ID
	Name     string   `json:"name"`     // Document.Name
	Page     int      `json:"page"`
	Start    int      `json:"start"` // characters in the page's text
	End      int      `json:"end"`
	Text     string   `json:"text"`
	Score    float64  `json:"score"`
	Dense    float64  `json:"dense"`
	Lexical  float64  `json:"lexical"`
	Same     []string `json:"same,omitempty"` // names of other Documents with the same text
}

// Citation ties a sentence of an Answer to the place that supports it.
type Citation struct {
	Sentence string  `json:"sentence"`    // of the answer
	ID       string  `json:"document_id"` // Document.ID
	Document string  `json:"document"`    // Document.Name
	Page     int     `json:"page"`
	Start    int     `json:"start"` // characters in the page's text
	End      int     `json:"end"`
	Text     string  `json:"text"`  // the supporting stretch
	Score    float64 `json:"score"` // support, 0 to 1
}

// Answer is what `kakoi ask --json` prints; field names are stable.
type Answer struct {
	Question     string     `json:"question"`
	Text         string     `json:"answer"`
	Refused      bool       `json:"refused"` // not in the documents
	Citations    []Citation `json:"citations"`
	Unsupported  []string   `json:"unsupported"` // sentences of the answer without support
	Passages     []Passage  `json:"passages"`    // what the model read, best first; when refused: the closest places
	Model        string     `json:"model"`
	Adapter      string     `json:"adapter"`
	PromptTokens int        `json:"prompt_tokens"`
	NewTokens    int        `json:"new_tokens"`
	FirstToken   float64    `json:"first_token_seconds"` // from the question to the first token
	Seconds      float64    `json:"seconds"`
	Receipt      *Receipt   `json:"receipt,omitempty"`

	Quoted bool `json:"quoted,omitempty"` // Text is of the clause that the model was asked with, in place of what it made of it (Receipt.Reply)

	RefusalProbability *float64 `json:"refusal_probability,omitempty"` // by the model, of the prompt that the answer is to, and by the Evidence where there is some; nil when neither said
}
