package neox

import (
	"fmt"

	"kakoi/core"
	"kakoi/core/lora"
)

// Recompute says what a training step does not keep from the forward pass but computes again.
type Recompute string

// The ways.
const (
	RecomputeNone   Recompute = "none"   // everything is kept
	RecomputeUp     Recompute = "up"     // the input of the activation is computed again
	RecomputeLayers Recompute = "layers" // only each layer's input is kept
)

// TrainRequest is the settings of a LoRA training step over 4-bit weights.
type TrainRequest struct {
	Tokens    int       // of a step: sequences times their length
	Recompute Recompute // "": none
	HeadChunk int       // tokens whose logits exist at the same time; 0: 1024
	Copies    bool      // bf16 copies of the linears are kept instead of one dequantised matrix
}

// train is the plan of a training step; its figures follow from the arithmetic of the layers and are not measured yet.
func (p *Plan) train(r PlanRequest) error {
	t, c := *r.Train, r.Config
	if t.Recompute == "" {
		t.Recompute = RecomputeNone
	}
	if t.HeadChunk == 0 {
		t.HeadChunk = 1024
	}
	d, f, v := int64(c.HiddenSize), int64(c.IntermediateSize), int64(c.VocabSize)
	// Per token and layer in bf16: the layer's input, the second norm's, q k v, attention's result, the activation's input.
	saved, ok := map[Recompute]int64{RecomputeNone: 2 * (d + d + 3*d + d + f), RecomputeUp: 2 * (d + d + 3*d + d), RecomputeLayers: 2 * d}[t.Recompute]
	if !ok || t.Tokens < 1 || t.HeadChunk < 1 {
		return fmt.Errorf("training of %d tokens, recompute %q: %w", t.Tokens, t.Recompute, core.ErrUsage)
	}
	p.Measured, p.Adapters = false, 1
	p.process(r.Device == "cuda")
	weights, rest := c.linears()
	p.add("weights", BufferLayers, nf4Bytes(weights)+2*rest, Training)
	p.add("weights", BufferEmbed, 2*v*d, Training)
	if !c.TieWordEmbeddings {
		p.add("weights", BufferHead, 2*v*d, Training)
	}
	if t.Copies {
		p.add("train", "copies", 2*weights, Training)
	} else {
		p.add("train", BufferDequantised, 2*max(3*d*d, d*f), Training)
	}
	parameters, states := int64(0), int64(0)
	shapes := lora.ModelOf(c.Layers, c.HiddenSize, c.IntermediateSize).Shapes
	for _, name := range r.Targets {
		for _, n := range []int64{int64(r.Rank) * int64(shapes[name].In), int64(r.Rank) * int64(shapes[name].Out)} {
			parameters += n * int64(c.Layers)
			if n < 4096 { // bitsandbytes keeps small tensors' states in float32
				states += 8 * n * int64(c.Layers)
			} else {
				states += (2*n + 8*((n+255)/256)) * int64(c.Layers)
			}
		}
	}
	p.add("train", "lora", 4*parameters, Training)
	p.add("train", "gradients", 4*parameters, Training)
	p.add("train", "optimizer", states, Training)
	tokens := int64(t.Tokens)
	p.add("train", "saved", tokens*saved*int64(c.Layers), Training)
	// The layer at work, forward again and backward: what it saves, and the gradients of its widest steps.
	p.add("train", BufferActivations, tokens*2*(d+d+3*d+d+2*f+2*d), Training)
	head := min(tokens, int64(t.HeadChunk))
	p.add("train", BufferLogits, head*v*(4+2)+tokens*2*d, Training)
	return nil
}
