package token

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"kakoi/core"
)

// errOther is a tokenizer.json of a kind our own code does not run.
var errOther = errors.New("tokenizer of another kind")

// metaspace is a tokenizer.json with a Unigram model and a Metaspace pre-tokenizer, run with the arithmetic of
// Hugging Face's library.
type metaspace struct {
	*unigram
	before  []func(string) string // normalisation, in order
	words   bool                  // split at white space first (XLM-R)
	prefix  string                // "always", "first", "never"
	split   bool                  // at each U+2581
	added   *trie                 // tokens taken out of the text before anything else
	special map[int32]bool
	extra   map[int32]string // added tokens beyond the model's vocabulary
	around  [2][]int32       // the post-processor's ids before and after
	strip   bool             // decoding drops the space in front
}

type jsonFile struct {
	Added []struct {
		ID         int32  `json:"id"`
		Content    string `json:"content"`
		SingleWord bool   `json:"single_word"`
		LStrip     bool   `json:"lstrip"`
		RStrip     bool   `json:"rstrip"`
		Normalized bool   `json:"normalized"`
		Special    bool   `json:"special"`
	} `json:"added_tokens"`
	Normalizer    *jsonPart `json:"normalizer"`
	PreTokenizer  *jsonPart `json:"pre_tokenizer"`
	PostProcessor *jsonPart `json:"post_processor"`
	Model         struct {
		Type         string          `json:"type"`
		UnkID        *int32          `json:"unk_id"`
		ByteFallback bool            `json:"byte_fallback"`
		Vocab        json.RawMessage `json:"vocab"`
	} `json:"model"`
}

// jsonPart is any stage of the pipeline.
type jsonPart struct {
	Type          string          `json:"type"`
	Normalizers   []*jsonPart     `json:"normalizers"`
	PreTokenizers []*jsonPart     `json:"pretokenizers"`
	Charsmap      string          `json:"precompiled_charsmap"`
	Replacement   string          `json:"replacement"`
	PrependScheme string          `json:"prepend_scheme"`
	AddPrefix     *bool           `json:"add_prefix_space"`
	Split         *bool           `json:"split"`
	Pattern       json.RawMessage `json:"pattern"`
	Content       string          `json:"content"`
	StripLeft     bool            `json:"strip_left"`
	StripRight    bool            `json:"strip_right"`
	Single        []struct {
		Special *struct {
			ID string `json:"id"`
		} `json:"SpecialToken"`
		Sequence *struct {
			ID string `json:"id"`
		} `json:"Sequence"`
	} `json:"single"`
	SpecialTokens map[string]struct {
		IDs []int32 `json:"ids"`
	} `json:"special_tokens"`
}

// newMetaspace reads a tokenizer.json; errOther if any stage of it is not one of ours.
func newMetaspace(data []byte) (*metaspace, error) {
	head, vocab, err := cutVocab(data)
	if err != nil {
		return nil, err
	}
	var f jsonFile
	if err := json.Unmarshal(head, &f); err != nil {
		return nil, fmt.Errorf("read tokenizer.json: %v: %w", err, core.ErrCorrupt)
	}
	if f.Model.Type != "" && f.Model.Type != "Unigram" || vocab == nil || f.Model.UnkID == nil || f.PreTokenizer == nil {
		return nil, errOther
	}
	m := &metaspace{special: map[int32]bool{}, extra: map[int32]string{}, prefix: "never"}
	for _, stage := range []func() error{
		func() error { return m.normalizer(f.Normalizer) },
		func() error { return m.preTokenizer(f.PreTokenizer) },
		func() error { return m.postProcessor(f.PostProcessor) },
	} {
		if err := stage(); err != nil {
			return nil, err
		}
	}
	// "first" depends on where the normalised text came from, which our stages do not track.
	if m.prefix == "first" && m.before != nil {
		return nil, errOther
	}
	if m.unigram, err = newUnigramJSON(vocab, *f.Model.UnkID, f.Model.ByteFallback); err != nil {
		return nil, err
	}
	return m, m.addedTokens(&f)
}

func (m *metaspace) addedTokens(f *jsonFile) error {
	for _, a := range f.Added {
		if a.ID < 0 || a.Content == "" {
			return fmt.Errorf("read tokenizer.json: added token %d: %w", a.ID, core.ErrCorrupt)
		}
		if int(a.ID) >= len(m.pieces) {
			m.extra[a.ID] = a.Content
		}
		if a.Special {
			m.special[a.ID] = true
			continue
		}
		if a.SingleWord || a.LStrip || a.RStrip || a.Normalized {
			return errOther
		}
		if m.added == nil {
			m.added = newTrie(64)
		}
		m.added.add(a.Content, a.ID)
	}
	return nil
}

func (m *metaspace) normalizer(p *jsonPart) error {
	if p == nil {
		return nil
	}
	switch p.Type {
	case "Sequence":
		for _, n := range p.Normalizers {
			if err := m.normalizer(n); err != nil {
				return err
			}
		}
	case "Precompiled":
		raw, err := base64.StdEncoding.DecodeString(p.Charsmap)
		if err != nil {
			return fmt.Errorf("read tokenizer.json: charsmap: %v: %w", err, core.ErrCorrupt)
		}
		c, err := parseCharsmap(raw)
		if err != nil || c == nil {
			return err
		}
		m.before = append(m.before, c.precompiled)
	case "Replace":
		replace, err := replacer(p)
		if err != nil {
			return err
		}
		m.before = append(m.before, replace)
	case "Strip":
		m.before = append(m.before, func(s string) string { return strip(s, p.StripLeft, p.StripRight) })
	default:
		return errOther
	}
	return nil
}

func (m *metaspace) preTokenizer(p *jsonPart) error {
	switch p.Type {
	case "Sequence":
		if len(p.PreTokenizers) != 2 || p.PreTokenizers[0].Type != "WhitespaceSplit" || p.PreTokenizers[1].Type != "Metaspace" {
			return errOther
		}
		m.words = true
		return m.preTokenizer(p.PreTokenizers[1])
	case "Metaspace":
		if p.Replacement != space {
			return errOther
		}
		m.prefix, m.split = "always", p.Split == nil || *p.Split
		if p.PrependScheme != "" {
			m.prefix = p.PrependScheme
		}
		if p.AddPrefix != nil && !*p.AddPrefix {
			m.prefix = "never"
		}
		m.strip = m.prefix != "never"
		return nil
	}
	return errOther
}

func (m *metaspace) postProcessor(p *jsonPart) error {
	if p == nil {
		return nil
	}
	if p.Type != "TemplateProcessing" {
		return errOther
	}
	side := 0
	for _, x := range p.Single {
		switch {
		case x.Sequence != nil:
			side = 1
		case x.Special != nil:
			m.around[side] = append(m.around[side], p.SpecialTokens[x.Special.ID].IDs...)
		}
	}
	return nil
}

// newUnigramJSON takes over a tokenizer.json's vocabulary, every piece of it.
func newUnigramJSON(vocab []scored, unk int32, byteFallback bool) (*unigram, error) {
	if unk < 0 || int(unk) >= len(vocab) {
		return nil, fmt.Errorf("read tokenizer.json: unknown id %d of %d: %w", unk, len(vocab), core.ErrCorrupt)
	}
	u := &unigram{unk: unk, pieces: make([]string, len(vocab)), scores: make([]float64, len(vocab))}
	total := 0
	for _, v := range vocab {
		total += len(v.text)
	}
	u.trie = newTrie(total / 2) // prefixes are shared
	var table [256]int32
	nBytes := 0
	minimum := math.Inf(1)
	entries := make([]entry, len(vocab))
	// The library's map keeps the last of equal pieces.
	for i, v := range slices.Backward(vocab) {
		u.pieces[i], u.scores[i] = v.text, v.score
		minimum = min(minimum, v.score)
		entries[i] = newEntry(v.text, int32(i), len(vocab)-i)
		if b, ok := byteOf(v.text); ok {
			table[b] = int32(i)
			nBytes++
		}
	}
	u.trie.addAll(entries)
	if err := u.trie.err(); err != nil {
		return nil, fmt.Errorf("read tokenizer.json: %w", err)
	}
	if byteFallback && nBytes >= 256 {
		u.bytes = &table
	}
	u.unkCost = minimum - unkPenalty
	return u, nil
}

func (m *metaspace) encode(text string, special bool) []int32 {
	text = strings.ToValidUTF8(text, "\uFFFD")
	var ids []int32
	if special {
		ids = append(ids, m.around[0]...)
	}
	start := 0
	for at := 0; m.added != nil && at < len(text); {
		n := m.added.longest([]byte(text[at:min(len(text), at+256)]))
		if n == 0 {
			at += runeSize([]byte(text[at:min(len(text), at+4)]))
			continue
		}
		ids = m.part(ids, text[start:at], start == 0)
		ids = append(ids, m.added.find(text[at:at+n]))
		at += n
		start = at
	}
	ids = m.part(ids, text[start:], start == 0)
	if special {
		ids = append(ids, m.around[1]...)
	}
	return ids
}

// part encodes a stretch between added tokens; first tells whether it begins the text.
func (m *metaspace) part(ids []int32, text string, first bool) []int32 {
	for _, f := range m.before {
		text = f(text)
	}
	if text == "" {
		return ids
	}
	if !m.words {
		return m.word(ids, text, first)
	}
	at := 0
	for at < len(text) {
		from := at + leadingSpace(text[at:])
		to := from + untilSpace(text[from:])
		if from < to {
			ids = m.word(ids, text[from:to], first && from == 0)
		}
		at = to
	}
	return ids
}

func (m *metaspace) word(ids []int32, text string, first bool) []int32 {
	text = strings.ReplaceAll(text, " ", space)
	if (m.prefix == "always" || m.prefix == "first" && first) && !strings.HasPrefix(text, space) {
		text = space + text
	}
	if !m.split {
		return m.unigram.encode(ids, []byte(text))
	}
	b := []byte(text)
	for len(b) > 0 {
		end := len(b)
		if i := bytes.Index(b[1:], []byte(space)); i >= 0 {
			end = 1 + i
		}
		ids = m.unigram.encode(ids, b[:end])
		b = b[end:]
	}
	return ids
}

func (m *metaspace) piece(id int32) ([]byte, bool) {
	if m.special[id] {
		return nil, true
	}
	if t, ok := m.extra[id]; ok {
		return []byte(t), false
	}
	if id < 0 || int(id) >= len(m.pieces) {
		return nil, true
	}
	if m.bytes != nil {
		if b, ok := byteOf(m.pieces[id]); ok {
			return []byte{b}, false
		}
	}
	return []byte(strings.ReplaceAll(m.pieces[id], space, " ")), false
}

func (m *metaspace) decode(ids []int32) string {
	var out []byte
	for _, id := range ids {
		if b, special := m.piece(id); !special {
			out = append(out, b...)
		}
	}
	if m.strip {
		out = bytes.TrimPrefix(out, []byte(" "))
	}
	return strings.ToValidUTF8(string(out), "\uFFFD")
}

func (m *metaspace) size() int {
	n := len(m.pieces)
	for id := range m.extra {
		n = max(n, int(id)+1)
	}
	return n
}

func (m *metaspace) close() {}
