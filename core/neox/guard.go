package neox

import (
	"bytes"
	"fmt"
	"math"
	"unicode"

	"kakoi/core"
)

// guard keeps an answer from beginning with a text, however that is split into tokens. White space before it counts as none.
type guard struct {
	left  []byte // of the text, behind what the answer has of it; empty: the answer began otherwise
	begun bool   // the answer has more than white space
	vocab int
	piece func(id int32) []byte
}

// newGuard forbids text, which begins with no white space, over a vocabulary of so many pieces.
func newGuard(text []byte, vocab int, piece func(id int32) []byte) *guard {
	return &guard{left: text, vocab: vocab, piece: piece}
}

// on says whether something may still have to be forbidden.
func (g *guard) on() bool { return g != nil && len(g.left) > 0 }

// mask takes the tokens that would complete the text out of scores [V].
func (g *guard) mask(scores []float32) {
	for id := range min(g.vocab, len(scores)) {
		if bytes.HasPrefix(g.read(int32(id)), g.left) {
			scores[id] = negativeInfinity
		}
	}
}

// took hears of the token that was chosen.
func (g *guard) took(id int32) {
	b := g.read(id)
	if len(b) == 0 {
		return
	}
	g.begun = true
	if !bytes.HasPrefix(g.left, b) {
		g.left = nil
		return
	}
	g.left = g.left[len(b):]
}

func (g *guard) read(id int32) []byte {
	if b := g.piece(id); g.begun {
		return b
	} else {
		return bytes.TrimLeftFunc(b, unicode.IsSpace)
	}
}

// decisive is how many of a sentence's tokens go beyond common, a beginning of it; size is the length of a token's text. All of
// them when the sentence ends before.
func decisive(ids []int32, common int, size func(id int32) int) int {
	n := 0
	for i, id := range ids {
		if n += size(id); n > common {
			return i + 1
		}
	}
	return len(ids)
}

// chance is the probability of a token by its logits [V].
func chance(logits []float32, id int32) (float64, error) {
	best := argmax(logits)
	if best < 0 || math.IsNaN(float64(logits[id])) {
		return 0, fmt.Errorf("score: logits hold no finite number: %w", core.ErrCorrupt)
	}
	top, sum := float64(logits[best]), 0.0
	for _, v := range logits {
		if v > negativeInfinity { // false for NaN
			sum += math.Exp(float64(v) - top)
		}
	}
	return math.Exp(float64(logits[id])-top) / sum, nil
}
