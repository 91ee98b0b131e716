package quant

import (
	"math"
	"slices"
)

// Nested is the double quantisation of a State's scales.
type Nested struct {
	Codes     []byte       // [blocks]: one per absmax
	Absmax    []float32    // [ceil(blocks/BlockSize)]
	Map       [256]float32 // sorted
	Offset    float32      // mean of the absmax before quantisation
	BlockSize int          // 256
}

// DynamicMap is bitsandbytes' signed dynamic 8-bit map, sorted: seven decades, each twice as finely divided as
// the one below, both signs, zero and 1.
var DynamicMap = signedDynamicMap()

func signedDynamicMap() [256]float32 {
	var m [256]float32
	values := make([]float32, 0, 256)
	for i := range 7 {
		bounds := linspace(0.1, 1, 1<<i+1)
		scale := float32(math.Pow(10, float64(i-6)))
		for j := range 1 << i {
			mid := float32(bounds[j]+bounds[j+1]) / 2
			values = append(values, scale*mid, -scale*mid)
		}
	}
	values = append(values, 0, 1)
	slices.Sort(values)
	copy(m[:], values)
	return m
}

// linspace is torch.linspace in float32: both halves are counted from their own end, and each value is rounded
// once (a fused multiply-add; the product is exact in float64).
func linspace(start, end float32, n int) []float32 {
	out := make([]float32, n)
	step := (end - start) / float32(n-1)
	for i := range out {
		if i < n/2 {
			out[i] = float32(float64(start) + float64(step)*float64(i))
		} else {
			out[i] = float32(float64(end) - float64(step)*float64(n-1-i))
		}
	}
	return out
}

// nest quantises absmax - offset.
func nest(absmax []float32, offset float32) *Nested {
	n := &Nested{
		Codes: make([]byte, len(absmax)), Absmax: make([]float32, (len(absmax)+nestedBlockSize-1)/nestedBlockSize),
		Map: DynamicMap, Offset: offset, BlockSize: nestedBlockSize,
	}
	for b := range n.Absmax {
		lo, hi := b*nestedBlockSize, min(len(absmax), (b+1)*nestedBlockSize)
		var top float32
		for _, a := range absmax[lo:hi] {
			top = max(top, float32(math.Abs(float64(a-offset))))
		}
		if math.Float32bits(top) < normal {
			top = 0 // as in encodeBlock
		}
		n.Absmax[b] = top
		inverse := reciprocal(top)
		for i := lo; i < hi; i++ {
			n.Codes[i] = nearest(&n.Map, float32(absmax[i]-offset)*inverse)
		}
	}
	return n
}

// nearest is bitsandbytes' search in a sorted map of 256: a fixed descent of seven steps, then the midpoint to
// the neighbour on the side of x decides; on a midpoint the pivot wins. NaN takes the path of "not greater".
func nearest(m *[256]float32, x float32) byte {
	pivot, upper, lower := 127, 255, 0
	for i := 64; i > 0; i >>= 1 {
		if x > m[pivot] {
			lower = pivot
			pivot += i
		} else {
			upper = pivot
			pivot -= i
		}
	}
	v := m[pivot]
	if x > v {
		if x > (m[upper]+v)*0.5 {
			return byte(upper)
		}
		return byte(pivot)
	}
	if x < (m[lower]+v)*0.5 {
		return byte(lower)
	}
	return byte(pivot)
}

// scales returns the absmax of all blocks.
func (n *Nested) scales() []float32 {
	out := make([]float32, len(n.Codes))
	for i, c := range n.Codes {
		out[i] = float32(n.Map[c]*n.Absmax[i/n.BlockSize]) + n.Offset
	}
	return out
}

// UnsignedDynamicMap is bitsandbytes' unsigned dynamic 8-bit map, sorted: seven decades of positive numbers, each twice as finely
// divided as the one below and twice as finely as DynamicMap's, zero and 1.
var UnsignedDynamicMap = unsignedDynamicMap()

func unsignedDynamicMap() [256]float32 {
	var m [256]float32
	values := make([]float32, 0, 256)
	for i := range 7 {
		bounds := linspace(0.1, 1, 1<<(i+1)+1)
		scale := float32(math.Pow(10, float64(i-6)))
		for j := range 1 << (i + 1) {
			values = append(values, scale*(float32(bounds[j]+bounds[j+1])/2))
		}
	}
	values = append(values, 0, 1)
	slices.Sort(values)
	copy(m[:], values)
	return m
}

// Nearest is the code of the number in a sorted map that is nearest to x, by bitsandbytes' search.
func Nearest(m *[256]float32, x float32) byte { return nearest(m, x) }
