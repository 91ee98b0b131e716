//go:build torch

package cuda

import (
	"fmt"
	"math/bits"
	"unsafe"

	"kakoi/core"
	"kakoi/core/internal/torch"
)

// NF4 is a matrix in bitsandbytes' form in device memory.
type NF4 struct {
	Codes   uintptr // [elements/2], two to a byte
	Absmax  uintptr // fp32 [blocks]
	Q       uintptr // uint8 [blocks]; 0: not doubly quantised
	Absmax2 uintptr // fp32 [ceil(blocks/256)]
	Map     uintptr // fp32 [256] of the double quantisation; 0: bitsandbytes' own
	Offset  uintptr // fp32 [1]
	Bad     uintptr // uint32 [1]: Quantize sets it to 1 where a value is not finite, and never to 0
}

// QuantizeScratch is how many bytes Quantize and Place need for themselves, for a matrix of n elements.
func QuantizeScratch(n int64) int64 {
	_, parts := meanSplit((n + 63) / 64)
	return int64(4*parts+255)&^255 + 256
}

// Quantize quantises n elements (a multiple of 64) of dtype bf16, fp16 or fp32 at w; the bytes are bitsandbytes'.
// With dst.Q set the scales are quantised too. dst.Absmax is needed in any case.
func (g *GPU) Quantize(stream, w uintptr, dtype torch.DType, n int64, dst NF4, scratch uintptr) error {
	kernel := map[torch.DType]string{torch.Float16: "quantize_f16", torch.Float32: "quantize_f32", torch.BFloat16: "quantize_bf16"}[dtype]
	if kernel == "" || n <= 0 || n%64 != 0 || n > 1<<40 {
		return fmt.Errorf("quantise %d elements of type %d: %w", n, dtype, core.ErrUnsupported)
	}
	p := struct {
		w, codes, absmax, bad uintptr
		n                     int64
	}{w, dst.Codes, dst.Absmax, dst.Bad, n}
	if err := launch(kernel, g.base[kernel], int((n+2047)/2048), 1, 256, 0, stream, unsafe.Pointer(&p), false); err != nil || dst.Q == 0 {
		return err
	}
	blocks := n / 64
	threads, parts := meanSplit(blocks)
	q := struct {
		absmax, sums, q, absmax2, offset uintptr
		blocks                           int64
		threads, parts                   int32
	}{dst.Absmax, scratch, dst.Q, dst.Absmax2, dst.Offset, blocks, int32(threads), int32(parts)}
	if err := launch("absmax_sum", g.base["absmax_sum"], parts, 1, threads, 0, stream, unsafe.Pointer(&q), false); err != nil {
		return err
	}
	return launch("absmax_nest", g.base["absmax_nest"], int((blocks+255)/256), 1, 256, 0, stream, unsafe.Pointer(&q), false)
}

// meanSplit is how quant.Mean, which is torch's mean on a GPU, spreads n numbers over threads and blocks.
func meanSplit(n int64) (threads, parts int) {
	below := func(n int64) int64 { return 1 << (bits.Len64(uint64(n)) - 1) }
	if n < 128 {
		return int(below(n)), 1
	}
	t := min(below(n/4), 512)
	parts = 1
	if each := (n + t - 1) / t; each >= 256 {
		parts = int(max(min(528, (each+15)/16), (each+255)/256))
	}
	return int(t), parts
}

// Place puts a matrix into the decode layout; p holds pointers (Placed.At).
func (g *GPU) Place(stream uintptr, src NF4, p Placed, scratch uintptr) error {
	if p.Rows%16 != 0 || p.Cols%64 != 0 {
		return fmt.Errorf("place a matrix of %d x %d: %w", p.Rows, p.Cols, core.ErrUnsupported)
	}
	top := scratch
	if err := g.Fill(stream, top, 0, 4); err != nil {
		return err
	}
	q := struct {
		codes, absmax, q, absmax2, dynamic, offset uintptr
		units, scales, factor                      int64
		top                                        uintptr
		rows, cols, chunk, _                       int32
	}{src.Codes, src.Absmax, src.Q, src.Absmax2, src.Map, src.Offset, p.Codes, p.Scales, p.Factor, top, int32(p.Rows), int32(p.Cols), int32(p.Chunk), 0}
	if err := launch("scale_top", g.base["scale_top"], g.sms, 1, 256, 0, stream, unsafe.Pointer(&q), false); err != nil {
		return err
	}
	return launch("place_codes", g.base["place_codes"], p.blocks(), 1, 256, 0, stream, unsafe.Pointer(&q), false)
}

// blocks is the number of blocks of eight units.
func (p Placed) blocks() int { return (p.Rows/16*(p.Cols/64) + 7) / 8 }

// Dequantize writes a placed matrix, row-major bf16 [Rows, Cols], to dst.
func (g *GPU) Dequantize(stream uintptr, p Placed, dst uintptr) error {
	q := struct {
		units, scales, factor int64
		out                   uintptr
		rows, cols, chunk, _  int32
	}{p.Codes, p.Scales, p.Factor, dst, int32(p.Rows), int32(p.Cols), int32(p.Chunk), 0}
	return launch("dequantize", g.base["dequantize"], p.blocks(), 1, 256, 0, stream, unsafe.Pointer(&q), false)
}

// CopyWords copies n bytes (a multiple of 16) with a kernel of our own: the ceiling that figures are told against.
func (g *GPU) CopyWords(stream, dst, src uintptr, n int64) error {
	p := struct {
		dst, src uintptr
		n        int64
	}{dst, src, n / 16}
	return launch("copy_words", g.base["copy_words"], 4*g.sms, 1, 512, 0, stream, unsafe.Pointer(&p), false)
}
