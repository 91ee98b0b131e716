package bert

import (
	"fmt"

	"kakoi/core"
)

// pairs turns a question and a text into one window, as transformers' tokenizers of the family pair them:
// [CLS] question [SEP] text [SEP] in BERT, <s> question </s></s> text </s> in the RoBERTa family.
type pairs struct {
	*reader
	twice bool // the special token between the two stands there twice
}

// newPairs makes a reader of pairs of at most maxTokens tokens.
func newPairs(tok tokenizer, modelType string, l Layout, maxTokens int) (*pairs, error) {
	r, err := newReader(tok, Layout{LowerCase: l.LowerCase}, maxTokens)
	if err != nil {
		return nil, err
	}
	p := &pairs{reader: r, twice: modelType != "bert"}
	if len(r.after) != 1 || len(r.before) != 1 || maxTokens < 8 {
		return nil, core.Explain(fmt.Errorf("special tokens %v and %v, at most %d tokens: %w", r.before, r.after, maxTokens, core.ErrCorrupt), "error.embedder.config", "tokenizer.json")
	}
	return p, nil
}

// tokens of a question or a text, without special ones.
func (p *pairs) tokens(text string) []int32 { return p.tok.Encode(p.fold(text)) }

// pair is the window of a question and a text. Where there is no room for both, the longer one is cut at its end, down to the length of the other, then
// both: "longest_first", as sentence-transformers' CrossEncoder has it.
func (p *pairs) pair(i int, question, text []int32) window {
	special := len(p.before) + 2*len(p.after)
	if p.twice {
		special += len(p.after)
	}
	q, t := longestFirst(len(question), len(text), p.max-special)
	out := make([]int32, 0, special+q+t)
	out = append(append(append(out, p.before...), question[:q]...), p.after...)
	if p.twice {
		out = append(out, p.after...)
	}
	second := len(out)
	out = append(append(out, text[:t]...), p.after...)
	return window{text: i, ids: out, second: second}
}

// longestFirst says what is left of two lengths that have room together.
func longestFirst(a, b, room int) (int, int) {
	if a+b <= room {
		return a, b
	}
	short, long := min(a, b), max(a, b)
	if short+short > room {
		short = room / 2
	}
	long = min(long, room-short)
	if a > b {
		return long, short
	}
	return short, long
}
