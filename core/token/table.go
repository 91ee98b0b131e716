package token

import (
	"encoding/json"
	"fmt"

	"kakoi/core"
)

// pieceTable knows the bytes of each id of a tokenizer.json whose model is a map (BPE, WordPiece).
type pieceTable struct {
	texts   [][]byte
	special map[int32]bool
}

// newPieceTable reads the vocabulary. A byte-level decoder's letters are turned back into the bytes they stand for.
func newPieceTable(data []byte) (pieceTable, error) {
	var f struct {
		Added []struct {
			ID      int32  `json:"id"`
			Content string `json:"content"`
			Special bool   `json:"special"`
		} `json:"added_tokens"`
		Decoder struct {
			Type string `json:"type"`
		} `json:"decoder"`
		Model struct {
			Vocab json.RawMessage `json:"vocab"`
		} `json:"model"`
	}
	t := pieceTable{special: map[int32]bool{}}
	if err := json.Unmarshal(data, &f); err != nil {
		return t, fmt.Errorf("read tokenizer.json: %v: %w", err, core.ErrCorrupt)
	}
	var vocab map[string]int32
	if len(f.Model.Vocab) > 0 && f.Model.Vocab[0] == '[' {
		var list [][2]any
		if err := json.Unmarshal(f.Model.Vocab, &list); err != nil {
			return t, fmt.Errorf("read tokenizer.json: vocab: %v: %w", err, core.ErrCorrupt)
		}
		vocab = make(map[string]int32, len(list))
		for i, v := range list {
			if s, ok := v[0].(string); ok {
				vocab[s] = int32(i)
			}
		}
	} else if len(f.Model.Vocab) > 0 {
		if err := json.Unmarshal(f.Model.Vocab, &vocab); err != nil {
			return t, fmt.Errorf("read tokenizer.json: vocab: %v: %w", err, core.ErrCorrupt)
		}
	}
	letters := byteLetters()
	for text, id := range vocab {
		b := []byte(text)
		if f.Decoder.Type == "ByteLevel" {
			b = b[:0:0]
			for _, r := range text {
				if c, ok := letters[r]; ok {
					b = append(b, c)
				} else {
					b = append(b, string(r)...)
				}
			}
		}
		if err := t.put(id, b); err != nil {
			return t, err
		}
	}
	for _, a := range f.Added {
		if err := t.put(a.ID, []byte(a.Content)); err != nil {
			return t, err
		}
		if a.Special {
			t.special[a.ID] = true
		}
	}
	return t, nil
}

func (t *pieceTable) put(id int32, text []byte) error {
	if id < 0 || id >= maxPieces {
		return fmt.Errorf("read tokenizer.json: id %d: %w", id, core.ErrCorrupt)
	}
	for int(id) >= len(t.texts) {
		t.texts = append(t.texts, nil)
	}
	t.texts[id] = text
	return nil
}

func (t *pieceTable) piece(id int32) ([]byte, bool) {
	if id < 0 || int(id) >= len(t.texts) || t.special[id] {
		return nil, true
	}
	return t.texts[id], false
}

func (t *pieceTable) size() int { return len(t.texts) }

// byteLetters is GPT-2's alphabet: printable Latin-1 characters stand for their own byte, the other 68 bytes are
// numbered from U+0100 on.
func byteLetters() map[rune]byte {
	m := make(map[rune]byte, 256)
	next := rune(256)
	for b := range 256 {
		r := rune(b)
		if b < '!' || b > '~' && b < 0xa1 || b == 0xad {
			r = next
			next++
		}
		m[r] = byte(b)
	}
	return m
}
