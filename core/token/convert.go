package token

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"

	"kakoi/core"
)

// neverScore is far below that of any path a text's own pieces make.
const neverScore = -1000.0

// SpieceConfig is what a folder's tokenizer_config.json adds to its spiece.model. The zero value takes the model
// as it is.
type SpieceConfig struct {
	AddDummyPrefix *bool // overrides the model's own setting
	ExtraIDs       int   // T5: <extra_id_N-1> ... <extra_id_0> behind the vocabulary, as special tokens
}

// ParseSpieceConfig reads a tokenizer_config.json of a T5-style sentencepiece tokenizer.
func ParseSpieceConfig(data []byte) (SpieceConfig, error) {
	var f struct {
		ExtraIDs int   `json:"extra_ids"`
		Prefix   *bool `json:"add_prefix_space"`
	}
	if err := json.Unmarshal(data, &f); err != nil {
		return SpieceConfig{}, fmt.Errorf("read tokenizer_config.json: %v: %w", err, core.ErrCorrupt)
	}
	if f.ExtraIDs < 0 || f.ExtraIDs > 10000 {
		return SpieceConfig{}, fmt.Errorf("read tokenizer_config.json: extra_ids %d: %w", f.ExtraIDs, core.ErrCorrupt)
	}
	return SpieceConfig{AddDummyPrefix: f.Prefix, ExtraIDs: f.ExtraIDs}, nil
}

// ConvertSentencePiece writes a sentencepiece Unigram model as a tokenizer.json for Hugging Face's libraries. Control
// pieces and the unknown one become special tokens, user-defined symbols ("\n") added tokens that are taken out of
// the text first. Kakoi itself runs the spiece.model directly: a tokenizer.json cannot say everything it does (the
// longest match of the normalisation table, float32 sums).
func ConvertSentencePiece(spieceModel []byte, cfg SpieceConfig) ([]byte, error) {
	m, err := parseSpiece(spieceModel)
	if err != nil {
		return nil, core.Explain(err, "error.model.tokenizer.broken")
	}
	if m.modelType != 1 || m.suffix {
		return nil, core.Explain(fmt.Errorf("convert spiece.model: type %d, space as suffix %v: %w", m.modelType, m.suffix, core.ErrUnsupported), "error.model.tokenizer.kind")
	}
	if cfg.AddDummyPrefix != nil {
		m.norm.dummyPrefix = *cfg.AddDummyPrefix
	}
	type object = map[string]any
	unk, user := -1, false
	var added []object
	vocab := make([][2]any, 0, len(m.pieces)+cfg.ExtraIDs)
	add := func(id int, text string, special bool) {
		added = append(added, object{"id": id, "content": text, "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": special})
	}
	for i, p := range m.pieces {
		// Sentencepiece never finds the names of these pieces in a text; the library does, unless they are costly.
		if p.kind == kindUnknown || p.kind == kindControl || p.kind == kindByte || p.kind == kindUnused {
			p.score = neverScore
		}
		vocab = append(vocab, [2]any{p.text, p.score})
		switch p.kind {
		case kindUnknown:
			unk = i
			add(i, p.text, true)
		case kindControl:
			add(i, p.text, true)
		case kindUser:
			user = true
			add(i, p.text, false)
		}
	}
	if unk < 0 {
		return nil, core.Explain(fmt.Errorf("convert spiece.model: no unknown piece: %w", core.ErrCorrupt), "error.model.tokenizer.broken")
	}
	for i := range cfg.ExtraIDs {
		text := fmt.Sprintf("<extra_id_%d>", cfg.ExtraIDs-1-i)
		add(len(vocab), text, true)
		vocab = append(vocab, [2]any{text, neverScore})
	}
	// "first" asks whether a stretch begins where the text did, which a stripped space denies: so only where
	// user-defined symbols cut the text in pieces.
	scheme := "never"
	switch {
	case m.norm.dummyPrefix && user:
		scheme = "first"
	case m.norm.dummyPrefix:
		scheme = "always"
	}
	meta := object{"type": "Metaspace", "replacement": space, "prepend_scheme": scheme, "split": false}
	decoders := []object{meta}
	if m.byteFallback {
		decoders = []object{{"type": "ByteFallback"}, {"type": "Fuse"}, meta}
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err = e.Encode(object{
		"version": "1.0", "truncation": nil, "padding": nil, "added_tokens": added,
		"normalizer": jsonNormalizer(&m.norm), "pre_tokenizer": meta, "post_processor": nil,
		"decoder": object{"type": "Sequence", "decoders": decoders},
		"model":   object{"type": "Unigram", "unk_id": unk, "byte_fallback": m.byteFallback, "vocab": vocab},
	})
	if err != nil {
		return nil, fmt.Errorf("convert spiece.model: %w", err)
	}
	return b.Bytes(), nil
}

func jsonNormalizer(n *normalizer) any {
	type object = map[string]any
	var list []object
	if n.chars != nil {
		list = append(list, object{"type": "Precompiled", "precompiled_charsmap": base64.StdEncoding.EncodeToString(n.chars.raw)})
	}
	if n.removeExtra {
		list = append(list,
			object{"type": "Replace", "pattern": object{"Regex": edgeSpaces}, "content": ""},
			object{"type": "Replace", "pattern": object{"Regex": " {2,}"}, "content": " "})
	}
	if list == nil {
		return nil
	}
	return object{"type": "Sequence", "normalizers": list}
}
