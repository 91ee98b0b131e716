package index_test

import (
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"kakoi/core"
	"kakoi/core/vault"
	"kakoi/index"
)

// BenchmarkKeyOpen opens a library and an encrypted one with the same contents in turns, as often as KAKOI_BENCH_ROUNDS says, and searches each for the first time:
// medians, and the median of the rounds' own ratios, so that a busy machine does not count for one side. KAKOI_BENCH_ONLY (plain, encrypted) is for a profile of one.
func BenchmarkKeyOpen(b *testing.B) {
	number := func(name string, otherwise int) int {
		if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
			return n
		}
		return otherwise
	}
	n, rounds := number("KAKOI_BENCH_CHUNKS", 20_000), number("KAKOI_BENCH_ROUNDS", 15)
	_, key, err := vault.New([]byte("pass"), vault.Params{Time: 1, MemoryKiB: 64, Threads: 1})
	if err != nil {
		b.Fatal(err)
	}
	ctx := context.Background()
	opts := []index.Options{{}, {Key: key}}
	sides := []string{"plain", "encrypted"}
	dirs, colls := make([]string, 2), make([]string, 2)
	for i, opt := range opts {
		dirs[i] = filepath.Join(b.TempDir(), sides[i])
		x, err := index.Open(dirs[i], opt)
		if err != nil {
			b.Fatal(err)
		}
		c, err := x.EnsureCollection(ctx, "bench")
		if err != nil {
			b.Fatal(err)
		}
		colls[i] = c.ID
		if err := x.Synthesize(ctx, c.ID, n, 1, nil); err != nil {
			b.Fatal(err)
		}
		if err := x.Close(); err != nil {
			b.Fatal(err)
		}
	}
	r := rand.New(rand.NewPCG(1, 1))
	v := make(core.Vector, index.BenchEmbedder.Dimension)
	for i := range v {
		v[i] = r.Float32() - 0.5
	}
	dense, lexical := index.Query{Vector: v, Embedder: index.BenchEmbedder.ID, K: 20}, index.Query{Text: "型番AB-0042は一丁上がりです", K: 20}
	names := []string{"open", "first dense", "first lexical", "verify", "close"}
	took, worked := map[string][2][]time.Duration{}, map[string][2][]time.Duration{}
	one := func(i int) {
		runtime.GC() // what the round before left is not this one's
		start, begun := time.Now(), processorTime()
		lap := func(name string) {
			pair, cpu := took[name], worked[name]
			pair[i], cpu[i] = append(pair[i], time.Since(start)), append(cpu[i], processorTime()-begun)
			took[name], worked[name] = pair, cpu
			start, begun = time.Now(), processorTime()
		}
		x, err := index.Open(dirs[i], opts[i])
		if err != nil {
			b.Fatal(err)
		}
		lap("open")
		if _, err := x.Search(ctx, colls[i], dense); err != nil {
			b.Fatal(err)
		}
		lap("first dense")
		if _, err := x.Search(ctx, colls[i], lexical); err != nil {
			b.Fatal(err)
		}
		lap("first lexical")
		if problems, err := x.Verify(ctx, nil); err != nil || len(problems) > 0 {
			b.Fatal(problems, err)
		}
		lap("verify")
		if err := x.Close(); err != nil {
			b.Fatal(err)
		}
		lap("close")
	}
	b.ResetTimer()
	for range b.N {
		for round := range rounds {
			for i := range 2 {
				if i = (i + round) % 2; os.Getenv("KAKOI_BENCH_ONLY") == "" || os.Getenv("KAKOI_BENCH_ONLY") == sides[i] {
					one(i)
				}
			}
		}
	}
	for _, name := range names {
		pair, cpu := took[name], worked[name]
		if len(pair[0]) != len(pair[1]) {
			b.Log(name, pair, cpu)
			continue
		}
		b.Logf("%-14s plain %8v encrypted %8v  ratios of the rounds, median %+.1f%%, of the least times %+.1f%%; of processor time, median %+.1f%%, of the least %+.1f%%", name,
			slices.Min(pair[0]).Round(10*time.Microsecond), slices.Min(pair[1]).Round(10*time.Microsecond), medianRatio(pair), leastRatio(pair), medianRatio(cpu), leastRatio(cpu))
	}
}

// processorTime is what this process has used, of all processors.
func processorTime() time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// medianRatio and leastRatio say how much longer the second of a pair took, in percent.
func medianRatio(pair [2][]time.Duration) float64 {
	ratios := make([]float64, len(pair[0]))
	for i := range ratios {
		ratios[i] = float64(pair[1][i]) / float64(max(1, pair[0][i]))
	}
	slices.Sort(ratios)
	return 100 * (ratios[len(ratios)/2] - 1)
}

func leastRatio(pair [2][]time.Duration) float64 {
	return 100 * (float64(slices.Min(pair[1]))/float64(max(1, slices.Min(pair[0]))) - 1)
}
