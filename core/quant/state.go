package quant

import (
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

// decode writes one block: 16 products first, then two look-ups per byte.
func (s *State) decode(dst []float32, packed []byte, absmax float32) {
	var table [16]float32
	for c, v := range s.Map {
		table[c] = v * absmax
	}
	pairs := len(dst) / 2
	packed = packed[:(len(dst)+1)/2]
	for i, p := range packed[:pairs] {
		d := dst[2*i : 2*i+2 : 2*i+2]
		d[0] = table[p>>4]
		d[1] = table[p&15]
	}
	if len(dst)%2 == 1 {
		dst[len(dst)-1] = table[packed[pairs]>>4]
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
