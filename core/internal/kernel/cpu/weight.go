//go:build torch

package cpu

// #include <stdlib.h>
// #include "nib.h"
// #include "detect.h"
import "C"

import (
	"fmt"
	"unsafe"

	"kakoi/core"
)

// Block is the number of columns that share a scale: NF4's blocks have it, and widths of matrices are multiples of it.
const Block = C.KC_BLOCK

// Weight is a matrix [Rows, Cols] of four-bit codes or 8-bit numbers, in the kernels' order (nib.h). Close frees it.
type Weight struct {
	c C.kc_nib
}

// Kind is that of plain numbers, as the C side counts them.
type Kind int

// The kinds of plain numbers that a Weight or an embedding is made of.
const (
	F32 Kind = iota
	F16
	BF16
)

func (k Kind) size() int { return [...]int{4, 2, 2}[k] }

func (m *Weight) make(rows, cols, planes int) error {
	if rows <= 0 || cols <= 0 || cols%Block != 0 {
		return fmt.Errorf("a matrix of %d x %d: %w: the width must be a multiple of %d", rows, cols, core.ErrDimension, Block)
	}
	if C.kc_nib_new(&m.c, C.int64_t(rows), C.int64_t(cols), C.int(planes)) != 0 {
		return fmt.Errorf("a matrix of %d x %d: %w", rows, cols, core.ErrOutOfMemory)
	}
	return nil
}

// set4 makes m of codes as bitsandbytes packs them, [rows*cols/2] with the earlier element in the high four bits, the
// blocks' scales [rows][cols/Block], and the 16 values of the codes.
func (m *Weight) set4(p *Pool, rows, cols int, packed []byte, scales []float32, values [16]float32) error {
	if len(packed) != rows*cols/2 || len(scales) != rows*cols/Block {
		return fmt.Errorf("a matrix of %d x %d of %d bytes and %d scales: %w", rows, cols, len(packed), len(scales), core.ErrDimension)
	}
	if err := m.make(rows, cols, 1); err != nil {
		return err
	}
	C.kc_nib_map(&m.c, (*C.float)(&values[0]))
	if C.kc_nib_pack4(p.c, &m.c, (*C.uint8_t)(&packed[0]), (*C.float)(&scales[0])) != 0 {
		m.Close()
		return fmt.Errorf("scales of a matrix of %d x %d: %w: a number is not finite", rows, cols, core.ErrCorrupt)
	}
	return nil
}

// set8 makes m of 8-bit numbers [rows][cols] with scales [rows][cols/Block].
func (m *Weight) set8(p *Pool, rows, cols int, q []int8, scales []float32) error {
	if len(q) != rows*cols || len(scales) != rows*cols/Block {
		return fmt.Errorf("a matrix of %d x %d of %d numbers and %d scales: %w", rows, cols, len(q), len(scales), core.ErrDimension)
	}
	if err := m.make(rows, cols, 2); err != nil {
		return err
	}
	C.kc_nib_map(&m.c, nil)
	if C.kc_nib_pack8(p.c, &m.c, (*C.int8_t)(&q[0]), (*C.float)(&scales[0])) != 0 {
		m.Close()
		return fmt.Errorf("scales of a matrix of %d x %d: %w: a number is not finite", rows, cols, core.ErrCorrupt)
	}
	return nil
}

// quantize8 makes m of plain numbers [rows][cols] by rounding each block to 8 bits.
func (m *Weight) quantize8(p *Pool, rows, cols int, data []byte, k Kind) error {
	if len(data) != rows*cols*k.size() {
		return fmt.Errorf("a matrix of %d x %d of %d bytes: %w", rows, cols, len(data), core.ErrDimension)
	}
	if err := m.make(rows, cols, 2); err != nil {
		return err
	}
	C.kc_nib_map(&m.c, nil)
	switch C.kc_nib_quantize8(p.c, &m.c, unsafe.Pointer(&data[0]), C.int(k)) {
	case 0:
		return nil
	case 1:
		m.Close()
		return fmt.Errorf("a matrix of %d x %d: %w: a number is not finite", rows, cols, core.ErrCorrupt)
	}
	m.Close()
	return fmt.Errorf("a matrix of %d x %d: %w", rows, cols, core.ErrOutOfMemory)
}

// Rows and Cols are the shape.
func (m *Weight) Rows() int { return int(m.c.rows) }

// Cols is the width.
func (m *Weight) Cols() int { return int(m.c.cols) }

// Bytes is the memory a product reads: codes and scales.
func (m *Weight) Bytes() int64 { return int64(m.c.panels) * 4 * int64(m.c.group_bytes) }

// Row writes row r into dst [Cols].
func (m *Weight) Row(r int, dst []float32) { C.kc_nib_row(&m.c, C.int64_t(r), (*C.float)(&dst[0])) }

// Close frees the memory; again is harmless.
func (m *Weight) Close() {
	if m.c.data != nil {
		C.kc_nib_free(&m.c)
	}
}

// Use is what a product is for, which decides about the form of its activations.
type Use int

// The uses: few tokens (decoding), a prompt's many, and those where a prompt's input wants more bits (the norms').
const (
	Few Use = iota
	Prompt
	FinePrompt
)

// String is the use's name.
func (u Use) String() string { return [...]string{"few", "prompt", "fine prompt"}[u] }

// Product writes X W^T for x [tokens][Cols] into out [tokens][Rows] with the kernels of Detect, on one thread. It is for tests and
// self-tests: a model's products happen inside kc_neox_run.
func (m *Weight) Product(x []float32, tokens int, use Use, out []float32) error {
	set, many, fine := C.int(Detect()), C.int(0), C.int(0)
	if use != Few {
		many = 1
	}
	if use == FinePrompt {
		fine = 1
	}
	form := C.kc_form(set, many, fine)
	cols, rows := m.Cols(), m.Rows()
	if len(x) != tokens*cols || len(out) != tokens*rows {
		return fmt.Errorf("product of %d numbers with a matrix of %d x %d: %w", len(x), rows, cols, core.ErrDimension)
	}
	bytes := int64(C.kc_act_bytes(form, C.int64_t(tokens), C.int64_t(cols)))
	scratch := int64(C.kc_scratch_bytes(C.int64_t(cols)))
	mem, err := Alloc(bytes + scratch + int64(tokens)*C.KC_PANEL*4)
	if err != nil {
		return err
	}
	defer mem.Free()
	act := (*C.kc_act)(C.calloc(1, C.sizeof_kc_act))
	defer C.free(unsafe.Pointer(act))
	C.kc_act_set(act, form, C.int64_t(tokens), C.int64_t(cols), mem.p)
	for t := range tokens {
		C.kc_pack(set, act, C.int64_t(t), 0, (*C.float)(&x[t*cols]), C.int64_t(cols))
	}
	unit := float32(C.kc_unit(&m.c, form))
	piece := unsafe.Slice((*float32)(unsafe.Add(mem.p, bytes+scratch)), tokens*C.KC_PANEL)
	for p := range int(m.c.panels) {
		C.kc_product(set, &m.c, act, C.int64_t(tokens), C.int64_t(p), nil, (*C.float)(&piece[0]), C.KC_PANEL, unsafe.Add(mem.p, bytes))
		C.kc_release_unit(set)
		for t := range tokens {
			for i := 0; i < C.KC_PANEL && p*C.KC_PANEL+i < rows; i++ {
				out[t*rows+p*C.KC_PANEL+i] = piece[t*C.KC_PANEL+i] * unit
			}
		}
	}
	return nil
}
