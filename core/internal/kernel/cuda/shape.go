package cuda

import (
	"fmt"

	"kakoi/core"
)

// MaxLanes is the most tokens that one call of a Decoder computes.
const MaxLanes = 16

// Activation is the function between the two matrices of the feed-forward part.
type Activation int32

const (
	Gelu     Activation = iota // exact, by erf
	GeluTanh                   // the tanh approximation
	Relu
	Silu
)

// Shape is a GPT-NeoX as the decode kernel sees it.
type Shape struct {
	Layers, Hidden, Heads, Inner, Vocab int // Inner: width of the feed-forward part
	Rotary                              int // leading elements of a head that are turned
	Eps                                 float32
	Parallel                            bool // use_parallel_residual
	Act                                 Activation
	Head4                               bool // the LM head is NF4 in the Layout; otherwise bf16 row-major beside it
}

// Matrix names a 4-bit matrix of a layer, or the head.
type Matrix int

const (
	QKV   Matrix = iota // [3 Hidden, Hidden], rows per head: q, k, v
	Dense               // [Hidden, Hidden]
	Up                  // [Inner, Hidden]
	Down                // [Hidden, Inner]
	Head                // [Vocab, Hidden], with Shape.Head4 only
)

// HeadDim is the width of one attention head.
func (s Shape) HeadDim() int { return s.Hidden / s.Heads }

// Size is the number of rows and columns of a matrix.
func (s Shape) Size(m Matrix) (rows, cols int) {
	switch m {
	case QKV:
		return 3 * s.Hidden, s.Hidden
	case Dense:
		return s.Hidden, s.Hidden
	case Up:
		return s.Inner, s.Hidden
	case Down:
		return s.Hidden, s.Inner
	}
	return s.Vocab, s.Hidden
}

// Validate says whether the kernels can run this shape; core.ErrUnsupported otherwise.
func (s Shape) Validate() error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("4-bit kernels: "+format+": %w", append(args, core.ErrUnsupported)...)
	}
	if s.Layers < 1 || s.Heads < 1 || s.Hidden%s.Heads != 0 {
		return bad("%d layers, %d heads, width %d", s.Layers, s.Heads, s.Hidden)
	}
	if s.Hidden%64 != 0 || s.Inner%64 != 0 || s.Hidden < 64 || s.Inner < 64 {
		return bad("widths %d and %d are no multiples of 64", s.Hidden, s.Inner)
	}
	if s.Hidden > 8192 || s.Inner > 65536 {
		return bad("widths %d and %d", s.Hidden, s.Inner)
	}
	if d := s.HeadDim(); d%16 != 0 || d > 256 || s.Rotary%2 != 0 || s.Rotary > d {
		return bad("heads of %d, %d of them turned", d, s.Rotary)
	}
	if s.Vocab < 1 || (s.Head4 && s.Vocab%16 != 0) {
		return bad("vocabulary of %d", s.Vocab)
	}
	return nil
}

// Layout says where things lie in the one block of memory that holds a model's 4-bit weights, biases and norms.
// Offsets are in bytes from its start, which must be aligned to 256.
//
// A matrix is cut into units of 16 rows x 64 columns, a quantisation block per row: 512 bytes of codes and 32
// bytes of fp16 scales. Units follow each other along the columns of a chunk, then from tile to tile of rows,
// then from chunk to chunk, so that any run of units is one run of memory.
type Layout struct {
	Shape  Shape
	layer  int64 // bytes of one layer
	matrix [4]place
	bias   [4]int64
	norm   [2]int64
	final  int64
	head   place
	total  int64
}

type place struct{ codes, scales, factor int64 }

// NewLayout lays s out; s must be valid.
func NewLayout(s Shape) Layout {
	l := Layout{Shape: s}
	var at int64
	take := func(n int64) int64 {
		p := at
		at += (n + 255) &^ 255
		return p
	}
	put := func(m Matrix) place {
		rows, cols := s.Size(m)
		units := int64(rows/16) * int64(cols/64)
		return place{take(units * 512), take(units * 32), take(4)}
	}
	d, f := int64(s.Hidden), int64(s.Inner)
	for m := QKV; m <= Down; m++ {
		l.matrix[m] = put(m)
	}
	for m, n := range []int64{3 * d, d, f, d} {
		l.bias[m] = take(4 * n)
	}
	l.norm[0], l.norm[1] = take(8*d), take(8*d)
	l.layer = at
	at = l.layer * int64(s.Layers)
	l.final = take(8 * d)
	if s.Head4 {
		l.head = put(Head)
	}
	l.total = at
	return l
}

// Bytes is the size of the block.
func (l Layout) Bytes() int64 { return l.total }

// Place is where a matrix lies; layer counts for nothing with Head.
func (l Layout) Place(layer int, m Matrix) Placed {
	p, at := l.head, int64(0)
	if m != Head {
		p, at = l.matrix[m], int64(layer)*l.layer
	}
	rows, cols := l.Shape.Size(m)
	return Placed{Codes: at + p.codes, Scales: at + p.scales, Factor: at + p.factor, Rows: rows, Cols: cols, Chunk: chunk(m, cols/64)}
}

// Bias is where a matrix's bias lies: fp32 [rows]. It must be filled, with zeros where the model has none.
func (l Layout) Bias(layer int, m Matrix) int64 { return int64(layer)*l.layer + l.bias[m] }

// Norm is where input_layernorm (which 0) or post_attention_layernorm (1) lies: fp32, weight [Hidden], bias [Hidden].
func (l Layout) Norm(layer, which int) int64 { return int64(layer)*l.layer + l.norm[which] }

// FinalNorm is where the norm before the head lies, as Norm.
func (l Layout) FinalNorm() int64 { return l.final }

// Placed is a matrix in the decode layout: three offsets, or three pointers after At.
type Placed struct {
	Codes      int64 // units of 512 bytes
	Scales     int64 // fp16 [units][16]: rows 0, 8, 1, 9, ..; times Factor
	Factor     int64 // fp32, one
	Rows, Cols int
	Chunk      int // blocks of 64 columns per chunk
}

// At turns offsets into pointers.
func (p Placed) At(base uintptr) Placed {
	p.Codes, p.Scales, p.Factor = p.Codes+int64(base), p.Scales+int64(base), p.Factor+int64(base)
	return p
}

// chunk is the number of column blocks, of n, that a block of threads works on before it goes on to others: all
// where the input is normalised as a whole, a part where it may be long or has to be put together first.
func chunk(m Matrix, n int) int {
	most := 44
	switch m {
	case Dense:
		most = 4
	case Down:
		most = 8
	}
	best := 1
	for c := 2; c <= min(most, n); c++ {
		if n%c == 0 && (c%2 == 0 || n%2 == 1) { // even where it can be: the kernel takes two at a time
			best = c
		}
	}
	return best
}
