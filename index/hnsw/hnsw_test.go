package hnsw_test

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"kakoi/core"
	"kakoi/index/hnsw"
	"kakoi/index/hnsw/hnswtest"
)

func newIndex(t testing.TB, p hnsw.Params) *hnsw.Index {
	t.Helper()
	x, err := hnsw.New(p)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := x.Close(); err != nil {
			t.Error(err)
		}
	})
	return x
}

func add(t testing.TB, x *hnsw.Index, first uint64, vectors []float32) []uint32 {
	t.Helper()
	labels := make([]uint64, len(vectors)/x.Params().Dimension)
	for i := range labels {
		labels[i] = first + uint64(i)
	}
	slots, err := x.Add(context.Background(), labels, vectors)
	if err != nil {
		t.Fatal(err)
	}
	return slots
}

// recall is the share of the exact k nearest that a search with ef finds.
func recall(t testing.TB, x *hnsw.Index, queries []float32, k, ef int) float64 {
	t.Helper()
	found, wanted, d := 0, 0, x.Params().Dimension
	for q := range slices.Chunk(queries, d) {
		want, err := x.Exact(q, k)
		if err != nil {
			t.Fatal(err)
		}
		got, err := x.Search(q, k, ef)
		if err != nil {
			t.Fatal(err)
		}
		for _, h := range want {
			if slices.Contains(got, h) {
				found++
			}
		}
		wanted += len(want)
	}
	return float64(found) / float64(wanted)
}

// TestKernelsAgree: every way to compute gives the plain one's integers, and its floats within rounding.
func TestKernelsAgree(t *testing.T) {
	for _, d := range []int{1, 7, 32, 63, 64, 100, 384} {
		vectors, queries := hnswtest.Clustered(d, 400, 20, 10, 1)
		var want [][]hnsw.Hit
		for _, name := range slices.Backward(hnsw.Kernels()) {
			back := hnsw.UseKernel(name)
			x := newIndex(t, hnsw.Params{Dimension: d, Resident: true, Center: hnsw.Mean(d, vectors)})
			add(t, x, 0, vectors)
			for i, q := range slices.Collect(slices.Chunk(queries, d)) {
				got, err := x.Search(q, 10, 2000)
				if err != nil || len(got) != 10 {
					t.Fatal(len(got), err)
				}
				if name == "plain" {
					want = append(want, got)
				}
				for j, h := range got {
					sum := 0.0
					for c, f := range vectors[int(h.Label)*d : int(h.Label+1)*d] {
						sum += float64(f) * float64(q[c])
					}
					if math.Abs(sum-float64(h.Score)) > 2e-3 || math.Abs(float64(want[i][j].Score-h.Score)) > 1e-5 {
						t.Fatalf("%s, width %d: hit %d has %v, its vector %v, the plain kernel %v", name, d, j, h.Score, sum, want[i][j].Score)
					}
				}
			}
			back()
		}
	}
}

// TestLargeEfIsExact: whatever was added, deleted and repaired before, equal vectors and all, a walk with ef of Len finds
// what looking at every vector finds.
func TestLargeEfIsExact(t *testing.T) {
	const d = 24
	r := rand.New(rand.NewPCG(3, 3))
	x := newIndex(t, hnsw.Params{Dimension: d, M: 6, EfConstruction: 24, Resident: true})
	living := map[uint32]bool{}
	next := uint64(0)
	for step := range 150 {
		switch op := r.IntN(10); {
		case op < 5:
			n := 1 + r.IntN(300)
			vectors, _ := hnswtest.Clustered(d, n, 0, 1+r.IntN(20), uint64(step))
			if r.IntN(4) == 0 { // hundreds of the same
				for i := d; i < len(vectors); i++ {
					vectors[i] = vectors[i-d]
				}
			}
			for _, s := range add(t, x, next, vectors) {
				if living[s] {
					t.Fatalf("slot %d given twice", s)
				}
				living[s] = true
			}
			next += uint64(n)
		case op < 8:
			share := r.IntN(101)
			var gone []uint32
			for s := range living {
				if r.IntN(100) < share {
					gone = append(gone, s)
				}
			}
			if n := x.Delete(gone...); n != len(gone) || x.Delete(gone...) != 0 {
				t.Fatalf("deleted %d of %d", n, len(gone))
			}
			for _, s := range gone {
				delete(living, s)
			}
		default:
			if err := x.Repair(t.Context()); err != nil || x.Stale() != 0 {
				t.Fatal(x.Stale(), err)
			}
		}
		if err := x.Check(); err != nil {
			t.Fatalf("step %d: %v", step, err)
		}
		if x.Len() != len(living) {
			t.Fatalf("%d vectors, not %d", x.Len(), len(living))
		}
		_, queries := hnswtest.Clustered(d, 0, 3, 5, uint64(step))
		for q := range slices.Chunk(queries, d) {
			want, err := x.Exact(q, 20)
			if err != nil {
				t.Fatal(err)
			}
			got, err := x.Search(q, 20, x.Len())
			if err != nil || !slices.Equal(got, want) {
				t.Fatalf("step %d, %d vectors and %d deleted: %v, not %v, %v", step, x.Len(), x.Stale(), got, want, err)
			}
		}
	}
}

// TestRecall: of 10,000 vectors in clusters, built on all processors, more than 99 of 100 are found.
func TestRecall(t *testing.T) {
	const d = 96
	vectors, queries := hnswtest.Clustered(d, 10_000, 200, 50, 5)
	x := newIndex(t, hnsw.Params{Dimension: d, Resident: true, Center: hnsw.Mean(d, vectors)})
	add(t, x, 0, vectors)
	if r := recall(t, x, queries, 10, 48); r < 0.99 {
		t.Errorf("recall %.4f", r)
	}
	if err := x.Check(); err != nil {
		t.Error(err)
	}
}

// TestChurn: recall stays within half a percent of a fresh index after half of it was deleted and added again ten times.
func TestChurn(t *testing.T) {
	const d, n = 48, 4000
	vectors, queries := hnswtest.Clustered(d, n, 300, 40, 6)
	r := rand.New(rand.NewPCG(6, 6))
	x := newIndex(t, hnsw.Params{Dimension: d, Resident: true, Center: hnsw.Mean(d, vectors)})
	slots := add(t, x, 0, vectors)
	fresh := recall(t, x, queries, 10, 32)
	for range 10 {
		half := r.Perm(n)[:n/2]
		gone, again, labels := make([]uint32, 0, n/2), make([]float32, 0, n/2*d), make([]uint64, 0, n/2)
		for _, i := range half {
			gone = append(gone, slots[i])
			again = append(again, vectors[i*d:(i+1)*d]...)
			labels = append(labels, uint64(i))
		}
		x.Delete(gone...)
		if err := x.Repair(t.Context()); err != nil {
			t.Fatal(err)
		}
		back, err := x.Add(t.Context(), labels, again)
		if err != nil {
			t.Fatal(err)
		}
		for j, i := range half {
			slots[i] = back[j]
		}
	}
	if later := recall(t, x, queries, 10, 32); later < fresh-0.005 {
		t.Errorf("recall %.4f, of the fresh index %.4f", later, fresh)
	}
	if err := x.Check(); err != nil {
		t.Error(err)
	}
}

// TestSideBySide: searches beside Add, Delete and Repair give living vectors with their own scores.
func TestSideBySide(t *testing.T) {
	const d = 16
	x := newIndex(t, hnsw.Params{Dimension: d, EfConstruction: 32, Resident: true})
	vectors, queries := hnswtest.Clustered(d, 4000, 10, 20, 7)
	add(t, x, 0, vectors[:500*d])
	done := make(chan struct{})
	var wait sync.WaitGroup
	for g := range 2 {
		wait.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-done:
					if n == 0 {
						t.Error("no search happened")
					}
					return
				default:
				}
				q := queries[(n+g)%10*d:][:d]
				hits, err := x.Search(q, 5, 40)
				if err != nil || len(hits) != 5 {
					t.Errorf("%d hits, %v", len(hits), err)
					return
				}
				for _, h := range hits {
					sum := float32(0)
					for c, f := range vectors[int(h.Label)*d : int(h.Label+1)*d] {
						sum += f * q[c]
					}
					if diff := sum - h.Score; diff > 2e-3 || diff < -2e-3 {
						t.Errorf("label %d has score %v, its vector %v", h.Label, h.Score, sum)
					}
				}
			}
		})
	}
	for at := 500; at < 4000; at += 250 {
		slots := add(t, x, uint64(at), vectors[at*d:(at+250)*d])
		x.Delete(slots[:100]...)
		if err := x.Repair(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	close(done)
	wait.Wait()
	if err := x.Check(); err != nil {
		t.Error(err)
	}
}

func TestRefusals(t *testing.T) {
	for _, p := range []hnsw.Params{{}, {Dimension: 1 << 20}, {Dimension: 4, M: 2}, {Dimension: 4, Center: make([]float32, 3)}} {
		if _, err := hnsw.New(p); !errors.Is(err, core.ErrUsage) {
			t.Errorf("%+v: %v", p, err)
		}
	}
	x := newIndex(t, hnsw.Params{Dimension: 4, Resident: true})
	if hits, err := x.Search(make([]float32, 4), 3, 10); err != nil || len(hits) != 0 {
		t.Errorf("empty index: %v, %v", hits, err)
	}
	if err := errors.Join(x.Repair(t.Context())); err != nil || x.Delete(0, 7) != 0 {
		t.Error(err)
	}
	nan := float32(math.NaN())
	for _, v := range [][]float32{{nan, 0, 0, 0}, {float32(math.Inf(1)), 0, 0, 0}} {
		if _, err := x.Add(t.Context(), []uint64{1}, v); !errors.Is(err, core.ErrCorrupt) || x.Len() != 0 {
			t.Errorf("%v: %v", v, err)
		}
	}
	if _, err := x.Add(t.Context(), []uint64{1}, make([]float32, 3)); !errors.Is(err, core.ErrDimension) {
		t.Error(err)
	}
	if _, err := x.Search(make([]float32, 3), 1, 1); !errors.Is(err, core.ErrDimension) {
		t.Error(err)
	}
	add(t, x, 1, make([]float32, 8)) // zero vectors have no direction; they are found all the same
	if hits, err := x.Search(make([]float32, 4), 3, 10); err != nil || len(hits) != 2 || hits[0].Label != 1 {
		t.Errorf("%v, %v", hits, err)
	}
	stopped, stop := context.WithCancel(t.Context())
	stop()
	if _, err := x.Add(stopped, []uint64{5}, make([]float32, 4)); !errors.Is(err, context.Canceled) || x.Len() != 2 {
		t.Error(x.Len(), err)
	}
	if err := x.Check(); err != nil {
		t.Error(err)
	}
}
