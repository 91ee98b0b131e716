//go:build torch

package cpu

// #include "encoder.h"
// #include "detect.h"
// #include <stdlib.h>
import "C"

import (
	"fmt"
	"unsafe"

	"kakoi/core"
)

// Codes is the arithmetic of an Encoder's matrix products.
type Codes int

const (
	Int8   Codes = iota // weights and activations of 8 bits, exact sums
	BFloat Codes = iota // BF16 operands, sums in fp32
)

// EncoderShape is a BERT encoder. Activation is "gelu", "gelu_tanh", "relu" or "silu".
type EncoderShape struct {
	Hidden, Heads, Inner, Layers, Vocab, Positions int
	First                                          int // place of a window's first token in the position embeddings
	Eps                                            float64
	Activation                                     string
	Codes                                          Codes
}

// Words are word embeddings [vocab, hidden] as they are stored. The memory has to outlive the Encoder, and is not Go's
// or pinned.
type Words struct {
	Data  []byte
	Bytes int  // of a number: 4 (fp32) or 2
	Half  bool // of two bytes: IEEE half precision, else BF16
}

// EncoderMatrix names a weight matrix of a layer.
type EncoderMatrix int

// The matrices of a layer: query, key and value stacked [3H, H]; [H, H]; [I, H]; [H, I].
const (
	EncoderQKV EncoderMatrix = iota
	EncoderOut
	EncoderUp
	EncoderDown
)

// Encoder is a BERT encoder in C memory; Close frees it. It runs one batch at a time.
type Encoder struct {
	shape  EncoderShape
	m      *C.ke_model
	memory Memory
}

// NewEncoder lays out an encoder whose weights are set next, all of them. The error is core.ErrOutOfMemory, or
// core.ErrUnsupported for an activation that is not known.
func NewEncoder(s EncoderShape, w Words) (*Encoder, error) {
	activation, ok := map[string]C.int{"gelu": C.KE_GELU, "gelu_tanh": C.KE_GELU_TANH, "relu": C.KE_RELU, "silu": C.KE_SILU}[s.Activation]
	if !ok {
		return nil, fmt.Errorf("activation %q: %w", s.Activation, core.ErrUnsupported)
	}
	if len(w.Data) != s.Vocab*s.Hidden*w.Bytes {
		return nil, fmt.Errorf("word embeddings of %d bytes: %w", len(w.Data), core.ErrDimension)
	}
	m := (*C.ke_model)(C.calloc(1, C.sizeof_ke_model))
	if m == nil {
		return nil, core.ErrOutOfMemory
	}
	m.hidden, m.heads, m.inner, m.layers, m.vocab = C.int(s.Hidden), C.int(s.Heads), C.int(s.Inner), C.int(s.Layers), C.int(s.Vocab)
	m.first, m.eps, m.activation, m.kind = C.int(s.First), C.float(s.Eps), activation, C.int(s.Codes)
	m.tokens, m.set = blockTokens, C.KC_AMX
	switch {
	case w.Bytes == 4:
		m.word_type = C.KE_F32
	case w.Half:
		m.word_type = C.KE_F16
	default:
		m.word_type = C.KE_BF16_WORDS
	}
	m.words = unsafe.Pointer(unsafe.SliceData(w.Data))
	e := &Encoder{shape: s, m: m}
	var err error
	if e.memory, err = Alloc(int64(C.ke_lay(m, nil, C.int(s.Positions)))); err != nil {
		e.Close()
		return nil, err
	}
	C.ke_lay(m, (*C.char)(e.memory.Pointer()), C.int(s.Positions))
	return e, nil
}

// blockTokens is how many tokens a thread takes through the layers at a time: enough that the weights, which come from
// the shared cache or from memory once for all of them, cost little, and few enough for their numbers to stay in the
// core's own cache. Measured: 128 to 1024 tokens.
const blockTokens = 384

// Limit keeps this encoder to kernels of s or below, for tests and measurements.
func (e *Encoder) Limit(s Set) { e.m.set = C.int(s) }

// Instructions names what the encoder's products run on: "AVX-512 VNNI", "AMX bf16".
func (e *Encoder) Instructions() string {
	return C.GoString(C.ke_product_name(C.int(e.shape.Codes), min(C.int(Detect()), e.m.set)))
}

// halfWide and halfEmulated stand for AVX-VNNI and its emulation: 8-bit products that no set chooses on a processor with AVX-512.
const (
	halfWide Set = 100 + iota
	halfEmulated
)

// product is one raw matrix product by the kernel of a set: a [rows, row bytes of k] as the kernels take it, w [n, k] fp32
// -> sums [rows, n] as int32 or fp32 bits, and the scale of each output (Int8). For tests. The sets halfWide and halfEmulated are
// AVX-VNNI's; core.ErrUnsupported where the processor cannot.
func product(c Codes, set Set, a []byte, rows int, w []float32, n, k int) (sums []uint32, scale []float32, err error) {
	row := C.ke_row_bytes(C.int(c), C.int(k))
	up := func(n int) int { return (n + C.ke_cols - 1) / C.ke_cols * C.ke_cols }
	np, rp := up(n), up(rows)
	packed, err := Alloc(int64(np) * int64(row))
	if err != nil {
		return nil, nil, err
	}
	defer packed.Free()
	left, err := Alloc(int64(rp) * int64(row))
	if err != nil {
		return nil, nil, err
	}
	defer left.Free()
	out, err := Alloc(int64(rp) * int64(np) * 4)
	if err != nil {
		return nil, nil, err
	}
	defer out.Free()
	copy(left.Bytes(), a)
	scale, total := make([]float32, np), make([]int32, np)
	C.ke_pack(C.int(c), floats(w), C.int(n), C.int(k), row, packed.Pointer(), floats(scale), ints(total))
	switch set {
	case halfWide, halfEmulated:
		if C.ke_product_half(C.int(set-halfWide), left.Pointer(), row, C.int(rows), packed.Pointer(), C.int(np/C.ke_panel), out.Pointer()) == 0 {
			return nil, nil, core.ErrUnsupported
		}
	default:
		C.ke_product_once(C.int(c), C.int(set), left.Pointer(), row, C.int(rows), packed.Pointer(), C.int(np/C.ke_panel), out.Pointer())
	}
	all := unsafe.Slice((*uint32)(out.Pointer()), rp*np)
	for r := range rows {
		sums = append(sums, all[r*np:r*np+n]...)
	}
	return sums, scale[:n], nil
}

// rowBytes is the length of a row of k operands of a product.
func rowBytes(c Codes, k int) int { return int(C.ke_row_bytes(C.int(c), C.int(k))) }

// Products multiplies matrices of this encoder's kind that lie in the cores' own caches, repeat times on every thread of
// the pool, and returns the operations done, multiplications and additions. Timed, it is the limit of a run.
func (e *Encoder) Products(p *Pool, repeat int) (float64, error) {
	n := float64(C.ke_probe(p.c, e.m, C.int(repeat)))
	if n < 0 {
		return 0, fmt.Errorf("matrices to multiply: %w", core.ErrOutOfMemory)
	}
	return n, nil
}

// Bytes is the memory of the weights, without the word embeddings.
func (e *Encoder) Bytes() int64 { return e.memory.n }

// SetMatrix sets a matrix of a layer, [outputs, inputs] row by row, and its bias.
func (e *Encoder) SetMatrix(layer int, which EncoderMatrix, w, b []float32) error {
	h, i := e.shape.Hidden, e.shape.Inner
	n, k := [...]int{3 * h, h, i, h}[which], [...]int{h, h, h, i}[which]
	if len(w) != n*k || len(b) != n || layer < 0 || layer >= e.shape.Layers {
		return fmt.Errorf("matrix %d of layer %d: %d weights, %d biases: %w", which, layer, len(w), len(b), core.ErrDimension)
	}
	C.ke_set_matrix(e.m, C.int(layer), C.int(which), floats(w), floats(b))
	return nil
}

// SetNorm sets the LayerNorm after attention (which 0) or at the end (1) of a layer, or that of the embeddings (layer -1).
func (e *Encoder) SetNorm(layer, which int, w, b []float32) error {
	if len(w) != e.shape.Hidden || len(b) != e.shape.Hidden || layer < -1 || layer >= e.shape.Layers {
		return fmt.Errorf("norm %d of layer %d: %d and %d values: %w", which, layer, len(w), len(b), core.ErrDimension)
	}
	C.ke_set_norm(e.m, C.int(layer), C.int(which), floats(w), floats(b))
	return nil
}

// SetPositions sets the position embeddings [Positions, Hidden], that of the token type added.
func (e *Encoder) SetPositions(p []float32) error {
	if len(p) != e.shape.Positions*e.shape.Hidden {
		return fmt.Errorf("position embeddings: %d values: %w", len(p), core.ErrDimension)
	}
	C.ke_set_positions(e.m, floats(p), C.int(e.shape.Positions))
	return nil
}

// Run takes windows of ids through the encoder on a pool: window i is ids[from[i]:from[i+1]], none of them empty. mean
// [windows, Hidden] gets the mean of a window's hidden states without those of its first skip[i] tokens, states
// [ids, Hidden] all hidden states; either may be nil. What a window gives does not depend on the others, nor on the
// number of threads.
func (e *Encoder) Run(p *Pool, ids, from, skip []int32, mean, states []float32) error {
	n := len(from) - 1
	if n < 1 {
		return nil
	}
	h := e.shape.Hidden
	if from[0] != 0 || int(from[n]) != len(ids) || len(skip) != n || mean != nil && len(mean) != n*h || states != nil && len(states) != len(ids)*h {
		return fmt.Errorf("run of %d windows: %w", n, core.ErrDimension)
	}
	for i := range n {
		if length := int(from[i+1] - from[i]); length < 1 || length > e.shape.Positions-e.shape.First {
			return fmt.Errorf("window of %d tokens: %w", length, core.ErrDimension)
		}
	}
	for _, id := range ids {
		if id < 0 || int(id) >= e.shape.Vocab {
			return fmt.Errorf("token %d of %d: %w", id, e.shape.Vocab, core.ErrDimension)
		}
	}
	if C.ke_run(p.c, e.m, ints(ids), ints(from), ints(skip), C.int(n), floats(mean), floats(states)) != 0 {
		return fmt.Errorf("work space of an encoder: %w", core.ErrOutOfMemory)
	}
	return nil
}

// Close frees the encoder; again is harmless. It may not be running.
func (e *Encoder) Close() {
	if e.m != nil {
		C.ke_free(e.m)
		e.m = nil
	}
	e.memory.Free()
}

// FastCodes is the arithmetic that makes an Encoder fast on this processor; false where libtorch's fp32 is as fast. Where
// there are tiles both are; 8 bits are a third faster.
func FastCodes() (Codes, bool) {
	return Int8, Detect() >= VNNI || Detect() >= AVX2 && C.kc_detect().avxvnni != 0
}

func floats(v []float32) *C.float { return (*C.float)(unsafe.Pointer(unsafe.SliceData(v))) }

func ints(v []int32) *C.int32_t { return (*C.int32_t)(unsafe.Pointer(unsafe.SliceData(v))) }
