package server

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"time"

	"kakoi/core"
	"kakoi/core/engine"
)

// BenchOptions are the options of Bench as JSON.
type BenchOptions struct {
	Model   string `json:"model"` // folder
	Device  string `json:"device,omitempty"`
	DType   string `json:"dtype,omitempty"`
	Threads int    `json:"threads,omitempty"`
	Tokens  int    `json:"tokens,omitempty"` // decode: generated per round (64); prefill: in the prompt (512); embed: texts per round (256)
	Batch   int    `json:"batch,omitempty"`  // decode: prompts side by side (1)
	Rounds  int    `json:"rounds,omitempty"` // measured, after one that is not (5)
}

// BenchFigures is one JSON line of Bench: medians over the rounds.
type BenchFigures struct {
	Kind            string  `json:"kind"`
	Model           string  `json:"model"`
	Device          string  `json:"device"`
	DType           string  `json:"dtype,omitempty"`
	Batch           int     `json:"batch,omitempty"`
	Tokens          int     `json:"tokens"` // of one round, as counted by the model
	Texts           int     `json:"texts,omitempty"`
	Rounds          int     `json:"rounds"`
	LoadSeconds     float64 `json:"load_seconds"`
	Seconds         float64 `json:"seconds"` // of one round
	TokensPerSecond float64 `json:"tokens_per_second,omitempty"`
	TextsPerSecond  float64 `json:"texts_per_second,omitempty"`
	WeightBytes     int64   `json:"weight_bytes,omitempty"`
	// The machine's own limit: memory bandwidth measured by copying, and the decoding speed it allows when every weight
	// is read once a step (CPU only).
	CopyBytesPerSecond float64 `json:"copy_bytes_per_second,omitempty"`
	LimitPerSecond     float64 `json:"limit_tokens_per_second,omitempty"`
	OfLimit            float64 `json:"of_limit,omitempty"`
}

// Bench measures what the loaders of l make, through the interfaces of core: "decode", "prefill" or "embed".
func Bench(ctx context.Context, l Loaders, kind string, options json.RawMessage, emit func(json.RawMessage) error) error {
	opt := BenchOptions{}
	if len(options) > 0 {
		if err := json.Unmarshal(options, &opt); err != nil {
			return fmt.Errorf("bench %s: options: %w: %w", kind, core.ErrUsage, err)
		}
	}
	if opt.Model == "" {
		return fmt.Errorf("bench %s without a model folder: %w", kind, core.ErrUsage)
	}
	if opt.Tokens < 0 || opt.Batch < 0 || opt.Rounds < 0 {
		return fmt.Errorf("bench %s with a negative count: %w", kind, core.ErrUsage)
	}
	if opt.Rounds == 0 {
		opt.Rounds = 5
	}
	opt.Batch = max(opt.Batch, 1)
	var f BenchFigures
	var err error
	switch kind {
	case "decode", "prefill":
		f, err = benchGenerator(ctx, l, kind, opt)
	case "embed":
		f, err = benchEmbedder(ctx, l, opt)
	default:
		return fmt.Errorf("bench %q: %w (decode, prefill, embed)", kind, core.ErrUsage)
	}
	if err != nil {
		return fmt.Errorf("bench %s: %w", kind, err)
	}
	f.Kind, f.Rounds = kind, opt.Rounds
	b, err := json.Marshal(f)
	if err != nil {
		return fmt.Errorf("bench %s: %w", kind, err)
	}
	return emit(b)
}

func benchGenerator(ctx context.Context, l Loaders, kind string, opt BenchOptions) (f BenchFigures, err error) {
	began := time.Now()
	g, err := l.Generator(ctx, opt.Model, engine.ModelOptions{Device: opt.Device, DType: opt.DType, Threads: opt.Threads}, nil)
	if err != nil {
		return f, err
	}
	defer g.Close()
	f.LoadSeconds = time.Since(began).Seconds()
	info := g.Info()
	f.Model, f.Device, f.DType, f.WeightBytes, f.Batch = info.Name, info.Device, info.DType, info.Bytes, opt.Batch

	want, newTokens := 64, opt.Tokens
	if kind == "prefill" {
		if want, newTokens = opt.Tokens, 1; want == 0 {
			want = 512
		}
		want = min(want, info.MaxTokens-1)
	} else {
		if newTokens == 0 {
			newTokens = 64
		}
		want = min(want, info.MaxTokens-newTokens)
	}
	prompt, err := promptOf(ctx, g, want)
	if err != nil {
		return f, err
	}
	reqs := make([]core.GenerateRequest, opt.Batch)
	for i := range reqs {
		// Some temperature keeps a small model from ending at once on its end token; the seed keeps rounds alike.
		reqs[i] = core.GenerateRequest{Prompt: prompt, Sampling: core.Sampling{MaxNewTokens: newTokens, Temperature: 1.5, Seed: uint64(i + 1)}}
	}
	var seconds, rates []float64
	for round := range opt.Rounds + 1 {
		replies, err := g.Generate(ctx, reqs, nil)
		if err != nil {
			return f, err
		}
		if round == 0 {
			continue
		}
		tokens, took := 0, 0.0
		for _, r := range replies {
			if kind == "prefill" {
				tokens += r.PromptTokens
				took = math.Max(took, r.PrefillSeconds)
			} else {
				tokens += r.NewTokens
				took = math.Max(took, r.DecodeSeconds)
			}
		}
		if took <= 0 || tokens == 0 {
			return f, fmt.Errorf("a round made %d tokens in %v s: %w", tokens, took, core.ErrEmpty)
		}
		f.Tokens = tokens
		seconds, rates = append(seconds, took), append(rates, float64(tokens)/took)
	}
	f.Seconds, f.TokensPerSecond = median(seconds), median(rates)
	if kind == "decode" && info.Device == "cpu" && info.Bytes > 0 {
		f.CopyBytesPerSecond = copyBandwidth()
		f.LimitPerSecond = f.CopyBytesPerSecond / float64(info.Bytes) * float64(opt.Batch)
		f.OfLimit = f.TokensPerSecond / f.LimitPerSecond
	}
	return f, nil
}

// benchLine is repeated to make prompts and texts of natural wording in both languages.
const benchLine = "有給休暇は入社から六か月後に十日間付与され、申請は三日前までに上長へ提出します。 Paid leave is granted after six months, ten days a year. "

// promptOf makes a prompt of at most n tokens (at least one line), as near to n as whole characters allow.
func promptOf(ctx context.Context, g core.Generator, n int) (string, error) {
	runes := []rune(strings.Repeat(benchLine, max(1, n/16+1)))
	for range 8 {
		counts, err := g.CountTokens(ctx, []string{string(runes)})
		if err != nil {
			return "", err
		}
		if counts[0] <= n || len(runes) < 2 {
			break
		}
		runes = runes[:max(1, len(runes)*n/counts[0])]
	}
	return string(runes), nil
}

func benchEmbedder(ctx context.Context, l Loaders, opt BenchOptions) (f BenchFigures, err error) {
	began := time.Now()
	e, err := l.Embedder(ctx, opt.Model, engine.ModelOptions{Device: opt.Device, DType: opt.DType, Threads: opt.Threads}, nil)
	if err != nil {
		return f, err
	}
	defer e.Close()
	f.LoadSeconds = time.Since(began).Seconds()
	info := e.Info()
	f.Model, f.Device = info.Name, info.Device
	n := opt.Tokens
	if n == 0 {
		n = 256
	}
	line := []rune(strings.Repeat(benchLine, 4))
	texts := make([]string, n)
	for i := range texts { // lengths as of real chunks: 30 to 270 characters, each text another one
		texts[i] = fmt.Sprintf("%d. %s", i+1, string(line[i%37:i%37+30+(i*83)%240]))
	}
	f.Texts = n
	var seconds, rates []float64
	for round := range opt.Rounds + 1 {
		began := time.Now()
		if _, err := e.Embed(ctx, core.EmbedPassage, texts); err != nil {
			return f, err
		}
		if round > 0 {
			took := time.Since(began).Seconds()
			seconds, rates = append(seconds, took), append(rates, float64(n)/took)
		}
	}
	f.Seconds, f.TextsPerSecond = median(seconds), median(rates)
	return f, nil
}
