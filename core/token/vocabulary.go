package token

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"

	"kakoi/core"
)

// Vocabulary is what can be told of a folder's tokenizer without running it, in any build.
type Vocabulary struct {
	File string `json:"file"` // "tokenizer.json" or the sentencepiece model
	Kind string `json:"kind"` // "Unigram", "BPE", "WordPiece", ...
	Size int    `json:"size"` // one more than the highest id
}

// ReadVocabulary reads the file Load would take. Errors are those of Load, without core.ErrNoDevice.
func ReadVocabulary(dir string) (Vocabulary, error) {
	v := Vocabulary{File: "tokenizer.json"}
	data, err := readFile(dir, v.File)
	if errors.Is(err, fs.ErrNotExist) {
		for _, name := range spieceNames {
			if data, err = readFile(dir, name); err == nil {
				return spieceVocabulary(name, data)
			}
		}
		return v, core.Explain(fmt.Errorf("no tokenizer in %q: %w", dir, core.ErrNotFound), "error.model.tokenizer.none", dir)
	}
	if err != nil {
		return v, core.Explain(err, "error.model.tokenizer.read", dir)
	}
	m, err := newMetaspace(data)
	if err == nil {
		v.Kind, v.Size = "Unigram", m.size()
		return v, nil
	}
	if !errors.Is(err, errOther) {
		return v, core.Explain(err, "error.model.tokenizer.broken")
	}
	t, err := newPieceTable(data)
	if err != nil {
		return v, core.Explain(err, "error.model.tokenizer.broken")
	}
	var f struct {
		Model struct {
			Type string `json:"type"`
		} `json:"model"`
	}
	if err := json.Unmarshal(data, &f); err != nil || t.size() == 0 {
		return v, core.Explain(fmt.Errorf("read tokenizer.json: no vocabulary: %w", core.ErrCorrupt), "error.model.tokenizer.broken")
	}
	v.Kind, v.Size = f.Model.Type, t.size()
	return v, nil
}

func spieceVocabulary(name string, data []byte) (Vocabulary, error) {
	v := Vocabulary{File: name, Kind: "Unigram"}
	m, err := parseSpiece(data)
	if err != nil {
		return v, core.Explain(err, "error.model.tokenizer.broken")
	}
	if _, err := newUnigramSpiece(m); err != nil {
		return v, err
	}
	v.Size = len(m.pieces)
	return v, nil
}
