// Package words finds where the words of a Japanese text begin, with the dictionary IPADIC (kagome). The dictionary is loaded when it is first needed:
// about half a second once, and its memory stays with the process (docs/decisions/0025 has the figures). Safe for concurrent use.
package words

import (
	"fmt"
	"sync"

	"github.com/ikawaha/kagome-dict/ipa"
	"github.com/ikawaha/kagome/v2/tokenizer"

	"kakoi/core"
)

var load = sync.OnceValues(func() (*tokenizer.Tokenizer, error) {
	// Without readings and base forms: where words begin needs none.
	t, err := tokenizer.New(ipa.DictShrink(), tokenizer.OmitBosEos())
	if err != nil {
		return nil, fmt.Errorf("load dictionary: %w: %w", core.ErrCorrupt, err)
	}
	return t, nil
})

// Cuts marks the characters of a text at which a word begins: cuts[i] belongs to character i; the first one is always marked. Long compounds
// are cut into the words they are made of, as a search for one of these expects.
func Cuts(text []rune) ([]bool, error) {
	t, err := load()
	if err != nil {
		return nil, err
	}
	cuts := make([]bool, len(text))
	for _, token := range t.Analyze(string(text), tokenizer.Search) {
		if token.Start < len(cuts) {
			cuts[token.Start] = true
		}
	}
	return cuts, nil
}
