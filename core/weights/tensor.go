package weights

import (
	"encoding/binary"
	"fmt"
	"math"
	"runtime"
	"sync"

	"kakoi/core"
)

// Tensor is one tensor of a Folder. Data is row-major, little-endian, and points into the mapped file: it is valid
// until Folder.Close and must not be written to. It may be unaligned.
type Tensor struct {
	Name  string
	DType DType
	Shape []int64
	Data  []byte
}

// Elements is the product of the shape, 1 for a scalar.
func (t Tensor) Elements() int {
	n := int64(1)
	for _, d := range t.Shape {
		n *= d
	}
	return int(n)
}

// Float32 converts all elements into dst, on all cores. Integers are converted by value.
func (t Tensor) Float32(dst []float32) error {
	n := t.Elements()
	if len(dst) != n {
		return fmt.Errorf("convert %q: %d elements into %d: %w", t.Name, n, len(dst), core.ErrDimension)
	}
	size := t.DType.Size()
	if size == 0 || len(t.Data) != n*size {
		return fmt.Errorf("convert %q: %d bytes of %v %v: %w", t.Name, len(t.Data), t.DType, t.Shape, core.ErrCorrupt)
	}
	parallel(n, 1<<16, func(lo, hi int) { convert(dst[lo:hi], t.Data[lo*size:hi*size], t.DType) })
	return nil
}

func convert(dst []float32, src []byte, d DType) {
	le := binary.LittleEndian
	switch d {
	case F32:
		for i := range dst {
			dst[i] = math.Float32frombits(le.Uint32(src[4*i:]))
		}
	case F16:
		for i := range dst {
			dst[i] = f16(le.Uint16(src[2*i:]))
		}
	case BF16:
		for i := range dst {
			dst[i] = math.Float32frombits(uint32(le.Uint16(src[2*i:])) << 16)
		}
	case F64:
		for i := range dst {
			dst[i] = float32(math.Float64frombits(le.Uint64(src[8*i:])))
		}
	case I8:
		for i := range dst {
			dst[i] = float32(int8(src[i]))
		}
	case U8, BOOL:
		for i := range dst {
			dst[i] = float32(src[i])
		}
	case I16:
		for i := range dst {
			dst[i] = float32(int16(le.Uint16(src[2*i:])))
		}
	case I32:
		for i := range dst {
			dst[i] = float32(int32(le.Uint32(src[4*i:])))
		}
	case I64:
		for i := range dst {
			dst[i] = float32(int64(le.Uint64(src[8*i:])))
		}
	}
}

// f16 widens a half: the bits are moved into place and the exponent corrected by a multiplication, which also
// normalises subnormals.
func f16(h uint16) float32 {
	u := uint32(h&0x7fff) << 13
	var v uint32
	if u >= 0x7c00<<13 {
		v = u | 0x7f800000
	} else {
		v = math.Float32bits(math.Float32frombits(u) * 0x1p112)
	}
	return math.Float32frombits(v | uint32(h&0x8000)<<16)
}

// parallel runs f over [0, n) on all cores, in pieces of at least grain.
func parallel(n, grain int, f func(lo, hi int)) {
	workers := min(runtime.GOMAXPROCS(0), (n+grain-1)/grain)
	if workers <= 1 {
		f(0, n)
		return
	}
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() { f(n*w/workers, n*(w+1)/workers) })
	}
	wg.Wait()
}
