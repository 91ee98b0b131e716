//go:build torch

package cpu

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"kakoi/core/quant"
)

// smallNeox is a model of one layer with random weights, on so many threads.
func smallNeox(t *testing.T, threads int) *Neox {
	t.Helper()
	s := NeoxShape{Layers: 1, Hidden: 64, Heads: 1, FFN: 64, Vocab: 64, Turned: 0, Activation: "gelu", Eps: 1e-5}
	n, err := NewNeox(testPool(t, threads), s, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Close)
	r := rand.New(rand.NewPCG(3, 4))
	for which := NeoxQKV; which <= NeoxDown; which++ {
		rows, cols := s.sizes(which)
		q, err := quant.QuantizeNF4(normals(r, rows*cols, 0.2), "float32", []int64{int64(rows), int64(cols)}, false)
		if err != nil {
			t.Fatal(err)
		}
		if err := n.SetLinear4(0, which, q.Packed, q.Scales(), q.Map, nil); err != nil {
			t.Fatal(err)
		}
	}
	ones := make([]float32, s.Hidden)
	for i := range ones {
		ones[i] = 1
	}
	for _, at := range [][2]int{{0, 0}, {0, 1}, {1, 0}} {
		if err := n.SetNorm(at[0], at[1], ones, make([]float32, s.Hidden)); err != nil {
			t.Fatal(err)
		}
	}
	table := make([]int8, s.Vocab*s.Hidden)
	for i := range table {
		table[i] = int8(r.IntN(255) - 127)
	}
	if err := n.SetHead8(table, ones, true); err != nil {
		t.Fatal(err)
	}
	return n
}

// TestOddBeginning: a prompt that goes on at an odd position, as after a kept beginning, leaves the same keys and values whatever the
// number of threads: those of two positions share their memory.
func TestOddBeginning(t *testing.T) {
	const tokens = 241
	run := func(n *Neox) []byte {
		c, err := n.NewCache(tokens)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		var list []NeoxToken
		for i := range tokens {
			list = append(list, NeoxToken{ID: int32(i * 7 % 64), Position: i, Cache: c})
		}
		for _, part := range [][]NeoxToken{list[:1], list[1:]} {
			if err := n.Run(part, true); err != nil {
				t.Fatal(err)
			}
		}
		return bytes.Clone(c.m.Bytes())
	}
	want, n := run(smallNeox(t, 1)), smallNeox(t, 2)
	for i := range 2000 {
		if !bytes.Equal(run(n), want) {
			t.Fatalf("run %d: other keys or values with two threads", i)
		}
	}
}
