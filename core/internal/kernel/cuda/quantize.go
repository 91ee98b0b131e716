//go:build torch

package cuda

import "kakoi/core/internal/torch"

// NF4 is a matrix in bitsandbytes' form in device memory.
type NF4 struct {
	Codes   uintptr // [elements/2], two to a byte
	Absmax  uintptr // fp32 [blocks]
	Q       uintptr // uint8 [blocks]; 0: not doubly quantised
	Absmax2 uintptr // fp32 [ceil(blocks/256)]
	Map     uintptr // fp32 [256] of the double quantisation; 0: bitsandbytes' own
	Offset  uintptr // fp32 [1]
	Bad     uintptr // uint32 [1]: Quantize sets it to 1 where a value is not finite
}

// QuantizeScratch is how many bytes Quantize needs beside the NF4 itself, for n elements.
func QuantizeScratch(n int64) int64 { return 16 + 8*4096 }

// Quantize quantises n elements (a multiple of 64) of dtype bf16, fp16 or fp32 at w, the bytes being bitsandbytes'.
// With dst.Q set the scales are quantised too. dst.Absmax is needed in any case.
func (g *GPU) Quantize(stream, w uintptr, dtype torch.DType, n int64, dst NF4, scratch uintptr) error {
	return errTodo
}

// Place puts a matrix into the decode layout; p holds pointers (Placed.At).
func (g *GPU) Place(stream uintptr, src NF4, p Placed, scratch uintptr) error { return errTodo }

// Dequantize writes a placed matrix, row-major bf16 [Rows, Cols], to dst.
func (g *GPU) Dequantize(stream uintptr, p Placed, dst uintptr) error { return errTodo }
