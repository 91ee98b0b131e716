package index

import (
	"encoding/binary"
	"fmt"
	"math"

	"kakoi/core"
)

// reader takes fields off a payload; bad is sticky.
type reader struct {
	rest []byte
	bad  bool
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.rest)
	if n <= 0 {
		r.bad, r.rest = true, nil
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

func (r *reader) bytes(n uint64) []byte {
	if n > uint64(len(r.rest)) {
		r.bad, r.rest = true, nil
		return nil
	}
	out := r.rest[:n]
	r.rest = r.rest[n:]
	return out
}

// blockChunks is how many chunks share one value: a hit reads one block (about 40 KB), a document of n chunks has n/64.
const blockChunks = 64

func encodeChunks(chunks []core.Chunk) []byte {
	out := binary.AppendUvarint(nil, uint64(len(chunks)))
	for _, c := range chunks {
		for _, v := range []int{c.Page, c.Start, c.End, len(c.Text)} {
			out = binary.AppendUvarint(out, uint64(v))
		}
		out = append(out, c.Text...)
	}
	return out
}

func decodeChunks(payload []byte, document string, first int) ([]core.Chunk, error) {
	in := reader{rest: payload}
	n := in.uvarint()
	if n > blockChunks {
		return nil, fmt.Errorf("block of %d chunks: %w", n, core.ErrCorrupt)
	}
	chunks := make([]core.Chunk, n)
	for i := range chunks {
		chunks[i] = core.Chunk{
			Document: document, Ordinal: first + i,
			Page: int(in.uvarint()), Start: int(in.uvarint()), End: int(in.uvarint()),
		}
		chunks[i].Text = string(in.bytes(in.uvarint()))
	}
	if in.bad || len(in.rest) != 0 {
		return nil, fmt.Errorf("block of chunks: %w", core.ErrCorrupt)
	}
	return chunks, nil
}

func encodePage(p core.Page) []byte {
	return append(binary.AppendUvarint(nil, uint64(p.Number)), p.Text...)
}

func decodePage(payload []byte) (core.Page, error) {
	in := reader{rest: payload}
	p := core.Page{Number: int(in.uvarint())}
	if in.bad {
		return p, fmt.Errorf("page: %w", core.ErrCorrupt)
	}
	p.Text = string(in.rest)
	return p, nil
}

// A batch of vectors is its ordinals and their vectors in float16, little-endian, row after row.
// Float16 halves the library and the first load; against float32 a cosine moves by at most about 5e-5
// (TestHalfKeepsRanking), a hundredth of what separates neighbouring hits.
type batch struct {
	ordinals  []int
	dimension int
	half      []byte // [len(ordinals), dimension] x 2 bytes
}

func (b batch) encode() []byte {
	out := binary.AppendUvarint(nil, uint64(len(b.ordinals)))
	out = binary.AppendUvarint(out, uint64(b.dimension))
	for _, o := range b.ordinals {
		out = binary.AppendUvarint(out, uint64(o))
	}
	return append(out, b.half...)
}

func decodeBatch(payload []byte) (batch, error) {
	in := reader{rest: payload}
	n, dimension := in.uvarint(), in.uvarint()
	if n > uint64(len(in.rest)) || dimension > 1<<20 {
		return batch{}, fmt.Errorf("batch of vectors: %w", core.ErrCorrupt)
	}
	b := batch{ordinals: make([]int, n), dimension: int(dimension)}
	for i := range b.ordinals {
		b.ordinals[i] = int(in.uvarint())
	}
	b.half = in.rest
	if in.bad || uint64(len(b.half)) != 2*n*dimension {
		return batch{}, fmt.Errorf("batch of vectors: %w", core.ErrCorrupt)
	}
	return b, nil
}

// row is vector i, inside the batch.
func (b batch) row(i int) []byte { return b.half[2*i*b.dimension : 2*(i+1)*b.dimension] }

// toHalf appends v in float16; false when a component is not finite or too large for it.
func toHalf(dst []byte, v core.Vector) ([]byte, bool) {
	for _, f := range v {
		h, ok := half(f)
		if !ok {
			return dst, false
		}
		dst = binary.LittleEndian.AppendUint16(dst, h)
	}
	return dst, true
}

// half rounds to the nearest float16, ties to even (IEEE 754 binary16).
func half(f float32) (uint16, bool) {
	bits := math.Float32bits(f)
	sign := uint16(bits >> 16 & 0x8000)
	a := bits & 0x7fffffff
	switch {
	case a >= 0x477ff000: // 65520 rounds to infinity; infinities and NaN
		return 0, false
	case a < 0x38800000: // below 2^-14: subnormal, steps of 2^-24
		return sign | uint16(math.RoundToEven(float64(math.Float32frombits(a))*(1<<24))), true
	}
	a += 0xfff + (a >> 13 & 1) // round the 13 bits that go
	return sign | uint16((a-0x38000000)>>13), true
}

var fromHalf = func() (t [1 << 16]float32) {
	for i := range t {
		e, m := i>>10&31, float64(i&1023)
		v := math.Ldexp(1024+m, e-25)
		if e == 0 {
			v = math.Ldexp(m, -24)
		}
		if i&0x8000 != 0 {
			v = -v
		}
		t[i] = float32(v)
	}
	return t
}()

func widen(dst []float32, halves []byte) {
	for i := range dst {
		dst[i] = fromHalf[binary.LittleEndian.Uint16(halves[2*i:])]
	}
}
