package index_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"kakoi/core"
	"kakoi/core/vault"
	"kakoi/index"
)

// BenchmarkKey holds an encrypted library against one that is not, in turns: go test -run '^$' -bench Key -benchtime 1x ./index. Adding is the store's
// part of it alone, without reading and embedding. KAKOI_BENCH_CHUNKS says how large they are.
func BenchmarkKey(b *testing.B) {
	n, err := strconv.Atoi(os.Getenv("KAKOI_BENCH_CHUNKS"))
	if err != nil {
		n = 20_000
	}
	_, key, err := vault.New([]byte("pass"), vault.Params{Time: 1, MemoryKiB: 64, Threads: 1})
	if err != nil {
		b.Fatal(err)
	}
	best := map[string][2]time.Duration{}
	for range b.N {
		for round := range 4 {
			for i := range 2 {
				i = (i + round) % 2
				opt := index.Options{}
				if i == 1 {
					opt.Key = key
				}
				for name, took := range measured(b, filepath.Join(b.TempDir(), fmt.Sprint("library", round, i)), n, opt) {
					pair := best[name]
					if pair[i] == 0 || took < pair[i] {
						pair[i] = took
					}
					best[name] = pair
				}
			}
		}
	}
	for _, name := range []string{"add", "open", "first dense", "first lexical", "dense", "lexical", "verify"} {
		pair := best[name]
		b.Logf("%-14s plain %10v encrypted %10v  %+.1f%%", name, pair[0], pair[1], 100*(float64(pair[1])/float64(pair[0])-1))
		b.ReportMetric(float64(pair[1])/float64(pair[0]), name[:1]+name[len(name)-3:]+"_ratio")
	}
}

func measured(b *testing.B, dir string, n int, opt index.Options) map[string]time.Duration {
	b.Helper()
	ctx, out := context.Background(), map[string]time.Duration{}
	start := time.Now()
	lap := func(name string, times int) {
		out[name] = time.Since(start) / time.Duration(times)
		start = time.Now()
	}
	x, err := index.Open(dir, opt)
	if err != nil {
		b.Fatal(err)
	}
	c, err := x.EnsureCollection(ctx, "bench")
	if err != nil {
		b.Fatal(err)
	}
	start = time.Now()
	if err := x.Synthesize(ctx, c.ID, n, 1, nil); err != nil {
		b.Fatal(err)
	}
	if err := x.Close(); err != nil {
		b.Fatal(err)
	}
	lap("add", 1)
	if x, err = index.Open(dir, opt); err != nil {
		b.Fatal(err)
	}
	defer os.RemoveAll(dir)
	defer x.Close()
	lap("open", 1)
	r := rand.New(rand.NewPCG(1, 1))
	v := make(core.Vector, index.BenchEmbedder.Dimension)
	for i := range v {
		v[i] = r.Float32() - 0.5
	}
	dense, lexical := index.Query{Vector: v, Embedder: index.BenchEmbedder.ID, K: 20}, index.Query{Text: "型番AB-0042は一丁上がりです", K: 20}
	search := func(q index.Query) {
		if _, err := x.Search(ctx, c.ID, q); err != nil {
			b.Fatal(err)
		}
	}
	start = time.Now()
	search(dense)
	lap("first dense", 1)
	search(lexical)
	lap("first lexical", 1)
	for range 50 {
		search(dense)
	}
	lap("dense", 50)
	for range 50 {
		search(lexical)
	}
	lap("lexical", 50)
	if problems, err := x.Verify(ctx, nil); err != nil || len(problems) > 0 {
		b.Fatal(problems, err)
	}
	lap("verify", 1)
	return out
}
