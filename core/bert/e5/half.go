package e5

import (
	"encoding/binary"
	"math"
)

// halves converts elements from..to of t, multiples of blockSize for packed ones, to f16 in dst.
func (t tensor) halves(dst []byte, from, to int) {
	if t.kind == plain {
		for i := from; i < to; i++ {
			v := math.Float32frombits(binary.LittleEndian.Uint32(t.data[4*i:]))
			binary.LittleEndian.PutUint16(dst[2*(i-from):], toHalf(v))
		}
		return
	}
	for b := from / blockSize; b < to/blockSize; b++ {
		block := t.data[b*blockBytes : (b+1)*blockBytes]
		out := dst[2*(b*blockSize-from):]
		d := fromHalf(binary.LittleEndian.Uint16(block))
		for j, q := range block[2:] {
			binary.LittleEndian.PutUint16(out[2*j:], toHalf(float32(int(q&15)-8)*d))
			binary.LittleEndian.PutUint16(out[2*(j+16):], toHalf(float32(int(q>>4)-8)*d))
		}
	}
}

// fromHalf widens an IEEE 754 binary16.
func fromHalf(h uint16) float32 {
	sign := uint32(h>>15) << 31
	exp, frac := uint32(h>>10&31), uint32(h&1023)
	switch exp {
	case 31:
		return math.Float32frombits(sign | 0xff<<23 | frac<<13)
	case 0:
		v := float32(frac) * (1.0 / (1 << 24))
		return math.Float32frombits(math.Float32bits(v) | sign)
	}
	return math.Float32frombits(sign | (exp+112)<<23 | frac<<13)
}

// toHalf rounds to the nearest binary16, ties to even; too large becomes infinite.
func toHalf(v float32) uint16 {
	bits := math.Float32bits(v)
	sign := uint16(bits >> 16 & 0x8000)
	abs := bits & 0x7fffffff
	switch {
	case abs > 0x7f800000:
		return sign | 0x7e00
	case abs >= 0x477ff000: // 65520: half way to 2^16
		return sign | 0x7c00
	case abs < 0x38800000: // below 2^-14: subnormal, so count in units of 2^-24
		return sign | uint16(math.RoundToEven(float64(math.Float32frombits(abs))*(1<<24)))
	}
	abs += 0xfff + abs>>13&1
	return sign | uint16(abs>>13-112<<10)
}
