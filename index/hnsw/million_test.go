package hnsw_test

import (
	"context"
	"encoding/binary"
	"encoding/gob"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/viterin/vek/vek32"

	"kakoi/index/hnsw"
	"kakoi/index/hnsw/hnswtest"
	"kakoi/index/store"
)

// BenchmarkMillion builds over a million clustered vectors of 384, a quarter of a million in each call, in the folder of
// KAKOI_MILLION; the call after the fourth opens what they saved and measures: the time to open, the memory, and recall and
// queries a second of one thread. The vectors lie in a file, of which a search reads twenty.
//
//	for i in 1 2 3 4 5; do KAKOI_MILLION=FOLDER go test -run '^$' -bench Million -benchtime 1x ./index/hnsw; done
func BenchmarkMillion(b *testing.B) {
	dir := os.Getenv("KAKOI_MILLION")
	if dir == "" {
		b.Fatal("KAKOI_MILLION names no folder")
	}
	for range b.N {
		m := million{b: b, dir: dir, source: hnswtest.New(384, 2000, 1)}
		m.run()
	}
}

type million struct {
	b      *testing.B
	dir    string
	source *hnswtest.Source

	Parts int // of ten thousand, done
	Best  [][]hnsw.Hit
	asked []float32
}

const (
	millionPart  = 10_000
	millionParts = 100
	millionCall  = 25
)

func (m *million) must(err error) {
	m.b.Helper()
	if err != nil {
		m.b.Fatal(err)
	}
}

func (m *million) run() {
	m.must(os.MkdirAll(m.dir, 0o700))
	m.asked = m.source.Part(1<<32, 300)
	m.Best = make([][]hnsw.Hit, 300)
	if f, err := os.Open(filepath.Join(m.dir, "state")); err == nil {
		m.must(gob.NewDecoder(f).Decode(m))
		m.must(f.Close())
	}
	s, err := store.Open(filepath.Join(m.dir, "library"), store.Options{})
	m.must(err)
	vectors, err := os.OpenFile(filepath.Join(m.dir, "vectors"), os.O_RDWR|os.O_CREATE, 0o600)
	m.must(err)
	var x *hnsw.Index
	start := time.Now()
	if m.Parts == 0 {
		x, err = hnsw.New(hnsw.Params{Dimension: 384, Center: hnsw.Mean(384, m.source.Part(0, millionPart))})
	} else {
		x, _, err = hnsw.Load(context.Background(), s, place)
	}
	m.must(err)
	fmt.Printf("million  %7d vectors opened in %.2f s\n", x.Len(), time.Since(start).Seconds())
	x.Vectors = func(labels []uint64, dst []byte) error {
		for i, l := range labels {
			if _, err := vectors.ReadAt(dst[i*768:(i+1)*768], int64(l)*768); err != nil {
				return err
			}
		}
		return nil
	}
	if m.Parts < millionParts {
		m.build(x, vectors)
		start := time.Now()
		m.must(x.Save(context.Background(), s, place, nil))
		fmt.Printf("million  saved in %.1f s\n", time.Since(start).Seconds())
		f, err := os.Create(filepath.Join(m.dir, "state"))
		m.must(err)
		m.must(gob.NewEncoder(f).Encode(m))
		m.must(f.Close())
	} else {
		m.measure(x)
	}
	m.must(x.Close())
	m.must(vectors.Close())
	m.must(s.Close())
}

func (m *million) build(x *hnsw.Index, file *os.File) {
	var took time.Duration
	for range millionCall {
		rows := m.source.Part(uint64(m.Parts), millionPart)
		first := m.Parts * millionPart
		labels, half := make([]uint64, millionPart), make([]byte, 0, 768*millionPart)
		for i := range labels {
			labels[i] = uint64(first + i)
		}
		for _, f := range rows {
			half = binary.LittleEndian.AppendUint16(half, hnsw.Narrow(f))
		}
		_, err := file.WriteAt(half, int64(first)*768)
		m.must(err)
		start := time.Now()
		_, err = x.Add(context.Background(), labels, rows)
		m.must(err)
		took += time.Since(start)
		for i := range m.Best {
			for j := range labels {
				h := hnsw.Hit{Label: labels[j], Score: vek32.Dot(m.asked[i*384:(i+1)*384], rows[j*384:(j+1)*384])}
				m.Best[i] = best(m.Best[i], h, 10)
			}
		}
		m.Parts++
	}
	n := millionCall * millionPart
	fmt.Printf("million  %d added in %.1f s, %.0f/s on %d processors\n", n, took.Seconds(), float64(n)/took.Seconds(), runtime.GOMAXPROCS(0))
}

func best(have []hnsw.Hit, h hnsw.Hit, k int) []hnsw.Hit {
	if len(have) == k && h.Score <= have[k-1].Score {
		return have
	}
	at, _ := slices.BinarySearchFunc(have, h, func(a, b hnsw.Hit) int {
		if a.Score > b.Score {
			return -1
		}
		return 1
	})
	have = slices.Insert(have, at, h)
	return have[:min(k, len(have))]
}

func (m *million) measure(x *hnsw.Index) {
	truth := make([]uint32, 0, 3000)
	for _, best := range m.Best {
		for _, h := range best {
			truth = append(truth, uint32(h.Label))
		}
	}
	for _, ef := range []int{16, 24, 32, 48, 64, 96, 128} {
		rate, recall := ask(m.b, x, m.asked, truth, 10, ef)
		fmt.Printf("million  ef %3d  recall@10 %.4f  %6.0f queries/s\n", ef, recall, rate)
	}
	debug.FreeOSMemory()
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	fmt.Printf("million  Go heap %.0f MB in use\n", float64(mem.HeapInuse)/1e6)
	text, err := os.ReadFile("/proc/self/status")
	m.must(err)
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "VmRSS") || strings.HasPrefix(line, "Rss") {
			fmt.Print("million  ", line)
		}
	}
	fmt.Printf("million  index %.0f MB\n", float64(x.Bytes())/1e6)
}
