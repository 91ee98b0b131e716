package index

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"kakoi/core"
)

// BenchmarkCrossover prints, for libraries of 10,000, 30,000, 100,000 and 300,000 passages (or those of KAKOI_CROSSOVER, a number), what
// a search by meaning takes when every vector is looked at and when the graph is walked, ten hits with their texts; the first of each is left out,
// it loads. The bound of graphFrom is chosen by it.
//
//	go test -run '^$' -bench Crossover -benchtime 1x ./index
func BenchmarkCrossover(b *testing.B) {
	sizes := []int{10_000, 30_000, 100_000, 300_000}
	if n, err := strconv.Atoi(os.Getenv("KAKOI_CROSSOVER")); err == nil {
		sizes = []int{n}
	}
	before := graphFrom
	defer func() { graphFrom = before }()
	for range b.N {
		for _, n := range sizes {
			crossover(b, n)
		}
	}
}

func crossover(b *testing.B, n int) {
	dir := filepath.Join(b.TempDir(), "library")
	if kept := os.Getenv("KAKOI_CROSSOVER_FOLDER"); kept != "" { // made once, so that a measurement is short
		dir = filepath.Join(kept, strconv.Itoa(n))
	}
	x, err := Open(dir, Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer func() {
		if err := x.Close(); err != nil {
			b.Error(err)
		}
	}()
	c, err := x.EnsureCollection(b.Context(), "bench")
	if err != nil {
		b.Fatal(err)
	}
	if s, err := x.Stats(b.Context(), c.ID); err != nil {
		b.Fatal(err)
	} else if s.Chunks == 0 {
		if err := x.Synthesize(b.Context(), c.ID, n, 1, nil); err != nil {
			b.Fatal(err)
		}
	}
	questions := strange(200)
	near, err := x.nearby(c.ID, 200)
	if err != nil {
		b.Fatal(err)
	}
	questions = append(near, questions...)
	ask := func() (took []time.Duration, hits [][]core.Hit) {
		for i, q := range append(questions[:1:1], questions...) {
			start := time.Now()
			found, err := x.Search(context.Background(), c.ID, Query{Vector: q, Embedder: BenchEmbedder.ID, K: 10})
			if err != nil {
				b.Fatal(err)
			}
			if i > 0 {
				took, hits = append(took, time.Since(start)), append(hits, found.Dense)
			}
		}
		slices.Sort(took)
		return took, hits
	}
	graphFrom = 1 << 30
	scan, truth := ask()
	x.drop(c.ID)
	graphFrom = 1
	start := time.Now()
	if err := x.BuildGraphs(b.Context(), c.ID, nil); err != nil {
		b.Fatal(err)
	}
	build := time.Since(start)
	walk, found := ask()
	var right [2]float64
	for i, hits := range found {
		for _, h := range hits {
			if slices.ContainsFunc(truth[i], func(t core.Hit) bool { return t.Chunk == h.Chunk }) {
				right[2*i/len(found)] += 2 / float64(10*len(found))
			}
		}
	}
	ef := x.live(c.ID).graphs[BenchEmbedder.ID].ef
	ms := func(d time.Duration) float64 { return d.Seconds() * 1000 }
	fmt.Printf("%7d passages: scan %6.2f ms (95%%: %6.2f), graph %5.2f ms (95%%: %5.2f), recall@10 %.4f near a passage, %.4f far from all, with a list of %d; made or loaded in %.1f s\n",
		n, ms(scan[len(scan)/2]), ms(scan[len(scan)*95/100]), ms(walk[len(walk)/2]), ms(walk[len(walk)*95/100]), right[0], right[1], ef, build.Seconds())
}

// drop unloads a collection.
func (x *Index) drop(collection string) {
	l := x.live(collection)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.graphDrop()
	l.dense = side[*denseDoc]{}
}

// strange are questions that have nothing to do with what is stored.
func strange(n int) []core.Vector {
	s := synth{r: rand.New(rand.NewPCG(99, 99))}
	out := make([]core.Vector, n)
	for i := range out {
		out[i] = s.vector(BenchEmbedder.Dimension)
	}
	return out
}

// nearby are stored vectors with noise half as strong as they are.
func (x *Index) nearby(collection string, n int) ([]core.Vector, error) {
	heads, order, err := x.heads(context.Background(), collection)
	if err != nil {
		return nil, err
	}
	s := synth{r: rand.New(rand.NewPCG(98, 98))}
	out := make([]core.Vector, n)
	for i := range out {
		id := order[i*len(order)/n]
		vectors, _, err := x.graphVectors(docKey{collection, id}, heads[id])
		if err != nil {
			return nil, err
		}
		d := BenchEmbedder.Dimension
		v, noise := slices.Clone(vectors[:d]), normalise(s.noise(d))
		for j := range v {
			v[j] += noise[j] / 2
		}
		out[i] = normalise(v)
	}
	return out, nil
}
