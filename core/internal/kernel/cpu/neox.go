//go:build torch

package cpu

// #include <stdlib.h>
// #include "neox.h"
// #include "detect.h"
import "C"

import (
	"fmt"
	"runtime"
	"unsafe"

	"kakoi/core"
)

// Neox is a GPT-NeoX of 4-bit linears and an 8-bit head, with the activations of the instruction set that was best when
// it was made. Its parts are set one by one; Close frees it. Caches and adapters are freed before it.
type Neox struct {
	NeoxShape
	pool    *Pool
	c       *C.kc_neox
	set     Set
	layers  []C.kc_layer // at c.layer
	owned   []Memory
	rows    Memory // embedding as stored
	scratch Memory
	most    int // tokens the scratch memory is for
	read    int64
}

// NeoxShape is what the kernels need of a model's configuration.
type NeoxShape struct {
	Layers, Hidden, Heads, FFN, Vocab int
	Turned                            int    // elements of a head that are rotated, even
	Activation                        string // "gelu", "gelu_new" and its other names, "relu", "silu"
	Parallel                          bool   // attention and MLP read the same x
	Eps                               float64
}

// NeoxLinear is a linear of a layer.
type NeoxLinear int

// The linears of a layer.
const (
	NeoxQKV   NeoxLinear = C.KC_QKV // query_key_value
	NeoxDense NeoxLinear = C.KC_DENSE
	NeoxUp    NeoxLinear = C.KC_UP   // dense_h_to_4h
	NeoxDown  NeoxLinear = C.KC_DOWN // dense_4h_to_h
)

var activations = map[string]C.int{
	"gelu": C.KC_GELU, "gelu_new": C.KC_GELU_TANH, "gelu_fast": C.KC_GELU_TANH, "gelu_pytorch_tanh": C.KC_GELU_TANH,
	"relu": C.KC_RELU, "silu": C.KC_SILU, "swish": C.KC_SILU,
}

// Supports says whether the kernels can run a model of this shape: widths in whole blocks, heads of whole vectors.
func (s NeoxShape) Supports() error {
	_, known := activations[s.Activation]
	switch {
	case s.Layers < 1 || s.Hidden < 1 || s.Heads < 1 || s.FFN < 1 || s.Vocab < 1:
		return fmt.Errorf("%+v: %w", s, core.ErrDimension)
	case s.Hidden%Block != 0 || s.FFN%Block != 0:
		return fmt.Errorf("widths %d and %d are not multiples of %d: %w", s.Hidden, s.FFN, Block, core.ErrUnsupported)
	case s.Hidden%s.Heads != 0 || s.Hidden/s.Heads%16 != 0 || s.Hidden/s.Heads > 256:
		return fmt.Errorf("heads of %d elements: %w", s.Hidden/s.Heads, core.ErrUnsupported)
	case s.Turned%2 != 0 || s.Turned < 0 || s.Turned > s.Hidden/s.Heads:
		return fmt.Errorf("%d rotated elements: %w", s.Turned, core.ErrUnsupported)
	case !known:
		return fmt.Errorf("activation %q: %w", s.Activation, core.ErrUnsupported)
	}
	return nil
}

// sizes are rows and columns of a linear.
func (s NeoxShape) sizes(l NeoxLinear) (rows, cols int) {
	switch l {
	case NeoxQKV:
		return 3 * s.Hidden, s.Hidden
	case NeoxDense:
		return s.Hidden, s.Hidden
	case NeoxUp:
		return s.FFN, s.Hidden
	}
	return s.Hidden, s.FFN
}

// NewNeox makes a model without weights on the pool's threads. cos and sin [positions][Turned/2] are the rotation's.
func NewNeox(p *Pool, s NeoxShape, cos, sin []float32) (*Neox, error) {
	if err := s.Supports(); err != nil {
		return nil, err
	}
	n := &Neox{NeoxShape: s, pool: p, set: Detect()}
	n.c = (*C.kc_neox)(C.calloc(1, C.sizeof_kc_neox))
	layers := (*C.kc_layer)(C.calloc(C.size_t(s.Layers), C.sizeof_kc_layer))
	if n.c == nil || layers == nil {
		C.free(unsafe.Pointer(n.c))
		C.free(unsafe.Pointer(layers))
		return nil, fmt.Errorf("a model of %d layers: %w", s.Layers, core.ErrOutOfMemory)
	}
	n.c.layer = layers
	n.layers = unsafe.Slice(layers, s.Layers)
	n.c.layers, n.c.hidden, n.c.heads, n.c.ffn, n.c.vocab = C.int64_t(s.Layers), C.int64_t(s.Hidden), C.int64_t(s.Heads), C.int64_t(s.FFN), C.int64_t(s.Vocab)
	n.c.dim, n.c.half, n.c.eps = C.int64_t(s.Hidden/s.Heads), C.int64_t(s.Turned/2), C.float(s.Eps)
	n.c.activation, n.c.set = activations[s.Activation], C.int(n.set)
	if s.Parallel {
		n.c.parallel = 1
	}
	var err error
	if n.c.cos, err = n.keep(cos, len(cos)); err == nil {
		n.c.sin, err = n.keep(sin, len(sin))
	}
	if err != nil {
		n.Close()
		return nil, err
	}
	return n, nil
}

// keep copies v to C memory of n numbers that Close frees; nothing for an empty v.
func (n *Neox) keep(v []float32, size int) (*C.float, error) {
	if len(v) == 0 {
		return nil, nil
	}
	m, err := Alloc(int64(size) * 4)
	if err != nil {
		return nil, err
	}
	copy(m.Floats(), v)
	n.owned = append(n.owned, m)
	return (*C.float)(m.p), nil
}

// Set is the instruction set whose kernels run.
func (n *Neox) Set() Set { return n.set }

// Bytes is the memory of the weights, as the machine gives it: whole pages.
func (n *Neox) Bytes() int64 {
	b := held(n.rows.n) + held(int64(n.c.head.bytes))
	for i := range n.layers {
		for k := range n.layers[i].linear {
			b += held(int64(n.layers[i].linear[k].w.bytes))
		}
	}
	for _, m := range n.owned {
		b += held(m.n)
	}
	return b
}

// Read is what a step reads of the weights: all but the embedding's rows.
func (n *Neox) Read() int64 { return n.read }

// SetNorm sets a norm of a layer, which 0 the input's and 1 the one after attention; layer Layers is the final one.
func (n *Neox) SetNorm(layer, which int, w, b []float32) error {
	if len(w) != n.Hidden || len(b) != n.Hidden {
		return fmt.Errorf("norm of %d and %d numbers: %w", len(w), len(b), core.ErrDimension)
	}
	cw, err := n.keep(w, n.Hidden)
	if err != nil {
		return err
	}
	cb, err := n.keep(b, n.Hidden)
	if err != nil {
		return err
	}
	if layer == n.Layers {
		n.c.norm[0], n.c.norm[1] = cw, cb
	} else {
		n.layers[layer].norm[2*which], n.layers[layer].norm[2*which+1] = cw, cb
	}
	return nil
}

// SetLinear4 sets a linear of codes as bitsandbytes packs them [rows*cols/2], the scales of the blocks [rows*cols/Block],
// the 16 values of the codes, and the bias [rows] or none.
func (n *Neox) SetLinear4(layer int, which NeoxLinear, packed []byte, scales []float32, values [16]float32, bias []float32) error {
	rows, cols := n.sizes(which)
	l := &n.layers[layer].linear[which]
	var w Weight
	if err := w.set4(n.pool, rows, cols, packed, scales, values); err != nil {
		return err
	}
	l.w = w.c
	n.read += w.Bytes()
	if len(bias) != 0 && len(bias) != rows {
		return fmt.Errorf("bias of %d numbers for %d rows: %w", len(bias), rows, core.ErrDimension)
	}
	var err error
	l.b, err = n.keep(bias, int(w.c.panels)*C.KC_PANEL)
	return err
}

// SetEmbedding sets the input embedding [Vocab][Hidden] of plain numbers; it is copied.
func (n *Neox) SetEmbedding(data []byte, k Kind) error {
	if len(data) != n.Vocab*n.Hidden*k.size() {
		return fmt.Errorf("embedding of %d bytes: %w", len(data), core.ErrDimension)
	}
	m, err := Alloc(int64(len(data)))
	if err != nil {
		return err
	}
	copy(m.Bytes(), data)
	n.rows.Free()
	n.rows = m
	n.c.embed, n.c.embed_kind = m.p, C.int(k)
	return nil
}

// SetHead sets the output embedding [Vocab][Hidden], rounding plain numbers to 8 bits in blocks.
func (n *Neox) SetHead(data []byte, k Kind) error {
	var w Weight
	if err := w.quantize8(n.pool, n.Vocab, n.Hidden, data, k); err != nil {
		return err
	}
	n.c.head = w.c
	n.read += w.Bytes()
	return nil
}

// SetHead8 sets the output embedding of 8-bit numbers [Vocab][Hidden] with one scale per row, and with tied the input
// embedding to the same.
func (n *Neox) SetHead8(q []int8, rowScales []float32, tied bool) error {
	if len(rowScales) != n.Vocab {
		return fmt.Errorf("%d scales of %d rows: %w", len(rowScales), n.Vocab, core.ErrDimension)
	}
	blocks := n.Hidden / Block
	scales := make([]float32, n.Vocab*blocks)
	for r, s := range rowScales {
		for b := range blocks {
			scales[r*blocks+b] = s
		}
	}
	var w Weight
	if err := w.set8(n.pool, n.Vocab, n.Hidden, q, scales); err != nil {
		return err
	}
	n.c.head = w.c
	n.read += w.Bytes()
	if tied {
		n.c.table, n.c.embed_kind = &n.c.head, 3
	}
	return nil
}

// ready says what is missing.
func (n *Neox) ready() error {
	if n.c.head.data == nil || n.c.norm[0] == nil || (n.c.embed == nil && n.c.table == nil) {
		return fmt.Errorf("the ends of the model are not set: %w", core.ErrCorrupt)
	}
	for i := range n.layers {
		for k := range n.layers[i].linear {
			if n.layers[i].linear[k].w.data == nil || n.layers[i].norm[k] == nil {
				return fmt.Errorf("layer %d is not set: %w", i, core.ErrCorrupt)
			}
		}
	}
	return nil
}

// Close frees the model; again is harmless.
func (n *Neox) Close() {
	if n.c == nil {
		return
	}
	for i := range n.layers {
		for k := range n.layers[i].linear {
			if n.layers[i].linear[k].w.data != nil {
				C.kc_nib_free(&n.layers[i].linear[k].w)
			}
		}
	}
	if n.c.head.data != nil {
		C.kc_nib_free(&n.c.head)
	}
	C.free(unsafe.Pointer(n.c.layer))
	C.free(unsafe.Pointer(n.c))
	for i := range n.owned {
		n.owned[i].Free()
	}
	n.rows.Free()
	n.scratch.Free()
	n.c, n.layers, n.owned = nil, nil, nil
}

// NeoxCache is the keys and values of one row, for Capacity tokens. Close frees it.
type NeoxCache struct {
	Capacity int
	m        Memory
}

// CacheBytes is the memory of a cache of capacity tokens.
func (n *Neox) CacheBytes(capacity int) int64 {
	return int64(C.kc_cache_bytes(n.c, C.int64_t(capacity)))
}

// NewCache makes room for capacity tokens.
func (n *Neox) NewCache(capacity int) (*NeoxCache, error) {
	m, err := Alloc(n.CacheBytes(capacity))
	if err != nil {
		return nil, err
	}
	return &NeoxCache{Capacity: capacity, m: m}, nil
}

// Copy makes c's first n tokens those of from, another cache of the same model.
func (c *NeoxCache) Copy(n *Neox, from *NeoxCache, tokens int) {
	C.kc_cache_copy(n.c, (*C.uint16_t)(c.m.p), C.int64_t(c.Capacity), (*C.uint16_t)(from.m.p), C.int64_t(from.Capacity), C.int64_t(tokens))
}

// Close frees the cache; again is harmless.
func (c *NeoxCache) Close() { c.m.Free() }

// NeoxToken is one token of a step.
type NeoxToken struct {
	ID       int32
	Position int // tokens of its row before it
	Cache    *NeoxCache
	Adapter  *NeoxAdapter
	Logits   []float32 // [Vocab], or nil: not wanted
}

// ScratchBytes is the memory of a step of up to tokens tokens.
func (n *Neox) ScratchBytes(tokens int) int64 {
	return int64(C.kc_neox_scratch(n.c, C.int64_t(tokens), C.int(n.pool.threads)))
}

// Reserve makes the memory of steps of up to tokens tokens, so that Run does not have to.
func (n *Neox) Reserve(tokens int) error {
	if tokens <= n.most {
		return nil
	}
	m, err := Alloc(n.ScratchBytes(tokens))
	if err != nil {
		return err
	}
	n.scratch.Free()
	n.scratch, n.most = m, tokens
	return nil
}

// Run runs the tokens through all layers and writes their keys and values. Tokens of one row stand together, in order. A
// token's results are the same bits whatever the other tokens are. prompt says that there are many: their products round
// differently.
func (n *Neox) Run(tokens []NeoxToken, prompt bool) error {
	if err := n.ready(); err != nil {
		return err
	}
	for _, t := range tokens {
		if t.ID < 0 || int(t.ID) >= n.Vocab || t.Position < 0 || t.Position >= t.Cache.Capacity || (t.Logits != nil && len(t.Logits) != n.Vocab) {
			return fmt.Errorf("token %d at %d of %d: %w", t.ID, t.Position, t.Cache.Capacity, core.ErrUsage)
		}
	}
	if err := n.Reserve(len(tokens)); err != nil || len(tokens) == 0 {
		return err
	}
	list := (*C.kc_token)(C.calloc(C.size_t(len(tokens)), C.sizeof_kc_token))
	if list == nil {
		return fmt.Errorf("a step of %d tokens: %w", len(tokens), core.ErrOutOfMemory)
	}
	defer C.free(unsafe.Pointer(list))
	var pin runtime.Pinner
	defer pin.Unpin()
	for i, c := range unsafe.Slice(list, len(tokens)) {
		t := tokens[i]
		c = C.kc_token{id: C.int32_t(t.ID), position: C.int64_t(t.Position), cache: (*C.uint16_t)(t.Cache.m.p), capacity: C.int64_t(t.Cache.Capacity)}
		if t.Adapter != nil {
			c.adapter = t.Adapter.c
		}
		if t.Logits != nil {
			pin.Pin(&t.Logits[0])
			c.logits = (*C.float)(&t.Logits[0])
		}
		unsafe.Slice(list, len(tokens))[i] = c
	}
	many := C.int(0)
	if prompt {
		many = 1
	}
	C.kc_neox_run(n.c, n.pool.c, list, C.int64_t(len(tokens)), many, n.scratch.p)
	return nil
}

// NeoxAdapter is LoRA on the side of a Neox. Close frees it.
type NeoxAdapter struct {
	c     *C.kc_adapter
	sides []C.kc_side // at c.side
	model *Neox
	owned []Memory
}

// NewAdapter makes an adapter without matrices.
func (n *Neox) NewAdapter() (*NeoxAdapter, error) {
	a := &NeoxAdapter{model: n, c: (*C.kc_adapter)(C.calloc(1, C.sizeof_kc_adapter))}
	sides := (*C.kc_side)(C.calloc(C.size_t(n.Layers*C.KC_LINEARS), C.sizeof_kc_side))
	if a.c == nil || sides == nil {
		C.free(unsafe.Pointer(a.c))
		C.free(unsafe.Pointer(sides))
		return nil, fmt.Errorf("an adapter: %w", core.ErrOutOfMemory)
	}
	a.c.side = sides
	a.sides = unsafe.Slice(sides, n.Layers*C.KC_LINEARS)
	return a, nil
}

// Set puts y += scale B (A x) beside a linear: a [rank][cols], b [rows][rank].
func (a *NeoxAdapter) Set(layer int, which NeoxLinear, rank int, scale float64, down, up []float32) error {
	rows, cols := a.model.sizes(which)
	if rank < 1 || rank > C.KC_MOST_RANK || len(down) != rank*cols || len(up) != rows*rank {
		return fmt.Errorf("adapter of rank %d with %d and %d numbers: %w", rank, len(down), len(up), core.ErrDimension)
	}
	wide := (rows + C.KC_PANEL - 1) / C.KC_PANEL * C.KC_PANEL
	m, err := Alloc(int64(rank*cols+rank*wide) * 4)
	if err != nil {
		return err
	}
	a.owned = append(a.owned, m)
	f := m.Floats()
	copy(f, down)
	bt := f[rank*cols:]
	for r := range rows {
		for i := range rank {
			bt[i*wide+r] = up[r*rank+i] * float32(scale)
		}
	}
	s := &a.sides[layer*C.KC_LINEARS+int(which)]
	s.r, s.a, s.bt = C.int64_t(rank), (*C.float)(&f[0]), (*C.float)(&bt[0])
	a.c.largest = max(a.c.largest, C.int64_t(rank))
	return nil
}

// Bytes is the adapter's memory.
func (a *NeoxAdapter) Bytes() int64 {
	n := int64(0)
	for _, m := range a.owned {
		n += m.n
	}
	return n
}

// Close frees the adapter; again is harmless.
func (a *NeoxAdapter) Close() {
	if a.c == nil {
		return
	}
	C.free(unsafe.Pointer(a.c.side))
	C.free(unsafe.Pointer(a.c))
	for i := range a.owned {
		a.owned[i].Free()
	}
	a.c, a.sides, a.owned = nil, nil, nil
}
