package apptest

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"kakoi/core"
	"kakoi/core/engine"
)

// LoadReranker makes a reranker that takes the shortest text for the best one; of an adapter, one that goes by the words that the marked stretch's sentence has of the question, and less by those around it.
func (c *Client) LoadReranker(_ context.Context, dir string, opt engine.ModelOptions, _ core.Progress) (core.Reranker, error) {
	if opt.Base == "" {
		return shortest{filepath.Base(dir)}, nil
	}
	if c.Unreadable {
		return nil, fmt.Errorf("load %s: %w", dir, core.ErrCorrupt)
	}
	return words{filepath.Base(dir)}, nil
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

type words struct{ name string }

func (w words) Info() core.RerankerInfo {
	return core.RerankerInfo{ID: fmt.Sprintf("%016x", hash(w.name)), Name: w.name}
}
func (w words) Close() error { return nil }

func (w words) Rerank(ctx context.Context, question string, texts []string) ([]float32, error) {
	asked := fieldsOf(question)
	out := make([]float32, len(texts))
	for i, text := range texts {
		sentence, stretch := inSentence(text)
		shared, has, around := float32(0), fieldsOf(sentence), fieldsOf(text)
		for _, f := range asked {
			switch {
			case slices.Contains(has, f):
				shared++
			case slices.Contains(around, f):
				shared += 0.6
			}
		}
		out[i] = 8*shared/float32(max(1, len(asked))) - 1 - 0.01*float32(len(stretch))
		if !strings.ContainsAny(stretch, "。.,、") {
			out[i] -= 4 // a heading
		}
	}
	return out, ctx.Err()
}

// inSentence is the stretch that is marked in a text (rag's evidence), and its sentence; the whole text where nothing is.
func inSentence(text string) (sentence, stretch string) {
	before, rest, ok := strings.Cut(text, "« ")
	if !ok {
		return text, text
	}
	stretch, after, _ := strings.Cut(rest, " »")
	for _, end := range []string{"\n", "。", ". "} {
		if i := strings.LastIndex(before, end); i >= 0 {
			before = before[i+len(end):]
		}
		if !strings.HasSuffix(stretch, strings.TrimSpace(end)) {
			after, _, _ = strings.Cut(after, end)
		}
	}
	if strings.HasSuffix(stretch, "。") || strings.HasSuffix(stretch, ".") {
		after = ""
	}
	return before + stretch + after, stretch
}

// fieldsOf are the words of a text, in Japanese its pairs of characters.
func fieldsOf(text string) []string {
	rs := []rune(text)
	if i := slices.IndexFunc(rs, func(r rune) bool { return r >= 0x3040 }); i >= 0 {
		var out []string
		for j := 0; j+1 < len(rs); j++ {
			out = append(out, string(rs[j:j+2]))
		}
		return out
	}
	return strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return strings.ContainsRune(" \n?.,|", r) })
}
