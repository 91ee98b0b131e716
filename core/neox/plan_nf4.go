package neox

import "kakoi/core/internal/kernel/cuda"

// nf4Bytes is n weights in bitsandbytes' form with double quantisation: 4 bits, a byte per 64, a float32 per 64 x 256.
func nf4Bytes(n int64) int64 {
	blocks := (n + 63) / 64
	return (n+1)/2 + blocks + (blocks+255)/256*4
}

// linears is the number of weights in 4 bits, and of biases and norms beside them.
func (c Config) linears() (weights, rest int64) {
	d, f, l := int64(c.HiddenSize), int64(c.IntermediateSize), int64(c.Layers)
	return l * (4*d*d + 2*d*f), l*(5*d+f+4*d) + 2*d
}

// cuda4 is the plan of the 4-bit runner on a GPU: the arena (cuda4_arena.go), and for every state its keys and values
// with the room of its steps.
func (p *Plan) cuda4(r PlanRequest) error {
	c := r.Config
	if err := shape4(c).Validate(); err != nil {
		return err
	}
	if p.Lanes = r.Lanes; p.Lanes == 0 {
		p.Lanes = cuda.MaxLanes
	}
	d, f, v := int64(c.HiddenSize), int64(c.IntermediateSize), int64(c.VocabSize)
	a := newArena4(c)
	p.process(true)
	p.add("weights", BufferLayers, a.embed, Always)
	p.add("weights", BufferEmbed, a.head-a.embed, Always) // 0 where tied
	p.add("weights", BufferHead, a.cos-a.head, Always)
	p.add("weights", BufferRotary, a.weights-a.cos, Always)
	p.add("adapters", BufferAdapters, align(2*int64(r.Adapters)*r.adapterParameters(1)), Running)
	p.add("weights", BufferCopies, copies4(c, r.Free), Running)
	p.add("cache", BufferKV, align(c.kvBytes(r.Batch, r.Context, 2)), Running)
	p.add("cache", BufferKept, align(c.kvBytes(r.Kept, r.Context, 2)), Running)

	widest := largest4(c)
	most := map[string]int64{"NF4": newTemp4(widest).end, "F32": 4 * widest}[r.Stored]
	if most == 0 {
		most = 2 * widest
	}
	_, _, staging := staging4(c, max(most, tableBytes4), 8*c.Layers)
	p.add("load", BufferStaging, align(staging), Loading)

	// Part of the arena, so it stays.
	p.add("prefill", BufferDequantised, a.total-a.matrix, Always)
	p.add("prefill", BufferActivations, a.matrix-a.weights, Always)
	rows := int64(min(chunk4, r.Context))
	p.add("prefill", BufferAttention, align(2*rows*d), Prefilling)
	p.add("prefill", BufferLogits, align(4*v), Prefilling)
	// Sums in 64-bit fixed point, the parts of split attention in float32; logits, and scores for the choice. They are
	// taken with the keys and values.
	lanes := int64(p.Lanes)
	p.add("decode", BufferStep, align(lanes*(8*(d+3*d+f+v)+64*d)), Running)
	p.add("decode", BufferLogits, align(2*lanes*4*v), Running)
	return nil
}

// runs4Bit says whether there are 4-bit kernels for a model of this shape on a device.
func runs4Bit(device string, c Config) bool {
	if device == "cpu" {
		return fastCPU4(c)
	}
	return device == "cuda" && shape4(c).Validate() == nil
}

// align rounds up to what buffers in an arena begin at.
func align(n int64) int64 { return (n + 255) &^ 255 }

// cpu4 is the plan of the 4-bit runner on the CPU (cpu4_load.go, kernel/cpu): codes and scales in panels, an 8-bit head, everything from
// 2 MiB on in whole large pages.
func (p *Plan) cpu4(r PlanRequest) error {
	c := r.Config
	if p.Lanes = r.Lanes; p.Lanes == 0 {
		p.Lanes = lanesTorch
	}
	d, f, v := int64(c.HiddenSize), int64(c.IntermediateSize), int64(c.VocabSize)
	p.process(false)
	layer := panels4(3*d, d, 1) + panels4(d, d, 1) + panels4(f, d, 1) + panels4(d, f, 1) + 4*pages4(4*d) + pages4(4*f) + pages4(4*d)
	if c.AttentionBias {
		layer += pages4(12*d) + pages4(4*d)
	}
	p.add("weights", BufferLayers, int64(c.Layers)*layer+2*pages4(4*d), Always)
	p.add("weights", BufferHead, panels4(v, d, 2), Always)
	if r.Embed != "I8" || !c.TieWordEmbeddings {
		size := int64(2)
		if r.Embed == "F32" || r.Embed == "I8" {
			size = 4
		}
		p.add("weights", BufferEmbed, pages4(v*d*size), Always)
	}
	p.add("weights", BufferRotary, 2*pages4(2*int64(c.MaxPositionEmbeddings)*int64(c.RotaryDims())), Always)
	p.add("adapters", BufferAdapters, 4*int64(r.Adapters)*r.adapterParameters(1), Running)
	capacity := (r.Context + 63) / 64 * 64
	p.add("cache", BufferKV, int64(r.Batch)*pages4(c.kvBytes(1, capacity, 2)), Running)
	p.add("cache", BufferKept, int64(r.Kept)*pages4(c.kvBytes(1, capacity, 2)), Running)

	// One matrix in bitsandbytes' form beside its scales as float32; the collector lets a second one wait.
	widest := max(3*d*d, d*f)
	if r.Stored == "NF4" {
		p.add("load", BufferStaging, widest/64*4*2, Loading)
	} else {
		p.add("load", BufferStaging, 2*(nf4Bytes(widest)+widest/64*8), Loading)
	}
	p.add("prefill", BufferActivations, pages4(stepCPU4(c, planThreads)), Always)
	p.add("decode", BufferLogits, 4*v*int64(r.Batch), Running)
	return nil
}

// stepCPU4 is the workspace of a step (place in kernel/cpu/neox.c), which is made for a prompt's chunk when a model is loaded, with
// the tile unit; without it the sums of a range of panels are not there.
func stepCPU4(c Config, threads int64) int64 {
	const n, rank = int64(planChunkCPU4), 512
	d, f := int64(c.HiddenSize), int64(c.IntermediateSize)
	up := func(n int64) int64 { return (n + 63) / 64 * 64 }
	ld, wide := up(3*d), max(d, f)
	numbers := up(4*n*d) + up(4*n*ld) + up(4*n*d) + up(4*n*f) // x, q k v, attention, and the MLP's for an adapter
	sums := up(4 * n * 64 * threads * min(8, (max(ld, d, up(f))/64+threads-1)/threads))
	lists := up(16*n) + up(8*n) + up(8*(10*int64(c.Layers)+4))
	private := up(4*wide) + up(4*n*64) + up(68*wide+256<<10)
	act := func(cols, bytes int64) int64 { return bytes*up(n*cols) + 3*up(n*cols/64*4) }
	// Activations of the norms and attention, of the MLP, and of the last norm: a prompt's, or as for decoding, where they have four
	// bytes and there are no sums.
	acts := max(sums+3*act(d, 2)+act(f, 2), 3*act(d, 4)+act(f, 4)) + act(d, 4)
	return numbers + lists + threads*private + acts + 4*n*4*rank
}

// pages4 is what n bytes take: whole pages, large ones from one large page on (kernel/cpu/memory.c).
func pages4(n int64) int64 {
	const small, large = 4 << 10, 2 << 20
	if n < large {
		return (n + small - 1) / small * small
	}
	return (n + large - 1) / large * large
}

// panels4 is the memory of a matrix of codes (planes 1) or 8-bit numbers (2) in the kernels' order (kernel/cpu/nib.h).
func panels4(rows, cols, planes int64) int64 {
	group := ((cols/64)*(planes*512+32) + 63) / 64 * 64
	return pages4((rows+63)/64*4*group + 8192)
}

const planThreads = 2 // of the workspace's private parts: a few hundred kilobytes each

// planChunkCPU4 is the chunk of the CPU's 4-bit runner (chunkCPU4), for builds without it.
const planChunkCPU4 = 256
