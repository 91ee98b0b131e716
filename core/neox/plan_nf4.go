package neox

import (
	"kakoi/core/internal/kernel/cuda"
)

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
	a := newArena4(c, planChunkCUDA)
	p.process(true)
	p.add("weights", BufferLayers, a.embed, Always)
	p.add("weights", BufferEmbed, a.head-a.embed, Always) // 0 where tied
	p.add("weights", BufferHead, a.cos-a.head, Always)
	p.add("weights", BufferRotary, a.weights-a.cos, Always)
	p.add("adapters", BufferAdapters, align(2*int64(r.Adapters)*r.adapterParameters(1)), Running)
	capacity := min((r.Context+padTokens-1)/padTokens*padTokens, c.MaxPositionEmbeddings)
	p.add("cache", BufferKV, align(c.kvBytes(r.Batch, capacity, 2)), Running)
	p.add("cache", BufferKept, align(c.kvBytes(r.Kept, capacity, 2)), Running)

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
	rows := min(planChunkCUDA, int64(r.Context))
	p.add("prefill", BufferAttention, align(2*rows*d), Prefilling)
	p.add("prefill", BufferLogits, align(4*v), Prefilling)
	// x, q k v, attention, the feed-forward part as float32 and as fixed-point sums, per lane; the logits.
	lanes := int64(p.Lanes)
	p.add("decode", BufferStep, align(lanes*(4*d+12*(3*d+d+f+d))), Decoding)
	p.add("decode", BufferLogits, align(lanes*4*v), Decoding)
	return nil
}

// runs4Bit says whether there are 4-bit kernels for a model of this shape on a device.
func runs4Bit(device string, c Config) bool {
	return device == "cuda" && shape4(c).Validate() == nil
}

// align rounds up to what buffers in an arena begin at.
func align(n int64) int64 { return (n + 255) &^ 255 }

// cpu4 is the plan of the 4-bit runner on the CPU.
func (p *Plan) cpu4(r PlanRequest) error {
	c := r.Config
	if p.Lanes = r.Lanes; p.Lanes == 0 {
		p.Lanes = planLanesTorch
	}
	d, f, v := int64(c.HiddenSize), int64(c.IntermediateSize), int64(c.VocabSize)
	weights, rest := c.linears()
	p.process(false)
	p.add("weights", BufferLayers, weights/2+rest*4, Always)
	p.add("weights", BufferScales, weights/64*2, Always)
	p.add("weights", BufferEmbed, 2*v*d, Always)
	if !c.TieWordEmbeddings {
		p.add("weights", BufferHead, 2*v*d, Always)
	}
	p.add("weights", BufferRotary, 4*int64(c.MaxPositionEmbeddings)*int64(c.RotaryDims()), Always)
	p.add("adapters", BufferAdapters, 4*int64(r.Adapters)*r.adapterParameters(1), Running)
	p.add("cache", BufferKV, c.kvBytes(r.Batch, r.Context, 2), Running)
	p.add("cache", BufferKept, c.kvBytes(r.Kept, r.Context, 2), Running)
	if widest := max(3*d*d, d*f); r.Stored != "NF4" {
		p.add("load", BufferStaging, nf4Bytes(widest)+widest/64*4, Loading)
	}
	rows := min(int64(planChunkCPU), int64(r.Context))
	p.add("prefill", BufferActivations, rows*(4*(2*d+3*d+d+f)+f), Prefilling)
	p.add("prefill", BufferLogits, 4*v*int64(r.Batch), Prefilling)
	lanes := int64(p.Lanes)
	p.add("decode", BufferStep, lanes*(4*(2*d+3*d+d+f)+f), Decoding)
	p.add("decode", BufferLogits, 4*v*max(lanes, int64(r.Batch)), Decoding)
	return nil
}
