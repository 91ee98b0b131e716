package neox

import (
	"encoding/json"
	"math"
	"os"
	"testing"

	"kakoi/core/weights"
)

// TestLogitsOf4BitFolders computes a 4-bit folder of transformers and bitsandbytes, and one of ours, in float64 from the dequantised weights, and
// compares with the logits that they gave for both (core/weights/testdata/golden_4bit.py; float32).
func TestLogitsOf4BitFolders(t *testing.T) {
	const dir = "../weights/testdata/4bit/"
	raw, err := os.ReadFile(dir + "4bit.json")
	if err != nil {
		t.Fatal(err)
	}
	var g struct {
		IDs          []int32 `json:"ids"`
		Theirs, Ours struct{ Logits [][]float64 }
	}
	if err := json.Unmarshal(raw, &g); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][][]float64{"theirs": g.Theirs.Logits, "ours": g.Ours.Logits} {
		f, err := weights.Open(dir + name)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		var c Config
		if err := f.Config(&c); err != nil {
			t.Fatal(err)
		}
		got := referenceForward(c, func(name string) []float32 {
			if shape := tensorShapes(c)[name]; len(shape) == 2 {
				l, err := f.Linear(name)
				if err != nil {
					t.Fatal(err)
				}
				v := make([]float32, l.Out*l.In)
				if err := l.Float32(v); err != nil {
					t.Fatal(err)
				}
				return v
			}
			x, err := f.Tensor(name)
			if err != nil {
				t.Fatal(err)
			}
			v := make([]float32, x.Elements())
			if err := x.Float32(v); err != nil {
				t.Fatal(err)
			}
			return v
		}, g.IDs)
		if len(want) != len(g.IDs) || len(got) != len(want) {
			t.Fatalf("%s: %d rows of logits, want %d", name, len(got), len(want))
		}
		worst := 0.0
		for i := range want {
			for j, w := range want[i] {
				worst = math.Max(worst, math.Abs(got[i][j]-w))
			}
		}
		if !(worst < 5e-5) { // float32 sums of 128 numbers; the logits reach 6
			t.Errorf("%s: logits differ by %v", name, worst)
		}
	}
}
