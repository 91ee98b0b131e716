package quant

import (
	"encoding/binary"
	"fmt"
	"runtime"
	"sync"

	"kakoi/core"
)

// State is one quantised weight. Its slices may point into a mapped file: they are not written to.
type State struct {
	Shape     []int64     // of the weight, [Out, In] for a linear
	DType     string      // the weight had before quantisation: "float32", "float16", "bfloat16"
	BlockSize int         // elements per absmax, a power of two from 32 to 4096
	Map       [16]float32 // value of each code: NF4
	Packed    []byte      // [ceil(elements/2)]: element 2i in the high four bits of byte i, 2i+1 in the low ones
	Absmax    []float32   // [blocks]; nil when Nested is set
	Nested    *Nested     // double quantisation of the absmax; nil without
}

// Elements is the number of weights.
func (s *State) Elements() int {
	n := int64(1)
	for _, d := range s.Shape {
		n *= d
	}
	return int(n)
}

// Bytes is the memory of the quantised form: codes, scales and their tables.
func (s *State) Bytes() int64 {
	n := int64(len(s.Packed)) + int64(len(s.Absmax))*4 + 16*4
	if s.Nested != nil {
		n += int64(len(s.Nested.Codes)) + int64(len(s.Nested.Absmax))*4 + 256*4
	}
	return n
}

// Scales returns the absmax of every block, [blocks], with double quantisation undone. The slice is the
// State's own when there is none: do not write to it.
func (s *State) Scales() []float32 {
	if s.Nested != nil {
		return s.Nested.scales()
	}
	return s.Absmax
}

// Dequantize writes the weight, row-major, into dst of Elements() floats, on all cores.
func (s *State) Dequantize(dst []float32) error {
	return s.DequantizeRange(dst, 0)
}

// DequantizeRange writes the elements [from, from+len(dst)) into dst; from must be a multiple of BlockSize.
func (s *State) DequantizeRange(dst []float32, from int) error {
	if from%s.BlockSize != 0 || from+len(dst) > s.Elements() {
		return fmt.Errorf("dequantize elements %d to %d of %d: %w", from, from+len(dst), s.Elements(), core.ErrDimension)
	}
	scales := s.Scales()
	blocks := (len(dst) + s.BlockSize - 1) / s.BlockSize
	return parallel(blocks, 1024, func(lo, hi int) error {
		for b := lo; b < hi; b++ {
			start, end := b*s.BlockSize, min(len(dst), (b+1)*s.BlockSize)
			s.decode(dst[start:end], s.Packed[(from+start)/2:], scales[from/s.BlockSize+b])
		}
		return nil
	})
}

// decode writes one block: 16 products first, then look-ups, eight bytes at a time.
func (s *State) decode(dst []float32, packed []byte, absmax float32) {
	var table [16]float32
	for c, v := range s.Map {
		table[c] = v * absmax
	}
	i := 0
	for ; i+16 <= len(dst); i += 16 {
		x, d := binary.LittleEndian.Uint64(packed[i/2:]), (*[16]float32)(dst[i:])
		d[0], d[1], d[2], d[3] = table[x>>4&15], table[x&15], table[x>>12&15], table[x>>8&15]
		d[4], d[5], d[6], d[7] = table[x>>20&15], table[x>>16&15], table[x>>28&15], table[x>>24&15]
		d[8], d[9], d[10], d[11] = table[x>>36&15], table[x>>32&15], table[x>>44&15], table[x>>40&15]
		d[12], d[13], d[14], d[15] = table[x>>52&15], table[x>>48&15], table[x>>60&15], table[x>>56&15]
	}
	for ; i < len(dst); i++ {
		dst[i] = table[packed[i/2]>>(4*(1-i%2))&15]
	}
}

// parallel runs f over [0, n) in pieces of at least grain on all cores and returns the first error by position.
func parallel(n, grain int, f func(lo, hi int) error) error {
	workers := min(runtime.GOMAXPROCS(0), (n+grain-1)/grain)
	if workers <= 1 {
		return f(0, n)
	}
	errs := make([]error, workers)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() { errs[w] = f(n*w/workers, n*(w+1)/workers) })
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
