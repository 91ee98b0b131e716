//go:build torch

package main

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"kakoi/core"
	"kakoi/core/engine"
)

// The whole way: this program as a process, real models, through the client. make sets KAKOI_TORCH and KAKOI_EMBEDDER.
func TestEngineWithRealModels(t *testing.T) {
	libraries := filepath.Join(os.Getenv("KAKOI_TORCH"), "lib")
	c, err := engine.Start(t.Context(), engine.Params{Binary: build(t, "torch"), LibraryPath: libraries, Log: testLog{t}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()

	// Both at once, as a first question does.
	var g core.Generator
	var e core.Embedder
	var gerr, eerr error
	var wg sync.WaitGroup
	stages := map[string]bool{}
	wg.Go(func() {
		g, gerr = c.LoadGenerator(t.Context(), filepath.Join("..", "..", "resources", "starter"), engine.ModelOptions{Device: "cpu"}, func(u core.Update) { stages[u.Stage] = true })
	})
	wg.Go(func() {
		e, eerr = c.LoadEmbedder(t.Context(), os.Getenv("KAKOI_EMBEDDER"), engine.ModelOptions{Device: "cpu"}, nil)
	})
	wg.Wait()
	if gerr != nil || eerr != nil {
		t.Fatalf("load: %v, %v", gerr, eerr)
	}
	if !stages["load"] || g.Info().Device != "cpu" || g.Info().Layers == 0 {
		t.Errorf("stages %v, info %+v", stages, g.Info())
	}

	vecs, err := e.Embed(t.Context(), core.EmbedQuery, []string{"有給休暇は何日ありますか", "How many days of paid leave are there?", "加湿器の水を替える"})
	if err != nil {
		t.Fatal(err)
	}
	if len(vecs) != 3 || len(vecs[0]) != e.Info().Dimension || math.Abs(dot(vecs[0], vecs[0])-1) > 1e-4 {
		t.Fatalf("vectors: %d of %d values", len(vecs), len(vecs[0]))
	}
	if same, other := dot(vecs[0], vecs[1]), dot(vecs[0], vecs[2]); same <= other {
		t.Errorf("the same question in English: cosine %.3f, another one: %.3f", same, other)
	}

	const prompt = "ユーザー:以下の情報を参照し、質問に回答してください。\n\n-----------\n有給休暇は入社から六か月後に十日付与されます。\n-----------\n\n質問→有給休暇は何日付与されますか\nシステム:"
	reqs := []core.GenerateRequest{{Prompt: prompt, Sampling: core.Sampling{MaxNewTokens: 24}}}
	streamed := ""
	greedy, err := g.Generate(t.Context(), reqs, func(_ int, d core.Delta) error { streamed += d.Text; return nil })
	if err != nil {
		t.Fatal(err)
	}
	if greedy[0].Text == "" || streamed != greedy[0].Text {
		t.Errorf("reply %+v, streamed %q", greedy[0], streamed)
	}
	counts, err := g.CountTokens(t.Context(), []string{prompt})
	if err != nil || counts[0] != greedy[0].PromptTokens {
		t.Errorf("counted %v, the reply says %d: %v", counts, greedy[0].PromptTokens, err)
	}

	s, err := c.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("start %.3f s, resident %d MB, %d models", s.StartSeconds, s.ResidentBytes>>20, len(s.Models))
	if len(s.Models) != 2 || s.Proof.Refusals() < 14 {
		t.Errorf("status %+v", s)
	}

	// The same words again from a new process, with the same handles.
	if err := syscall.Kill(s.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	var again []core.Reply
	for range 2 { // the first call may still meet the old process
		if again, err = g.Generate(t.Context(), reqs, nil); err == nil {
			break
		}
	}
	if err != nil || again[0].Text != greedy[0].Text {
		t.Errorf("after kill -9: %+v, %v", again, err)
	}

	failed := 0
	err = c.Selftest(t.Context(), "cpu", func(k engine.Check) error {
		if !k.OK {
			failed++
			t.Errorf("check %s: %s", k.Name, k.Detail)
		}
		return nil
	})
	if err != nil || failed > 0 {
		t.Errorf("self-test: %d failed, %v", failed, err)
	}
}

func dot(a, b core.Vector) float64 {
	s := 0.0
	for i := range a {
		s += float64(a[i]) * float64(b[i])
	}
	return s
}

type testLog struct{ t *testing.T }

func (l testLog) Write(p []byte) (int, error) {
	l.t.Logf("engine: %s", strings.TrimSpace(string(p)))
	return len(p), nil
}
