package bert

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/text/cases"
	"golang.org/x/text/language"

	"kakoi/core"
)

// tokenizer is what a reader needs of token.Tokenizer.
type tokenizer interface {
	Encode(text string) []int32
	EncodeSpecial(text string) []int32
}

// reader turns texts into windows.
type reader struct {
	tok           tokenizer
	before, after []int32 // special tokens around every window
	max           int     // tokens of a window, special tokens included
	lower         bool
	includePrompt bool
	prompts       [2]prompt // by core.EmbedKind
}

type prompt struct {
	text string
	ids  []int32 // what stands before the second and later windows of a long text
	skip int     // tokens that pooling leaves out where the prompt is not included
}

func newReader(tok tokenizer, l Layout, maxTokens int) (*reader, error) {
	r := &reader{tok: tok, max: maxTokens, lower: l.LowerCase, includePrompt: l.IncludePrompt}
	// The special tokens are what stands around the ids of any text.
	bare, full := tok.Encode("a"), tok.EncodeSpecial("a")
	at := 0
	for len(bare) > 0 && at+len(bare) <= len(full) && !equal(full[at:at+len(bare)], bare) {
		at++
	}
	// An encoder of this family never sees a text without them.
	if len(bare) == 0 || at+len(bare) > len(full) || len(bare) == len(full) {
		return nil, core.Explain(fmt.Errorf("tokenizer gives %v for %v: %w", full, bare, core.ErrCorrupt), "error.embedder.config", "tokenizer.json")
	}
	r.before, r.after = full[:at], full[at+len(bare):]
	for kind, text := range map[core.EmbedKind]string{core.EmbedQuery: l.Query, core.EmbedPassage: l.Passage} {
		p := prompt{text: text}
		if text != "" {
			// A space at the end belongs to the word that follows.
			p.ids = tok.Encode(r.fold(strings.TrimRight(text, " ")))
			if !l.IncludePrompt {
				p.skip = len(tok.EncodeSpecial(r.fold(text))) - len(r.after)
			}
		}
		if len(r.before)+len(p.ids)+len(r.after) >= r.max {
			return nil, core.Explain(fmt.Errorf("prompt of %d tokens in an input of %d: %w", len(p.ids), r.max, core.ErrCorrupt), "error.embedder.config", "max_seq_length")
		}
		r.prompts[kind] = p
	}
	return r, nil
}

func equal(a, b []int32) bool {
	for i := range b {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

func (r *reader) fold(text string) string {
	if r.lower {
		return cases.Lower(language.Und).String(text)
	}
	return text
}

// read makes the windows of the text at place i.
func (r *reader) read(kind core.EmbedKind, i int, text string) []window {
	p := r.prompts[kind]
	ids := r.tok.Encode(r.fold(p.text + text))
	size := r.max - len(r.before) - len(r.after)
	var out []window
	if len(ids) <= size {
		return append(out, window{text: i, ids: r.around(nil, ids), skip: p.skip})
	}
	// The first window begins with the prompt as it is tokenised there, the others with the prompt's own ids.
	own := 0
	for own < len(p.ids) && ids[own] == p.ids[own] {
		own++
	}
	size -= len(p.ids)
	for n, s := range spans(len(ids)-own, size, size/8) {
		lead, skip := p.ids, len(r.before)+len(p.ids)
		if n == 0 {
			lead = ids[:own]
		}
		if r.includePrompt {
			skip = 0
		}
		out = append(out, window{text: i, ids: r.around(lead, ids[own+s[0]:own+s[1]]), skip: skip})
	}
	return out
}

func (r *reader) around(lead, ids []int32) []int32 {
	out := make([]int32, 0, len(r.before)+len(lead)+len(ids)+len(r.after))
	out = append(append(out, r.before...), lead...)
	return append(append(out, ids...), r.after...)
}

// readAll makes the windows of texts, the first of which has place base, on all cores.
func (r *reader) readAll(ctx context.Context, kind core.EmbedKind, base int, texts []string) ([]window, error) {
	each := make([][]window, len(texts))
	var next atomic.Int64
	var group sync.WaitGroup
	for range min(runtime.NumCPU(), len(texts)) {
		group.Go(func() {
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= len(texts) {
					return
				}
				each[i] = r.read(kind, base+i, texts[i])
			}
		})
	}
	group.Wait()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var all []window
	for _, ws := range each {
		all = append(all, ws...)
	}
	return all, nil
}
