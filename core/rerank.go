package core

import "context"

// RerankerInfo names a loaded reranker.
type RerankerInfo struct {
	ID        string `json:"id"` // 16 hex digits over its files
	Name      string `json:"name"`
	MaxTokens int    `json:"max_tokens"` // question and text together; longer texts are cut
	Device    string `json:"device"`     // "cpu", "cuda:0"
}

// Reranker reads a question and a text together and says how well the text answers it: a cross-encoder.
type Reranker interface {
	Info() RerankerInfo
	// Rerank gives a score for each text, the model's logit: the higher, the better. Only scores of one question compare.
	Rerank(ctx context.Context, question string, texts []string) ([]float32, error)
	Close() error
}
