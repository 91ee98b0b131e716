package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"kakoi/core"
	"kakoi/core/engine"
	"kakoi/core/engine/server"
)

func TestEmbedIsWhatTheModelGives(t *testing.T) {
	c, _ := start(t, nil)
	dir := newFolder(t, 0)
	e, err := c.LoadEmbedder(t.Context(), dir, engine.ModelOptions{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	local, err := loaders().Embedder(t.Context(), dir, engine.ModelOptions{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if e.Info() != local.Info() || e.Info().Dimension != dimension {
		t.Errorf("info %+v, want %+v", e.Info(), local.Info())
	}
	texts := []string{"", "囲い", "not \xff\xfe UTF-8"}
	for i := range 2500 { // more than one message holds
		texts = append(texts, fmt.Sprintf("text %d", i))
	}
	for _, kind := range []core.EmbedKind{core.EmbedPassage, core.EmbedQuery} {
		got, err := e.Embed(t.Context(), kind, texts)
		if err != nil {
			t.Fatal(err)
		}
		want, err := local.Embed(t.Context(), kind, texts)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("kind %d: vectors differ", kind)
		}
	}
	none, err := e.Embed(t.Context(), core.EmbedQuery, nil)
	if err != nil || len(none) != 0 {
		t.Errorf("no texts: %v, %v", none, err)
	}
}

func TestGenerateStreams(t *testing.T) {
	c, _ := start(t, nil)
	dir := newFolder(t, 0)
	g := generator(t, c, dir)
	local, err := loaders().Generator(t.Context(), dir, engine.ModelOptions{DType: "fp32"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if g.Info() != local.Info() {
		t.Errorf("info %+v, want %+v", g.Info(), local.Info())
	}
	reqs := []core.GenerateRequest{
		{Prompt: "the", Sampling: core.Sampling{MaxNewTokens: 50, Seed: 1}},
		{Prompt: "有給", Sampling: core.Sampling{MaxNewTokens: 80, Seed: 2}},
		{Prompt: "有給", Sampling: core.Sampling{MaxNewTokens: 80, Seed: 2}, Adapter: "/adapters/\xff", Plain: true},
	}
	texts, tokens := make([]string, 3), make([]int, 3)
	got, err := g.Generate(t.Context(), reqs, func(i int, d core.Delta) error {
		texts[i] += d.Text
		tokens[i] += d.Tokens
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	want, err := local.Generate(t.Context(), reqs, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) || got[1].Text == got[2].Text || got[1].RightTokens == 0 || got[2].RightTokens != 0 {
		t.Errorf("replies\n%+v, want\n%+v", got, want)
	}
	for i := range reqs {
		if texts[i] != got[i].Text || tokens[i] != got[i].NewTokens {
			t.Errorf("prompt %d: streamed %q (%d tokens), reply %q (%d)", i, texts[i], tokens[i], got[i].Text, got[i].NewTokens)
		}
	}
	counts, err := g.CountTokens(t.Context(), []string{"", "囲い", "abc"})
	if err != nil || !reflect.DeepEqual(counts, []int{0, 2, 3}) {
		t.Errorf("counts %v, %v", counts, err)
	}
}

func TestCancelStopsTheCallAndNothingElse(t *testing.T) {
	c, _ := start(t, nil)
	g := generator(t, c, newFolder(t, 2*time.Millisecond))
	before := pid(t, c)
	ctx, cancel := context.WithCancel(t.Context())
	n := 0
	replies, err := g.Generate(ctx, []core.GenerateRequest{{Prompt: "the"}}, func(int, core.Delta) error {
		if n++; n == 5 {
			cancel()
		}
		return nil
	})
	if !errors.Is(err, context.Canceled) || errors.Is(err, core.ErrEngine) {
		t.Fatalf("error %v, want canceled", err)
	}
	if len(replies) != 1 || replies[0].NewTokens < 5 || len([]rune(replies[0].Text)) != replies[0].NewTokens {
		t.Errorf("replies %+v", replies)
	}
	limited, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := g.Generate(limited, []core.GenerateRequest{{Prompt: "the"}}, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v, want deadline exceeded", err)
	}
	if replies, err := ask(t, g, "the", 10); err != nil || replies[0].NewTokens != 10 {
		t.Errorf("after the cancel: %+v, %v", replies, err)
	}
	if after := pid(t, c); after != before {
		t.Errorf("process %d, was %d", after, before)
	}
}

func TestErrorOfEmitStopsTheGeneration(t *testing.T) {
	c, _ := start(t, nil)
	g := generator(t, c, newFolder(t, time.Millisecond))
	full := errors.New("window closed")
	replies, err := g.Generate(t.Context(), []core.GenerateRequest{{Prompt: "the"}}, func(int, core.Delta) error { return full })
	if !errors.Is(err, full) || len(replies) != 1 || replies[0].NewTokens != 1 {
		t.Errorf("replies %+v, error %v", replies, err)
	}
}

func TestErrorsKeepTheirIdentity(t *testing.T) {
	c, _ := start(t, nil)
	missing := filepath.Join(t.TempDir(), "nowhere")
	_, err := c.LoadEmbedder(t.Context(), missing, engine.ModelOptions{}, nil)
	user := wantKey(t, err, "error.test.folder", fs.ErrNotExist)
	if !reflect.DeepEqual(user.Args, []any{missing, int64(3), 2.5, true}) {
		t.Errorf("args %#v", user.Args)
	}
	if !strings.Contains(err.Error(), "corpus.txt: no such file or directory") {
		t.Errorf("text %q", err)
	}
	g := generator(t, c, newFolder(t, 0))
	_, err = ask(t, g, "#error", 1)
	wantKey(t, err, "error.test.memory", core.ErrOutOfMemory)
	if errors.Is(err, core.ErrEngine) || errors.Is(err, core.ErrNotFound) {
		t.Errorf("%v is more than it should be", err)
	}
	_, err = ask(t, g, "#plain", 1)
	if err == nil || !strings.Contains(err.Error(), "something \uFFFD else") {
		t.Errorf("plain error: %v", err)
	}
	e, err := c.LoadEmbedder(t.Context(), newFolder(t, 0), engine.ModelOptions{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Embed(t.Context(), 0, []string{strings.Repeat("x", 70<<20)}); !errors.Is(err, core.ErrTooLarge) {
		t.Errorf("70 MiB text: %v", err)
	}
}

func TestManyCallsAtOnce(t *testing.T) {
	c, _ := start(t, nil)
	dir := newFolder(t, time.Millisecond)
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() { // the first calls start the process and load side by side
			if i%2 == 0 {
				g, err := c.LoadGenerator(t.Context(), dir, engine.ModelOptions{}, nil)
				if err != nil {
					t.Error(err)
					return
				}
				defer g.Close()
				prompt := fmt.Sprintf("caller %d", i)
				reqs := []core.GenerateRequest{{Prompt: prompt, Sampling: core.Sampling{MaxNewTokens: 60, Seed: uint64(i)}}}
				streamed := ""
				replies, err := g.Generate(t.Context(), reqs, func(_ int, d core.Delta) error { streamed += d.Text; return nil })
				if err != nil || streamed != replies[0].Text || replies[0].PromptTokens != len(prompt) {
					t.Errorf("caller %d: %+v, %v", i, replies, err)
				}
				return
			}
			e, err := c.LoadEmbedder(t.Context(), dir, engine.ModelOptions{}, nil)
			if err != nil {
				t.Error(err)
				return
			}
			defer e.Close()
			for j := range 20 {
				texts := []string{fmt.Sprintf("%d/%d", i, j), "囲い"}
				want, _ := (&hasher{}).Embed(t.Context(), 0, texts)
				if got, err := e.Embed(t.Context(), 0, texts); err != nil || !reflect.DeepEqual(got, want) {
					t.Errorf("caller %d: %v, %v", i, got, err)
				}
			}
		})
	}
	wg.Wait()
	s, err := c.Status(t.Context())
	if err != nil || len(s.Models) != 0 || s.Restarts != 0 {
		t.Errorf("afterwards: %+v, %v", s, err)
	}
}

func TestLoadReportsProgressAndCanBeCancelled(t *testing.T) {
	c, _ := start(t, nil)
	dir := newFolder(t, 20*time.Millisecond)
	var seen []core.Update
	e, err := c.LoadEmbedder(t.Context(), dir, engine.ModelOptions{}, func(u core.Update) { seen = append(seen, u) })
	if err != nil {
		t.Fatal(err)
	}
	last := core.Update{Stage: "load", Done: 20, Total: 20, Note: filepath.Base(dir)}
	if len(seen) < 3 || seen[len(seen)-1] != last {
		t.Errorf("progress %+v", seen)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	_, err = c.LoadGenerator(ctx, dir, engine.ModelOptions{}, func(core.Update) { cancel() })
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("error %v, want canceled", err)
	}
	s, err := c.Status(t.Context())
	if err != nil || len(s.Models) != 0 {
		t.Errorf("models %+v, %v", s.Models, err)
	}
}

func TestFolderNamesNeedNotBeUTF8(t *testing.T) {
	c, _ := start(t, nil)
	dir := filepath.Join(t.TempDir(), "model-\xff\xfe")
	if err := os.Rename(newFolder(t, 0), dir); err != nil {
		t.Fatal(err)
	}
	var seen core.Update
	g, err := c.LoadGenerator(t.Context(), dir, engine.ModelOptions{}, func(u core.Update) { seen = u })
	if err != nil {
		t.Fatal(err)
	}
	if seen.Note != "model-\uFFFD" {
		t.Errorf("note %q", seen.Note)
	}
	if replies, err := ask(t, g, "the", 3); err != nil || replies[0].NewTokens != 3 {
		t.Errorf("%+v, %v", replies, err)
	}
}

func TestCloseOfAModelWaitsForItsCalls(t *testing.T) {
	c, _ := start(t, nil)
	g := generator(t, c, newFolder(t, 2*time.Millisecond))
	started := make(chan struct{})
	var once sync.Once
	var ended atomic.Bool
	result := make(chan error, 1)
	go func() {
		reqs := []core.GenerateRequest{{Prompt: "the", Sampling: core.Sampling{MaxNewTokens: 60}}}
		_, err := g.Generate(t.Context(), reqs, func(int, core.Delta) error { once.Do(func() { close(started) }); return nil })
		ended.Store(true)
		result <- err
	}()
	<-started
	if err := g.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-result; err != nil {
		t.Errorf("the running call: %v", err)
	}
	if !ended.Load() {
		t.Error("the model was closed before its call had ended")
	}
	if _, err := ask(t, g, "the", 1); !errors.Is(err, core.ErrNoModel) {
		t.Errorf("after Close: %v", err)
	}
	if err := g.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
}

func TestStatusSelftestBench(t *testing.T) {
	c, _ := start(t, func(p *engine.Params) { p.LibraryPath, p.LibraryReason = "/opt/libraries", engine.LibrariesNoGPU })
	if c.Running() {
		t.Error("the engine runs before it is needed")
	}
	dir := newFolder(t, 0)
	generator(t, c, dir)
	s, err := c.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !c.Running() || s.PID == os.Getpid() || s.PID == 0 || s.ResidentBytes < 1<<20 || s.Device.Name != "test" || s.StartSeconds <= 0 {
		t.Errorf("status %+v", s)
	}
	if len(s.Models) != 1 || s.Models[0].Kind != "generator" || s.Models[0].Dir != dir {
		t.Errorf("models %+v", s.Models)
	}
	if s.Libraries != "/opt/libraries" || s.Reason != engine.LibrariesNoGPU || !strings.HasPrefix(s.Version, "test /opt/libraries") {
		t.Errorf("libraries %q %q, seen by the engine: %q", s.Libraries, s.Reason, s.Version)
	}
	if n := s.Proof.Refusals(); n == 0 || n != len(s.Proof.Attempts) || !s.Proof.NoNewPrivs {
		t.Errorf("proof of the engine: %+v", s.Proof)
	}
	var checks []engine.Check
	if err := c.Selftest(t.Context(), "cpu", func(k engine.Check) error { checks = append(checks, k); return nil }); err != nil {
		t.Fatal(err)
	}
	want := []engine.Check{{Name: "abc", OK: true, Detail: "cpuba78", Seconds: 0.5}, {Name: "囲い", Detail: checks[1].Detail, Seconds: 0.5}}
	if !reflect.DeepEqual(checks, want) {
		t.Errorf("checks %+v", checks)
	}
	type figure struct {
		Round, Tokens int
		Model         string
	}
	options, err := json.Marshal(server.BenchOptions{Model: dir, Tokens: 32, Rounds: 3})
	if err != nil {
		t.Fatal(err)
	}
	var figures []figure
	err = c.Bench(t.Context(), "decode", options, func(b json.RawMessage) error {
		var f figure
		err := json.Unmarshal(b, &f)
		figures = append(figures, f)
		return err
	})
	if err != nil || !reflect.DeepEqual(figures, []figure{{1, 32, dir}, {2, 32, dir}, {3, 32, dir}}) {
		t.Errorf("figures %+v, %v", figures, err)
	}
	if err := c.Bench(t.Context(), "juggle", []byte(`{"model":"x"}`), nil); !errors.Is(err, core.ErrUsage) {
		t.Errorf("unknown bench: %v", err)
	}
	if err := c.Bench(t.Context(), "decode", []byte(`{"model"`), nil); !errors.Is(err, core.ErrUsage) {
		t.Errorf("options that are no JSON: %v", err)
	}
}
