package token

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"kakoi/core"
)

const maxFileBytes = 256 << 20

// spieceNames are what folders call a sentencepiece model.
var spieceNames = []string{"spiece.model", "tokenizer.model", "sentencepiece.bpe.model"}

// Tokenizer turns text into ids and back. It is safe for concurrent use.
type Tokenizer struct {
	back backend
}

// backend is one of the three things behind a Tokenizer.
type backend interface {
	encode(text string, special bool) []int32
	piece(id int32) (text []byte, special bool) // bytes the id stands for
	decode(ids []int32) string
	size() int // one more than the highest id
	close()
}

// Load opens the tokenizer of a model folder: tokenizer.json, or spiece.model (also called tokenizer.model or
// sentencepiece.bpe.model) where that is all there is. A tokenizer.json that was made of the spiece.model beside it,
// piece by piece and with nothing around a text, gives way to it: the spiece.model is what the model was trained
// with, and never takes the name of an end token in a document for the token.
//
// Errors: core.ErrNotFound without either file, core.ErrCorrupt, core.ErrUnsupported (a sentencepiece model that is
// not Unigram), core.ErrNoDevice for a tokenizer.json that needs the native library in a build without it.
func Load(dir string) (*Tokenizer, error) {
	data, err := readFile(dir, "tokenizer.json")
	if err == nil {
		t, err := FromJSON(data)
		if own := original(dir, t); err == nil && own != nil {
			return own, nil
		}
		return t, err
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, core.Explain(err, "error.model.tokenizer.read", dir)
	}
	for _, name := range spieceNames {
		data, err := readFile(dir, name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, core.Explain(err, "error.model.tokenizer.read", dir)
		}
		return FromSentencePiece(data)
	}
	return nil, core.Explain(fmt.Errorf("no tokenizer in %q: %w", dir, core.ErrNotFound), "error.model.tokenizer.none", dir)
}

// original returns the spiece.model of dir if t is a conversion of it, else nil.
func original(dir string, t *Tokenizer) *Tokenizer {
	if t == nil {
		return nil
	}
	m, ok := t.back.(*metaspace)
	if !ok || m.around[0] != nil || m.around[1] != nil || len(m.extra) > 0 {
		return nil
	}
	data, err := readFile(dir, "spiece.model")
	if err != nil {
		return nil
	}
	own, err := FromSentencePiece(data)
	if err != nil {
		return nil
	}
	if p, ok := own.back.(*pieces); !ok || !slices.Equal(p.pieces, m.pieces) {
		return nil
	}
	return own
}

// FromSentencePiece makes a Tokenizer of a spiece.model's bytes; its ids are those of spm_encode.
func FromSentencePiece(model []byte) (*Tokenizer, error) {
	m, err := parseSpiece(model)
	if err != nil {
		return nil, core.Explain(err, "error.model.tokenizer.broken")
	}
	b, err := newPieces(m)
	if err != nil {
		return nil, err
	}
	return &Tokenizer{back: b}, nil
}

// FromJSON makes a Tokenizer of a tokenizer.json; its ids are those of Hugging Face's tokenizers.
func FromJSON(data []byte) (*Tokenizer, error) {
	b, err := newMetaspace(data)
	if errors.Is(err, errOther) {
		return FromJSONNative(data)
	}
	if err != nil {
		return nil, core.Explain(err, "error.model.tokenizer.broken")
	}
	return &Tokenizer{back: b}, nil
}

// Encode returns the ids of text without special tokens around it. The names of special tokens in the text are
// text like any other. Invalid UTF-8 becomes U+FFFD.
func (t *Tokenizer) Encode(text string) []int32 { return t.back.encode(text, false) }

// EncodeSpecial is Encode with the special tokens of the model around it ([CLS] ... [SEP]), where its
// tokenizer.json has a post-processor.
func (t *Tokenizer) EncodeSpecial(text string) []int32 { return t.back.encode(text, true) }

// Decode returns the text of ids, without special tokens. Bytes that do not form UTF-8 become U+FFFD.
func (t *Tokenizer) Decode(ids []int32) string { return t.back.decode(ids) }

// DecodeBytes returns exactly the bytes the ids stand for, without special tokens: what a stream needs, since the
// bytes of a list are those of its parts joined. A space the model puts before a text is kept; a character may be
// cut in two. Unknown ids have none.
func (t *Tokenizer) DecodeBytes(ids []int32) []byte {
	var out []byte
	for _, id := range ids {
		if b, special := t.back.piece(id); !special {
			out = append(out, b...)
		}
	}
	return out
}

// Piece is the text of one id as the vocabulary has it, spaces as spaces, and whether it is a special token.
func (t *Tokenizer) Piece(id int32) (text []byte, special bool) { return t.back.piece(id) }

// VocabSize is one more than the highest id.
func (t *Tokenizer) VocabSize() int { return t.back.size() }

// Close frees what the native library holds.
func (t *Tokenizer) Close() error {
	t.back.close()
	return nil
}

func readFile(dir, name string) ([]byte, error) {
	path := filepath.Join(dir, name)
	st, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("read %q: %w", name, err)
	}
	if st.Size() > maxFileBytes {
		return nil, fmt.Errorf("read %q: %d bytes: %w", name, st.Size(), core.ErrTooLarge)
	}
	return os.ReadFile(path)
}

// pieces is a sentencepiece model at work.
type pieces struct {
	*unigram
	norm  normalizer
	kinds []uint8
}

func newPieces(m *spiece) (*pieces, error) {
	u, err := newUnigramSpiece(m)
	if err != nil {
		return nil, err
	}
	p := &pieces{unigram: u, norm: m.norm}
	p.norm.suffix = m.suffix
	if len(u.user) > 0 {
		p.norm.user = newTrie(64)
		for id := range u.user {
			p.norm.user.add(u.pieces[id], id)
		}
	}
	for _, x := range m.pieces {
		p.kinds = append(p.kinds, uint8(x.kind))
	}
	return p, nil
}

func (p *pieces) encode(text string, _ bool) []int32 {
	return p.unigram.encode(nil, p.norm.normalize(text))
}

func (p *pieces) piece(id int32) ([]byte, bool) {
	if id < 0 || int(id) >= len(p.pieces) {
		return nil, true
	}
	switch p.kinds[id] {
	case kindControl, kindUnknown:
		return nil, true
	case kindByte:
		if b, ok := byteOf(p.pieces[id]); ok {
			return []byte{b}, false
		}
	}
	return []byte(strings.ReplaceAll(p.pieces[id], space, " ")), false
}

func (p *pieces) decode(ids []int32) string {
	var out []byte
	for _, id := range ids {
		if b, special := p.piece(id); !special {
			out = append(out, b...)
		}
	}
	if p.norm.dummyPrefix || p.norm.removeExtra {
		out = bytes.TrimPrefix(out, []byte(" "))
	}
	return strings.ToValidUTF8(string(out), "\uFFFD")
}

func (p *pieces) size() int { return len(p.pieces) }

func (p *pieces) close() {}
