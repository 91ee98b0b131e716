package rag

import (
	"context"
	"fmt"
	"math"
	"slices"
	"testing"

	"kakoi/core"
)

// A question is said otherwise, never the same and never not at all.
func TestSaidOtherwise(t *testing.T) {
	for question, want := range map[string]string{
		"What is the limit for hotels per night?": "What's the limit for hotels per night?",
		"When does it open?":                      "When does it open",
		"limit for hotels":                        "limit for hotels?",
		"有給は何日ですか。":                               "有給は何日ですか",
		"有給は何日":                                   "有給は何日？",
		"Is it far?":                              "Is it far",
		"?":                                       "??",
	} {
		if got := saidOtherwise(question); got != want {
			t.Errorf("%q: %q, want %q", question, got, want)
		}
	}
}

// toned is a cross-encoder that gives what a question says, whatever the text, and notes which it heard.
type toned struct {
	says  map[string]float32
	heard []string
}

func (s *toned) Info() core.RerankerInfo { return core.RerankerInfo{ID: "toned"} }
func (s *toned) Close() error            { return nil }
func (s *toned) Rerank(_ context.Context, question string, texts []string) ([]float32, error) {
	logit, ok := s.says[question]
	if !ok {
		return nil, fmt.Errorf("asked %q", question)
	}
	s.heard = append(s.heard, question)
	out := make([]float32, len(texts))
	for i := range out {
		out[i] = logit
	}
	return out, nil
}

// TestReadAgain: what is unsure is read once more, the question said otherwise, and the mean counts, less what is taken off for a code that is not there; what is sure is not.
func TestReadAgain(t *testing.T) {
	passages := []core.Passage{{Document: "x", Text: "The hotel limit is 180 dollars a night."}}
	for _, c := range []struct {
		question, other string
		first, again    float32
		counts          float64
		twice           bool
	}{
		{"What is the limit?", "What's the limit?", 0.3, 3.5, 1.9, true},
		{"What is the limit?", "What's the limit?", 0.3, -1.5, -0.6, true},
		{"What is the limit of AB-12?", "What's the limit of AB-12?", 2.3, 5.5, 1.9, true},
		{"What is the limit?", "What's the limit?", 3, -9, 3, false},
		{"What is the limit?", "What's the limit?", -3, 9, -3, false},
	} {
		s := &toned{says: map[string]float32{c.question: c.first, c.other: c.again}}
		e, err := (&Asker{Evidence: s}).evidenceIn(t.Context(), c.question, passages, false)
		if err != nil {
			t.Fatal(err)
		}
		if want := answerable(c.counts, c.counts); math.Abs(e.best-want) > 1e-6 || slices.Contains(s.heard, c.other) != c.twice {
			t.Errorf("%q %v, %v: %.4f, want %.4f, heard %q", c.question, c.first, c.again, e.best, want, s.heard)
		}
	}
}
