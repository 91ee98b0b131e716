package train

import (
	"math"
	"runtime"
	"sync"
	"sync/atomic"

	"kakoi/core"
	"kakoi/core/quant"
)

// moments is the optimiser's memory of one tensor: both moments in fp32, or in 8 bits.
type moments struct {
	m, v []float32 // fp32; nil in 8 bits

	m8, v8       []byte    // codes of quant.DynamicMap and quant.UnsignedDynamicMap
	mTop, vTop   []float32 // the largest number of each block
	eight, small bool
}

// blockOf8 is the numbers that share a scale, and leastOf8 how many a tensor has at least: smaller ones keep fp32
// (bitsandbytes since 0.44).
const (
	blockOf8 = 256
	leastOf8 = 4096
)

// adamw is AdamW (arXiv 1711.05101) over some tensors that lie one after the other. eight: moments in blocks of 8 bits
// (arXiv 2110.02861), with bitsandbytes' arithmetic.
type adamw struct {
	set   core.TrainSettings
	eight bool
	step  int // done
	of    []moments
	parts []part
}

// part is where a tensor lies.
type part struct{ from, n int }

func newAdamW(s core.TrainSettings, parts []part) *adamw {
	o := &adamw{set: s, eight: s.Optimizer != "adamw", parts: parts, of: make([]moments, len(parts))}
	for i, p := range parts {
		x := &o.of[i]
		if x.eight = o.eight && p.n >= leastOf8; x.eight {
			blocks := (p.n + blockOf8 - 1) / blockOf8
			x.m8, x.v8, x.mTop, x.vTop = make([]byte, p.n), make([]byte, p.n), make([]float32, blocks), make([]float32, blocks)
		} else {
			x.small = o.eight
			x.m, x.v = make([]float32, p.n), make([]float32, p.n)
		}
	}
	return o
}

// momentBytes is the memory of the moments of tensors of so many numbers.
func momentBytes(optimizer string, sizes []int) int64 {
	var b int64
	for _, n := range sizes {
		if optimizer != "adamw" && n >= leastOf8 {
			b += int64(2*n + 8*((n+blockOf8-1)/blockOf8))
		} else {
			b += int64(8 * n)
		}
	}
	return b
}

// update changes the weights w by by times the gradients g, both of all tensors, at a learning rate; on some threads, each tensor on
// one.
func (o *adamw) update(w, g []float32, by, lr float64, threads int) {
	o.step++
	var wait sync.WaitGroup
	var next atomic.Int64
	for range min(max(1, threads), len(o.parts)) {
		wait.Go(func() {
			for i := next.Add(1) - 1; int(i) < len(o.parts); i = next.Add(1) - 1 {
				p := o.parts[i]
				o.tensor(&o.of[i], w[p.from:p.from+p.n], g[p.from:p.from+p.n], float32(by), lr)
			}
		})
	}
	wait.Wait()
}

func (o *adamw) tensor(x *moments, w, g []float32, by float32, lr float64) {
	if x.eight {
		o.tensor8(x, w, g, by, lr)
		return
	}
	s := o.set
	b1, b2 := s.Beta1, s.Beta2
	c1, c2 := 1-math.Pow(b1, float64(o.step)), math.Sqrt(1-math.Pow(b2, float64(o.step)))
	if x.small {
		// bitsandbytes' kernel for tensors that it keeps in fp32: the weights shrink after the step.
		size, eps, shrink := float32(-lr*c2/c1), float32(c2)*float32(s.Epsilon), float32(1-lr*s.WeightDecay)
		for i, gr := range g {
			gr *= by
			x.m[i] = x.m[i]*float32(b1) + (1-float32(b1))*gr
			x.v[i] = x.v[i]*float32(b2) + (1-float32(b2))*gr*gr
			w[i] += size * (x.m[i] / (sqrt32(x.v[i]) + eps))
			if s.WeightDecay > 0 {
				w[i] *= shrink
			}
		}
		return
	}
	shrink, size := float32(1-lr*s.WeightDecay), float32(lr/c1)
	for i, gr := range g { // torch.optim.AdamW
		gr *= by
		w[i] *= shrink
		x.m[i] += (1 - float32(b1)) * (gr - x.m[i])
		x.v[i] = x.v[i]*float32(b2) + float32(1-b2)*gr*gr
		w[i] -= size * (x.m[i] / (sqrt32(x.v[i])/float32(c2) + float32(s.Epsilon)))
	}
}

func sqrt32(x float32) float32 { return float32(math.Sqrt(float64(x))) }

// tensor8 is bitsandbytes' kOptimizerStatic8bit2StateBlockwise: moments of a block are taken out of their codes, changed in
// fp32 and coded anew against the block's largest; the code of the first moment keeps its sign. A gradient that is no finite
// number clears the moments there.
func (o *adamw) tensor8(x *moments, w, g []float32, by float32, lr float64) {
	s := o.set
	b1, b2 := float32(s.Beta1), float32(s.Beta2)
	c1, c2 := float32(1-math.Pow(s.Beta1, float64(o.step))), float32(math.Sqrt(1-math.Pow(s.Beta2, float64(o.step))))
	size, eps, shrink := -float32(lr)*c2/c1, c2*float32(s.Epsilon), 1-float32(lr)*float32(s.WeightDecay)
	var m, v [blockOf8]float32
	for b := range x.mTop {
		lo, hi := b*blockOf8, min(len(w), (b+1)*blockOf8)
		var mTop, vTop float32
		for i := lo; i < hi; i++ {
			gr := g[i] * by
			if gr-gr != 0 {
				m[i-lo], v[i-lo] = 0, 0
				continue
			}
			m[i-lo] = quant.DynamicMap[x.m8[i]]*x.mTop[b]*b1 + (1-b1)*gr
			v[i-lo] = quant.UnsignedDynamicMap[x.v8[i]]*x.vTop[b]*b2 + (1-b2)*gr*gr
			mTop, vTop = max(mTop, m[i-lo], -m[i-lo]), max(vTop, v[i-lo])
		}
		x.mTop[b], x.vTop[b] = mTop, vTop
		for i := lo; i < hi; i++ {
			mi, vi := m[i-lo], v[i-lo]
			if g[i]-g[i] == 0 {
				w[i] += size * (mi / (sqrt32(vi) + eps))
				if s.WeightDecay > 0 {
					w[i] *= shrink
				}
			}
			k := byte(zero8)
			if mTop != 0 {
				k = signedCoder.code(mi / mTop)
			}
			if (quant.DynamicMap[k] < 0) != (mi < 0) && mi != 0 {
				if mi > 0 {
					k++
				} else {
					k--
				}
			}
			x.m8[i], x.v8[i] = k, 0
			if vTop != 0 {
				x.v8[i] = unsignedCoder.code(vi / vTop)
			}
		}
	}
}

// zero8 is quant.DynamicMap's code of zero.
const zero8 = 127

// coder finds the nearest of a map's numbers, as quant.Nearest does: from the upper half of a number's bits it knows a code that is not
// too large, and goes up from there.
type coder struct {
	first [1 << 16]byte
	from  [256]float32 // the smallest number of each code
}

var signedCoder, unsignedCoder = newCoder(&quant.DynamicMap), newCoder(&quant.UnsignedDynamicMap)

func newCoder(m *[256]float32) *coder {
	c := &coder{}
	c.from[0] = float32(math.Inf(-1))
	for i := range 255 {
		x := (m[i] + m[i+1]) * 0.5
		for quant.Nearest(m, x) <= byte(i) { // a midpoint belongs to either side
			x = math.Nextafter32(x, 2)
		}
		for down := math.Nextafter32(x, -2); quant.Nearest(m, down) > byte(i); down = math.Nextafter32(x, -2) {
			x = down
		}
		c.from[i+1] = x
	}
	for high := range c.first {
		low := uint32(high) << 16
		if high>>15 != 0 {
			low |= 0xffff // the smallest of negative numbers has the largest bits
		}
		x := math.Float32frombits(low)
		for k := 255; k > 0; k-- {
			if x >= c.from[k] {
				c.first[high] = byte(k)
				break
			}
		}
	}
	return c
}

func (c *coder) code(x float32) byte {
	k := c.first[math.Float32bits(x)>>16]
	for k < 255 && x >= c.from[k+1] {
		k++
	}
	return k
}

// norm is the norm of by times the gradients, and what to multiply them with so that it is at most most (0: by;
// torch.nn.utils.clip_grad_norm_). finite is false when it is none. The sum is one of parts of a fixed size, so the number of
// processors does not change it.
func norm(g []float32, by float64, most float64) (norm, scale float64, finite bool) {
	const size = 1 << 16
	sums := make([]float64, (len(g)+size-1)/size)
	var wait sync.WaitGroup
	var next atomic.Int64
	for range min(runtime.GOMAXPROCS(0), len(sums)) {
		wait.Go(func() {
			for i := next.Add(1) - 1; int(i) < len(sums); i = next.Add(1) - 1 {
				s := 0.0
				for _, x := range g[int(i)*size : min(len(g), (int(i)+1)*size)] {
					s += float64(x) * float64(x)
				}
				sums[i] = s
			}
		})
	}
	wait.Wait()
	var square float64
	for _, s := range sums {
		square += s
	}
	norm = math.Sqrt(square) * by
	if math.IsNaN(norm) || math.IsInf(norm, 0) {
		return norm, by, false
	}
	if most > 0 {
		by *= min(1, most/(norm+1e-6))
	}
	return norm, by, true
}
