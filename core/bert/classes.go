package bert

import (
	"fmt"
	"slices"
	"strings"

	"kakoi/core"
)

// Classes is what config.json says of the head of a cross-encoder.
type Classes struct {
	Architectures []string          `json:"architectures"`
	Labels        *int              `json:"num_labels"`
	Names         map[string]string `json:"id2label"`
}

// Reranks says whether a folder with this config.json is a cross-encoder, of any number of labels.
func (c Classes) Reranks() bool {
	return slices.ContainsFunc(c.Architectures, func(a string) bool { return strings.HasSuffix(a, "ForSequenceClassification") })
}

// Validate refuses what does not give one score: core.ErrUnsupported, explained.
func (c Classes) Validate() error {
	if !c.Reranks() {
		return core.Explain(fmt.Errorf("architectures %v: %w", c.Architectures, core.ErrUnsupported), "error.reranker.kind", strings.Join(c.Architectures, ", "))
	}
	labels := 2 // transformers' default
	switch {
	case c.Names != nil:
		labels = len(c.Names)
	case c.Labels != nil:
		labels = *c.Labels
	}
	if labels != 1 {
		return core.Explain(fmt.Errorf("%d labels: %w", labels, core.ErrUnsupported), "error.reranker.labels", labels)
	}
	return nil
}
