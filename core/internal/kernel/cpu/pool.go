//go:build torch

package cpu

// #cgo CFLAGS: -std=gnu11 -O3 -Wall -Wno-unused-function -Wno-psabi
// #cgo LDFLAGS: -lm -lpthread
// #include "pool.h"
import "C"

import (
	"fmt"
	"runtime"

	"kakoi/core"
)

// Pool is a number of threads for kernels. Its calls take turns; Close ends the threads.
type Pool struct {
	c       *C.kc_pool
	threads int
}

// NewPool starts a pool of n threads, the caller of a kernel being one of them; 0: one per processor. The error is
// core.ErrOutOfMemory when the system gives no more threads.
func NewPool(n int) (*Pool, error) {
	if n <= 0 {
		n = runtime.NumCPU()
	}
	c := C.kc_pool_new(C.int(n))
	if c == nil {
		return nil, fmt.Errorf("start %d threads: %w", n, core.ErrOutOfMemory)
	}
	return &Pool{c: c, threads: n}, nil
}

// Threads is the number of threads, the caller's included.
func (p *Pool) Threads() int { return p.threads }

// Close ends the threads; again is harmless. No kernel may be running.
func (p *Pool) Close() {
	if p != nil && p.c != nil {
		C.kc_pool_free(p.c)
		p.c = nil
	}
}
