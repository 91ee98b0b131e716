package quant

import "math"

// Half is the float16 nearest to v, as its bits, the even one on a tie. Where v is finite and that is not, ok is false.
func Half(v float32) (bits uint16, ok bool) {
	r := roundF16(v)
	u := math.Float32bits(r)
	sign := uint16(u >> 16 & 0x8000)
	switch a := math.Abs(float64(r)); {
	case math.IsNaN(a):
		return sign | 0x7e00, true
	case math.IsInf(a, 0):
		return sign | 0x7c00, math.IsInf(float64(v), 0)
	case a < 0x1p-14:
		return sign | uint16(a*0x1p24), true
	}
	return sign | uint16(u>>13&0x3ff) | uint16(u>>23&0xff-112)<<10, true
}
