package alike

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"kakoi/core"
)

const (
	bins    = 128
	shingle = 5 // characters

	// fewest are the shingles that a text needs for its likeness to say anything; the same text is the same however short.
	fewest = 64

	signVersion = 1
	signSize    = 1 + 8 + 4 + 2*bins
)

// Sign stands for a text. The zero Sign is that of no text, and like nothing.
type Sign struct {
	whole uint64 // of all characters; 0: there are none
	n     uint32 // shingles, repeated ones too
	low   [bins]uint16
}

// Maker reads a text in parts. The zero Maker is ready.
type Maker struct {
	whole, roll uint64
	last        [shingle]uint64 // characters, the oldest at at
	at          int
	n           uint64
	low         [bins]uint32 // lowest value + 1; 0: none
}

const factor = 0x9e3779b97f4a7c15

var oldest = func() uint64 { // factor to the power of shingle
	p := uint64(1)
	for range shingle {
		p *= factor
	}
	return p
}()

// Write goes on with the text. Stretches of characters that have no other forms are taken as they are: levelling each would be
// ten times the work.
func (m *Maker) Write(text string) {
	for len(text) > 0 {
		plain, last := 0, 0 // bytes; without the last character
		for i, r := range text {
			if !isPlain(r) {
				break
			}
			plain, last = i+utf8.RuneLen(r), i
		}
		if plain < len(text) && plain > 0 && !norm.NFKC.PropertiesString(text[plain:]).BoundaryBefore() {
			plain = last // what follows is a mark on it
		}
		m.characters(text[:plain])
		text = text[plain:]
		other := 0
		for i, r := range text {
			if i > 0 && isPlain(r) && norm.NFKC.PropertiesString(text[i:]).BoundaryBefore() {
				break
			}
			_, width := utf8.DecodeRuneInString(text[i:]) // one byte of what is no character
			other = i + width
		}
		m.characters(norm.NFKC.String(text[:other]))
		text = text[other:]
	}
}

// isPlain says that a character is its own compatibility form: ASCII, and most of what Japanese is written with.
func isPlain(r rune) bool {
	return r < 0x80 || r >= 0x4e00 && r <= 0x9fff || r >= 0x3041 && r <= 0x3096 || r >= 0x30a1 && r <= 0x30fe || r >= 0x3001 && r <= 0x3035
}

func (m *Maker) characters(text string) {
	for _, r := range text {
		if r < 0x80 {
			if r <= ' ' || r == 0x7f {
				continue
			}
			if r >= 'A' && r <= 'Z' {
				r += 'a' - 'A'
			}
		} else if r < 0x3001 || r > 0x9fff { // kana and kanji have no case
			if unicode.IsSpace(r) || unicode.IsControl(r) {
				continue
			}
			r = unicode.ToLower(r)
		}
		m.character(uint64(r) + 1)
	}
}

func (m *Maker) character(c uint64) {
	m.whole = bits.RotateLeft64(m.whole^c*factor, 27) * 5
	m.roll = m.roll*factor + c - m.last[m.at]*oldest
	m.last[m.at] = c
	if m.at++; m.at == shingle {
		m.at = 0
	}
	if m.n++; m.n < shingle {
		return
	}
	h := mix(m.roll)
	if v := uint32(h>>8)&0xffffff + 1; m.low[h>>57] == 0 || v < m.low[h>>57] {
		m.low[h>>57] = v
	}
}

// mix spreads what is in h over all bits.
func mix(h uint64) uint64 {
	h ^= h >> 32
	h *= 0xd6e8feb86659fd93
	h ^= h >> 32
	h *= 0xd6e8feb86659fd93
	return h ^ h>>32
}

// Sign is that of what was written.
func (m *Maker) Sign() Sign {
	var s Sign
	if m.n == 0 {
		return s
	}
	s.whole = max(1, mix(m.whole+m.n))
	if m.n < shingle {
		return s
	}
	s.n = uint32(min(m.n-shingle+1, 1<<32-1))
	for i, v := range m.low {
		for try := uint64(1); v == 0; try++ { // an empty place takes what another has; equal sets take the same
			v = m.low[mix(uint64(i)<<32|try)>>57]
		}
		s.low[i] = uint16(mix(uint64(v)) >> 48)
	}
	return s
}

// Same says that two texts are the same but for what is levelled.
func (s Sign) Same(t Sign) bool { return s.whole != 0 && s.whole == t.whole && s.n == t.n }

// Alike is the share of shingles that two texts have in common, from 0 to 1, as far as the signs tell; 0 where a text is too short for it.
func (s Sign) Alike(t Sign) float64 {
	if s.Same(t) {
		return 1
	}
	if s.n < fewest || t.n < fewest {
		return 0
	}
	n := 0
	for i, v := range s.low {
		if v == t.low[i] {
			n++
		}
	}
	return float64(n) / bins
}

// Encode is for Decode.
func (s Sign) Encode() []byte {
	out := append(make([]byte, 0, signSize), signVersion)
	out = binary.LittleEndian.AppendUint64(out, s.whole)
	out = binary.LittleEndian.AppendUint32(out, s.n)
	for _, v := range s.low {
		out = binary.LittleEndian.AppendUint16(out, v)
	}
	return out
}

// Decode is the opposite of Encode: core.ErrCorrupt, core.ErrUnsupported for one of another version, to be made again.
func Decode(payload []byte) (Sign, error) {
	var s Sign
	if len(payload) > 0 && payload[0] != signVersion {
		return s, fmt.Errorf("sign of a text, version %d: %w", payload[0], core.ErrUnsupported)
	}
	if len(payload) != signSize {
		return s, fmt.Errorf("sign of a text, %d bytes: %w", len(payload), core.ErrCorrupt)
	}
	s.whole, s.n = binary.LittleEndian.Uint64(payload[1:]), binary.LittleEndian.Uint32(payload[9:])
	for i := range s.low {
		s.low[i] = binary.LittleEndian.Uint16(payload[13+2*i:])
	}
	return s, nil
}
