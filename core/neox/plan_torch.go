package neox

// torch is the plan of a model that runs on libtorch's operations (runner_torch.go).
func (p *Plan) torch(r PlanRequest) error {
	size, ok := map[string]int{"fp32": 4, "bf16": 2, "fp16": 2}[r.DType]
	if !ok {
		return badDType(r.DType)
	}
	c, e := r.Config, int64(size)
	d, f, v := int64(c.HiddenSize), int64(c.IntermediateSize), int64(c.VocabSize)
	cuda := r.Device == "cuda"
	if p.Lanes = r.Lanes; p.Lanes == 0 {
		p.Lanes = lanesTorch
	}
	p.process(cuda)
	if !cuda && size == 2 {
		// What libtorch's products in 16 bits make for themselves on the CPU: compiled kernels and packed matrices, as measured.
		p.add("process", BufferKernels, kernelsHalf, Running)
	}
	head := v * d
	if c.TieWordEmbeddings {
		head = 0
	}
	p.add("weights", BufferLayers, (c.Parameters()-v*d-head)*e, Always)
	p.add("weights", BufferEmbed, v*d*e, Always)
	p.add("weights", BufferHead, head*e, Always)
	p.add("weights", BufferRotary, int64(c.MaxPositionEmbeddings)*int64(c.RotaryDims())*e, Always)
	p.add("adapters", BufferAdapters, int64(r.Adapters)*r.adapterParameters(rankStep)*e, Running)
	p.add("cache", BufferKV, c.kvBytes(r.Batch, r.Context, size), Running)
	p.add("cache", BufferKept, c.kvBytes(r.Kept, r.Context, size), Running)

	// A matrix passes through full precision unless it is stored as it is computed with.
	stored := map[string]int64{"F32": 4, "F16": 2, "BF16": 2, "NF4": 4}[r.Stored]
	if stored == 0 {
		stored = e
	}
	widest := max(3*d*d, d*f, v*d)
	switch {
	case cuda && r.Stored != "NF4":
		p.add("load", BufferStaging, widest*stored, Loading) // the file's numbers, before they are converted
	case cuda || r.Stored == "NF4" && size != 4:
		p.add("load", BufferStaging, max(3*d*d, d*f)*4, Loading)
	}

	chunk := int64(chunkCPU(c))
	if cuda {
		chunk = chunkCUDA
	}
	rows := min(chunk, int64(r.Context))
	p.add("prefill", BufferActivations, rows*p.block(c)*e, Prefilling)
	if int64(r.Context) > chunk { // the mask of a chunk that is not the first
		p.add("prefill", BufferAttention, rows*int64(r.Context)*e, Prefilling)
	}
	p.add("prefill", BufferLogits, v*e+int64(r.Batch)*v*4, Prefilling)
	lanes := int64(min(p.Lanes, max(p.Lanes, r.Batch)))
	p.add("decode", BufferStep, lanes*p.block(c)*e, Decoding)
	p.add("decode", BufferLogits, lanes*v*e+max(lanes, int64(r.Batch))*v*4, Decoding)
	return nil
}

// block is the numbers per token that a layer's operations leave until its end: two normalised rows, q, k and v, attention before and
// after it is put in order, dense and what is added to it, the feed-forward part before and after the activation, its result and the sum.
func (p *Plan) block(c Config) int64 { return 12*int64(c.HiddenSize) + 2*int64(c.IntermediateSize) }
