package quant

import (
	"fmt"
	"math"

	"kakoi/core"
)

// NF4 holds the 16 values of the data type, in the order of their codes.
var NF4 = [16]float32{
	-1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453,
	-0.28444138169288635, -0.18477343022823334, -0.09105003625154495, 0.0,
	0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224,
	0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0,
}

// thresholds of the encoder: the code is the number of thresholds strictly below x. They are those of
// bitsandbytes' CUDA kernel.
var thresholds = [15]float32{
	-0.8480964004993439, -0.6106329262256622, -0.4599952697753906, -0.33967943489551544,
	-0.23460740596055984, -0.13791173323988914, -0.045525018125772476, 0.03979014977812767,
	0.1202552504837513, 0.2035212516784668, 0.2920137718319893, 0.3893125355243683,
	0.5016634166240692, 0.6427869200706482, 0.8614784181118011,
}

// BlockSize is what Hugging Face's loaders use; bitsandbytes allows 32 to 4096.
const BlockSize = 64

// nestedBlockSize is the only one that bitsandbytes' fused kernels support.
const nestedBlockSize = 256

// encode returns the code of x in [-1, 1]. NaN, which an all-zero block gives, compares false and gets code 0.
func encode(x float32) byte {
	var lo byte
	if x > thresholds[7] {
		lo = 8
	}
	if x > thresholds[lo+3] {
		lo += 4
	}
	if x > thresholds[lo+1] {
		lo += 2
	}
	if x > thresholds[lo] {
		lo++
	}
	return lo
}

// QuantizeNF4 quantises w, row-major of the given shape, in blocks of BlockSize. The values are first rounded to
// dtype ("float32", "float16" or "bfloat16"), the type the weight is stored in before quantisation, which
// decides on which side of a threshold a value falls. With nested set the scales are quantised too.
//
// A NaN or an infinity in w is refused with core.ErrCorrupt.
func QuantizeNF4(w []float32, dtype string, shape []int64, nested bool) (*State, error) {
	round, err := rounder(dtype)
	if err != nil {
		return nil, err
	}
	n, err := elements(shape)
	if err != nil {
		return nil, fmt.Errorf("quantize: %w", err)
	}
	if n != len(w) {
		return nil, fmt.Errorf("quantize: shape %v has %d elements, got %d: %w", shape, n, len(w), core.ErrDimension)
	}
	s := &State{
		Shape: append([]int64(nil), shape...), DType: dtype, BlockSize: BlockSize,
		Map: NF4, Packed: make([]byte, (n+1)/2), Absmax: make([]float32, (n+BlockSize-1)/BlockSize),
	}
	// Blocks hold an even number of elements, so no byte is shared between two of them.
	bad := parallel(len(s.Absmax), 256, func(lo, hi int) error {
		for b := lo; b < hi; b++ {
			if !s.encodeBlock(b, w[b*BlockSize:min(n, (b+1)*BlockSize)], round) {
				return fmt.Errorf("quantize: a value of block %d is not finite: %w", b, core.ErrCorrupt)
			}
		}
		return nil
	})
	if bad != nil {
		return nil, bad
	}
	if nested {
		s.Nested = nest(s.Absmax, mean(s.Absmax))
		s.Absmax = nil
	}
	return s, nil
}

// encodeBlock fills block b and reports whether all its values were finite.
func (s *State) encodeBlock(b int, w []float32, round func(float32) float32) bool {
	var block [BlockSize]float32
	var top float32
	for i, v := range w {
		v = round(v)
		if v-v != 0 {
			return false
		}
		block[i] = v
		if v < 0 {
			v = -v
		}
		if v > top {
			top = v
		}
	}
	s.Absmax[b] = top
	inverse := 1 / top
	at := b * BlockSize / 2
	for i := 0; i < len(w); i += 2 {
		c := encode(block[i]*inverse) << 4
		// An odd tail has no second element: bitsandbytes pads with a zero, which has code 7.
		if i+1 < len(w) {
			c |= encode(block[i+1] * inverse)
		} else {
			c |= encode(0)
		}
		s.Packed[at+i/2] = c
	}
	return true
}

// elements is the number of elements of shape; every length must be positive and the product fit an int.
func elements(shape []int64) (int, error) {
	n := int64(1)
	if len(shape) == 0 {
		return 0, fmt.Errorf("no shape: %w", core.ErrCorrupt)
	}
	for _, d := range shape {
		if d <= 0 || d > math.MaxInt64/n || n*d > 1<<46 {
			return 0, fmt.Errorf("shape %v: %w", shape, core.ErrCorrupt)
		}
		n *= d
	}
	return int(n), nil
}

// rounder returns the rounding to the nearest value of dtype, ties to even.
func rounder(dtype string) (func(float32) float32, error) {
	switch dtype {
	case "float32":
		return func(v float32) float32 { return v }, nil
	case "bfloat16":
		return roundBF16, nil
	case "float16":
		return roundF16, nil
	}
	return nil, fmt.Errorf("source type %q: %w", dtype, core.ErrUnsupported)
}

func roundBF16(v float32) float32 {
	u := math.Float32bits(v)
	if u&0x7fffffff > 0x7f800000 {
		return v
	}
	return math.Float32frombits((u + 0x7fff + u>>16&1) &^ 0xffff)
}

// roundF16 lets the float32 adder do the rounding: adding a number whose last place is float16's last place at
// the magnitude of v, and taking it away again, leaves v rounded to nearest even.
func roundF16(v float32) float32 {
	u := math.Float32bits(v)
	sign, u := u&0x80000000, u&0x7fffffff
	switch {
	case u > 0x7f800000:
		return v
	case u >= 0x477ff000: // 65520 and above
		return math.Float32frombits(sign | 0x7f800000)
	}
	exponent := max(u&0x7f800000, 113<<23) // below 2^-14 the spacing stays that of the subnormals
	anchor := math.Float32frombits(exponent + 13<<23)
	r := float32(math.Float32frombits(u)+anchor) - anchor
	return math.Float32frombits(sign | math.Float32bits(r))
}
