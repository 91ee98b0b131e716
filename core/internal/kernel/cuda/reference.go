//go:build torch

package cuda

import (
	"math"
	"runtime"
	"slices"
	"sync"

	"kakoi/core"
)

// hostModel is a GPT-NeoX in plain float64, straight from the formulas: what the self-test holds the kernels against.
type hostModel struct {
	shape    Shape
	embed    []float32 // [V, D]
	head     []float32 // [V, D]
	layers   []hostLayer
	final    []float32 // weight [D], bias [D]
	cos, sin []float32 // [P, R/2]
}

type hostLayer struct {
	matrix [4][]float32
	bias   [4][]float32
	norm   [2][]float32
	low    [4]hostLora
}

// hostLora is y += scale B (A x).
type hostLora struct {
	a, b  []float32
	rank  int
	scale float32
}

// forward gives the logits [T][V] of a sequence, with the LoRA parts or without.
func (m *hostModel) forward(ids []int32, lora bool) [][]float64 {
	s, t := m.shape, len(ids)
	d, dim := s.Hidden, s.HeadDim()
	x := make([][]float64, t)
	for i, id := range ids {
		x[i] = wide(m.embed[int(id)*d : (int(id)+1)*d])
	}
	for l := range m.layers {
		y := &m.layers[l]
		apply := func(which Matrix, in [][]float64) [][]float64 {
			out := product(y.matrix[which], y.bias[which], in)
			if low := y.low[which]; lora && low.rank > 0 {
				a := product(low.a, nil, in)
				b := product(low.b, nil, a)
				for i := range out {
					for j := range out[i] {
						out[i][j] += float64(low.scale) * b[i][j]
					}
				}
			}
			return out
		}
		qkv := apply(QKV, normed(x, y.norm[0], s.Eps))
		o := make([][]float64, t)
		for i := range o {
			o[i] = make([]float64, d)
		}
		for h := range s.Heads {
			for i := range t {
				for which := range 2 {
					m.turn(qkv[i][(h*3+which)*dim:], i)
				}
			}
			for i := range t {
				w := make([]float64, i+1)
				top, sum := math.Inf(-1), 0.0
				for j := range w {
					for e := range dim {
						w[j] += qkv[i][h*3*dim+e] * qkv[j][(h*3+1)*dim+e]
					}
					w[j] /= math.Sqrt(float64(dim))
					top = math.Max(top, w[j])
				}
				for j := range w {
					w[j] = math.Exp(w[j] - top)
					sum += w[j]
				}
				for j := range w {
					for e := range dim {
						o[i][h*dim+e] += w[j] / sum * qkv[j][(h*3+2)*dim+e]
					}
				}
			}
		}
		mid := sum(x, apply(Dense, o))
		from := mid
		if s.Parallel {
			from = x
		}
		inner := apply(Up, normed(from, y.norm[1], s.Eps))
		for i := range inner {
			for j, v := range inner[i] {
				inner[i][j] = activated(v, s.Act)
			}
		}
		x = sum(mid, apply(Down, inner))
	}
	return product(m.head, nil, normed(x, m.final, s.Eps))
}

func (m *hostModel) turn(v []float64, pos int) {
	half := m.shape.Rotary / 2
	for e := range half {
		c, s := float64(m.cos[pos*half+e]), float64(m.sin[pos*half+e])
		v[e], v[e+half] = v[e]*c-v[e+half]*s, v[e+half]*c+v[e]*s
	}
}

func activated(x float64, act Activation) float64 {
	switch act {
	case Gelu:
		return 0.5 * x * (1 + math.Erf(x/math.Sqrt2))
	case GeluTanh:
		return 0.5 * x * (1 + math.Tanh(math.Sqrt(2/math.Pi)*(x+0.044715*x*x*x)))
	case Relu:
		return math.Max(x, 0)
	}
	return x / (1 + math.Exp(-x))
}

func normed(x [][]float64, norm []float32, eps float32) [][]float64 {
	out := make([][]float64, len(x))
	for i, row := range x {
		mean, square := 0.0, 0.0
		for _, v := range row {
			mean += v / float64(len(row))
		}
		for _, v := range row {
			square += (v - mean) * (v - mean) / float64(len(row))
		}
		r := 1 / math.Sqrt(square+float64(eps))
		out[i] = make([]float64, len(row))
		for j, v := range row {
			out[i][j] = (v-mean)*r*float64(norm[j]) + float64(norm[len(row)+j])
		}
	}
	return out
}

// product is x W^T + b on all cores.
func product(w, b []float32, x [][]float64) [][]float64 {
	cols := len(x[0])
	rows := len(w) / cols
	out := make([][]float64, len(x))
	for i := range out {
		out[i] = make([]float64, rows)
	}
	n := runtime.GOMAXPROCS(0)
	var wg sync.WaitGroup
	for c := range n {
		wg.Go(func() {
			for r := rows * c / n; r < rows*(c+1)/n; r++ {
				row := w[r*cols : (r+1)*cols]
				for i := range x {
					s := 0.0
					for j, v := range x[i] {
						s += v * float64(row[j])
					}
					if b != nil {
						s += float64(b[r])
					}
					out[i][r] = s
				}
			}
		})
	}
	wg.Wait()
	return out
}

func sum(a, b [][]float64) [][]float64 {
	out := make([][]float64, len(a))
	for i := range a {
		out[i] = make([]float64, len(a[i]))
		for j := range out[i] {
			out[i][j] = a[i][j] + b[i][j]
		}
	}
	return out
}

func wide(v []float32) []float64 {
	out := make([]float64, len(v))
	for i, x := range v {
		out[i] = float64(x)
	}
	return out
}

// hostChoice is core/neox's sampler for one token: the ids in order with their probabilities, and the choice at u.
func hostChoice(logits []float32, seen map[int32]bool, set core.Sampling, u float64) (int32, []int32, []float64) {
	scores := slices.Clone(logits)
	if p := float32(set.RepetitionPenalty); p != 0 && p != 1 {
		for id := range seen {
			if scores[id] < 0 {
				scores[id] *= p
			} else {
				scores[id] /= p
			}
		}
	}
	order := make([]int32, len(scores))
	for i := range order {
		order[i] = int32(i)
		if t := float32(set.Temperature); t > 0 && t != 1 {
			scores[i] /= t
		}
	}
	slices.SortStableFunc(order, func(a, b int32) int {
		switch {
		case scores[a] > scores[b]:
			return -1
		case scores[a] < scores[b]:
			return 1
		}
		return 0
	})
	if set.Temperature == 0 {
		return order[0], order, nil
	}
	n := len(order)
	if k := set.TopK; k > 0 && k < n {
		for n = k; n < len(order) && scores[order[n]] == scores[order[k-1]]; n++ {
		}
	}
	weigh := func() []float64 {
		p, sum := make([]float64, n), 0.0
		for i := range p {
			p[i] = math.Exp(float64(scores[order[i]]) - float64(scores[order[0]]))
			sum += p[i]
		}
		for i := range p {
			p[i] /= sum
		}
		return p
	}
	probs := weigh()
	if set.TopP > 0 && set.TopP < 1 {
		tail := 0.0
		for ; n > 1; n-- {
			if tail += probs[n-1]; tail > 1-set.TopP {
				break
			}
		}
		probs = weigh()
	}
	left := u
	for i, p := range probs {
		if left -= p; left < 0 {
			return order[i], order[:n], probs
		}
	}
	return order[n-1], order[:n], probs
}
