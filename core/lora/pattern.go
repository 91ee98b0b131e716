package lora

import (
	"encoding/json"
	"fmt"
)

// Pattern gives modules ranks of their own: PEFT's rank_pattern.
type Pattern struct{ p patterns }

// ParsePattern reads expressions over module names, or the ends of such names. Where several fit a module, the first in
// alphabetical order counts.
func ParsePattern(m map[string]int) (Pattern, error) {
	raw, err := json.Marshal(m) // members in alphabetical order
	if err != nil {
		return Pattern{}, err
	}
	var p Pattern
	if err := json.Unmarshal(raw, &p.p); err != nil {
		return p, fmt.Errorf("rank pattern: %w", err)
	}
	return p, nil
}

// Of is the rank of a module, "gpt_neox.layers.0.attention.dense" say, or otherwise.
func (p Pattern) Of(module string, otherwise int) int {
	return int(p.p.of(module, float64(otherwise)))
}
