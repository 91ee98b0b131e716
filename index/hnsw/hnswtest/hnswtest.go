// Package hnswtest makes vectors that lie as those of real texts do, for tests and measurements.
package hnswtest

import (
	"math"
	"math/rand/v2"
)

// Clustered gives n vectors and queries of the same kind, unit length, row after row: around so many centres, in a space of
// 48 directions (or fewer, of narrow vectors) turned into the given width, with a little noise in all of them and a mean
// that is not zero. The same seed gives the same.
func Clustered(dimension, n, queries, centres int, seed uint64) (vectors, asked []float32) {
	r := rand.New(rand.NewPCG(seed, 48))
	latent := min(48, dimension)
	noise := func(n int, by float64) []float32 {
		out := make([]float32, n)
		for i := range out {
			out[i] = float32(r.NormFloat64() * by)
		}
		return out
	}
	turn, mean := noise(latent*dimension, 1/math.Sqrt(float64(latent))), noise(dimension, 0.3)
	middle := noise(centres*latent, 1)
	z := make([]float32, latent)
	make1 := func(count int) []float32 {
		out := make([]float32, count*dimension)
		for i := range count {
			at := middle[r.IntN(centres)*latent:]
			for j := range z {
				z[j] = at[j] + 0.6*float32(r.NormFloat64())
			}
			v := out[i*dimension : (i+1)*dimension]
			for c := range v {
				v[c] = mean[c] + 0.05*float32(r.NormFloat64())
			}
			for j, f := range z {
				for c, t := range turn[j*dimension : (j+1)*dimension] {
					v[c] += f * t
				}
			}
			unit(v)
		}
		return out
	}
	return make1(n), make1(queries)
}

func unit(v []float32) {
	sum := 0.0
	for _, f := range v {
		sum += float64(f) * float64(f)
	}
	if sum == 0 {
		return
	}
	by := float32(1 / math.Sqrt(sum))
	for i := range v {
		v[i] *= by
	}
}
