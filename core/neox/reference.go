package neox

import "math"

// hashUniform gives n numbers in [-1, 1): FNV-1a of the name seeds a 32-bit mixing of the index. The golden tests'
// Python side makes the same numbers, so weights need not be stored.
func hashUniform(name string, n int) []float32 {
	seed := uint32(2166136261)
	for _, b := range []byte(name) {
		seed = (seed ^ uint32(b)) * 16777619
	}
	out := make([]float32, n)
	for i := range out {
		h := uint32(i)*2654435761 + seed
		h ^= h >> 16
		h *= 0x7feb352d
		h ^= h >> 15
		h *= 0x846ca68b
		h ^= h >> 16
		out[i] = float32(h>>8)*0x1p-23 - 1
	}
	return out
}

// tensorShapes lists the tensors of a GPT-NeoX file of this shape.
func tensorShapes(c Config) map[string][]int64 {
	d, f, v := int64(c.HiddenSize), int64(c.IntermediateSize), int64(c.VocabSize)
	all := map[string][]int64{
		"gpt_neox.embed_in.weight": {v, d}, "gpt_neox.final_layer_norm.weight": {d}, "gpt_neox.final_layer_norm.bias": {d},
	}
	if !c.TieWordEmbeddings {
		all["embed_out.weight"] = []int64{v, d}
	}
	for i := range c.Layers {
		p := layerName(i)
		for _, n := range []string{"input_layernorm", "post_attention_layernorm"} {
			all[p+n+".weight"], all[p+n+".bias"] = []int64{d}, []int64{d}
		}
		all[p+"attention.query_key_value.weight"] = []int64{3 * d, d}
		all[p+"attention.dense.weight"] = []int64{d, d}
		all[p+"mlp.dense_h_to_4h.weight"], all[p+"mlp.dense_h_to_4h.bias"] = []int64{f, d}, []int64{f}
		all[p+"mlp.dense_4h_to_h.weight"], all[p+"mlp.dense_4h_to_h.bias"] = []int64{d, f}, []int64{d}
		if c.AttentionBias {
			all[p+"attention.query_key_value.bias"], all[p+"attention.dense.bias"] = []int64{3 * d}, []int64{d}
		}
	}
	return all
}

// referenceForward is the logits [T, V] of one prompt in plain float64, one token and one head after the other,
// straight from the formulas: what the self-test holds the device against. weight gives a tensor by name.
func referenceForward(c Config, weight func(name string) []float32, ids []int32) [][]float64 {
	t, d := len(ids), c.HiddenSize
	cos, sin := rotaryTables(c, t)
	x := make([][]float64, t)
	for i, id := range ids {
		x[i] = widen(weight("gpt_neox.embed_in.weight")[int(id)*d : int(id+1)*d])
	}
	for l := range c.Layers {
		p := layerName(l)
		bias := func(name string) []float32 {
			if !c.AttentionBias {
				return nil
			}
			return weight(p + name)
		}
		qkv := make([][]float64, t)
		for i := range x {
			n := refNorm(x[i], weight(p+"input_layernorm.weight"), weight(p+"input_layernorm.bias"), c.LayerNormEps)
			qkv[i] = refLinear(n, weight(p+"attention.query_key_value.weight"), bias("attention.query_key_value.bias"))
		}
		o := refAttention(c, qkv, cos, sin)
		for i := range x {
			a := refLinear(o[i], weight(p+"attention.dense.weight"), bias("attention.dense.bias"))
			mid := refSum(x[i], a)
			from := mid
			if c.UseParallelResidual {
				from = x[i]
			}
			h := refLinear(refNorm(from, weight(p+"post_attention_layernorm.weight"), weight(p+"post_attention_layernorm.bias"), c.LayerNormEps),
				weight(p+"mlp.dense_h_to_4h.weight"), weight(p+"mlp.dense_h_to_4h.bias"))
			for j := range h {
				h[j] = refAct(c.HiddenAct, h[j])
			}
			x[i] = refSum(mid, refLinear(h, weight(p+"mlp.dense_4h_to_h.weight"), weight(p+"mlp.dense_4h_to_h.bias")))
		}
	}
	head := "embed_out.weight"
	if c.TieWordEmbeddings {
		head = "gpt_neox.embed_in.weight"
	}
	for i := range x {
		x[i] = refLinear(refNorm(x[i], weight("gpt_neox.final_layer_norm.weight"), weight("gpt_neox.final_layer_norm.bias"), c.LayerNormEps), weight(head), nil)
	}
	return x
}

// refAttention is causal attention over qkv [T][H*3*D/H], after turning q and k.
func refAttention(c Config, qkv [][]float64, cos, sin []float32) [][]float64 {
	d := c.HeadDim()
	out := make([][]float64, len(qkv))
	for i := range qkv {
		out[i] = make([]float64, c.HiddenSize)
		for h := range c.Heads {
			half := c.RotaryDims() / 2
			for part := range 2 {
				refRotate(qkv[i][(3*h+part)*d:], cos[i*half:(i+1)*half], sin[i*half:(i+1)*half])
			}
		}
	}
	for i := range qkv {
		for h := range c.Heads {
			q := qkv[i][3*h*d : (3*h+1)*d]
			score := make([]float64, i+1)
			for j := range score {
				for e, v := range q {
					score[j] += v * qkv[j][(3*h+1)*d+e] / math.Sqrt(float64(d))
				}
			}
			for j, p := range refSoftmax(score) {
				for e := range d {
					out[i][h*d+e] += p * qkv[j][(3*h+2)*d+e]
				}
			}
		}
	}
	return out
}

func refRotate(x []float64, cos, sin []float32) {
	half := len(cos)
	for e := range half {
		a, b, c, s := x[e], x[e+half], float64(cos[e]), float64(sin[e])
		x[e], x[e+half] = a*c-b*s, b*c+a*s
	}
}

func refSoftmax(x []float64) []float64 {
	top, sum := math.Inf(-1), 0.0
	for _, v := range x {
		top = math.Max(top, v)
	}
	out := make([]float64, len(x))
	for i, v := range x {
		out[i] = math.Exp(v - top)
		sum += out[i]
	}
	for i := range out {
		out[i] /= sum
	}
	return out
}

func refLinear(x []float64, w, b []float32) []float64 {
	out := make([]float64, len(w)/len(x))
	for o := range out {
		for i, v := range x {
			out[o] += v * float64(w[o*len(x)+i])
		}
		if b != nil {
			out[o] += float64(b[o])
		}
	}
	return out
}

func refNorm(x []float64, w, b []float32, eps float64) []float64 {
	mean, variance := 0.0, 0.0
	for _, v := range x {
		mean += v / float64(len(x))
	}
	for _, v := range x {
		variance += (v - mean) * (v - mean) / float64(len(x))
	}
	out := make([]float64, len(x))
	for i, v := range x {
		out[i] = (v-mean)/math.Sqrt(variance+eps)*float64(w[i]) + float64(b[i])
	}
	return out
}

func refAct(name string, x float64) float64 {
	switch name {
	case "gelu":
		return x * 0.5 * (1 + math.Erf(x/math.Sqrt2))
	case "relu":
		return math.Max(x, 0)
	case "silu", "swish":
		return x / (1 + math.Exp(-x))
	}
	return 0.5 * x * (1 + math.Tanh(math.Sqrt(2/math.Pi)*(x+0.044715*x*x*x)))
}

func refSum(a, b []float64) []float64 {
	out := make([]float64, len(a))
	for i := range a {
		out[i] = a[i] + b[i]
	}
	return out
}

func widen(v []float32) []float64 {
	out := make([]float64, len(v))
	for i, x := range v {
		out[i] = float64(x)
	}
	return out
}
