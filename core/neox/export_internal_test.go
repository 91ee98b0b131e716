//go:build torch

package neox

import (
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"kakoi/core/internal/torch"
	"kakoi/core/internal/torch/torchtest"
	"kakoi/core/token"
	"kakoi/core/weights"
)

// exportGolden is testdata/golden_export.json.gz: what transformers made of the exported starter (testdata/golden_export.py).
type exportGolden struct {
	SHA256 string `json:"sha256"` // of its model.safetensors
	Stride int    `json:"stride"`
	Cases  []struct {
		Prompt string  `json:"prompt"`
		IDs    []int32 `json:"ids"`
		Made   []int32 `json:"made"` // greedy, 48 tokens at most, with the end token
		Text   string  `json:"text"`
		Some   string  `json:"some"` // every strideth logit behind the prompt
	} `json:"cases"`
}

// TestExportedStarterIsTransformers: the folder that is exported is the one that transformers read, byte for byte, and what transformers generated from it in fp32 on questions about
// the sample collection in both languages is what the engine generates from the model as it is stored. KAKOI_PROMPTS=80 runs all of them; 10 of them otherwise.
func TestExportedStarterIsTransformers(t *testing.T) {
	torchtest.Setup(t)
	f, err := os.Open("testdata/golden_export.json.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var g exportGolden
	if err := json.NewDecoder(z).Decode(&g); err != nil || len(g.Cases) < 60 {
		t.Fatalf("%d cases, %v", len(g.Cases), err)
	}
	from, err := weights.Open(starterDir)
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	dir := t.TempDir()
	if err := from.WritePlain(t.Context(), dir, weights.PlainOptions{DType: weights.F32}, nil); err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(filepath.Join(dir, "model.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	h := sha256.New()
	if _, err := io.Copy(h, file); err != nil || hex.EncodeToString(h.Sum(nil)) != g.SHA256 {
		t.Errorf("model.safetensors has the SHA-256 %x, transformers read %s (%v)", h.Sum(nil), g.SHA256, err)
	}
	dev, m := starter(t, torch.Float32)
	tok, err := token.Load(starterDir)
	if err != nil {
		t.Fatal(err)
	}
	gen := newGenerator(m.Config, dev, newTorchRunner(m, dev.CUDA()), tok, nil)
	defer gen.loop.close()
	const end = 2
	prompts, err := strconv.Atoi(os.Getenv("KAKOI_PROMPTS"))
	if err != nil {
		prompts = 10
	}
	prompts = min(prompts, len(g.Cases))
	same, worst := 0, 0.0
	for n := range prompts {
		i := n * len(g.Cases) / prompts
		c := g.Cases[i]
		if ids := tok.Encode(c.Prompt); !slices.Equal(ids, c.IDs) {
			t.Errorf("prompt %d: tokens %v, AutoTokenizer has %v", i, ids, c.IDs)
			continue
		}
		made := greedyTokens(t, gen, []string{c.Prompt})[0]
		if at := slices.Index(made, end); at >= 0 {
			made = made[:at]
		}
		want := slices.Clone(c.Made)
		if at := slices.Index(want, end); at >= 0 {
			want = want[:at]
		}
		made = made[:min(len(made), max(len(want), 48))]
		if slices.Equal(made, want) {
			same++
		} else {
			t.Errorf("prompt %d: %v, transformers %v (%s)", i, made, want, c.Text)
		}
		logits := forwardAll(t, dev, m, c.IDs)
		last := logits[(len(c.IDs)-1)*m.VocabSize:]
		for k, v := range unpack(t, c.Some) {
			worst = max(worst, math.Abs(float64(v-last[k*g.Stride])))
		}
	}
	t.Logf("%d of %d greedy answers are the same; the largest difference of a logit is %.2g", same, prompts, worst)
	if worst > 1e-3 {
		t.Errorf("logits differ by %g", worst)
	}
}
