package rag

import (
	"strings"

	"kakoi/core"
)

// bounds are cosines per embedder family. Those of e5 were measured on the sample documents (15 questions about them,
// 11 about other things, 16 pairs of sentences); those of MiniLM are its family's usual ones, set low.
type bounds struct {
	found   float64 // question to passage: below this, and without a shared word, nothing was found
	same    float64 // sentence to sentence: from this on two sentences say the same
	answers float64 // question to sentence: from this on the sentence may answer it without sharing a word
}

// boundsOf knows the embedders that Kakoi ships or names; any other never makes retrieval give up by itself, and
// hardly ever supports a sentence.
func boundsOf(info core.EmbedderInfo) bounds {
	name := strings.ToLower(info.Name)
	switch {
	case strings.Contains(name, "e5"):
		// e5's cosines lie between 0.7 and 1. Best passage: answerable questions 0.84 to 0.92, others 0.73 to 0.83.
		// Paraphrases 0.90 to 0.97, sentences of other content 0.83 to 0.94. Answers 0.89 and up, others to 0.86.
		return bounds{found: 0.80, same: 0.94, answers: 0.87}
	case strings.Contains(name, "minilm"), strings.Contains(name, "mpnet"):
		return bounds{found: 0.15, same: 0.80, answers: 0.5}
	}
	return bounds{found: -1, same: 0.95, answers: 0.95}
}

// nothingFound says whether retrieval has nothing to show the model: no passage at all, or no passage that shares a
// content word with the question while the best cosine is below the embedder's bound. It leaves every doubt to the model.
func nothingFound(question string, passages []core.Passage, info core.EmbedderInfo) bool {
	if len(passages) == 0 {
		return true
	}
	asked := newProfile(question)
	best := -1.0
	for _, p := range passages {
		best = max(best, p.Dense)
		if asked.sharedContent(newProfile(p.Text)) > 0 {
			return false
		}
	}
	return best < boundsOf(info).found
}
