package weights

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"

	"kakoi/core"
)

const (
	poolSize = 1 << 20 // normal numbers made once
	runSize  = 1 << 12 // and used in runs that begin anywhere
)

// noise makes random weights as fast as a disk takes them: runs out of a pool of normal numbers.
type noise struct {
	rng  *rand.Rand
	pool [poolSize]float32
	raw  map[DType][]byte // the pool in each type
}

func newNoise(seed uint64) *noise {
	n := &noise{rng: rand.New(rand.NewPCG(seed, 0x6b616b6f69)), raw: map[DType][]byte{}}
	for i := range n.pool {
		n.pool[i] = float32(n.rng.NormFloat64() * 0.02)
	}
	return n
}

// tensor writes the data of s: around 1 for the weight of a LayerNorm, around 0 for the rest.
func (n *noise) tensor(s Spec, w io.Writer) error {
	total, err := s.bytes()
	if err != nil {
		return err
	}
	if len(s.Shape) == 1 && strings.HasSuffix(s.Name, ".weight") {
		buf := make([]byte, 0, total)
		for range s.Shape[0] {
			buf = appendFloat(buf, 1+n.pool[n.rng.IntN(poolSize)], s.DType)
		}
		_, err := w.Write(buf)
		return err
	}
	raw := n.raw[s.DType]
	if raw == nil {
		for _, v := range n.pool {
			raw = appendFloat(raw, v, s.DType)
		}
		n.raw[s.DType] = raw
	}
	size := int64(s.DType.Size())
	for left := total; left > 0; {
		from := int64(n.rng.IntN(poolSize-runSize)) * size
		run := min(left, runSize*size)
		if _, err := w.Write(raw[from : from+run]); err != nil {
			return err
		}
		left -= run
	}
	return nil
}

func appendFloat(b []byte, v float32, d DType) []byte {
	switch d {
	case F16:
		return binary.LittleEndian.AppendUint16(b, toF16(v))
	case BF16:
		u := math.Float32bits(v)
		return binary.LittleEndian.AppendUint16(b, uint16((u+0x7fff+u>>16&1)>>16))
	}
	return binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
}

// toF16 rounds a number of ordinary size to the nearest half; below 2^-14 it becomes zero.
func toF16(v float32) uint16 {
	u := math.Float32bits(v)
	sign := uint16(u >> 16 & 0x8000)
	u &= 0x7fffffff
	if u < 0x38800000 {
		return sign
	}
	u += 0xfff + u>>13&1
	return sign | uint16(min(u-0x38000000, 0x477fffff-0x38000000)>>13)
}

// fillPieces appends unused pieces to a sentencepiece model until it has n.
func fillPieces(model []byte, n int) ([]byte, error) {
	have := 0
	for b := model; len(b) > 0; {
		num, typ, size := protowire.ConsumeTag(b)
		if size < 0 {
			return nil, fmt.Errorf("spiece.model: %v: %w", protowire.ParseError(size), core.ErrCorrupt)
		}
		value := protowire.ConsumeFieldValue(num, typ, b[size:])
		if value < 0 {
			return nil, fmt.Errorf("spiece.model: %v: %w", protowire.ParseError(value), core.ErrCorrupt)
		}
		if num == 1 {
			have++
		}
		b = b[size+value:]
	}
	if have > n {
		return nil, fmt.Errorf("spiece.model has %d pieces, the vocabulary %d: %w", have, n, core.ErrUsage)
	}
	out := append([]byte(nil), model...)
	const unused = 5
	for i := have; i < n; i++ {
		p := protowire.AppendTag(nil, 1, protowire.BytesType)
		p = protowire.AppendString(p, fmt.Sprintf("<unused_%d>", i))
		p = protowire.AppendTag(p, 2, protowire.Fixed32Type)
		p = protowire.AppendFixed32(p, 0)
		p = protowire.AppendTag(p, 3, protowire.VarintType)
		p = protowire.AppendVarint(p, unused)
		out = protowire.AppendTag(out, 1, protowire.BytesType)
		out = protowire.AppendBytes(out, p)
	}
	return out, nil
}
