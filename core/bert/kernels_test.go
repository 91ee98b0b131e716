//go:build torch

package bert_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"kakoi/core"
	"kakoi/core/bert"
	"kakoi/core/internal/kernel/cpu"
	"kakoi/core/internal/torch/torchtest"
)

// kernelSets runs a test with each instruction set from least on that this machine has.
func kernelSets(t *testing.T, least cpu.Set, test func(t *testing.T)) {
	t.Helper()
	for set := least; set <= cpu.Detect(); set++ {
		t.Run(set.String(), func(t *testing.T) {
			defer cpu.Lower(set)()
			test(t)
		})
	}
}

// Texts of no, one and very many tokens, together and alone, in every kernel there is.
func TestKernelsOddTexts(t *testing.T) {
	torchtest.Setup(t)
	_, long := texts(t)
	odd := append([]string{"", "a", " ", "倉庫", strings.Repeat("warehouse 倉庫 ", 300), "x\x00y\xff"}, long...)
	for _, pool := range []string{"mean", "max", "weightedmean"} {
		dir := tiny(t, pooling(t, map[string]any{"pooling_mode": pool, "include_prompt": pool != "mean"}))
		exact := embed(t, load(t, dir, bert.LoadOptions{Device: "cpu"}), core.EmbedQuery, odd)
		kernelSets(t, cpu.Plain, func(t *testing.T) {
			for _, dtype := range []string{"int8", "bf16"} {
				for _, threads := range []int{1, 3} {
					e := load(t, dir, bert.LoadOptions{Device: "cpu", DType: dtype, Threads: threads})
					got := embed(t, e, core.EmbedQuery, odd)
					checkCosine(t, pool+" "+dtype, got, exact, odd, 0.99)
					for i, text := range odd {
						if alone := embed(t, e, core.EmbedQuery, []string{text}); !slices.Equal(alone[0], got[i]) {
							t.Errorf("%s %s: %q alone gives another vector than among others", pool, dtype, text)
						}
					}
				}
			}
		})
	}
}

// The embedder of the set-up, fast and exact: the same vectors but for rounding, and the same documents found.
func TestKernelsFindTheSame(t *testing.T) {
	torchtest.Setup(t)
	dir := model(t, "KAKOI_EMBEDDER")
	short, _ := texts(t)
	chunks := append(sampleChunks(t), short...)
	var asked []struct{ Question string }
	b, err := os.ReadFile("../../resources/questions.json")
	if err == nil {
		err = json.Unmarshal(b, &asked)
	}
	if err != nil || len(asked) < 10 {
		t.Fatalf("%d questions: %v", len(asked), err)
	}
	var questions []string
	for _, q := range asked {
		questions = append(questions, q.Question)
	}
	exact := load(t, dir, bert.LoadOptions{Device: "cpu"})
	wantChunks, wantQuestions := embed(t, exact, core.EmbedPassage, chunks), embed(t, exact, core.EmbedQuery, questions)
	kernelSets(t, cpu.AVX2, func(t *testing.T) {
		for dtype, least := range map[string]float64{"int8": 0.999, "bf16": 0.9999} {
			e := load(t, dir, bert.LoadOptions{Device: "cpu", DType: dtype})
			if e.Info().ID != exact.Info().ID {
				t.Errorf("%s: ID %s, fp32 %s: a library could not go on", dtype, e.Info().ID, exact.Info().ID)
			}
			gotChunks, gotQuestions := embed(t, e, core.EmbedPassage, chunks), embed(t, e, core.EmbedQuery, questions)
			checkCosine(t, dtype+" chunks", gotChunks, wantChunks, chunks, least)
			checkCosine(t, dtype+" questions", gotQuestions, wantQuestions, questions, least)
			// Vectors of both kinds stand in one library: also questions in int8 to chunks in fp32.
			for name, among := range map[string][]core.Vector{"alone": gotChunks, "in an older library": wantChunks} {
				same, of := 0, 0
				for i := range questions {
					want, got := ranked(wantQuestions[i], wantChunks)[:10], ranked(gotQuestions[i], among)[:10]
					for _, k := range want {
						of++
						if slices.Contains(got, k) {
							same++
						}
					}
					// Another first one is wrong unless the two were as good as equal.
					if lost := cosine(wantQuestions[i], wantChunks[want[0]]) - cosine(wantQuestions[i], wantChunks[got[0]]); lost > 0.003 {
						t.Errorf("%s %s: %q finds %q, not %q (%.4f closer)", dtype, name, questions[i], chunks[got[0]], chunks[want[0]], lost)
					}
				}
				t.Logf("%s %s: %d of %d of the ten best are the same", dtype, name, same, of)
				if same*100 < of*95 {
					t.Errorf("%s %s: only %d of %d of the ten best are the same", dtype, name, same, of)
				}
			}
		}
	})
}

// ranked gives the places of vectors, the most similar first.
func ranked(q core.Vector, among []core.Vector) []int {
	order := make([]int, len(among))
	score := make([]float64, len(among))
	for i := range among {
		order[i], score[i] = i, cosine(q, among[i])
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case score[a] > score[b]:
			return -1
		case score[a] < score[b]:
			return 1
		}
		return 0
	})
	return order
}

// sampleChunks are pieces of the sample documents that are plain text.
func sampleChunks(t *testing.T) []string {
	t.Helper()
	var out []string
	for _, pattern := range []string{"*.md", "*.txt"} {
		files, err := filepath.Glob("../../resources/samples/" + pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range files {
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			text := []rune(strings.ToValidUTF8(string(b), ""))
			for from := 0; from < len(text); from += 150 {
				out = append(out, string(text[from:min(from+200, len(text))]))
			}
		}
	}
	if len(out) < 20 {
		t.Fatalf("%d chunks of sample documents", len(out))
	}
	return out
}

func TestKernelDTypes(t *testing.T) {
	torchtest.Setup(t)
	if _, err := bert.Load(context.Background(), "testdata/tiny", bert.LoadOptions{Device: "cpu", DType: "int7"}, nil); !errors.Is(err, core.ErrUsage) {
		t.Errorf("int7: %v", err)
	}
	e := load(t, "testdata/tiny", bert.LoadOptions{Device: "cpu", DType: "auto"})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := e.Embed(ctx, core.EmbedQuery, []string{"a"}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if err := e.Close(); err != nil {
		t.Error(err)
	}
	if _, err := e.Embed(context.Background(), core.EmbedQuery, []string{"a"}); err == nil {
		t.Error("a closed embedder embeds")
	}
}
