package e5

import (
	"encoding/binary"
	"fmt"
	"math"
	"unicode/utf8"

	"kakoi/core"
)

// blockBytes is a Q4_0 block: f16 scale, then 16 bytes for blockSize elements.
const (
	blockSize  = 32
	blockBytes = 18
)

// Element types of the file's tensors, as their sizes show.
const (
	packed = iota // Q4_0
	plain         // f32
)

// file is the parsed model file; slices point into its bytes.
type file struct {
	hidden, layers, heads, inner, vocab, positions, types int
	eps                                                   float32
	bos, eos, pad, unk                                    int
	pieces                                                []string
	scores                                                []float32
	table                                                 map[rune]string // normalisation of single characters
	tensors                                               map[string]tensor
}

type tensor struct {
	kind     int
	elements int
	data     []byte
}

// cursor reads little-endian values and remembers the first read past the end.
type cursor struct {
	data []byte
	at   int
	err  error
}

func (c *cursor) bytes(n uint64) []byte {
	if c.err != nil {
		return nil
	}
	if n > uint64(len(c.data)-c.at) {
		c.err = fmt.Errorf("%d bytes at %d of %d: %w", n, c.at, len(c.data), core.ErrCorrupt)
		return nil
	}
	b := c.data[c.at : c.at+int(n)]
	c.at += int(n)
	return b
}

func (c *cursor) u8() int {
	if b := c.bytes(1); b != nil {
		return int(b[0])
	}
	return 0
}

func (c *cursor) u16() int {
	if b := c.bytes(2); b != nil {
		return int(binary.LittleEndian.Uint16(b))
	}
	return 0
}

func (c *cursor) u32() uint32 {
	if b := c.bytes(4); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

func (c *cursor) u64() uint64 {
	if b := c.bytes(8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

// count reads a non-negative number of at most limit.
func (c *cursor) count(what string, limit int) int {
	n := int(int32(c.u32()))
	if c.err == nil && (n < 0 || n > limit) {
		c.err = fmt.Errorf("%s %d: %w", what, n, core.ErrCorrupt)
	}
	return n
}

// parse reads the whole file.
func parse(data []byte) (*file, error) {
	c := &cursor{data: data}
	if magic := c.bytes(4); string(magic) != "E5S1" {
		return nil, fmt.Errorf("magic %q: %w", magic, core.ErrCorrupt)
	}
	if v := c.u32(); v != 1 {
		return nil, fmt.Errorf("version %d: %w", v, core.ErrUnsupported)
	}
	f := &file{}
	for _, x := range []struct {
		what string
		to   *int
	}{
		{"hidden size", &f.hidden}, {"layers", &f.layers}, {"heads", &f.heads}, {"inner size", &f.inner},
		{"vocabulary", &f.vocab}, {"positions", &f.positions}, {"token types", &f.types},
	} {
		if *x.to = c.count(x.what, 1<<24); c.err == nil && *x.to == 0 {
			return nil, fmt.Errorf("%s 0: %w", x.what, core.ErrCorrupt)
		}
	}
	f.eps = math.Float32frombits(c.u32())
	if n := c.count("block size", 1<<16); c.err == nil && n != blockSize {
		return nil, fmt.Errorf("block size %d: %w", n, core.ErrUnsupported)
	}
	f.readPieces(c)
	f.readTable(c)
	f.readTensors(c)
	if c.err != nil {
		return nil, c.err
	}
	if f.hidden%blockSize != 0 || f.inner%blockSize != 0 || f.hidden%f.heads != 0 {
		return nil, fmt.Errorf("shape %d x %d, %d heads: %w", f.hidden, f.inner, f.heads, core.ErrCorrupt)
	}
	if len(f.pieces) > f.vocab {
		return nil, fmt.Errorf("%d pieces for %d embeddings: %w", len(f.pieces), f.vocab, core.ErrCorrupt)
	}
	return f, nil
}

func (f *file) readPieces(c *cursor) {
	n := c.count("pieces", 1<<22)
	for _, to := range []*int{&f.bos, &f.eos, &f.pad, &f.unk} {
		if *to = c.count("special piece", 1<<22); c.err == nil && *to >= n {
			c.err = fmt.Errorf("special piece %d of %d: %w", *to, n, core.ErrCorrupt)
		}
	}
	blobLen := c.u64()
	offsets := c.bytes(4 * uint64(n+1))
	scores := c.bytes(4 * uint64(n))
	blob := c.bytes(blobLen)
	if c.err != nil {
		return
	}
	offset := func(i int) uint32 { return binary.LittleEndian.Uint32(offsets[4*i:]) }
	for i := range n {
		from, to := offset(i), offset(i+1)
		if from >= to || uint64(to) > blobLen || !utf8.Valid(blob[from:to]) {
			c.err = fmt.Errorf("piece %d at %d..%d: %w", i, from, to, core.ErrCorrupt)
			return
		}
		f.pieces = append(f.pieces, string(blob[from:to]))
		f.scores = append(f.scores, math.Float32frombits(binary.LittleEndian.Uint32(scores[4*i:])))
	}
}

func (f *file) readTable(c *cursor) {
	n := c.count("normalisation entries", 1<<21)
	in := &cursor{data: c.bytes(uint64(c.u32()))}
	f.table = make(map[rune]string, n)
	for range n {
		from := rune(in.u32())
		var to []rune
		for range in.u8() {
			to = append(to, rune(in.u32()))
		}
		if in.err != nil {
			break
		}
		f.table[from] = string(to)
	}
	if c.err == nil && in.err != nil {
		c.err = fmt.Errorf("normalisation table: %w", in.err)
	}
}

func (f *file) readTensors(c *cursor) {
	f.tensors = map[string]tensor{}
	for range c.count("tensors", 1<<16) {
		name := string(c.bytes(uint64(c.u16())))
		c.u8() // type: the size says it too
		elements, offset, size := uint64(c.u32()), c.u64(), c.u64()
		if c.err != nil {
			return
		}
		if offset > uint64(len(c.data)) || size > uint64(len(c.data))-offset {
			c.err = fmt.Errorf("tensor %q at %d, %d bytes: %w", name, offset, size, core.ErrCorrupt)
			return
		}
		t := tensor{kind: plain, elements: int(elements), data: c.data[offset : offset+size]}
		switch {
		case size == 4*elements:
		case elements%blockSize == 0 && size == elements/blockSize*blockBytes:
			t.kind = packed
		default:
			c.err = fmt.Errorf("tensor %q of %d elements in %d bytes: %w", name, elements, size, core.ErrCorrupt)
			return
		}
		f.tensors[name] = t
	}
}
