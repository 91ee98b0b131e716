package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"kakoi/core"
	"kakoi/core/closed"
	"kakoi/core/engine"
)

// roleEnv turns this test binary into another process.
const roleEnv = "KAKOI_ENGINE_TEST_ROLE"

func TestMain(m *testing.M) {
	if code, ok := engine.Child(os.Args[1:]); ok {
		os.Exit(code)
	}
	switch os.Getenv(roleEnv) {
	case "":
		os.Exit(m.Run())
	case "engine":
		serveTest()
	case "parent":
		parent(false)
	case "closed-parent":
		parent(true)
	}
	os.Exit(9)
}

// parent is a user's process: it locks itself if asked, uses the engine, prints a JSON line and waits to be killed.
func parent(lock bool) {
	die := func(err error) {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	var out struct {
		PID              int
		Reply            string
		Mine, Engines    int // refused attempts of both processes
		Network          string
		Vectors, Threads int
	}
	if lock {
		p, err := closed.Lock()
		die(err)
		out.Mine = p.Refusals()
	}
	ctx := context.Background()
	exe, err := os.Executable()
	die(err)
	c, err := engine.Start(ctx, engine.Params{Binary: exe, Env: []string{roleEnv + "=engine"}, Log: os.Stderr})
	die(err)
	g, err := c.LoadGenerator(ctx, os.Args[1], engine.ModelOptions{}, nil)
	die(err)
	replies, err := g.Generate(ctx, []core.GenerateRequest{{Prompt: "the", Sampling: core.Sampling{MaxNewTokens: 20}}}, nil)
	die(err)
	e, err := c.LoadEmbedder(ctx, os.Args[1], engine.ModelOptions{}, nil)
	die(err)
	vecs, err := e.Embed(ctx, core.EmbedQuery, []string{"a", "b"})
	die(err)
	s, err := c.Status(ctx)
	die(err)
	out.PID, out.Reply, out.Engines, out.Vectors, out.Threads = s.PID, replies[0].Text, s.Proof.Refusals(), len(vecs), s.Device.Threads
	if _, err := net.Dial("tcp", "127.0.0.1:9"); err != nil {
		out.Network = err.Error()
	}
	die(json.NewEncoder(os.Stdout).Encode(out))
	time.Sleep(time.Minute)
}

const corpus = "the quick brown fox jumps over the lazy dog. 有給休暇は入社から六か月後に付与されます。the end"

// newFolder makes a model folder.
func newFolder(t *testing.T, delay time.Duration) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "model-"+delay.String())
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "corpus.txt"), corpus)
	write(t, filepath.Join(dir, "delay"), delay.String())
	return dir
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// logBuffer is what the engine wrote to its standard error.
type logBuffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// start makes a client of a test engine; change may alter its Params.
func start(t *testing.T, change func(*engine.Params)) (*engine.Client, *logBuffer) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	log := &logBuffer{}
	p := engine.Params{Binary: exe, Env: []string{roleEnv + "=engine"}, Log: log}
	if change != nil {
		change(&p)
	}
	c, err := engine.Start(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
		if t.Failed() {
			t.Logf("the engine said:\n%s", log)
		}
	})
	return c, log
}

func generator(t *testing.T, c *engine.Client, dir string) core.Generator {
	t.Helper()
	g, err := c.LoadGenerator(t.Context(), dir, engine.ModelOptions{DType: "fp32"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// ask generates n tokens after prompt.
func ask(t *testing.T, g core.Generator, prompt string, n int) ([]core.Reply, error) {
	t.Helper()
	return g.Generate(t.Context(), []core.GenerateRequest{{Prompt: prompt, Sampling: core.Sampling{MaxNewTokens: n, Seed: 7}}}, nil)
}

func pid(t *testing.T, c *engine.Client) int {
	t.Helper()
	s, err := c.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return s.PID
}

// gone waits until a process that need not be our child has ended.
func gone(pid int, within time.Duration) bool {
	for end := time.Now().Add(within); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if syscall.Kill(pid, 0) != nil {
			return true
		}
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			return true
		}
		if i := strings.LastIndexByte(string(b), ')'); i > 0 && strings.HasPrefix(string(b[i+1:]), " Z") {
			return true // ended; nobody has waited for it yet
		}
	}
	return false
}

// wantKey checks the key of the UserError in err, and its sentinel.
func wantKey(t *testing.T, err error, key string, sentinel error) *core.UserError {
	t.Helper()
	var user *core.UserError
	if !errors.As(err, &user) || user.Key != key || !errors.Is(err, sentinel) {
		t.Fatalf("error %v, want key %s and sentinel %q", err, key, sentinel)
	}
	return user
}
