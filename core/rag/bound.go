package rag

import (
	"strings"

	"kakoi/core"
)

// bounds are cosines measured per embedder family; testdata/bounds.py prints the figures they come from.
type bounds struct {
	found float64 // question to passage: below this, and without a shared word, nothing was found
	same  float64 // sentence to sentence: from this on two sentences say the same
}

// boundsOf knows the embedders that Kakoi ships or names; any other never makes retrieval give up by itself, and
// hardly ever supports a sentence.
func boundsOf(info core.EmbedderInfo) bounds {
	name := strings.ToLower(info.Name)
	switch {
	case strings.Contains(name, "e5"):
		return bounds{found: 0.78, same: 0.93} // e5 cosines lie between 0.7 and 1
	case strings.Contains(name, "minilm"), strings.Contains(name, "mpnet"):
		return bounds{found: 0.15, same: 0.80}
	}
	return bounds{found: -1, same: 0.95}
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
