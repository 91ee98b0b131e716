package bert

import "math"

// hashUniform gives n numbers in [-1, 1): FNV-1a of the name seeds a mixing of the index, so weights need not be
// stored anywhere.
func hashUniform(name string, n int) []float32 {
	seed := uint64(14695981039346656037)
	for _, b := range []byte(name) {
		seed = (seed ^ uint64(b)) * 1099511628211
	}
	out := make([]float32, n)
	for i := range out {
		h := seed + uint64(i)*0x9e3779b97f4a7c15
		h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
		h = (h ^ h>>27) * 0x94d049bb133111eb
		out[i] = float32(h>>41)*0x1p-22 - 1
	}
	return out
}

// referenceForward is the hidden states [T][H] of one window in plain float64, one token and one head after the
// other, straight from the formulas (Devlin et al. 2018, post-LayerNorm; positions as Config.FirstPosition says):
// what the self-test holds the device against. weight gives a tensor by name; the activation is exact GELU.
func referenceForward(c Config, weight func(name string) []float32, ids []int32) [][]float64 {
	row := func(name string, i int) []float32 {
		return weight("embeddings." + name + "_embeddings.weight")[i*c.Hidden : (i+1)*c.Hidden]
	}
	norm := func(x []float64, name string) []float64 {
		return refNorm(x, weight(name+".LayerNorm.weight"), weight(name+".LayerNorm.bias"), c.Eps)
	}
	linear := func(x []float64, name string) []float64 {
		return refLinear(x, weight(name+".weight"), weight(name+".bias"))
	}
	x := make([][]float64, len(ids))
	for t, id := range ids {
		x[t] = make([]float64, c.Hidden)
		words, places, types := row("word", int(id)), row("position", c.FirstPosition()+t), row("token_type", 0)
		for j := range x[t] {
			x[t][j] = float64(words[j]) + float64(places[j]) + float64(types[j])
		}
		x[t] = norm(x[t], "embeddings")
	}
	for l := range c.Layers {
		p := layerPrefix(l)
		q, k, v := make([][]float64, len(x)), make([][]float64, len(x)), make([][]float64, len(x))
		for t := range x {
			q[t], k[t], v[t] = linear(x[t], p+"attention.self.query"), linear(x[t], p+"attention.self.key"), linear(x[t], p+"attention.self.value")
		}
		for t, a := range refAttention(c, q, k, v) {
			y := norm(refSum(x[t], linear(a, p+"attention.output.dense")), p+"attention.output")
			z := linear(y, p+"intermediate.dense")
			for j, g := range z {
				z[j] = g * 0.5 * (1 + math.Erf(g/math.Sqrt2))
			}
			x[t] = norm(refSum(y, linear(z, p+"output.dense")), p+"output")
		}
	}
	return x
}

// refAttention is attention of every token over all, [T][H] each.
func refAttention(c Config, q, k, v [][]float64) [][]float64 {
	d := c.Hidden / c.Heads
	out := make([][]float64, len(q))
	for t := range q {
		out[t] = make([]float64, c.Hidden)
		for from := 0; from < c.Hidden; from += d {
			score, top := make([]float64, len(k)), math.Inf(-1)
			for u := range k {
				for e := from; e < from+d; e++ {
					score[u] += q[t][e] * k[u][e] / math.Sqrt(float64(d))
				}
				top = math.Max(top, score[u])
			}
			sum := 0.0
			for u := range score {
				score[u] = math.Exp(score[u] - top)
				sum += score[u]
			}
			for u, s := range score {
				for e := from; e < from+d; e++ {
					out[t][e] += s / sum * v[u][e]
				}
			}
		}
	}
	return out
}

// refPool is the vector of length 1 of hidden states x: their mean, or the first of them.
func refPool(x [][]float64, mode string) []float64 {
	if mode == "cls" {
		x = x[:1]
	}
	out := make([]float64, len(x[0]))
	for _, row := range x {
		out = refSum(out, row)
	}
	square := 0.0
	for _, v := range out {
		square += v * v
	}
	for j := range out {
		out[j] /= math.Sqrt(square)
	}
	return out
}

func refLinear(x []float64, w, b []float32) []float64 {
	out := make([]float64, len(b))
	for o := range out {
		out[o] = float64(b[o])
		for i, v := range x {
			out[o] += v * float64(w[o*len(x)+i])
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

func refSum(a, b []float64) []float64 {
	out := make([]float64, len(a))
	for i := range a {
		out[i] = a[i] + b[i]
	}
	return out
}
