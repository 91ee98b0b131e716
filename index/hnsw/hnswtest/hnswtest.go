// Package hnswtest makes vectors that lie as those of real texts do, for tests and measurements.
package hnswtest

import (
	"math"
	"math/rand/v2"
)

// Clustered gives n vectors and queries of the same kind, row after row. The same seed gives the same.
func Clustered(dimension, n, queries, centres int, seed uint64) (vectors, asked []float32) {
	s := New(dimension, centres, seed)
	return s.Part(1, n), s.Part(2, queries)
}

// Source makes unit vectors around so many centres, in a space of 48 directions (or fewer, of narrow vectors) turned into the
// given width, with a little noise in all of them and a mean that is not zero.
type Source struct {
	dimension          int
	seed               uint64
	turn, mean, middle []float32
}

// New makes a source; the same seed makes the same.
func New(dimension, centres int, seed uint64) *Source {
	r := rand.New(rand.NewPCG(seed, 0))
	latent := min(48, dimension)
	noise := func(n int, by float64) []float32 {
		out := make([]float32, n)
		for i := range out {
			out[i] = float32(r.NormFloat64() * by)
		}
		return out
	}
	return &Source{
		dimension: dimension, seed: seed, turn: noise(latent*dimension, 1/math.Sqrt(float64(latent))),
		mean: noise(dimension, 0.3), middle: noise(centres*latent, 1),
	}
}

// Part gives n vectors; parts of different numbers are independent.
func (s *Source) Part(number uint64, n int) []float32 {
	r := rand.New(rand.NewPCG(s.seed, number))
	d := s.dimension
	latent := len(s.turn) / d
	centres := len(s.middle) / latent
	out := make([]float32, n*d)
	for i := range n {
		at := s.middle[r.IntN(centres)*latent:]
		v := out[i*d : (i+1)*d]
		for c := range v {
			v[c] = s.mean[c] + 0.05*float32(r.NormFloat64())
		}
		for j := range latent {
			f := at[j] + 0.6*float32(r.NormFloat64())
			for c, t := range s.turn[j*d : (j+1)*d] {
				v[c] += f * t
			}
		}
		unit(v)
	}
	return out
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
