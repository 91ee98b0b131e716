package engine_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"math"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"kakoi/core"
	"kakoi/core/closed"
	"kakoi/core/closed/landlock"
	"kakoi/core/engine"
	"kakoi/core/engine/server"
)

// The engine process of these tests is this same test binary, with small models that compute: an embedder that hashes
// character bigrams, and a generator that continues a text by the bigram statistics of a corpus. A model folder holds
// corpus.txt, and optionally delay (per token or load step, as time.ParseDuration reads it).
//
// Words in a prompt make the process misbehave, since the tests are about that.

func loaders() server.Loaders {
	return server.Loaders{
		Generator: func(ctx context.Context, dir string, opt engine.ModelOptions, p core.Progress) (core.Generator, error) {
			corpus, id, delay, err := folder(ctx, dir, p)
			if err != nil {
				return nil, err
			}
			if sealed := filepath.Join(dir, "sealed"); err == nil { // what is under the key has to open
				if _, err := opt.Key.ReadFile(sealed); err != nil && !errors.Is(err, fs.ErrNotExist) {
					return nil, fmt.Errorf("read %q: %w", sealed, err)
				}
			}
			return &markov{dir: dir, id: id, delay: delay, corpus: []rune(corpus), dtype: opt.DType}, nil
		},
		Embedder: func(ctx context.Context, dir string, opt engine.ModelOptions, p core.Progress) (core.Embedder, error) {
			_, id, delay, err := folder(ctx, dir, p)
			if err != nil {
				return nil, err
			}
			return &hasher{dir: dir, id: id, delay: delay}, nil
		},
		Reranker: func(ctx context.Context, dir string, _ engine.ModelOptions, p core.Progress) (core.Reranker, error) {
			_, id, delay, err := folder(ctx, dir, p)
			if err != nil {
				return nil, err
			}
			return &common{dir: dir, id: id, delay: delay}, nil
		},
		Trainer: func(g core.Generator) (core.Trainer, error) { return walker{g.(*markov)}, nil },
		Device:  func() engine.DeviceInfo { return engine.DeviceInfo{Device: "cpu", Name: "test", Threads: 2} },
		Selftest: func(ctx context.Context, device string, emit func(engine.Check) error) error {
			for i, text := range []string{"abc", "囲い"} {
				sum := sha256.Sum256([]byte(text))
				if err := emit(engine.Check{Name: text, OK: i == 0, Detail: device + hex.EncodeToString(sum[:2]), Seconds: 0.5}); err != nil {
					return err
				}
			}
			return nil
		},
		Bench: func(ctx context.Context, kind string, options json.RawMessage, emit func(json.RawMessage) error) error {
			return benchTest(ctx, kind, options, emit)
		},
	}
}

// benchTest generates in rounds and reports the tokens of each.
func benchTest(ctx context.Context, kind string, options json.RawMessage, emit func(json.RawMessage) error) error {
	o, err := server.ParseBench(kind, options)
	if err != nil {
		return err
	}
	if kind != "decode" {
		return fmt.Errorf("bench %q: %w", kind, core.ErrUsage)
	}
	g, err := loaders().Generator(ctx, o.Model, engine.ModelOptions{}, nil)
	if err != nil {
		return err
	}
	defer g.Close()
	for round := range o.Rounds {
		replies, err := g.Generate(ctx, []core.GenerateRequest{{Prompt: "the", Sampling: core.Sampling{MaxNewTokens: o.Tokens}}}, nil)
		if err != nil {
			return err
		}
		if err := emit(fmt.Appendf(nil, `{"round":%d,"tokens":%d,"model":%q}`, round+1, replies[0].NewTokens, o.Model)); err != nil {
			return err
		}
	}
	return nil
}

// folder reads a model folder in 20 steps that it reports.
func folder(ctx context.Context, dir string, p core.Progress) (corpus, id string, delay time.Duration, err error) {
	b, err := os.ReadFile(filepath.Join(dir, "corpus.txt"))
	if err != nil {
		return "", "", 0, core.Explain(fmt.Errorf("read model: %w", err), "error.test.folder", dir, 3, 2.5, true)
	}
	if d, err := os.ReadFile(filepath.Join(dir, "delay")); err == nil {
		if delay, err = time.ParseDuration(string(d)); err != nil {
			return "", "", 0, fmt.Errorf("read delay: %w: %w", core.ErrCorrupt, err)
		}
	}
	for i := range 20 {
		select {
		case <-ctx.Done():
			return "", "", 0, ctx.Err()
		case <-time.After(delay):
		}
		p.Report(core.Update{Stage: "load", Done: int64(i + 1), Total: 20, Note: filepath.Base(dir)})
	}
	sum := sha256.Sum256(b)
	return string(b), hex.EncodeToString(sum[:8]), delay, nil
}

type hasher struct {
	dir, id string
	delay   time.Duration
}

const dimension = 64

func (h *hasher) Info() core.EmbedderInfo {
	return core.EmbedderInfo{ID: h.id, Name: filepath.Base(h.dir), Dimension: dimension, MaxTokens: 512, Device: "cpu"}
}

func (h *hasher) Embed(ctx context.Context, kind core.EmbedKind, texts []string) ([]core.Vector, error) {
	out := make([]core.Vector, len(texts))
	for i, t := range texts {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		v, norm := make(core.Vector, dimension), 0.0
		prev := rune(kind)
		for _, r := range t + "\x00" {
			f := fnv.New32a()
			f.Write([]byte(string([]rune{prev, r})))
			v[f.Sum32()%dimension]++
			prev = r
		}
		for _, x := range v {
			norm += float64(x) * float64(x)
		}
		for j := range v {
			v[j] /= float32(math.Sqrt(norm))
		}
		out[i] = v
	}
	return out, nil
}

func (h *hasher) Close() error { return nil }

type markov struct {
	dir, id, dtype string
	delay          time.Duration
	corpus         []rune
}

func (m *markov) Info() core.GeneratorInfo {
	return core.GeneratorInfo{ID: m.id, Name: filepath.Base(m.dir), MaxTokens: 1 << 20, Vocab: len(m.corpus), Device: "cpu", DType: m.dtype, Bytes: int64(4 * len(m.corpus))}
}

func (m *markov) CountTokens(ctx context.Context, texts []string) ([]int, error) {
	out := make([]int, len(texts))
	for i, t := range texts {
		out[i] = len([]rune(t))
	}
	return out, ctx.Err()
}

func (m *markov) Generate(ctx context.Context, reqs []core.GenerateRequest, emit func(int, core.Delta) error) ([]core.Reply, error) {
	replies := make([]core.Reply, len(reqs))
	for i, r := range reqs {
		if err := misbehave(r.Prompt); err != nil {
			return nil, err
		}
		replies[i].PromptTokens = len([]rune(r.Prompt))
		rng := rand.New(rand.NewPCG(r.Sampling.Seed, uint64(1+len(r.Adapter)))) // another adapter, another text
		last := []rune(" " + r.Prompt)[len([]rune(r.Prompt))]
		for n := 0; r.Sampling.MaxNewTokens == 0 || n < r.Sampling.MaxNewTokens; n++ {
			select {
			case <-ctx.Done():
				return replies, ctx.Err()
			case <-time.After(m.delay):
			}
			last = m.next(last, rng)
			replies[i].Text += string(last)
			replies[i].NewTokens++
			replies[i].Tokens = append(replies[i].Tokens, last)
			if emit != nil {
				if err := emit(i, core.Delta{Text: string(last), Tokens: 1}); err != nil {
					return replies, fmt.Errorf("emit: %w", err)
				}
			}
		}
		replies[i].Stop, replies[i].PrefillSeconds, replies[i].DecodeSeconds = core.StopLength, 0.25, 0.5
		if !r.Plain {
			replies[i].ReusedTokens, replies[i].GuessedTokens, replies[i].RightTokens = replies[i].PromptTokens/2, 7, 5
		}
	}
	return replies, nil
}

// next draws among the characters that follow last in the corpus.
func (m *markov) next(last rune, rng *rand.Rand) rune {
	var follow []rune
	for i := 1; i < len(m.corpus); i++ {
		if m.corpus[i-1] == last {
			follow = append(follow, m.corpus[i])
		}
	}
	if len(follow) == 0 {
		follow = m.corpus
	}
	return follow[rng.IntN(len(follow))]
}

func (m *markov) Close() error { return nil }

// misbehave does what a prompt like "#panic" asks for.
func misbehave(prompt string) error {
	word, _ := strings.CutPrefix(prompt, "#")
	if word == prompt {
		return nil
	}
	switch word {
	case "kill":
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
	case "panic":
		go panic("index out of range of the moon")
	case "exit":
		for i := range 30 {
			fmt.Fprintf(os.Stderr, "line %d of the engine\n", i)
		}
		fmt.Fprint(os.Stderr, "CUDA error: an illegal memory access was encountered")
		os.Exit(7)
	case "memory":
		fmt.Fprintln(os.Stderr, "terminate called after throwing an instance of 'std::bad_alloc'")
		syscall.Kill(os.Getpid(), syscall.SIGABRT)
	case "hang":
		select {} // as native code does: no ctx
	case "error":
		return core.Explain(fmt.Errorf("prefill 3 of 4: %w", core.ErrOutOfMemory), "error.test.memory", "cuda:0", 12)
	case "threads":
		return nameThreads()
	case "plain":
		return errors.New("something \xff else")
	}
	time.Sleep(10 * time.Second)
	return fmt.Errorf("%s had no effect", prompt)
}

// nameThreads names every thread of this process from one of them, as NVIDIA's driver does when it starts.
func nameThreads() error {
	files, err := filepath.Glob("/proc/self/task/*/comm")
	if err != nil || len(files) < 2 {
		return fmt.Errorf("threads %v: %w", files, errors.ErrUnsupported)
	}
	for _, file := range files {
		f, err := os.OpenFile(file, os.O_RDWR, 0)
		if err != nil {
			return err
		}
		_, err = f.WriteString("named")
		if err := errors.Join(err, f.Close()); err != nil {
			return err
		}
	}
	return nil
}

// serveTest is the engine process of these tests.
func serveTest() {
	proof, err := closed.Lock()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	files, err := landlock.Inherited()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	proof.Files = &files
	if d := os.Getenv("KAKOI_ENGINE_TEST_SLOW"); d != "" {
		wait, err := time.ParseDuration(d)
		if err != nil {
			os.Exit(9)
		}
		time.Sleep(wait)
	}
	f := os.NewFile(3, "kakoi")
	conn, err := net.FileConn(f)
	if err != nil {
		fmt.Fprintln(os.Stderr, "no socket:", err)
		os.Exit(1)
	}
	f.Close()
	s := server.New(loaders())
	s.Version, s.Proof = "test "+os.Getenv("LD_LIBRARY_PATH"), proof
	if err := s.Serve(conn); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Fprintln(os.Stderr, "served to the end, process "+strconv.Itoa(os.Getpid()))
	os.Exit(0)
}

// common scores a text by the characters that it shares with the question.
type common struct {
	dir, id string
	delay   time.Duration
}

func (c *common) Info() core.RerankerInfo {
	return core.RerankerInfo{ID: c.id, Name: filepath.Base(c.dir), MaxTokens: 99, Device: "cpu"}
}

func (c *common) Rerank(_ context.Context, question string, texts []string) ([]float32, error) {
	if strings.Contains(question, "segfault") {
		_ = syscall.Kill(os.Getpid(), syscall.SIGSEGV)
		time.Sleep(time.Minute)
	}
	out := make([]float32, len(texts))
	for i, t := range texts {
		for _, r := range t {
			if strings.ContainsRune(question, r) {
				out[i]++
			}
		}
	}
	return out, nil
}

func (c *common) Close() error { return nil }
