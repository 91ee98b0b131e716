//go:build torch

package token

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/daulet/tokenizers"

	"kakoi/core"
)

// native is Hugging Face's library.
type native struct {
	lib   *tokenizers.Tokenizer
	table pieceTable
}

// FromJSONNative makes a Tokenizer of a tokenizer.json that daulet/tokenizers runs, whatever its kind.
func FromJSONNative(data []byte) (*Tokenizer, error) {
	table, err := newPieceTable(data)
	if err != nil {
		return nil, core.Explain(err, "error.model.tokenizer.broken")
	}
	if data, err = withoutPadding(data); err != nil {
		return nil, core.Explain(err, "error.model.tokenizer.broken")
	}
	lib, err := tokenizers.FromBytes(data, tokenizers.WithEncodeSpecialTokens())
	if err != nil {
		return nil, core.Explain(fmt.Errorf("read tokenizer.json: %v: %w", err, core.ErrCorrupt), "error.model.tokenizer.broken")
	}
	return &Tokenizer{back: &native{lib: lib, table: table}}, nil
}

// withoutPadding drops the file's own padding and truncation: whoever builds a batch decides on both.
func withoutPadding(data []byte) ([]byte, error) {
	var f map[string]json.RawMessage
	if err := json.Unmarshal(data, &f); err != nil {
		return nil, fmt.Errorf("read tokenizer.json: %v: %w", err, core.ErrCorrupt)
	}
	if string(f["padding"]) == "null" && string(f["truncation"]) == "null" {
		return data, nil
	}
	f["padding"], f["truncation"] = json.RawMessage("null"), json.RawMessage("null")
	return json.Marshal(f)
}

func (n *native) encode(text string, special bool) []int32 {
	// The library takes a C string, so a NUL would end the text; BERT's normaliser drops it anyway.
	text = strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "")
	if text == "" && !special {
		return nil
	}
	e := n.lib.EncodeWithOptions(text, special)
	ids := make([]int32, len(e.IDs))
	for i, id := range e.IDs {
		ids[i] = int32(id)
	}
	return ids
}

func (n *native) decode(ids []int32) string {
	u := make([]uint32, 0, len(ids))
	for _, id := range ids {
		if id >= 0 {
			u = append(u, uint32(id))
		}
	}
	return n.lib.Decode(u, true)
}

func (n *native) piece(id int32) ([]byte, bool) { return n.table.piece(id) }

func (n *native) size() int { return n.table.size() }

func (n *native) close() {
	if n.lib != nil {
		_ = n.lib.Close()
		n.lib = nil
	}
}
