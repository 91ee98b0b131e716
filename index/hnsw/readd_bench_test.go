package hnsw_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"kakoi/index/hnsw"
	"kakoi/index/hnsw/hnswtest"
)

// BenchmarkReadd deletes half of 100,000 vectors of 384, others each time, and adds them again, ten times; it prints the recall at
// the same ef after each round beside that of the fresh index, and fails when it is more than 0.5% below.
//
//	go test -run '^$' -bench Readd -benchtime 1x ./index/hnsw
func BenchmarkReadd(b *testing.B) {
	const d, n, k, ef = 384, 100_000, 10, 28
	vectors, queries := hnswtest.Clustered(d, n, 1000, 500, 1)
	for range b.N {
		x := newIndex(b, hnsw.Params{Dimension: d, Resident: true, Center: hnsw.Mean(d, vectors[:10_000*d])})
		slots := add(b, x, 0, vectors)
		truth := exact(b, x, queries, k)
		_, fresh := ask(b, x, queries, truth, k, ef)
		fmt.Printf("fresh       recall@10 %.4f at ef %d\n", fresh, ef)
		r := rand.New(rand.NewPCG(7, 7))
		for round := range 10 {
			half := r.Perm(n)[:n/2]
			gone, labels, again := make([]uint32, n/2), make([]uint64, n/2), make([]float32, 0, n/2*d)
			for i, v := range half {
				gone[i], labels[i] = slots[v], uint64(v)
				again = append(again, vectors[v*d:(v+1)*d]...)
			}
			if got := x.Delete(gone...); got != n/2 {
				b.Fatalf("%d of %d deleted", got, n/2)
			}
			if err := x.Repair(b.Context()); err != nil {
				b.Fatal(err)
			}
			back, err := x.Add(b.Context(), labels, again)
			if err != nil {
				b.Fatal(err)
			}
			for i, v := range half {
				slots[v] = back[i]
			}
			rate, recall := ask(b, x, queries, truth, k, ef)
			fmt.Printf("round %2d    recall@10 %.4f (%+.2f%% of fresh), %.0f queries/s\n", round+1, recall, 100*(recall/fresh-1), rate)
			if recall < 0.995*fresh {
				b.Errorf("round %d: recall %.4f is more than 0.5%% below %.4f", round+1, recall, fresh)
			}
		}
	}
}
