//go:build torch

package cpu

// #include "rate.h"
import "C"

// ReadWays is the number of ways in which ReadWeights reads: by one or several streams per thread, with lines asked for ahead or not.
const ReadWays = C.KC_READ_WAYS

// ReadWeights reads what a step reads of the weights on all threads, and nothing more, and returns the bytes: the least time of
// all ways is the least that a step can take on this machine.
func (n *Neox) ReadWeights(way int) int64 { return int64(C.kc_read_weights(n.c, n.pool.c, C.int(way))) }

// Multiply has every thread issue the multiply-adds that a prompt's products are made of and returns their number: on registers alone,
// or with the loads that a product cannot do without; 0 where there is no such measure (plain C).
func (n *Neox) Multiply(loads bool) float64 {
	with := C.int(0)
	if loads {
		with = 1
	}
	return float64(C.kc_multiply(n.pool.c, C.int(n.set), with))
}

// Multiplied is the number of them that a token of a prompt takes.
func (n *Neox) Multiplied() float64 { return float64(C.kc_multiplied(n.c)) }
