package hnsw_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"testing"
	"time"

	"kakoi/index/hnsw"
	"kakoi/index/hnsw/hnswtest"
)

// BenchmarkPeer builds and asks over 100,000 clustered vectors of 384, then has hnswlib do the same (testdata/peer.py, with
// the Python named by KAKOI_PEER_PYTHON, which needs hnswlib and numpy): queries a second of one thread at each ef, and the
// build, ours with all processors, hnswlib's with one thread. KAKOI_PEER_CODER names the program of testdata/coder, to be asked
// too (docs/decisions, "Vector index", says why it is not used). KAKOI_PEER_FOLDER keeps hnswlib's index for the next run, which
// then only asks: a short run is easier to have the machine for.
//
//	KAKOI_PEER_PYTHON=/path/to/python go test -run '^$' -bench Peer -benchtime 1x ./index/hnsw
func BenchmarkPeer(b *testing.B) {
	const d, n, k = 384, 100_000, 10
	vectors, queries := hnswtest.Clustered(d, n, 1000, 500, 1)
	for range b.N {
		x := newIndex(b, hnsw.Params{Dimension: d, Resident: true, Center: hnsw.Mean(d, vectors[:10_000*d])})
		start := time.Now()
		add(b, x, 0, vectors)
		took := time.Since(start)
		fmt.Printf("ours     build %.1f s, %.0f vectors/s on %d processors, %.0f MB\n", took.Seconds(), n/took.Seconds(), runtime.GOMAXPROCS(0), float64(x.Bytes())/1e6)
		truth := exact(b, x, queries, k)
		askAll := func() {
			for _, ef := range []int{16, 20, 24, 28, 32, 48, 64} {
				rate, right := ask(b, x, queries, truth, k, ef)
				fmt.Printf("ours     ef %3d  recall@10 %.4f  %6.0f queries/s\n", ef, right, rate)
			}
		}
		askAll()
		python := os.Getenv("KAKOI_PEER_PYTHON")
		if python == "" {
			fmt.Println("no peer: KAKOI_PEER_PYTHON is not set")
			continue
		}
		dir := os.Getenv("KAKOI_PEER_FOLDER")
		if dir == "" {
			dir = b.TempDir()
		}
		for name, data := range map[string]any{"vectors": vectors, "queries": queries, "truth": truth} {
			var out bytes.Buffer
			if err := binary.Write(&out, binary.LittleEndian, data); err != nil {
				b.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, name), out.Bytes(), 0o600); err != nil {
				b.Fatal(err)
			}
		}
		cmd := exec.Command(python, "testdata/peer.py", dir, strconv.Itoa(d), strconv.Itoa(k))
		cmd.Stderr = os.Stderr
		out, err := cmd.Output()
		if err != nil {
			b.Fatal(err)
		}
		fmt.Print(string(out))
		askAll() // again: the machine is not the same all the time
		if coder := os.Getenv("KAKOI_PEER_CODER"); coder != "" {
			cmd := exec.Command(coder, dir, strconv.Itoa(d), strconv.Itoa(k))
			cmd.Stderr = os.Stderr
			if out, err = cmd.Output(); err != nil {
				b.Fatal(err)
			}
			fmt.Print(string(out))
		}
	}
}

// exact are the labels of the k nearest of each query, by looking at every vector.
func exact(b *testing.B, x *hnsw.Index, queries []float32, k int) (labels []uint32) {
	b.Helper()
	for q := range slices.Chunk(queries, x.Params().Dimension) {
		best, err := x.Exact(q, k)
		if err != nil {
			b.Fatal(err)
		}
		for _, h := range best {
			labels = append(labels, uint32(h.Label))
		}
	}
	return labels
}

// ask gives the queries a second of one thread, the best of nine rounds, and the recall.
func ask(b *testing.B, x *hnsw.Index, queries []float32, truth []uint32, k, ef int) (rate, recall float64) {
	b.Helper()
	d := x.Params().Dimension
	for range 9 {
		hits, found := []hnsw.Hit(nil), 0
		start := time.Now()
		for i := 0; i*d < len(queries); i++ {
			var err error
			if hits, err = x.AppendHits(hits[:0], queries[i*d:(i+1)*d], k, ef); err != nil {
				b.Fatal(err)
			}
			for _, h := range hits {
				if slices.Contains(truth[i*k:(i+1)*k], uint32(h.Label)) {
					found++
				}
			}
		}
		rate = max(rate, float64(len(queries)/d)/time.Since(start).Seconds())
		recall = float64(found) / float64(len(truth))
	}
	return rate, recall
}

// BenchmarkAdd builds over 20,000 of the same vectors.
func BenchmarkAdd(b *testing.B) {
	const d, n = 384, 20_000
	vectors, _ := hnswtest.Clustered(d, n, 0, 500, 1)
	for b.Loop() {
		x := newIndex(b, hnsw.Params{Dimension: d, Resident: true, Center: hnsw.Mean(d, vectors)})
		add(b, x, 0, vectors)
	}
	b.ReportMetric(float64(n*b.N)/b.Elapsed().Seconds(), "vectors/s")
}
