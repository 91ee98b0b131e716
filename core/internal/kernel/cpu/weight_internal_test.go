//go:build torch

package cpu

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"kakoi/core"
	"kakoi/core/quant"
)

// sets are those this processor has.
func sets() []Set {
	var all []Set
	for s := Plain; s <= Detect(); s++ {
		all = append(all, s)
	}
	return all
}

func normals(r *rand.Rand, n int, std float64) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(r.NormFloat64() * std)
	}
	return v
}

func testPool(t testing.TB, n int) *Pool {
	t.Helper()
	p, err := NewPool(n)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

// dense is X W^T in float64.
func dense(x, w []float32, tokens, rows, cols int) []float64 {
	out := make([]float64, tokens*rows)
	for t := range tokens {
		for r := range rows {
			for k := range cols {
				out[t*rows+r] += float64(x[t*cols+k]) * float64(w[r*cols+k])
			}
		}
	}
	return out
}

// apart is the root mean square of the difference over that of want; infinite when a number is not finite.
func apart(got []float32, want []float64) float64 {
	var d, s float64
	for i, w := range want {
		d += math.Pow(float64(got[i])-w, 2)
		s += w * w
	}
	if r := math.Sqrt(d / s); !math.IsNaN(r) {
		return r
	}
	return math.Inf(1)
}

// limit is the relative error of a product. Prompts: activations in bf16 (AMX), or in 8 bits of the block's range (VNNI), or the
// table of 8 bits. Otherwise activations in 15 bits, and scales in fp16 (VNNI, AMX), or activations in 12 bits.
func limit(s Set, use Use) float64 {
	switch {
	case s == AMX && use != Few:
		return 3.5e-3
	case s == VNNI && use == Prompt:
		return 9e-3
	case s == VNNI && use == FinePrompt:
		return 4.5e-3
	case s >= VNNI:
		return 3e-4
	}
	return 6e-4
}

func TestProduct(t *testing.T) {
	pool := testPool(t, 2)
	r := rand.New(rand.NewPCG(1, 2))
	for _, shape := range []struct{ rows, cols, tokens int }{
		{1, 64, 1}, {16, 64, 2}, {17, 128, 3}, {64, 192, 4}, {70, 64, 5}, {130, 320, 7}, {200, 640, 1}, {96, 256, 8},
		{33, 448, 9}, {64, 128, 16}, {65, 192, 17}, {48, 704, 33}, {80, 128, 64}, {64, 320, 131}, {10, 64, 300},
	} {
		w := normals(r, shape.rows*shape.cols, 0.02)
		x := normals(r, shape.tokens*shape.cols, 1)
		q, err := quant.QuantizeNF4(w, "float32", []int64{int64(shape.rows), int64(shape.cols)}, true)
		if err != nil {
			t.Fatal(err)
		}
		back := make([]float32, len(w))
		if err := q.Dequantize(back); err != nil {
			t.Fatal(err)
		}
		want := dense(x, back, shape.tokens, shape.rows, shape.cols)
		var m Weight
		if err := m.set4(pool, shape.rows, shape.cols, q.Packed, q.Scales(), q.Map); err != nil {
			t.Fatal(err)
		}
		eight := want8(t, pool, w, x, shape.rows, shape.cols, shape.tokens)
		for _, s := range sets() {
			t.Run(fmt.Sprintf("%v %dx%d tokens %d", s, shape.rows, shape.cols, shape.tokens), func(t *testing.T) {
				defer Lower(s)()
				got := make([]float32, len(want))
				for use := Few; use <= FinePrompt; use++ {
					if err := m.Product(x, shape.tokens, use, got); err != nil {
						t.Fatal(err)
					}
					if d, most := apart(got, want), limit(s, use); d > most {
						t.Errorf("4 bits, %v: relative error %.2g, limit %.2g", use, d, most)
					}
				}
				if err := eight.m.Product(x, shape.tokens, Few, got); err != nil {
					t.Fatal(err)
				}
				if d, most := apart(got, eight.want), limit(s, Few); d > most {
					t.Errorf("8 bits: relative error %.2g, limit %.2g", d, most)
				}
			})
		}
		m.Close()
		eight.m.Close()
	}
}

type weight8 struct {
	m    *Weight
	want []float64
}

// want8 is w rounded to 8 bits, and the product with what Row says it is; Row itself is held against w.
func want8(t *testing.T, pool *Pool, w, x []float32, rows, cols, tokens int) weight8 {
	t.Helper()
	m := &Weight{}
	if err := m.quantize8(pool, rows, cols, rawFloats(w), F32); err != nil {
		t.Fatal(err)
	}
	back := make([]float32, rows*cols)
	for r := range rows {
		m.Row(r, back[r*cols:(r+1)*cols])
	}
	wide := make([]float64, len(w))
	for i, v := range w {
		wide[i] = float64(v)
	}
	if d := apart(back, wide); d > 0.01 {
		t.Errorf("rounded to 8 bits: relative error %.2g", d)
	}
	return weight8{m, dense(x, back, tokens, rows, cols)}
}

// quantised is w [rows, cols] in NF4; the caller closes it.
func quantised(t *testing.T, pool *Pool, w []float32, rows, cols int) *Weight {
	t.Helper()
	q, err := quant.QuantizeNF4(w, "float32", []int64{int64(rows), int64(cols)}, false)
	if err != nil {
		t.Fatal(err)
	}
	m := new(Weight)
	if err := m.set4(pool, rows, cols, q.Packed, q.Scales(), q.Map); err != nil {
		t.Fatal(err)
	}
	return m
}

// TestProductAlone holds that a token's product does not depend on the tokens beside it, bit for bit.
func TestProductAlone(t *testing.T) {
	pool := testPool(t, 1)
	r := rand.New(rand.NewPCG(3, 4))
	const rows, cols, tokens = 130, 320, 150
	w, x := normals(r, rows*cols, 0.02), normals(r, tokens*cols, 1)
	m := quantised(t, pool, w, rows, cols)
	defer m.Close()
	for _, s := range sets() {
		for use := Few; use <= FinePrompt; use++ {
			alone(t, s, m, x, tokens, use)
		}
	}
}

func alone(t *testing.T, s Set, m *Weight, x []float32, tokens int, use Use) {
	t.Helper()
	defer Lower(s)()
	rows, cols := m.Rows(), m.Cols()
	all := make([]float32, tokens*rows)
	if err := m.Product(x, tokens, use, all); err != nil {
		t.Fatal(err)
	}
	for _, part := range []struct{ from, n int }{{0, 1}, {5, 1}, {149, 1}, {3, 2}, {7, 5}, {20, 8}, {40, 16}, {60, 17}, {0, 64}} {
		got := make([]float32, part.n*rows)
		if err := m.Product(x[part.from*cols:(part.from+part.n)*cols], part.n, use, got); err != nil {
			t.Fatal(err)
		}
		for i, v := range got {
			if v != all[part.from*rows+i] {
				t.Fatalf("%v, %v: tokens %d to %d alone: number %d is %v, %v among all", s, use, part.from, part.from+part.n, i, v, all[part.from*rows+i])
			}
		}
	}
}

// TestProductWays holds that codes looked up in either way give the same bits.
func TestProductWays(t *testing.T) {
	if Detect() < VNNI {
		return // one way only
	}
	defer Lower(VNNI)()
	pool := testPool(t, 1)
	r := rand.New(rand.NewPCG(5, 6))
	const rows, cols, tokens = 96, 448, 17
	w, x := normals(r, rows*cols, 0.02), normals(r, tokens*cols, 1)
	m := quantised(t, pool, w, rows, cols)
	defer m.Close()
	for use := Few; use <= FinePrompt; use++ {
		for n := 1; n <= tokens; n++ {
			got, want := make([]float32, n*rows), make([]float32, n*rows)
			if err := m.Product(x[:n*cols], n, use, got); err != nil {
				t.Fatal(err)
			}
			restore := lowerVBMI()
			err := m.Product(x[:n*cols], n, use, want)
			restore()
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(got, want) {
				t.Errorf("%v, %d tokens: other numbers without VBMI", use, n)
			}
		}
	}
}

func TestWeightRefuses(t *testing.T) {
	pool := testPool(t, 1)
	var m Weight
	if err := m.set4(pool, 4, 96, make([]byte, 192), make([]float32, 6), quant.NF4); !errors.Is(err, core.ErrDimension) {
		t.Errorf("width 96: %v", err)
	}
	if err := m.set4(pool, 4, 64, make([]byte, 127), make([]float32, 4), quant.NF4); !errors.Is(err, core.ErrDimension) {
		t.Errorf("127 bytes: %v", err)
	}
	nan := []float32{1, float32(math.NaN()), 1, 1}
	if err := m.set4(pool, 4, 64, make([]byte, 128), nan, quant.NF4); !errors.Is(err, core.ErrCorrupt) {
		t.Errorf("NaN scale: %v", err)
	}
	w := make([]float32, 128)
	w[77] = float32(math.Inf(1))
	if err := m.quantize8(pool, 2, 64, rawFloats(w), F32); !errors.Is(err, core.ErrCorrupt) {
		t.Errorf("infinite weight: %v", err)
	}
}
