//go:build torch

package bert_test

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kakoi/core"
	"kakoi/core/bert"
	"kakoi/core/internal/torch/torchtest"
)

// rerankers are the folders of testdata/golden_rerank.py.
var rerankers = []string{"rerank_bert", "rerank_xlmr"}

type goldenScores struct {
	Questions, Texts []string
	XLMR             []float32 `json:"rerank_xlmr"`
	BERT             []float32 `json:"rerank_bert"`
}

func rerankGolden(t *testing.T) goldenScores {
	t.Helper()
	raw, err := os.ReadFile("testdata/rerank.json")
	if err != nil {
		t.Fatal(err)
	}
	var g goldenScores
	if err := json.Unmarshal(raw, &g); err != nil {
		t.Fatal(err)
	}
	if n := len(g.Questions) * len(g.Texts); n == 0 || len(g.XLMR) != n || len(g.BERT) != n {
		t.Fatalf("golden scores %+v", g)
	}
	return g
}

func loadReranker(t *testing.T, dir, dtype string) *bert.Reranker {
	t.Helper()
	r, err := bert.LoadReranker(context.Background(), dir, bert.LoadOptions{Device: torchtest.Device(), DType: dtype}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(r.Close(), r.Close()); err != nil {
			t.Error(err)
		}
	})
	return r
}

// TestRerank holds the logits of transformers: token types and pooler of BERT, positions and head of XLM-R, texts that are cut.
func TestRerank(t *testing.T) {
	torchtest.Setup(t)
	g := rerankGolden(t)
	for _, name := range rerankers {
		want := g.BERT
		if name == "rerank_xlmr" {
			want = g.XLMR
		}
		// Of 8 bits and BF16 the whole model of 32 numbers is made: much coarser than a real one, and yet near.
		for dtype, near := range map[string]float64{"fp32": 2e-5, "bf16": 0.05, "int8": 0.15} {
			if dtype == "int8" && torchtest.Device() != "cpu" {
				continue
			}
			r := loadReranker(t, filepath.Join("testdata", name), dtype)
			if info := r.Info(); info.Name != name || info.MaxTokens != 40 || len(info.ID) != 16 || info.Device != torchtest.Device() {
				t.Errorf("info %+v", info)
			}
			worst := 0.0
			for i, q := range g.Questions {
				got, err := r.Rerank(context.Background(), q, g.Texts)
				if err != nil {
					t.Fatal(err)
				}
				for j, s := range got {
					off := math.Abs(float64(s - want[i*len(g.Texts)+j]))
					if worst = max(worst, off); off > near {
						t.Errorf("%s %s: %q with %q: %v, want %v", name, dtype, q, g.Texts[j], s, want[i*len(g.Texts)+j])
					}
				}
				alone, err := r.Rerank(context.Background(), q, g.Texts[3:4])
				if err != nil || math.Abs(float64(alone[0]-got[3])) > 2e-5 {
					t.Errorf("%s %s: alone %v, %v in company: %v", name, dtype, alone, got[3], err)
				}
			}
			t.Logf("%s %s: off by %.2g", name, dtype, worst)
		}
	}
}

// TestRerankLongQuestion: however long the question is, the text is read.
func TestRerankLongQuestion(t *testing.T) {
	torchtest.Setup(t)
	for _, name := range rerankers {
		r := loadReranker(t, filepath.Join("testdata", name), "fp32")
		got, err := r.Rerank(context.Background(), strings.Repeat("倉庫 の 電源 ", 300), []string{"倉庫", "The warehouse opens at 8 am.", ""})
		if err != nil || got[0] == got[1] || got[1] == got[2] {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

func TestRerankBadFolders(t *testing.T) {
	torchtest.Setup(t)
	change := func(name string, edit func(map[string]any)) string {
		dir := t.TempDir()
		if err := os.CopyFS(dir, os.DirFS(filepath.Join("testdata", "rerank_bert"))); err != nil {
			t.Fatal(err)
		}
		raw, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		var m map[string]any
		if err := json.Unmarshal(raw, &m); err != nil {
			t.Fatal(err)
		}
		edit(m)
		if raw, err = json.Marshal(m); err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), raw, 0o600); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	config := func(key string, v any) string {
		return change("config.json", func(m map[string]any) { m[key] = v })
	}
	without := func(name string) string {
		dir := config("model_type", "bert")
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	for _, c := range []struct {
		name, dir, key string
		want           error
	}{
		{"an embedder", "testdata/tiny", "error.reranker.kind", core.ErrUnsupported},
		{"three labels", config("id2label", map[string]string{"0": "a", "1": "b", "2": "c"}), "error.reranker.labels", core.ErrUnsupported},
		{"another family", config("model_type", "deberta-v2"), "error.embedder.kind", core.ErrUnsupported},
		{"the head of the other family", config("model_type", "roberta"), "", core.ErrNotFound},
		{"no weights", without("model.safetensors"), "", core.ErrNotFound},
		{"no tokenizer", without("vocab.txt"), "error.model.tokenizer.none", core.ErrNotFound},
		{"no place for a pair", change("tokenizer_config.json", func(m map[string]any) { m["model_max_length"] = 5 }), "error.embedder.config", core.ErrCorrupt},
		{"nothing there", filepath.Join(t.TempDir(), "none"), "", core.ErrNotFound},
	} {
		r, err := bert.LoadReranker(context.Background(), c.dir, bert.LoadOptions{Device: "cpu"}, nil)
		var said *core.UserError
		if !errors.Is(err, c.want) || !errors.As(err, &said) || c.key != "" && said.Key != c.key {
			t.Errorf("%s: %v, want %v (%s)", c.name, err, c.want, c.key)
		}
		if err == nil {
			t.Error(r.Close())
		}
	}
	r := loadReranker(t, "testdata/rerank_bert", "")
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if _, err := r.Rerank(context.Background(), "a", []string{"b"}); !errors.Is(err, core.ErrNoModel) {
		t.Errorf("closed: %v", err)
	}
}
