package quant

import (
	"encoding/binary"
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

// cells cut [-1, 1] into steps of 1/32, narrower than two thresholds are apart: in each the code is base, or one more above the one
// threshold that lies in it. Negative steps count from the end.
var cells = func() (c [128]cell) {
	for i := -33; i <= 33; i++ {
		low := (float32(i) - 0.5) / 32
		base := encode(low)
		c[i&127] = cell{over: 2, base: base}
		if base < 15 {
			c[i&127].over = thresholds[base]
		}
	}
	return c
}()

type cell struct {
	over float32
	base byte
}

// cellAnchor moves x*32, rounded, into the low bits of a float32: its last place at this magnitude is 1/32.
const cellAnchor = 3 << 17

// code is encode for x that is no NaN, without a branch to guess.
func code(x float32) byte {
	c := &cells[math.Float32bits(x+cellAnchor)&127]
	var more byte
	if x > c.over {
		more = 1
	}
	return c.base + more
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
	return quantize(len(w), dtype, shape, nested, func(block *[BlockSize]float32, from int) (uint32, float32) {
		var top uint32
		for i, v := range w[from:min(len(w), from+BlockSize)] {
			v = round(v)
			block[i] = v
			top = max(top, math.Float32bits(v)&^(1<<31))
		}
		return top, 1
	})
}

// Quantize is QuantizeNF4 of a weight as a file holds it: little-endian numbers of dtype.
func Quantize(raw []byte, dtype string, shape []int64, nested bool) (*State, error) {
	size, fill := 2, fillBF16
	switch dtype {
	case "bfloat16":
	case "float16":
		fill = fillF16
	case "float32":
		size, fill = 4, fillF32
	default:
		return nil, fmt.Errorf("source type %q: %w", dtype, core.ErrUnsupported)
	}
	if len(raw)%size != 0 {
		return nil, fmt.Errorf("quantize: %d bytes of %s: %w", len(raw), dtype, core.ErrDimension)
	}
	return quantize(len(raw)/size, dtype, shape, nested, func(block *[BlockSize]float32, from int) (uint32, float32) {
		return fill(block, raw[from*size:min(len(raw), (from+BlockSize)*size)])
	})
}

// The fills widen a block's numbers and return the largest magnitude as the bits of a float32, so that one comparison finds what is
// not finite, and what the numbers in block are to be multiplied with. The 16-bit ones take four numbers at a time.

const (
	lanes     = 0x0001000100010001 // 1 in each of four numbers of 16 bits
	magnitude = 0x7fff * lanes
	signs     = 0x8000 * lanes
)

// maxLanes is the larger magnitude in each lane.
func maxLanes(a, b uint64) uint64 {
	b &= magnitude
	over := ((a | signs) - b) & signs >> 15 * 0xffff // all ones where a >= b
	return a&over | b&^over
}

func maxLane(a uint64) uint32 {
	return uint32(max(a&0xffff, a>>16&0xffff, a>>32&0xffff, a>>48))
}

func fillBF16(block *[BlockSize]float32, raw []byte) (bits uint32, scale float32) {
	var top uint64
	i := 0
	for ; len(raw) >= 8; raw = raw[8:] {
		x := binary.LittleEndian.Uint64(raw)
		top = maxLanes(top, x)
		d := (*[4]float32)(block[i&(BlockSize-4):])
		d[0], d[1] = math.Float32frombits(uint32(x)<<16), math.Float32frombits(uint32(x)&0xffff0000)
		d[2], d[3] = math.Float32frombits(uint32(x>>32)<<16), math.Float32frombits(uint32(x>>32)&0xffff0000)
		i += 4
	}
	for ; len(raw) >= 2; raw = raw[2:] {
		x := binary.LittleEndian.Uint16(raw)
		top = maxLanes(top, uint64(x))
		block[i&(BlockSize-1)] = math.Float32frombits(uint32(x) << 16)
		i++
	}
	return maxLane(top) << 16, 1
}

// fillF16 leaves the numbers at 2^-112 of their value where scale says so: a half's bits moved into their place in a float32 are that, and
// the block's reciprocal takes the factor back, exactly.
func fillF16(block *[BlockSize]float32, raw []byte) (bits uint32, scale float32) {
	const magnitudes, signs32 = 0x0000_7fff_0000_7fff, 0x0000_8000_0000_8000
	var top uint64
	i := 0
	for ; len(raw) >= 8; raw = raw[8:] {
		x := binary.LittleEndian.Uint64(raw)
		top = maxLanes(top, x)
		// Two halves each to a word, then both at once.
		low, high := x&0xffff|x&0xffff0000<<16, x>>32&0xffff|x>>32&0xffff0000<<16
		low, high = low&magnitudes<<13|low&signs32<<16, high&magnitudes<<13|high&signs32<<16
		d := (*[4]float32)(block[i&(BlockSize-4):])
		d[0], d[1] = math.Float32frombits(uint32(low)), math.Float32frombits(uint32(low>>32))
		d[2], d[3] = math.Float32frombits(uint32(high)), math.Float32frombits(uint32(high>>32))
		i += 4
	}
	for ; len(raw) >= 2; raw = raw[2:] {
		h := uint32(binary.LittleEndian.Uint16(raw))
		top = maxLanes(top, uint64(h))
		block[i&(BlockSize-1)] = math.Float32frombits(h&0x7fff<<13 | h&0x8000<<16)
		i++
	}
	h := maxLane(top)
	if h >= 0x7c00 {
		return infinity, 1
	}
	bits = math.Float32bits(math.Float32frombits(h<<13) * 0x1p112)
	if h >= 0x0400 {
		return bits, 0x1p112
	}
	for i := range block { // subnormal halves alone: their reciprocal times 2^112 would be no number
		block[i] *= 0x1p112
	}
	return bits, 1
}

func fillF32(block *[BlockSize]float32, raw []byte) (top uint32, scale float32) {
	for i := 0; len(raw) >= 4; i, raw = i+1, raw[4:] {
		u := binary.LittleEndian.Uint32(raw)
		block[i&(BlockSize-1)] = math.Float32frombits(u)
		top = max(top, u&^(1<<31))
	}
	return top, 1
}

// quantize runs over the blocks; fill writes the values of the block that begins at an element, over scale, and returns the largest
// magnitude of the values.
func quantize(n int, dtype string, shape []int64, nested bool, fill func(block *[BlockSize]float32, from int) (uint32, float32)) (*State, error) {
	want, err := elements(shape)
	if err != nil {
		return nil, fmt.Errorf("quantize: %w", err)
	}
	if n != want {
		return nil, fmt.Errorf("quantize: shape %v has %d elements, got %d: %w", shape, want, n, core.ErrDimension)
	}
	s := &State{
		Shape: append([]int64(nil), shape...), DType: dtype, BlockSize: BlockSize,
		Map: NF4, Packed: make([]byte, (n+1)/2), Absmax: make([]float32, (n+BlockSize-1)/BlockSize),
	}
	// Blocks hold an even number of elements, so no byte is shared between two of them.
	err = parallel(len(s.Absmax), 256, func(lo, hi int) error {
		var block [BlockSize]float32
		for b := lo; b < hi; b++ {
			top, scale := fill(&block, b*BlockSize)
			if top >= infinity {
				return fmt.Errorf("quantize: a value of block %d is not finite: %w", b, core.ErrCorrupt)
			}
			at := b * BlockSize
			s.Absmax[b] = encodeBlock(s.Packed[at/2:min(len(s.Packed), at/2+BlockSize/2)], &block, min(n-at, BlockSize), top, scale)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if nested {
		s.Nested = nest(s.Absmax, Mean(s.Absmax))
		s.Absmax = nil
	}
	return s, nil
}

// Bits of float32 numbers.
const (
	infinity = 0x7f800000
	normal   = 0x00800000 // the smallest normal number
)

// encodeBlock packs the codes of the first n values, scale times what block holds, the largest magnitude of which is the number with the
// bits top, and returns the absmax. It does as the CUDA kernel does, which is compiled to take subnormal numbers for zero.
func encodeBlock(packed []byte, block *[BlockSize]float32, n int, top uint32, scale float32) float32 {
	if top < normal {
		clear(packed) // 0 times the infinite reciprocal of 0 is NaN, which is above no threshold
		return 0
	}
	absmax := math.Float32frombits(top)
	if top < 6<<23 { // elsewhere a subnormal number is so small beside absmax that its code is that of 0 anyway
		for i, v := range block {
			if math.Float32bits(v)&^(1<<31) < normal {
				block[i] = 0
			}
		}
	}
	inverse := reciprocal(absmax) * scale
	if n == BlockSize {
		for i := range (*[BlockSize / 2]byte)(packed) {
			packed[i] = code(block[2*i]*inverse)<<4 | code(block[2*i+1]*inverse)
		}
		return absmax
	}
	for i := range n / 2 {
		packed[i] = code(block[2*i&(BlockSize-1)]*inverse)<<4 | code(block[(2*i+1)&(BlockSize-1)]*inverse)
	}
	if n%2 == 1 {
		packed[n/2] = code(block[n-1]*inverse)<<4 | zeroCode
	}
	return absmax
}

// zeroCode is the code of 0, with which the kernel pads an odd tail.
const zeroCode = 7

// reciprocal is 1/x as the CUDA kernel computes it where that can be seen: with a subnormal result taken for zero. The kernel's
// instruction may be off by one in the last place; see docs/decisions.
func reciprocal(x float32) float32 {
	if x > 0x1p126 {
		return 0
	}
	return 1 / x
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
