package hnsw

import (
	"encoding/binary"
	"math"
	"unsafe"
)

// kernel is one way to compute scores.
type kernel struct {
	name string
	// dots: out[i] = sum over the stride of q times codes[ids[i]], for i < n rounded up to 4: ids and out have room for that,
	// and the ids there are slots too. q is int8, or int16 where wide; stride is a multiple of 64.
	dots func(q unsafe.Pointer, codes *byte, stride uintptr, ids *uint32, n uintptr, out *int32)
	wide bool
	// touch asks memory for the rows ids[:n] of a slab, of size bytes each, and waits for nothing.
	touch func(slab unsafe.Pointer, size uintptr, ids *uint32, n uintptr)
	// half is the dot product of n float32 and n float16 numbers; n is a multiple of 32.
	half func(q *float32, h *byte, n uintptr) float32
}

// kernels are those of this machine, the fastest first; the plain one is always there.
var kernels = append(machineKernels(), kernel{name: "plain", dots: dotsPlain, touch: touchNothing, half: halfPlain})

func dotsPlain(q unsafe.Pointer, codes *byte, stride uintptr, ids *uint32, n uintptr, out *int32) {
	query := unsafe.Slice((*int8)(q), stride)
	slots, sums := unsafe.Slice(ids, n), unsafe.Slice(out, n)
	for i, id := range slots {
		row := unsafe.Slice((*byte)(unsafe.Add(unsafe.Pointer(codes), uintptr(id)*stride)), stride)
		var a, b, c, d int32
		for j := 0; j+4 <= len(query) && j+4 <= len(row); j += 4 {
			a += int32(query[j]) * int32(row[j])
			b += int32(query[j+1]) * int32(row[j+1])
			c += int32(query[j+2]) * int32(row[j+2])
			d += int32(query[j+3]) * int32(row[j+3])
		}
		sums[i] = a + b + c + d
	}
}

func touchNothing(unsafe.Pointer, uintptr, *uint32, uintptr) {}

func halfPlain(q *float32, h *byte, n uintptr) float32 {
	query, row := unsafe.Slice(q, n), unsafe.Slice(h, 2*n)
	var a, b float32
	for i := 0; i+2 <= len(query); i += 2 {
		a += query[i] * widen(binary.LittleEndian.Uint16(row[2*i:]))
		b += query[i+1] * widen(binary.LittleEndian.Uint16(row[2*i+2:]))
	}
	return a + b
}

// widen is the value of a finite float16: its exponent and mantissa are those of a float32 with a bias of 15, not 127.
func widen(h uint16) float32 {
	return math.Float32frombits(uint32(h&0x8000)<<16|uint32(h&0x7fff)<<13) * (1 << 112)
}

// narrow rounds to the nearest float16, ties to even; what is too large becomes the largest.
func narrow(f float32) uint16 {
	bits := math.Float32bits(f)
	sign, a := uint16(bits>>16&0x8000), bits&0x7fffffff
	switch {
	case a >= 0x477ff000:
		return sign | 0x7bff
	case a < 0x38800000: // steps of 2^-24
		return sign | uint16(math.RoundToEven(float64(math.Float32frombits(a))*(1<<24)))
	}
	a += 0xfff + (a >> 13 & 1)
	return sign | uint16((a-0x38000000)>>13)
}
