package apptest

import (
	"context"
	"fmt"
	"hash/fnv"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"kakoi/core"
	"kakoi/core/closed"
	"kakoi/core/engine"
	"kakoi/core/rag"
	"kakoi/core/vault"
)

// Client is an app.Client without a process.
type Client struct {
	Delay time.Duration // of each Embed call for passages
	Gate  string        // while this file is there, Embed calls for passages wait
	Sick  bool          // the self-test fails
	// Before (nil is allowed) sees the texts of each Embed call; its error is the call's.
	Before func(texts []string) error
	// Answering (nil is allowed) is called before each piece of an answer by the model of that name; its error is the generation's.
	Answering func(model string, piece int) error
	// Refusing (nil is allowed: nothing is told) is how likely the refusal of a request is; from a half on the model refuses by itself.
	Refusing func(q core.GenerateRequest) float64
	// Training (nil is allowed) is called before each step of a training; its error ends it.
	Training func(step int) error
	// Wide makes chat models that stream, as large ones do: a small one is first asked about one sentence, unseen.
	Wide bool
	// Unreadable: the evidence model cannot be loaded.
	Unreadable bool
	// Key encrypts the folders of runs and adapters, as the engine's does.
	Key *vault.Key

	mu       sync.Mutex
	texts    int
	loads    int
	sampling core.Sampling
	sizes    []int
}

// Loads counts the chat models that were loaded.
func (c *Client) Loads() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.loads
}

// Sampling is that of the last request.
func (c *Client) Sampling() core.Sampling {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.sampling
}

// Batches are the numbers of requests of each generation.
func (c *Client) Batches() []int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.sizes)
}

// Embedded counts the passages that were embedded.
func (c *Client) Embedded() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.texts
}

// LoadEmbedder makes an embedder whose vectors depend on the folder's name, as different models differ.
func (c *Client) LoadEmbedder(ctx context.Context, dir string, _ engine.ModelOptions, p core.Progress) (core.Embedder, error) {
	if _, err := os.Stat(filepath.Join(dir, "config.json")); err != nil {
		return nil, fmt.Errorf("load embedder: %w", err)
	}
	p.Report(core.Update{Stage: "load", Done: 1, Total: 1})
	return &embedder{client: c, name: filepath.Base(dir)}, ctx.Err()
}

// LoadGenerator makes a generator.
func (c *Client) LoadGenerator(ctx context.Context, dir string, _ engine.ModelOptions, p core.Progress) (core.Generator, error) {
	config, err := os.ReadFile(filepath.Join(dir, "config.json"))
	if err != nil {
		return nil, fmt.Errorf("load generator: %w", err)
	}
	p.Report(core.Update{Stage: "load", Done: 1, Total: 1})
	c.mu.Lock()
	c.loads++
	c.mu.Unlock()
	return generator{client: c, name: filepath.Base(dir), id: fmt.Sprintf("%016x", hash(string(config)))}, ctx.Err()
}

// Status is that of a process that does not exist; its attempts to reach a network were refused.
func (c *Client) Status(ctx context.Context) (engine.Status, error) {
	proof := closed.Proof{NoNewPrivs: true, Threads: 1, Attempts: []closed.Attempt{{What: "socket", Refused: true, Error: "refused"}}}
	return engine.Status{Version: "apptest", Device: engine.DeviceInfo{Device: "cpu"}, Reason: engine.LibrariesNone, Proof: proof}, ctx.Err()
}

// Selftest has one check.
func (c *Client) Selftest(ctx context.Context, _ string, emit func(engine.Check) error) error {
	if err := emit(engine.Check{Name: "vectors", OK: !c.Sick, Detail: "of unit length"}); err != nil {
		return err
	}
	return ctx.Err()
}

// Close does nothing.
func (c *Client) Close() error { return nil }

// Folders makes model folders that the Client can load, called as the bundled models are, in dir.
func Folders(dir string) error {
	for name, config := range map[string]string{"starter": `{"model_type":"gpt_neox","num_hidden_layers":1,"hidden_size":4,"intermediate_size":16}`, "multilingual-e5-small": `{"model_type":"bert"}`} {
		folder := filepath.Join(dir, name)
		if err := os.MkdirAll(folder, 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(folder, "config.json"), []byte(config), 0o600); err != nil {
			return err
		}
	}
	return nil
}

const dimension = 128

type embedder struct {
	client *Client
	name   string
	closed atomic.Bool
}

func (e *embedder) Info() core.EmbedderInfo {
	return core.EmbedderInfo{ID: fmt.Sprintf("%016x", hash(e.name)), Name: e.name, Dimension: dimension, MaxTokens: 512, Device: "cpu"}
}

func (e *embedder) Embed(ctx context.Context, kind core.EmbedKind, texts []string) ([]core.Vector, error) {
	if e.closed.Load() {
		return nil, fmt.Errorf("use embedder %q after Close: %w", e.name, core.ErrNoModel)
	}
	if e.client.Before != nil {
		if err := e.client.Before(texts); err != nil {
			return nil, err
		}
	}
	if kind == core.EmbedPassage {
		if err := e.client.wait(ctx); err != nil {
			return nil, err
		}
	}
	out := make([]core.Vector, len(texts))
	for i, t := range texts {
		out[i] = vector(e.name, t)
	}
	if kind == core.EmbedPassage {
		e.client.mu.Lock()
		e.client.texts += len(texts)
		e.client.mu.Unlock()
	}
	return out, nil
}

func (c *Client) wait(ctx context.Context) error {
	for {
		_, err := os.Stat(c.Gate)
		open := c.Gate == "" || err != nil
		pause := 5 * time.Millisecond
		if open {
			pause = c.Delay
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
		if open {
			return nil
		}
	}
}

func (e *embedder) Close() error { e.closed.Store(true); return nil }

func vector(seed, text string) core.Vector {
	v := make(core.Vector, dimension)
	rs := []rune(strings.ToLower(text))
	for i := range rs {
		for n := 1; n <= 3 && i+n <= len(rs); n++ {
			v[hash(seed+string(rs[i:i+n]))%dimension]++
		}
	}
	var sum float64
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	if sum == 0 {
		v[0], sum = 1, 1
	}
	for i := range v {
		v[i] /= float32(math.Sqrt(sum))
	}
	return v
}

func hash(s string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(s))
	return h.Sum64()
}

type generator struct {
	client *Client
	name   string
	id     string // of its config.json
}

func (g generator) Info() core.GeneratorInfo {
	hidden := 1
	if g.client.Wide {
		hidden = 4096
	}
	return core.GeneratorInfo{ID: g.id, Name: g.name, MaxTokens: 2048, Layers: 1, Hidden: hidden, Vocab: 256, Device: "cpu", DType: "fp32"}
}

// CountTokens has two characters a token.
func (g generator) CountTokens(_ context.Context, texts []string) ([]int, error) {
	out := make([]int, len(texts))
	for i, t := range texts {
		out[i] = (len([]rune(t)) + 1) / 2
	}
	return out, nil
}

// Generate answers in pieces of four characters.
func (g generator) Generate(ctx context.Context, reqs []core.GenerateRequest, emit func(int, core.Delta) error) ([]core.Reply, error) {
	replies := make([]core.Reply, len(reqs))
	g.client.mu.Lock()
	g.client.sizes = append(g.client.sizes, len(reqs))
	g.client.mu.Unlock()
	for i, r := range reqs {
		g.client.mu.Lock()
		g.client.sampling = r.Sampling
		g.client.mu.Unlock()
		answer := []rune(extract(r.Prompt))
		if r.Adapter != "" {
			text, ok, err := adapted(g.client.Key, r.Adapter, r.Prompt)
			if err != nil {
				return replies, err
			}
			if ok {
				answer = []rune(text)
			}
		}
		var score *core.RefusalScore
		if q := r.Refusal; q != nil && g.client.Refusing != nil {
			p := g.client.Refusing(r)
			score = &core.RefusalScore{Probability: p, Tokens: 1, Refused: q.Decide && p > q.Bound}
			if score.Refused || !q.Decide && p > 0.5 {
				answer = []rune(q.Text)
			}
		}
		replies[i] = core.Reply{Refusal: score, PromptTokens: (len([]rune(r.Prompt)) + 1) / 2, Stop: core.StopEnd, PrefillSeconds: 0.5, DecodeSeconds: 0.25}
		for at := 0; at < len(answer); at += 4 {
			if g.client.Answering != nil {
				if err := g.client.Answering(g.name, at/4); err != nil {
					return replies, err
				}
			}
			if err := ctx.Err(); err != nil {
				return replies, err
			}
			piece := string(answer[at:min(at+4, len(answer))])
			replies[i].Text += piece
			replies[i].NewTokens += 2
			replies[i].Tokens = append(replies[i].Tokens, int32(at), int32(hash(piece)&0xffff))
			if err := emit(i, core.Delta{Text: piece, Tokens: 2}); err != nil {
				return replies, err
			}
		}
	}
	return replies, nil
}

func (g generator) Close() error { return nil }

// extract finds the sentence between the prompt's rules that is nearest to what stands behind them.
func extract(prompt string) string {
	parts := strings.Split(prompt, "-----------")
	if len(parts) < 3 {
		return "?"
	}
	question := vector("", parts[len(parts)-1])
	best, bestScore := "", float32(-1)
	passages := []rune(parts[1])
	for _, s := range rag.Sentences(parts[1]) {
		sentence := string(passages[s.Start:s.End])
		var score float32
		for i, x := range vector("", sentence) {
			score += x * question[i]
		}
		if score > bestScore {
			best, bestScore = sentence, score
		}
	}
	return best
}

// Plan is a memory plan of every buffer there is, 1 MB each; more than 4096 tokens at once do not fit.
func (c *Client) Plan(_ context.Context, o engine.PlanOptions) (engine.Plan, error) {
	p := engine.Plan{
		Model: o.Model, Device: "cpu", DType: "nf4", Context: max(1, o.Context), Batch: max(1, o.Batch), Adapters: o.Adapters, Phases: map[string]int64{},
		Free: 1 << 30, Measured: o.Train == 0,
	}
	for group, names := range PlanBuffers {
		for _, name := range names {
			p.Buffers = append(p.Buffers, engine.PlanBuffer{Group: group, Name: name, Bytes: 1 << 20, When: []string{"load", "prefill", "decode"}})
		}
	}
	for _, phase := range []string{"load", "prefill", "decode", "train"} {
		p.Phases[phase] = int64(len(p.Buffers)) << 20
	}
	p.Peak = int64(len(p.Buffers)) << 20
	if p.Fits = p.Context*p.Batch <= 4096; !p.Fits {
		p.Peak, p.Longest, p.Most = 2<<30, 4096/p.Batch, 4096/p.Context
	}
	return p, nil
}

// PlanBuffers are the names of a plan's buffers, by group.
var PlanBuffers = map[string][]string{
	"process": {"process", "kernels"}, "weights": {"layers", "scales", "embed", "head", "rotary"}, "adapters": {"adapters"}, "cache": {"kv", "kept"},
	"prefill": {"dequantised", "activations", "attention", "logits"}, "decode": {"step", "logits"}, "load": {"staging"},
	"train": {"copies", "dequantised", "lora", "gradients", "optimizer", "saved", "activations", "logits"},
}
