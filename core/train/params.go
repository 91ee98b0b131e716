package train

import (
	"math"
	"math/rand/v2"

	"kakoi/core"
	"kakoi/core/lora"
)

// params says where the numbers of an adapter lie in one row of them: matrix by matrix, A before B.
type params struct {
	places []place
	parts  []part // two for each place
	total  int
}

func layOut(places []place) params {
	p := params{places: places}
	for _, x := range places {
		for _, n := range []int{x.rank * x.in, x.out * x.rank} {
			p.parts = append(p.parts, part{p.total, n})
			p.total += n
		}
	}
	return p
}

// sizes of the tensors.
func (p params) sizes() []int {
	out := make([]int, len(p.parts))
	for i, x := range p.parts {
		out[i] = x.n
	}
	return out
}

// first are the weights that PEFT begins with: A of the uniform distribution that torch gives a linear layer, B of zeros, so
// that the adapter changes nothing yet.
func (p params) first(seed uint64) []float32 {
	w := make([]float32, p.total)
	for i, x := range p.places {
		r := rand.New(rand.NewPCG(seed, streamWeights+uint64(i)))
		bound := 1 / math.Sqrt(float64(x.in))
		a := p.parts[2*i]
		for k := range a.n {
			w[a.from+k] = float32((2*r.Float64() - 1) * bound)
		}
	}
	return w
}

// adapter is the weights w as an adapter of a model.
func (p params) adapter(s core.TrainSettings, name, base string, w []float32) (*lora.Adapter, error) {
	a := lora.Adapter{Name: name, Base: base, Rank: s.Rank, Alpha: s.Alpha, Dropout: s.Dropout}
	for i, x := range p.places {
		from, to := p.parts[2*i], p.parts[2*i+1]
		a.Targets = append(a.Targets, lora.Target{
			Layer: x.layer, Name: lora.Names[x.which], Rank: x.rank, In: x.in, Out: x.out, Alpha: s.Alpha,
			A: w[from.from : from.from+from.n], B: w[to.from : to.from+to.n],
		})
	}
	return lora.New(a)
}

// mix makes a well-spread number of some (splitmix64's end).
func mix(parts ...uint64) uint64 {
	var x uint64
	for _, p := range parts {
		x += p + 0x9e3779b97f4a7c15
		x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
		x = (x ^ x>>27) * 0x94d049bb133111eb
		x ^= x >> 31
	}
	return x
}
