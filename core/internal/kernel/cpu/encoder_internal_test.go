//go:build torch

package cpu

import (
	"encoding/binary"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"kakoi/core"
)

// Every product of every set against plain Go, over shapes that fill no register, no tile and no panel, and ones that do.
func TestEncoderProducts(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, shape := range [][3]int{{1, 1, 1}, {1, 16, 4}, {2, 33, 63}, {5, 48, 64}, {6, 64, 65}, {7, 70, 100}, {16, 96, 128}, {17, 32, 384}, {31, 20, 7}, {33, 130, 385}, {97, 64, 64}} {
		rows, n, k := shape[0], shape[1], shape[2]
		w := make([]float32, n*k)
		for i := range w {
			w[i] = float32(random.NormFloat64())
		}
		if n > 2 {
			clear(w[k : 2*k]) // an output without weights
		}
		row := rowBytes(Int8, k)
		a := make([]byte, rows*row)
		for r := range rows {
			for i := range k {
				a[r*row+i] = byte(random.IntN(256))
			}
		}
		a[0] = 255
		var first []uint32
		for set := Plain; set <= Detect(); set++ {
			got, scale, err := product(Int8, set, a, rows, w, n, k)
			if err != nil {
				t.Fatal(err)
			}
			for r := range rows {
				for o := range n {
					want := int32(0)
					for i := range k {
						if q := math.RoundToEven(float64(w[o*k+i] / max(scale[o], 1e-30))); scale[o] > 0 {
							want += int32(a[r*row+i]) * int32(q)
						}
					}
					// A weight on the border between two codes may be rounded either way.
					if d := math.Abs(float64(int32(got[r*n+o]) - want)); d > 255 {
						t.Fatalf("int8 %v %v: row %d output %d: %d, want %d", set, shape, r, o, int32(got[r*n+o]), want)
					}
				}
			}
			if first == nil {
				first = got
			}
			if !slices.Equal(got, first) {
				t.Errorf("int8 %v %v: other sums than the plain kernel's", set, shape)
			}
		}
		for _, set := range []Set{halfWide, halfEmulated} {
			got, _, err := product(Int8, set, a, rows, w, n, k)
			if set == halfWide && errors.Is(err, core.ErrUnsupported) || set == halfEmulated && Detect() < AVX2 {
				t.Logf("this processor lacks what set %d needs", int(set))
			} else if err != nil || !slices.Equal(got, first) {
				t.Errorf("int8, AVX-VNNI (%d) %v: other sums than the plain kernel's, %v", int(set), shape, err)
			}
		}
		row = rowBytes(BFloat, k)
		a = make([]byte, rows*row)
		x := make([]float32, rows*k)
		round := func(v float32) float32 { return math.Float32frombits((math.Float32bits(v) + 0x8000) &^ 0xffff) }
		for r := range rows {
			for i := range k {
				x[r*k+i] = round(float32(random.NormFloat64()))
				binary.LittleEndian.PutUint16(a[r*row+2*i:], uint16(math.Float32bits(x[r*k+i])>>16))
			}
		}
		for set := Plain; set <= Detect(); set++ {
			got, _, err := product(BFloat, set, a, rows, w, n, k)
			if err != nil {
				t.Fatal(err)
			}
			for r := range rows {
				for o := range n {
					want, size := 0.0, 0.0
					for i := range k {
						p := float64(x[r*k+i]) * float64(w[o*k+i])
						want, size = want+p, size+math.Abs(p)
					}
					if d := math.Abs(float64(math.Float32frombits(got[r*n+o])) - want); !(d <= size/200+1e-30) {
						t.Fatalf("bf16 %v %v: row %d output %d: %g, want %g", set, shape, r, o, math.Float32frombits(got[r*n+o]), want)
					}
				}
			}
		}
	}
}

// An encoder of an odd shape, on sets and pools of all kinds: the same bits for the same codes wherever sums are exact in
// the same order, and no dependence on threads.
func TestEncoderThreads(t *testing.T) {
	const hidden, heads, inner, layers, vocab, positions = 36, 3, 50, 2, 40, 70
	for _, activation := range []string{"gelu", "gelu_tanh", "relu", "silu"} {
		for _, codes := range []Codes{Int8, BFloat} {
			random := rand.New(rand.NewPCG(3, 4))
			values := func(n int, scale float64) []float32 {
				v := make([]float32, n)
				for i := range v {
					v[i] = float32(random.NormFloat64() * scale)
				}
				return v
			}
			words, err := Alloc(vocab * hidden * 4)
			if err != nil {
				t.Fatal(err)
			}
			defer words.Free()
			copy(words.Floats(), values(vocab*hidden, 1))
			e, err := NewEncoder(EncoderShape{Hidden: hidden, Heads: heads, Inner: inner, Layers: layers, Vocab: vocab, Positions: positions, First: 2, Eps: 1e-5, Activation: activation, Codes: codes}, Words{Data: words.Bytes(), Bytes: 4})
			if err != nil {
				t.Fatal(err)
			}
			defer e.Close()
			check := func(err error) {
				t.Helper()
				if err != nil {
					t.Fatal(err)
				}
			}
			check(e.SetPositions(values(positions*hidden, 0.3)))
			check(e.SetNorm(-1, 0, values(hidden, 1), values(hidden, 0.1)))
			for l := range layers {
				for which, size := range [][2]int{{3 * hidden, hidden}, {hidden, hidden}, {inner, hidden}, {hidden, inner}} {
					check(e.SetMatrix(l, EncoderMatrix(which), values(size[0]*size[1], 0.3), values(size[0], 0.1)))
				}
				check(e.SetNorm(l, 0, values(hidden, 1), values(hidden, 0.1)))
				check(e.SetNorm(l, 1, values(hidden, 1), values(hidden, 0.1)))
			}
			var ids []int32
			from, skip := []int32{0}, []int32{}
			for i := range 90 {
				for j := range 1 + i*i%(positions-2) {
					ids = append(ids, int32((i*7+j*3)%vocab))
				}
				from, skip = append(from, int32(len(ids))), append(skip, int32(i%3))
			}
			n := len(skip)
			for set := Plain; set <= Detect(); set++ {
				e.Limit(set)
				var firstMean []float32
				for _, threads := range []int{1, 2, 5} {
					p, err := NewPool(threads)
					check(err)
					mean, states := make([]float32, n*hidden), make([]float32, len(ids)*hidden)
					check(e.Run(p, ids, from, skip, mean, states))
					p.Close()
					for i := range n { // the mean is that of the states
						length, left := int(from[i+1]-from[i]), int(min(skip[i], from[i+1]-from[i]-1))
						for h := range hidden {
							sum := 0.0
							for r := int(from[i]) + left; r < int(from[i+1]); r++ {
								sum += float64(states[r*hidden+h])
							}
							if got := float64(mean[i*hidden+h]); !(math.Abs(got-sum/float64(length-left)) < 1e-4) {
								t.Fatalf("%s %v %v: mean of window %d is %g, of its states %g", activation, codes, set, i, got, sum/float64(length-left))
							}
						}
					}
					if firstMean == nil {
						firstMean = mean
					}
					if !slices.Equal(firstMean, mean) {
						t.Errorf("%s %v %v: %d threads give other vectors than one", activation, codes, set, threads)
					}
				}
			}
			for name, err := range map[string]error{
				"a token too many":  e.Run(nil, []int32{vocab}, []int32{0, 1}, []int32{0}, nil, nil),
				"a window too long": e.Run(nil, make([]int32, positions), []int32{0, positions}, []int32{0}, nil, nil),
				"an empty window":   e.Run(nil, []int32{1}, []int32{0, 0, 1}, []int32{0, 0}, nil, nil),
				"a short mean":      e.Run(nil, []int32{1}, []int32{0, 1}, []int32{0}, make([]float32, 1), nil),
				"a matrix too few":  e.SetMatrix(0, EncoderUp, values(5, 1), values(5, 1)),
				"a layer too many":  e.SetNorm(layers, 0, values(hidden, 1), values(hidden, 1)),
			} {
				if err == nil {
					t.Errorf("%s is taken", name)
				}
			}
		}
	}
	if _, err := NewEncoder(EncoderShape{Activation: "step"}, Words{}); err == nil {
		t.Error("an unknown activation is taken")
	}
}
