//go:build torch

package cpu

// #include "neox.h"
import "C"

import (
	"fmt"
	"sync"
	"unsafe"

	"kakoi/core"
)

// LinearInto writes a linear's weights, as they are held, to dst [rows*cols] in fp32, on all threads of the pool's number.
func (n *Neox) LinearInto(layer int, which NeoxLinear, dst []float32) error {
	rows, cols := n.sizes(which)
	return n.rowsInto(&n.layers[layer].linear[which].w, rows, cols, dst)
}

// HeadInto writes the output embedding to dst [Vocab*Hidden].
func (n *Neox) HeadInto(dst []float32) error { return n.rowsInto(&n.c.head, n.Vocab, n.Hidden, dst) }

func (n *Neox) rowsInto(m *C.kc_nib, rows, cols int, dst []float32) error {
	if len(dst) != rows*cols {
		return fmt.Errorf("%d numbers for a matrix of %d x %d: %w", len(dst), rows, cols, core.ErrDimension)
	}
	threads := max(1, n.pool.Threads())
	var all sync.WaitGroup
	for t := range threads {
		all.Go(func() {
			for r := t * rows / threads; r < (t+1)*rows/threads; r++ {
				C.kc_nib_row(m, C.int64_t(r), (*C.float)(&dst[r*cols]))
			}
		})
	}
	all.Wait()
	return nil
}

// EmbeddingInto writes the input embedding of a token to dst [Hidden].
func (n *Neox) EmbeddingInto(id int32, dst []float32) {
	C.kc_neox_embedding(n.c, C.int64_t(id), (*C.float)(&dst[0]))
}

// Bias is a linear's bias [rows], nil without one. It is the model's own memory.
func (n *Neox) Bias(layer int, which NeoxLinear) []float32 {
	rows, _ := n.sizes(which)
	b := n.layers[layer].linear[which].b
	if b == nil {
		return nil
	}
	return unsafe.Slice((*float32)(unsafe.Pointer(b)), rows)
}

// Norm is a norm as SetNorm counts them: weight and bias [Hidden], the model's own memory.
func (n *Neox) Norm(layer, which int) (w, b []float32) {
	p := n.c.norm[:]
	if layer < n.Layers {
		p = n.layers[layer].norm[2*which : 2*which+2]
	}
	return unsafe.Slice((*float32)(unsafe.Pointer(p[0])), n.Hidden), unsafe.Slice((*float32)(unsafe.Pointer(p[1])), n.Hidden)
}
