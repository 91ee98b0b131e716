package train

import (
	"compress/gzip"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"math"
	"os"
	"testing"
)

// goldenFile is testdata/golden.json.gz, written by testdata/golden.py.
type goldenFile struct {
	Cases []struct {
		Config  json.RawMessage   `json:"config"`
		Targets []string          `json:"targets"`
		Ranks   map[string]int    `json:"ranks"`
		Rows    []goldenRow       `json:"rows"`
		Loss    float64           `json:"loss"`
		Grads   map[string]string `json:"grads"`
		Steps   []struct {
			Loss float64       `json:"loss"`
			Norm float64       `json:"norm"`
			Rate float64       `json:"rate"`
			Rows [][]goldenRow `json:"rows"`
		} `json:"steps"`
	} `json:"cases"`
	Schedules []struct {
		Schedule string    `json:"schedule"`
		Warmup   int       `json:"warmup"`
		Rates    []float64 `json:"rates"`
	} `json:"schedules"`
	Eight goldenEight `json:"eight"`
	Ours  *struct {
		Config json.RawMessage `json:"config"`
		IDs    []int32         `json:"ids"`
		Logits string          `json:"logits"`
	} `json:"ours"`
}

// goldenEight is what bitsandbytes' 8-bit AdamW makes of some tensors in 50 steps.
type goldenEight struct {
	Maps    map[string]string `json:"maps"`
	Tensors []struct {
		N       int    `json:"n"`
		Weight  string `json:"weight"`
		State1  string `json:"state1"`
		State2  string `json:"state2"`
		Absmax1 string `json:"absmax1"`
		Absmax2 string `json:"absmax2"`
	} `json:"tensors"`
}

type goldenRow struct {
	IDs   []int32 `json:"ids"`
	Start int     `json:"start"`
}

func examplesOf(rows []goldenRow) []example {
	out := make([]example, len(rows))
	for i, r := range rows {
		out[i] = example{ids: r.IDs, from: r.Start}
	}
	return out
}

func golden(t testing.TB) (g goldenFile) {
	t.Helper()
	unzip(t, "testdata/golden.json.gz", &g)
	return g
}

func unzip(t testing.TB, path string, to any) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.NewDecoder(z).Decode(to); err != nil {
		t.Fatal(err)
	}
}

func raw(t testing.TB, s string) []byte {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func floats(t testing.TB, s string) []float32 {
	t.Helper()
	b := raw(t, s)
	v := make([]float32, len(b)/4)
	for i := range v {
		v[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
	}
	return v
}

// apart is the largest difference over the largest number of want.
func apart(got, want []float32) float64 {
	var d, top float64
	for i := range want {
		d, top = max(d, math.Abs(float64(got[i]-want[i]))), max(top, math.Abs(float64(want[i])))
	}
	if d /= top; math.IsNaN(d) {
		return math.Inf(1) // no limit holds
	}
	return d
}

// hashUniform is testdata/golden.py's uniform: n numbers in [-1, 1).
func hashUniform(name string, n int) []float32 {
	seed := uint32(2166136261)
	for _, b := range []byte(name) {
		seed = (seed ^ uint32(b)) * 16777619
	}
	out := make([]float32, n)
	for i := range out {
		h := uint32(i)*2654435761 + seed
		h ^= h >> 16
		h *= 0x7feb352d
		h ^= h >> 15
		h *= 0x846ca68b
		h ^= h >> 16
		out[i] = float32(h>>8)*0x1p-23 - 1
	}
	return out
}
