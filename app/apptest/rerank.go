package apptest

import (
	"context"
	"path/filepath"

	"kakoi/core"
	"kakoi/core/engine"
)

// LoadReranker makes a reranker that takes the shortest text for the best one.
func (c *Client) LoadReranker(_ context.Context, dir string, _ engine.ModelOptions, _ core.Progress) (core.Reranker, error) {
	return shortest{filepath.Base(dir)}, nil
}

type shortest struct{ name string }

func (s shortest) Info() core.RerankerInfo { return core.RerankerInfo{Name: s.name} }
func (s shortest) Close() error            { return nil }

func (s shortest) Rerank(_ context.Context, _ string, texts []string) ([]float32, error) {
	out := make([]float32, len(texts))
	for i, t := range texts {
		out[i] = -float32(len(t))
	}
	return out, nil
}
