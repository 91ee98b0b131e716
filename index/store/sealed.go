package store

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"slices"

	"github.com/dgraph-io/badger/v4/fb"
	"github.com/klauspost/compress/snappy"
)

// An encrypted block has its IV at its end and says nowhere how long it is: where the index of a table cannot be read, ends and beginnings are found by what a block begins
// with (the length that it has when it is decompressed, a literal, an entry that shares nothing with one before it), and are right when the checksum inside is.

// span is a block's place in a file.
type span struct{ from, to int }

// sealedBlocks finds the blocks of an encrypted table before end, in order. A span that does not open is a hole; so is what lies between them.
func sealedBlocks(c cipher.Block, data []byte, end int, indexed bool) []span {
	if indexed {
		if spans, ok := (&searcher{c: c, data: data}).indexed(end); ok {
			return spans
		}
	}
	s := searcher{c: c, data: data}
	var front, back []span
	at := 0
	for at < end {
		to, ok := s.forward(at, min(len(data), at+maxBlock+1024))
		if !ok {
			break
		}
		front = append(front, span{at, to})
		at = to
	}
	// The index may be damaged and its length not.
	for to := blocksEnd(data); to > at; {
		from, ok := s.backward(to, at)
		if !ok {
			break
		}
		back = append(back, span{from, to})
		to = from
	}
	slices.Reverse(back)
	stop := end
	if len(back) > 0 {
		stop = back[0].from
	}
	for at < stop {
		from, to, ok := s.between(at, stop)
		if !ok {
			break
		}
		front = append(front, span{from, to})
		for at = to; at < stop; { // it goes on from there
			to, ok := s.forward(at, min(stop, at+maxBlock+1024))
			if !ok {
				break
			}
			front = append(front, span{at, to})
			at = to
		}
	}
	return append(front, back...)
}

// indexed reads the places of blocks from the index, which begins at end and is under a right checksum.
func (s *searcher) indexed(end int) (spans []span, ok bool) {
	defer func() { // not what Badger writes, or another key
		if recover() != nil {
			spans, ok = nil, false
		}
	}()
	index, ok := s.index(end)
	if !ok {
		return nil, false
	}
	at := 0
	for i := range index.OffsetsLength() {
		var b fb.BlockOffset
		if !index.Offsets(&b, i) {
			return nil, false
		}
		from, to := int(b.Offset()), int(b.Offset())+int(b.Len())
		if from < at || to > end || from >= to {
			return nil, false
		}
		spans, at = append(spans, span{from, to}), to
	}
	return spans, len(spans) > 0
}

// index decrypts it.
func (s *searcher) index(end int) (index *fb.TableIndex, ok bool) {
	length := int(binary.BigEndian.Uint32(s.data[footerAt(s.data):]))
	if s.text, ok = openSealed(s.c, s.text, s.data[end:end+length]); !ok {
		return nil, false
	}
	return fb.GetRootAsTableIndex(s.text, 0), true
}

// last is the place of the last block, by the index.
func (s *searcher) last(end int) (at span, ok bool) {
	defer func() { // as in indexed
		if recover() != nil {
			at, ok = span{}, false
		}
	}()
	index, ok := s.index(end)
	if !ok {
		return at, false
	}
	var b fb.BlockOffset
	if n := index.OffsetsLength(); n == 0 || !index.Offsets(&b, n-1) {
		return at, false
	}
	at = span{int(b.Offset()), int(b.Offset()) + int(b.Len())}
	return at, at.from < at.to && at.to <= end
}

// footerAt is where the index's length stands.
func footerAt(data []byte) int {
	return len(data) - 8 - int(binary.BigEndian.Uint32(data[len(data)-4:]))
}

// blocksEnd is where the blocks end if the length of the index is right; 0 where it cannot be.
func blocksEnd(data []byte) int {
	if len(data) < 8 || binary.BigEndian.Uint32(data[len(data)-4:]) > 64 {
		return 0
	}
	at := footerAt(data)
	if at < 0 {
		return 0
	}
	length := binary.BigEndian.Uint32(data[at:])
	if int64(length) > int64(at) {
		return 0
	}
	return at - int(length)
}

// searcher looks for blocks.
type searcher struct {
	c    cipher.Block
	data []byte
	text []byte
	out  []byte

	tried int // pairs
}

// opens says whether a block lies there.
func (s *searcher) opens(from, to int) bool {
	var ok bool
	if s.text, ok = openSealed(s.c, s.text, s.data[from:to]); !ok {
		return false
	}
	// Its end is known: the decoder that Badger uses does, and is several times as fast as unsnap.
	n, err := snappy.DecodedLen(s.text)
	if err != nil || n <= 0 || n > maxBlock {
		return false
	}
	if cap(s.out) < n {
		s.out = make([]byte, n)
	}
	out, err := snappy.Decode(s.out[:n], s.text)
	if err != nil {
		return false
	}
	s.out = out
	_, _, ok = openBlock(out)
	return ok
}

// stream is the beginning of the key stream of a block that ends there.
func (s *searcher) stream(to int) (out [16]byte) {
	s.c.Encrypt(out[:], s.data[to-aes.BlockSize:to])
	return out
}

// least is the length of the shortest block: some bytes of Snappy, and the IV.
const least = aes.BlockSize + 16

// likely says whether what is decrypted at a place begins as a block of a length does.
func likely(at []byte, stream *[16]byte, length int) bool {
	size, n := 0, 0 // the length of what is compressed
	for shift := 0; ; shift += 7 {
		b := at[n] ^ stream[n]
		size |= int(b&0x7f) << shift
		n++
		if b < 0x80 {
			break
		}
		if n == 3 {
			return false
		}
	}
	if size == 0 || size > maxBlock || length > size+size/6+64 || at[n]^stream[n] == 0 {
		return false
	}
	tag := at[n] ^ stream[n]
	n++
	if tag&3 != 0 {
		return false
	}
	switch long := int(tag >> 2); {
	case long < 3 || long > 62:
		return false
	case long >= 60:
		n += long - 59
	}
	if at[n]^stream[n] != 0 || at[n+1]^stream[n+1] != 0 { // shared with the key before it
		return false
	}
	key := int(at[n+2]^stream[n+2]) | int(at[n+3]^stream[n+3])<<8
	return key > 8 && key <= 1<<14
}

// forward finds the end of the block that begins at from.
func (s *searcher) forward(from, most int) (to int, ok bool) {
	for to = from + least; to <= most; to++ {
		stream := s.stream(to)
		if likely(s.data[from:], &stream, to-from-aes.BlockSize) && s.opens(from, to) {
			return to, true
		}
	}
	return 0, false
}

// backward finds the beginning of the block that ends at to.
func (s *searcher) backward(to, lowest int) (from int, ok bool) {
	if to < least {
		return 0, false
	}
	stream := s.stream(to)
	for from = to - least; from >= max(lowest, to-maxBlock-1024); from-- {
		if likely(s.data[from:], &stream, to-from-aes.BlockSize) && s.opens(from, to) {
			return from, true
		}
	}
	return 0, false
}

// usual bounds a block of short values: Badger ends one at 4 KB, and what does not compress is a little longer. pairs bounds how many beginnings and ends of such blocks are tried in a
// table (some 15 KB; a fifth of a second): it takes two damaged blocks, or one and a footer, beside a damaged index.
const (
	usual = 4400
	pairs = 64 << 20
)

// between finds the first block of a usual size in a part of the file of which neither end is one.
func (s *searcher) between(low, high int) (from, to int, ok bool) {
	for to = low + least; to <= high && s.tried < pairs; to++ {
		stream := s.stream(to)
		lowest := max(low, to-usual)
		s.tried += to - lowest
		a, b, c := stream[0], stream[1], stream[2]
		part := s.data[lowest : to-least+3]
		for i := len(part) - 3; i >= 0; i-- {
			// Two bytes of length, 512 to 4,479, and a literal.
			if size := part[i+1] ^ b; size < 4 || size > 34 || part[i]^a < 0x80 || (part[i+2]^c)&3 != 0 {
				continue
			}
			if from = lowest + i; likely(s.data[from:], &stream, to-from-aes.BlockSize) && s.opens(from, to) {
				return from, to, true
			}
		}
	}
	return 0, 0, false
}
