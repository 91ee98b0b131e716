//go:build torch

package cpu

import "unsafe"

// rawFloats is the memory of v.
func rawFloats(v []float32) []byte {
	if len(v) == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(&v[0])), 4*len(v))
}
