//go:build torch

package cpu

// #include "rate.h"
import "C"

// ReadWeights reads what a step reads of the weights on all threads, and nothing more, and returns the bytes: its time is
// the least that a step can take on this machine.
func (n *Neox) ReadWeights() int64 { return int64(C.kc_read_weights(n.c, n.pool.c)) }

// Multiply has every thread issue the multiply-adds that a prompt's products are made of, on registers alone, and returns
// their number; 0 where there is no such measure (plain C).
func (n *Neox) Multiply() float64 { return float64(C.kc_multiply(n.pool.c, C.int(n.set))) }
