//go:build torch

package neox_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"kakoi/core"
	"kakoi/core/internal/torch/torchtest"
	"kakoi/core/neox"
)

const starterDir = "../../resources/starter"

func load(t testing.TB, opt neox.LoadOptions) *neox.Generator {
	t.Helper()
	g, err := neox.Load(context.Background(), starterDir, opt, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	})
	return g
}

func prompt(context, question string) string {
	return "ユーザー:以下の情報を参照し、質問に回答してください。\n\n-----------\n" + context + "\n-----------\n\n質問→" + question + "\nシステム:"
}

func TestLoadInfo(t *testing.T) {
	torchtest.Setup(t)
	g := load(t, neox.LoadOptions{Device: "cpu"})
	i := g.Info()
	if i.Device != "cpu" || i.Layers != 10 || i.Hidden != 512 || i.Vocab != 16384 || i.MaxTokens != 1280 || len(i.ID) != 16 {
		t.Errorf("%+v", i)
	}
	// It is stored in 4 bits, and runs so.
	if i.DType != "nf4" || i.Bytes < 20e6 || i.Bytes > 33e6 {
		t.Errorf("%+v", i)
	}
	full := load(t, neox.LoadOptions{Device: "cpu", DType: "fp32"})
	if f := full.Info(); f.DType != "fp32" || f.ID != i.ID || f.Bytes < 155e6 || f.Bytes > 165e6 {
		t.Errorf("%+v", f)
	}
	n, err := g.CountTokens(context.Background(), []string{"", "倉庫", "The warehouse opens at 8 am."})
	if err != nil || n[0] != 0 || n[1] < 1 || n[2] < 5 {
		t.Errorf("%v, %v", n, err)
	}
}

// TestStreaming: the deltas are valid UTF-8, add up to the reply, and count its tokens.
func TestStreaming(t *testing.T) {
	torchtest.Setup(t)
	g := load(t, neox.LoadOptions{Device: "cpu"})
	reqs := []core.GenerateRequest{
		{Prompt: prompt("倉庫の営業時間は午前8時から午後6時までです。", "倉庫の営業時間は?"), Sampling: core.Sampling{MaxNewTokens: 40}},
		{Prompt: "囲い", Sampling: core.Sampling{Temperature: 2, Seed: 7, MaxNewTokens: 60}}, // hot: byte-fallback pieces come
		{Prompt: "社員は、", Sampling: core.Sampling{MaxNewTokens: 5}},
		{Prompt: "社員は、", Sampling: core.Sampling{MaxNewTokens: 40, Stop: []string{"。"}}},
	}
	text, tokens := make([]string, len(reqs)), make([]int, len(reqs))
	replies, err := g.Generate(context.Background(), reqs, func(i int, d core.Delta) error {
		if !utf8.ValidString(d.Text) || d.Text == "" {
			t.Errorf("delta %q", d.Text)
		}
		text[i] += d.Text
		tokens[i] += d.Tokens
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range replies {
		if n := len(r.Tokens); n != r.NewTokens && (n != r.NewTokens+1 || r.Stop != core.StopEnd) {
			t.Errorf("reply %d: ids of %d tokens, %d were counted, end by %q", i, n, r.NewTokens, r.Stop)
		}
		if r.Text != text[i] || r.PromptTokens == 0 || r.PrefillSeconds <= 0 || tokens[i] > r.NewTokens || (r.NewTokens > 0 && r.Stop == core.StopLength && tokens[i] != r.NewTokens) {
			t.Errorf("row %d: %+v, deltas %q of %d tokens", i, r, text[i], tokens[i])
		}
	}
	if r := replies[0]; r.Stop != core.StopEnd || r.Text == "" {
		t.Errorf("the answer %+v", r)
	}
	if r := replies[2]; r.Stop != core.StopLength || r.NewTokens != 5 {
		t.Errorf("five tokens: %+v", r)
	}
	if r := replies[3]; r.Stop != core.StopString || strings.Contains(r.Text, "。") || r.Text == "" {
		t.Errorf("up to the stop string: %+v", r)
	}
	again, err := g.Generate(context.Background(), reqs[1:2], nil)
	if err != nil || again[0].Text == "" {
		t.Errorf("alone: %+v, %v", again, err)
	}
	once, err := g.Generate(context.Background(), reqs[1:2], nil)
	if err != nil || once[0].Text != again[0].Text {
		t.Errorf("the same seed gave %q and %q", again[0].Text, once[0].Text)
	}
}

func TestLimits(t *testing.T) {
	torchtest.Setup(t)
	g := load(t, neox.LoadOptions{Device: "cpu"})
	one := func(s string, set core.Sampling) (core.Reply, error) {
		r, err := g.Generate(context.Background(), []core.GenerateRequest{{Prompt: s, Sampling: set}}, nil)
		if len(r) == 0 {
			return core.Reply{}, err
		}
		return r[0], err
	}
	var user *core.UserError
	if _, err := one(strings.Repeat("倉庫と会議室。", 800), core.Sampling{}); !errors.Is(err, core.ErrTooLarge) || !errors.As(err, &user) || user.Key != "error.prompt.too_long" {
		t.Errorf("too long a prompt: %v", err)
	}
	if _, err := one("x", core.Sampling{TopP: 3}); !errors.Is(err, core.ErrUsage) {
		t.Errorf("top-p 3: %v", err)
	}
	// To the brim: the answer stops at the context limit.
	long := strings.Repeat("会議室の予約は総務部が行い、", 400)
	for n, _ := g.CountTokens(context.Background(), []string{long}); n[0] >= 1276; n, _ = g.CountTokens(context.Background(), []string{long}) {
		long = long[len("会議室の予約は総務部が行い、"):]
	}
	r, err := one(long, core.Sampling{RepetitionPenalty: 0.5}) // a reward for repeating keeps the end token away
	if err != nil || r.PromptTokens+r.NewTokens > 1280 || (r.Stop == core.StopLength) != (r.PromptTokens+r.NewTokens == 1280) {
		t.Errorf("%+v, %v", r, err)
	}
	if r, err := one("", core.Sampling{MaxNewTokens: 3}); err != nil || r.PromptTokens != 1 {
		t.Errorf("an empty prompt begins with the begin token: %+v, %v", r, err)
	}
}

func TestStops(t *testing.T) {
	torchtest.Setup(t)
	g := load(t, neox.LoadOptions{Device: "cpu"})
	req := []core.GenerateRequest{{Prompt: "会議室の予約は総務部が行い、", Sampling: core.Sampling{MaxNewTokens: 50}}}
	ctx, cancel := context.WithCancel(context.Background())
	n := 0
	r, err := g.Generate(ctx, req, func(int, core.Delta) error {
		if n++; n == 3 {
			cancel()
		}
		return nil
	})
	if !errors.Is(err, context.Canceled) || len(r) != 1 || r[0].Text == "" || n != 3 || r[0].Stop != "" {
		t.Errorf("cancel after 3 deltas: %d came, %+v, %v", n, r, err)
	}
	stop := errors.New("enough")
	if _, err := g.Generate(context.Background(), req, func(int, core.Delta) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("emit's error: %v", err)
	}
	if r, err := g.Generate(context.Background(), req, nil); err != nil || r[0].NewTokens == 0 {
		t.Errorf("after a cancel: %+v, %v", r, err)
	}
	if err := g.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := g.Generate(context.Background(), req, nil); !errors.Is(err, core.ErrNoModel) {
		t.Errorf("after Close: %v", err)
	}
}

func TestLoadErrors(t *testing.T) {
	torchtest.Setup(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := neox.Load(ctx, starterDir, neox.LoadOptions{Device: "cpu"}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if _, err := neox.Load(context.Background(), t.TempDir(), neox.LoadOptions{}, nil); err == nil {
		t.Error("an empty folder was loaded")
	}
	if _, err := neox.Load(context.Background(), starterDir, neox.LoadOptions{Device: "cpu", DType: "int3"}, nil); !errors.Is(err, core.ErrUsage) {
		t.Errorf("dtype int3: %v", err)
	}
	if _, err := neox.Load(context.Background(), starterDir, neox.LoadOptions{Device: "cuda:9"}, nil); !errors.Is(err, core.ErrNoDevice) {
		t.Errorf("cuda:9: %v", err)
	}
}
