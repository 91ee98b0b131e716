//go:build torch

package cuda

import (
	"errors"
	"fmt"
	"math"
	"math/bits"

	"kakoi/core"
)

// SelftestTraining is the part of Selftest that is about the kernels of a training step.
func (g *GPU) SelftestTraining(report Report) error {
	t := &tester{gpu: g, report: report}
	defer t.freeAll()
	return t.training()
}

// training holds the kernels of a training step against their definitions, with an odd number of tokens.
func (t *tester) training() error {
	for _, s := range []TrainShape{{256, 4, 16}, {512, 8, 64}, {2816, 22, 128}} {
		k, err := t.gpu.Training(s)
		if errors.Is(err, core.ErrUnsupported) {
			t.report("training", true, "none for this card, libtorch's operations are used")
			return nil
		}
		if err != nil {
			return err
		}
		for _, rank := range []int{8, 16} {
			x := &trainTester{tester: t, k: k, s: s, rank: rank, n: 37, share: 0.25 * float64(rank/8-1)}
			if err := x.all(); err != nil {
				return fmt.Errorf("training %+v: %w", s, err)
			}
			t.freeAll()
		}
	}
	return nil
}

type trainTester struct {
	*tester
	k     *Training
	s     TrainShape
	rank  int
	n     int
	share float64 // of dropout
}

// matrix makes numbers on the device in bf16, and the same here.
func (t *trainTester) matrix(n int, scale float32) (uintptr, []float32, error) {
	v := rounded(t.many(n, scale))
	p, err := put(t.tester, bf16s(v))
	return p, v, err
}

func (t *trainTester) numbers(n int, scale float32) (uintptr, []float32, error) {
	v := t.many(n, scale)
	p, err := put(t.tester, v)
	return p, v, err
}

// close compares: within a two hundredth of a number, or a thousandth of the largest.
func (t *trainTester) close(name string, got []float32, want []float64) {
	top, worst := 0.0, 0.0
	for _, v := range want {
		top = max(top, math.Abs(v))
	}
	for i, v := range want {
		worst = max(worst, math.Abs(float64(got[i])-v)/(math.Abs(v)/200+top/1000)) // what is no number stays none
	}
	t.report(fmt.Sprintf("training %d wide, rank %d: %s", t.s.Hidden, t.rank, name), worst <= 1 && top > 0, fmt.Sprintf("error %.2f of the limit", worst))
}

func (t *trainTester) closeBF16(name string, p uintptr, want []float64) error {
	raw, err := get[uint16](t.tester, p, len(want))
	got := make([]float32, len(raw))
	for i, v := range raw {
		got[i] = fromBF16(v)
	}
	if err == nil {
		t.close(name, got, want)
	}
	return err
}

func (t *trainTester) closeFloats(name string, p uintptr, want []float64) error {
	got, err := get[float32](t.tester, p, len(want))
	if err == nil {
		t.close(name, got, want)
	}
	return err
}

// kept is what dropout makes of the numbers: 0, or times 1/(1-share).
func (d TrainDropout) kept(i int) float64 {
	if d.Drop == 0 {
		return 1
	}
	a, b, c, e, k, l := uint32(i/8), uint32(uint64(i/8)>>32), uint32(0), uint32(0), uint32(d.Seed), uint32(d.Seed>>32)
	for range 7 {
		ah, al := bits.Mul32(0xD2511F53, a)
		ch, cl := bits.Mul32(0xCD9E8D57, c)
		a, b, c, e = ch^b^k, cl, ah^e^l, al
		k, l = k+0x9E3779B9, l+0xBB67AE85
	}
	w := [4]uint32{a, b, c, e}
	if w[i%8/2]>>(16*(i%2))&0xffff < d.Drop {
		return 0
	}
	return float64(d.Scale)
}

func (t *trainTester) all() error {
	drop := NewDropout(t.share, 0x1234567890abcdef)
	if t.share == 0 {
		drop = TrainDropout{Scale: 1}
	}
	w, n, r := t.s.Hidden, t.n, t.rank
	x, xv, e1 := t.matrix(n*w, 2)
	add, addv, e2 := t.matrix(n*w, 1)
	weight, weightv, e3 := t.matrix(w, 1)
	bias, biasv, e4 := t.matrix(w, 1)
	y, e5 := t.room(int64(2 * n * w))
	stats, e6 := t.room(int64(8 * n))
	if err := errors.Join(e1, e2, e3, e4, e5, e6); err != nil {
		return err
	}
	mean, rstd := stats, stats+uintptr(4*n)
	const eps = 1e-5
	if err := t.k.Norm(0, TrainNorm{X: x, Add: add, W: weight, B: bias, Y: y, Mean: mean, RStd: rstd, N: int64(n), Eps: eps}); err != nil {
		return err
	}
	sum, normed := make([]float64, n*w), make([]float64, n*w)
	hat, dev := make([]float64, n*w), make([]float64, n)
	for i := range n {
		m, q := 0.0, 0.0
		for k := range w {
			sum[i*w+k] = float64(fromBF16(toBF16(xv[i*w+k] + addv[i*w+k])))
			m += sum[i*w+k] / float64(w)
		}
		for k := range w {
			q += (sum[i*w+k] - m) * (sum[i*w+k] - m) / float64(w)
		}
		dev[i] = 1 / math.Sqrt(q+eps)
		for k := range w {
			hat[i*w+k] = (sum[i*w+k] - m) * dev[i]
			normed[i*w+k] = hat[i*w+k]*float64(weightv[k]) + float64(biasv[k])
		}
	}
	if err := errors.Join(t.closeBF16("residual", x, sum), t.closeBF16("norm", y, normed), t.closeFloats("deviation", rstd, dev)); err != nil {
		return err
	}

	// The norm backward, with an adapter's part and a residual.
	low, lowv, e1 := t.numbers(n*r, 1)
	a, av, e2 := t.matrix(r*w, 0.3)
	dy, dyv, e3 := t.matrix(n*w, 1)
	if err := errors.Join(e1, e2, e3); err != nil {
		return err
	}
	more := make([]float64, n*w)
	for i := range n {
		for k := range w {
			s := 0.0
			for q := range r {
				s += float64(lowv[i*r+q]) * float64(av[q*w+k])
			}
			more[i*w+k] = s * drop.kept(i*w+k)
		}
	}
	p := TrainNormBack{DY: dy, X: x, W: weight, Mean: mean, RStd: rstd, N: int64(n)}
	for _, way := range []string{"norm backward, alone", "norm backward"} {
		all := way == "norm backward"
		if all {
			p.Add, p.Low, p.A, p.Drop = add, low, a, drop
		}
		back := make([]float64, n*w)
		for i := range n {
			s1, s2 := 0.0, 0.0
			g := make([]float64, w)
			for k := range w {
				v := float64(dyv[i*w+k])
				if all {
					v = float64(fromBF16(toBF16(float32(v + more[i*w+k])))) // the sum is kept in bf16
				}
				g[k] = v * float64(weightv[k])
				s1, s2 = s1+g[k]/float64(w), s2+g[k]*hat[i*w+k]/float64(w)
			}
			for k := range w {
				back[i*w+k] = dev[i] * (g[k] - s1 - hat[i*w+k]*s2)
				if all {
					back[i*w+k] += float64(addv[i*w+k])
				}
			}
		}
		if err := errors.Join(t.gpu.Upload(0, dy, bytesOf(bf16s(dyv))), t.k.NormBack(0, p, r), t.closeBF16(way, dy, back)); err != nil {
			return err
		}
	}

	// dropout(x) A^T, and the same with a matrix that lies the other way round.
	const scale = 4
	got, err := t.room(int64(4 * n * r))
	if err != nil {
		return err
	}
	want := make([]float64, n*r)
	for i := range n {
		for q := range r {
			for k := range w {
				want[i*r+q] += scale * sum[i*w+k] * drop.kept(i*w+k) * float64(av[q*w+k])
			}
		}
	}
	turned := make([]float32, r*w)
	for q := range r {
		for k := range w {
			turned[k*r+q] = av[q*w+k]
		}
	}
	aT, err := put(t.tester, bf16s(turned))
	if err != nil {
		return err
	}
	for _, way := range []bool{false, true} {
		d := TrainDown{X: x, W: a, Low: got, Drop: drop, N: int64(n), Scale: scale, Width: int32(w)}
		if way {
			d.W = aT
		}
		if err := errors.Join(t.k.Down(0, d, r, way), t.closeFloats(fmt.Sprintf("down %t", way), got, want)); err != nil {
			return err
		}
	}

	// The outer products: of the plain matrix, and of the normalised one.
	part, e1 := t.room(t.k.OuterBytes(w, r, int64(n)))
	to, tov, e2 := t.numbers(w*r, 1)
	if err := errors.Join(e1, e2); err != nil {
		return err
	}
	for _, way := range []bool{false, true} {
		o := TrainOuter{X: x, Low: low, Part: part, Drop: drop, N: int64(n), Width: int32(w)}
		in := sum
		if way {
			o.Mean, o.RStd, o.W, o.B = mean, rstd, weight, bias
			in = normed
		}
		want := make([]float64, w*r)
		for k := range w {
			for q := range r {
				s := 0.0
				for i := range n {
					v := in[i*w+k]
					if way {
						v = float64(fromBF16(toBF16(float32(v))))
					}
					s += v * drop.kept(i*w+k) * float64(lowv[i*r+q])
				}
				at := k*r + q
				if way {
					at = q*w + k
				}
				want[at] = float64(tov[at]) + scale*s
			}
		}
		if err := t.gpu.Upload(0, to, bytesOf(tov)); err != nil {
			return err
		}
		if err := errors.Join(t.k.Outer(0, o, to, r, scale, way), t.closeFloats(fmt.Sprintf("outer %t", way), to, want)); err != nil {
			return err
		}
	}

	// y += dropout(low A).
	y2, y2v, err := t.matrix(n*w, 1)
	if err != nil {
		return err
	}
	for i, v := range y2v {
		more[i] += float64(v)
	}
	m := TrainMasked{Y: y2, Low: low, A: a, Drop: drop, N: int64(n), Width: int32(w)}
	if err := errors.Join(t.k.Masked(0, m, r), t.closeBF16("masked", y2, more)); err != nil {
		return err
	}
	return errors.Join(t.turning(low, lowv), t.entropy())
}

// turning holds the adapter's other half, turning, and what puts the gradients of q, k and v together.
func (t *trainTester) turning(low uintptr, lowv []float32) error {
	w, n, r, h, half := t.s.Hidden, t.n, t.rank, t.s.Heads, t.s.Rotary/2
	d := w / h
	const scale = 0.5
	b, bv, e1 := t.matrix(3*w*r, 0.5)
	qkv, qkvv, e2 := t.matrix(n*3*w, 2)
	cos, cosv, e3 := t.matrix(n*half, 1)
	sin, sinv, e4 := t.matrix(n*half, 1)
	dq, dqv, e5 := t.matrix(n*w, 2)
	dk, dkv, e6 := t.matrix(n*w, 2)
	dv, dvv, e7 := t.matrix(n*w, 2)
	out, e8 := t.room(int64(2 * n * 3 * w))
	if err := errors.Join(e1, e2, e3, e4, e5, e6, e7, e8); err != nil {
		return err
	}
	turn := func(v []float64, sign float64) {
		for i := range n {
			for part := range 3 * h {
				if part%3 == 2 {
					continue
				}
				x := v[(i*3*h+part)*d:]
				for k := range half {
					c, s := float64(cosv[i*half+k]), sign*float64(sinv[i*half+k])
					x[k], x[k+half] = x[k]*c-x[k+half]*s, x[k+half]*c+x[k]*s
				}
			}
		}
	}
	want := make([]float64, n*3*w)
	for i := range n {
		for o := range 3 * w {
			s := 0.0
			for q := range r {
				s += float64(lowv[i*r+q]) * float64(bv[o*r+q])
			}
			want[i*3*w+o] = float64(qkvv[i*3*w+o]) + scale*s
		}
	}
	plain := append([]float64(nil), want...)
	turn(want, 1)
	u := TrainUp{Y: qkv, Low: low, W: b, Cos: cos, Sin: sin, N: int64(n), Scale: scale, Width: int32(3 * w)}
	if err := errors.Join(t.k.Up(0, u, r), t.closeBF16("up, turned", qkv, want)); err != nil {
		return err
	}
	u.Cos, u.Sin = 0, 0
	if err := errors.Join(t.gpu.Upload(0, qkv, bytesOf(bf16s(qkvv))), t.k.Up(0, u, r), t.closeBF16("up", qkv, plain)); err != nil {
		return err
	}
	for i, v := range qkvv {
		want[i] = float64(v)
	}
	turn(want, 1)
	u = TrainUp{Y: qkv, Cos: cos, Sin: sin, N: int64(n), Width: int32(3 * w)}
	if err := errors.Join(t.gpu.Upload(0, qkv, bytesOf(bf16s(qkvv))), t.k.Up(0, u, 0), t.closeBF16("turned", qkv, want)); err != nil {
		return err
	}
	for i := range n {
		for x := range h {
			for part, from := range [][]float32{dqv, dkv, dvv} {
				for k := range d {
					want[((i*h+x)*3+part)*d+k] = float64(from[(i*h+x)*d+k])
				}
			}
		}
	}
	turn(want, -1)
	g := TrainGather{DQ: dq, DK: dk, DV: dv, Out: out, Cos: cos, Sin: sin, N: int64(n)}
	return errors.Join(t.k.Gather(0, g), t.closeBF16("gathered", out, want))
}

func (t *trainTester) entropy() error {
	const n, v = 5, 5004
	logits, lv, e1 := t.numbers(n*v, 12)
	targets := []int64{0, 17, v - 1, 2500, 4001}
	at, e2 := put(t.tester, targets)
	grad, e3 := t.room(2 * n * v)
	loss, e4 := t.room(4 * n)
	if err := errors.Join(e1, e2, e3, e4); err != nil {
		return err
	}
	dx, losses := make([]float64, n*v), make([]float64, n)
	for i := range n {
		sum := 0.0
		for _, x := range lv[i*v : (i+1)*v] {
			sum += math.Exp(float64(x))
		}
		for k, x := range lv[i*v : (i+1)*v] {
			dx[i*v+k] = math.Exp(float64(x)) / sum
		}
		dx[i*v+int(targets[i])]--
		losses[i] = math.Log(sum) - float64(lv[i*v+int(targets[i])])
	}
	p := TrainEntropy{Logits: logits, Targets: at, Grad: grad, Loss: loss, Vocab: v}
	return errors.Join(t.k.Entropy(0, p, n), t.closeBF16("cross entropy, gradient", grad, dx), t.closeFloats("cross entropy", loss, losses))
}
