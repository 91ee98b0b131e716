package neox

import (
	"kakoi/core/internal/kernel/cuda"
	"kakoi/core/quant"
)

// arena4 says where everything of a 4-bit model on a GPU lies in its one piece of device memory: offsets in bytes, each
// a multiple of 256. The keys and values of a state, with the room its steps need, are a piece of their own.
type arena4 struct {
	layout  cuda.Layout // at 0
	embed   int64       // bf16 [V, D]; the rows filled up with zeros to a multiple of 16
	head    int64       // the same; the same memory where tied
	cos     int64       // fp32 [P, R/2]
	sin     int64
	weights int64 // bytes of all above

	// What a prompt's chunk of up to chunk tokens goes through.
	chunk  int
	ids    int64 // int32 [T]
	x      int64 // fp32 [T, D], the residual stream
	normed int64 // bf16 [T, D]
	wide   int64 // bf16 [T, 3D] or [T, F]
	narrow int64 // bf16 [T, D]: queries, then what is added to x
	low    int64 // bf16 [T, 64], of an adapter
	matrix int64 // bf16, the largest matrix
	total  int64
}

// chunk4 is the number of tokens of one call of prefill, and what prompts are cut at. A prompt's tokens are the same
// bits only where a product has as many rows: cuBLAS chooses its kernels by that. So prompts that begin alike share
// whole chunks.
const chunk4 = 1024

// cut4 is the number of tokens that prompts are cut at on a device with so many multiprocessors, at most chunk. Half of chunk4 costs a
// seventh of a prompt's time on large devices, where a prompt takes milliseconds (docs/decisions/0015); on smaller ones products of 512
// rows keep all multiprocessors busy, and a kept beginning saves what a person waits for.
func cut4(chunk, sms int) int {
	if sms < 100 {
		return min(chunk, chunk4/2)
	}
	return chunk
}

// copies4 is the bytes of bf16 copies of the matrices that a model keeps on a device with so much free: they save a
// prompt the dequantising (a seventh of its time), and are made where they are an eighth of what is free.
func copies4(c Config, free int64) int64 {
	weights, _ := c.linears()
	if n := 2 * weights; 8*n <= free {
		return n
	}
	return 0
}

func newArena4(c Config) arena4 {
	a := arena4{layout: cuda.NewLayout(shape4(c)), chunk: min(chunk4, c.MaxPositionEmbeddings)}
	at := int64(0)
	take := func(n int64) int64 {
		p := at
		at += (n + 255) &^ 255
		return p
	}
	take(a.layout.Bytes())
	d, f, v := int64(c.HiddenSize), int64(c.IntermediateSize), int64(c.VocabSize+15)/16*16
	a.embed = take(2 * v * d)
	a.head = a.embed
	if !c.TieWordEmbeddings {
		a.head = take(2 * v * d)
	}
	table := 4 * int64(c.MaxPositionEmbeddings) * int64(max(1, c.RotaryDims()/2))
	a.cos, a.sin = take(table), take(table)
	a.weights = at
	t := int64(a.chunk)
	a.ids, a.x, a.normed, a.narrow = take(4*t), take(4*t*d), take(2*t*d), take(2*t*d)
	a.wide, a.low = take(2*t*max(3*d, f)), take(2*t*maxRank4)
	a.matrix = take(2 * d * max(3*d, f))
	a.total = at
	return a
}

// maxRank4 is the largest rank of an adapter that the kernels take.
const maxRank4 = 64

// shape4 is the model as the kernels see it.
func shape4(c Config) cuda.Shape {
	act := cuda.Gelu
	switch c.HiddenAct {
	case "gelu_new", "gelu_fast", "gelu_pytorch_tanh":
		act = cuda.GeluTanh
	case "relu":
		act = cuda.Relu
	case "silu", "swish":
		act = cuda.Silu
	}
	return cuda.Shape{
		Layers: c.Layers, Hidden: c.HiddenSize, Heads: c.Heads, Inner: c.IntermediateSize, Vocab: c.VocabSize,
		Rotary: c.RotaryDims(), Eps: float32(c.LayerNormEps), Parallel: c.UseParallelResidual, Act: act,
	}
}

// depth4 is how many tensors are on their way at the same time while a model is loaded: while one is worked on, the
// next arrive.
const depth4 = 3

// scratch4 is what the quantising kernels need beside their result.
const scratch4 = 64 << 10

// tableBytes4 is how much of an embedding matrix passes at a time.
const tableBytes4 = 32 << 20

// largest4 is the number of weights of the largest matrix.
func largest4(c Config) int64 {
	return int64(c.HiddenSize) * int64(max(3*c.HiddenSize, c.IntermediateSize))
}

// staging4 is the memory that loading takes beside the arena: slots for the tensors that are on their way, at most most
// bytes each, a matrix between quantising and laying out, and a mark for each of items tensors.
func staging4(c Config, most int64, items int) (slot int64, own temp4, total int64) {
	slot, own = (most+255)&^255, newTemp4(largest4(c))
	return slot, own, depth4*slot + own.end + int64(4*items)
}

// temp4 is the place of a matrix in bitsandbytes' form between quantising and laying out, as offsets into one piece of memory.
type temp4 struct {
	base                                            uintptr
	codes, absmax, q, absmax2, offset, scratch, end int64
}

func newTemp4(n int64) temp4 {
	t, at := temp4{}, int64(0)
	take := func(n int64) int64 {
		p := at
		at += (n + 255) &^ 255
		return p
	}
	blocks := (n + quant.BlockSize - 1) / quant.BlockSize
	t.codes, t.absmax, t.q, t.absmax2 = take((n+1)/2), take(4*blocks), take(blocks), take(4*((blocks+255)/256))
	t.offset, t.scratch = take(4), take(scratch4)
	t.end = at
	return t
}
