package token

import (
	"fmt"
	"math"

	"google.golang.org/protobuf/encoding/protowire"

	"kakoi/core"
)

// Kinds of a piece (sentencepiece_model.proto, ModelProto.SentencePiece.Type).
const (
	kindNormal  = 1
	kindUnknown = 2
	kindControl = 3
	kindUser    = 4
	kindUnused  = 5
	kindByte    = 6
)

const maxPieces = 1 << 22

type piece struct {
	text  string
	score float32
	kind  int
}

// spiece is what a spiece.model says.
type spiece struct {
	pieces       []piece
	modelType    int // 1 unigram, 2 BPE, 3 word, 4 char
	byteFallback bool
	suffix       bool // the space goes behind the word
	norm         normalizer
}

// parseSpiece reads a sentencepiece ModelProto.
func parseSpiece(data []byte) (*spiece, error) {
	m := &spiece{modelType: 1, norm: normalizer{dummyPrefix: true, removeExtra: true, escape: true}}
	err := fields(data, func(num protowire.Number, v value) error {
		switch num {
		case 1:
			if len(m.pieces) == maxPieces {
				return fmt.Errorf("over %d pieces: %w", maxPieces, core.ErrTooLarge)
			}
			p, err := parsePiece(v.bytes)
			m.pieces = append(m.pieces, p)
			return err
		case 2:
			return fields(v.bytes, m.trainerField)
		case 3:
			return fields(v.bytes, m.normalizerField)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read spiece.model: %w", err)
	}
	if len(m.pieces) == 0 {
		return nil, fmt.Errorf("read spiece.model: no pieces: %w", core.ErrCorrupt)
	}
	return m, nil
}

func parsePiece(data []byte) (piece, error) {
	p := piece{kind: kindNormal}
	err := fields(data, func(num protowire.Number, v value) error {
		switch num {
		case 1:
			p.text = string(v.bytes)
		case 2:
			p.score = math.Float32frombits(uint32(v.number))
		case 3:
			p.kind = int(v.number)
		}
		return nil
	})
	return p, err
}

func (m *spiece) trainerField(num protowire.Number, v value) error {
	switch num {
	case 3:
		m.modelType = int(v.number)
	case 24:
		m.suffix = v.number != 0
	case 35:
		m.byteFallback = v.number != 0
	}
	return nil
}

func (m *spiece) normalizerField(num protowire.Number, v value) error {
	switch num {
	case 2:
		c, err := parseCharsmap(v.bytes)
		m.norm.chars = c
		return err
	case 3:
		m.norm.dummyPrefix = v.number != 0
	case 4:
		m.norm.removeExtra = v.number != 0
	case 5:
		m.norm.escape = v.number != 0
	}
	return nil
}

// value is a protobuf field's content: bytes for wire type 2, number for the others.
type value struct {
	bytes  []byte
	number uint64
}

// fields calls f for every field of a message.
func fields(data []byte, f func(protowire.Number, value) error) error {
	for len(data) > 0 {
		num, typ, n := protowire.ConsumeTag(data)
		if n < 0 {
			return fmt.Errorf("protobuf: %v: %w", protowire.ParseError(n), core.ErrCorrupt)
		}
		data = data[n:]
		var v value
		switch typ {
		case protowire.VarintType:
			v.number, n = protowire.ConsumeVarint(data)
		case protowire.Fixed32Type:
			var x uint32
			x, n = protowire.ConsumeFixed32(data)
			v.number = uint64(x)
		case protowire.Fixed64Type:
			v.number, n = protowire.ConsumeFixed64(data)
		case protowire.BytesType:
			v.bytes, n = protowire.ConsumeBytes(data)
		default:
			n = protowire.ConsumeFieldValue(num, typ, data)
		}
		if n < 0 {
			return fmt.Errorf("protobuf: field %d: %v: %w", num, protowire.ParseError(n), core.ErrCorrupt)
		}
		data = data[n:]
		if err := f(num, v); err != nil {
			return err
		}
	}
	return nil
}
