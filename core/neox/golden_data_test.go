package neox

import (
	"compress/gzip"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"math"
	"os"
	"testing"
)

// goldenFile is testdata/golden.json.gz, written by testdata/golden.py with transformers.
type goldenFile struct {
	Models []struct {
		Config  json.RawMessage `json:"config"`
		IDs     []int32         `json:"ids"`
		Logits  string          `json:"logits"` // [T, V] fp32
		TopBF16 []int32         `json:"top_bf16"`
	} `json:"models"`
	Starter struct {
		Prompts       []string  `json:"prompts"`
		IDs           [][]int32 `json:"ids"`
		Continuations [][]int32 `json:"continuations"`
		Batch         [][]int32 `json:"batch"`
		Answers       []string  `json:"answers"`
		Long          []int32   `json:"long"`
		Top           []int32   `json:"top"`
		TopBF16       []int32   `json:"top_bf16"`
		Some          string    `json:"some"` // every 40th logit of the last position
		Refusals      []struct {
			Prompt    string    `json:"prompt"`
			Text      string    `json:"text"`
			Common    string    `json:"common"`
			IDs       []int32   `json:"ids"`
			Logs      []float64 `json:"logs"` // of each token's probability
			Decisive  int       `json:"decisive"`
			Forbidden []int32   `json:"forbidden"` // 64 greedy tokens, or up to the end token
		} `json:"refusals"`
	} `json:"starter"`
	Sampler struct {
		Seen  []int32 `json:"seen"`
		Cases []struct {
			Temperature       float64      `json:"temperature"`
			TopK              int          `json:"top_k"`
			TopP              float64      `json:"top_p"`
			RepetitionPenalty float64      `json:"repetition_penalty"`
			Probs             [][2]float64 `json:"probs"` // id, probability; above 1e-9
		} `json:"cases"`
	} `json:"sampler"`
}

func golden(t testing.TB) goldenFile {
	t.Helper()
	f, err := os.Open("testdata/golden.json.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var g goldenFile
	if err := json.NewDecoder(z).Decode(&g); err != nil {
		t.Fatal(err)
	}
	return g
}

func unpack(t testing.TB, s string) []float32 {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	out := make([]float32, len(b)/4)
	for i := range out {
		out[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
	}
	return out
}

// maxDiff is the largest difference, infinite for unequal lengths or a number that is none.
func maxDiff(a, b []float32) float64 {
	if len(a) != len(b) {
		return math.Inf(1)
	}
	worst := 0.0
	for i := range a {
		d := math.Abs(float64(a[i]) - float64(b[i]))
		if math.IsNaN(d) {
			return math.Inf(1)
		}
		worst = max(worst, d)
	}
	return worst
}
