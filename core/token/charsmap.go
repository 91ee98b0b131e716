package token

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"kakoi/core"
)

// charsmap is sentencepiece's precompiled normalisation table: a double-array trie (darts-clone) over UTF-8 whose
// values are offsets of NUL-terminated strings in out.
type charsmap struct {
	trie []uint32
	out  []byte
	raw  []byte // as stored
}

func parseCharsmap(b []byte) (*charsmap, error) {
	if len(b) == 0 {
		return nil, nil
	}
	if len(b) < 4 {
		return nil, fmt.Errorf("charsmap of %d bytes: %w", len(b), core.ErrCorrupt)
	}
	n := int64(binary.LittleEndian.Uint32(b))
	if n%4 != 0 || n < 4 || n > int64(len(b)-4) {
		return nil, fmt.Errorf("charsmap trie of %d bytes in %d: %w", n, len(b), core.ErrCorrupt)
	}
	c := &charsmap{trie: make([]uint32, n/4), out: b[4+n:], raw: b}
	for i := range c.trie {
		c.trie[i] = binary.LittleEndian.Uint32(b[4+4*i:])
	}
	return c, nil
}

// match walks the trie along text and returns the value and length of the first key found, or of the longest one.
func (c *charsmap) match(text []byte, longest bool) (out []byte, length int) {
	at := uint32(0)
	unit := c.trie[0]
	at ^= unitOffset(unit)
	for i, ch := range text {
		at ^= uint32(ch)
		if ch == 0 || int64(at) >= int64(len(c.trie)) {
			break
		}
		if unit = c.trie[at]; unit&(1<<31|0xff) != uint32(ch) {
			break
		}
		at ^= unitOffset(unit)
		if unit>>8&1 == 1 && int64(at) < int64(len(c.trie)) {
			if v := c.trie[at] & (1<<31 - 1); int64(v) <= int64(len(c.out)) {
				out, length = c.out[v:], i+1
				if !longest {
					break
				}
			}
		}
	}
	if length == 0 {
		return nil, 0
	}
	if end := bytes.IndexByte(out, 0); end >= 0 {
		out = out[:end]
	}
	return out, length
}

func unitOffset(u uint32) uint32 { return u >> 10 << (u & (1 << 9) >> 6) }
