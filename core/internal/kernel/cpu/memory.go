//go:build torch

package cpu

// #include "memory.h"
import "C"

import (
	"fmt"
	"unsafe"

	"kakoi/core"
)

// Memory is a piece of C memory, zero at first, aligned to a page and in large pages where it is large. Its owner
// frees it.
type Memory struct {
	p unsafe.Pointer
	n int64
}

// Alloc gives n bytes; the error is core.ErrOutOfMemory.
func Alloc(n int64) (Memory, error) {
	if n < 0 {
		return Memory{}, fmt.Errorf("allocate %d bytes: %w", n, core.ErrDimension)
	}
	p := C.kc_memory(C.size_t(n))
	if p == nil {
		return Memory{}, fmt.Errorf("allocate %d bytes: %w", n, core.ErrOutOfMemory)
	}
	return Memory{p, n}, nil
}

// held is what n bytes take of the machine: whole pages, large ones from one large page on.
func held(n int64) int64 { return int64(C.kc_memory_held(C.size_t(n))) }

// Free gives the memory back; again is harmless.
func (m *Memory) Free() {
	if m.p != nil {
		C.kc_memory_free(m.p, C.size_t(m.n))
	}
	*m = Memory{}
}

// Pointer is the address, nil after Free.
func (m Memory) Pointer() unsafe.Pointer { return m.p }

// Bytes is the memory as a slice, valid until Free.
func (m Memory) Bytes() []byte { return unsafe.Slice((*byte)(m.p), m.n) }

// Floats is the memory as fp32 numbers, valid until Free.
func (m Memory) Floats() []float32 { return unsafe.Slice((*float32)(m.p), m.n/4) }
