package engine_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"kakoi/core"
	"kakoi/core/engine"
	"kakoi/core/vault"
)

func TestKilledEngineIsReportedAndReplaced(t *testing.T) {
	c, _ := start(t, nil)
	g := generator(t, c, newFolder(t, 2*time.Millisecond))
	e, err := c.LoadEmbedder(t.Context(), newFolder(t, 0), engine.ModelOptions{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	before := pid(t, c)
	n := 0
	replies, err := g.Generate(t.Context(), []core.GenerateRequest{{Prompt: "the"}}, func(int, core.Delta) error {
		if n++; n == 5 {
			return syscall.Kill(before, syscall.SIGKILL)
		}
		return nil
	})
	wantKey(t, err, "error.engine.killed", core.ErrEngine)
	if !strings.Contains(err.Error(), "signal: killed") || !strings.Contains(err.Error(), "generate with") {
		t.Errorf("text %q", err)
	}
	if len(replies) != 1 || replies[0].NewTokens < 5 {
		t.Errorf("what came: %+v", replies)
	}
	// Both handles go on, in a new process.
	if replies, err := ask(t, g, "the", 10); err != nil || replies[0].NewTokens != 10 {
		t.Fatalf("after the crash: %+v, %v", replies, err)
	}
	if vecs, err := e.Embed(t.Context(), 0, []string{"a"}); err != nil || len(vecs) != 1 {
		t.Fatalf("after the crash: %v, %v", vecs, err)
	}
	s, err := c.Status(t.Context())
	if err != nil || s.PID == before || s.Restarts != 1 || len(s.Models) != 2 || !strings.Contains(s.LastCrash, "signal: killed") {
		t.Errorf("status %+v, %v", s, err)
	}
}

func TestLastWords(t *testing.T) {
	for _, test := range []struct {
		prompt, key string
		sentinel    error
		words       []string // in this order in the error's text
		arg         string   // of the sentence
	}{
		{
			"#exit", "error.engine.lost", core.ErrEngine,
			[]string{"exit status 7", "line 29 of the engine", "CUDA error: an illegal memory access"}, "line 18 of the engine",
		},
		{"#panic", "error.engine.lost", core.ErrEngine, []string{"exit status 2", "panic: index out of range of the moon"}, "panic: index out of range of the moon"},
		{"#memory", "error.engine.lost", core.ErrOutOfMemory, []string{"exit status 2", "std::bad_alloc"}, "terminate called after throwing an instance of 'std::bad_alloc'"},
		{"#kill", "error.engine.killed", core.ErrEngine, []string{"signal: killed"}, ""},
	} {
		t.Run(test.prompt, func(t *testing.T) {
			c, log := start(t, nil)
			g := generator(t, c, newFolder(t, 0))
			_, err := ask(t, g, test.prompt, 1)
			user := wantKey(t, err, test.key, test.sentinel)
			rest := err.Error()
			for _, w := range test.words {
				_, after, found := strings.Cut(rest, w)
				if !found {
					t.Fatalf("text %q lacks %q in its place", err, w)
				}
				rest = after
			}
			if test.arg != "" && (len(user.Args) != 1 || user.Args[0] != test.arg) {
				t.Errorf("args %q, want %q", user.Args, test.arg)
			}
			if test.prompt == "#exit" && !strings.Contains(log.String(), "line 0 of the engine") {
				t.Error("the log lacks the first line")
			}
		})
	}
}

func TestRestartsAreLimited(t *testing.T) {
	c, _ := start(t, nil)
	g := generator(t, c, newFolder(t, 0))
	for i := range 4 { // the first process and three restarts
		_, err := ask(t, g, "#kill", 1)
		wantKey(t, err, "error.engine.killed", core.ErrEngine)
		if strings.Contains(err.Error(), "restarted") {
			t.Fatalf("crash %d: %v", i, err)
		}
	}
	for range 2 {
		_, err := ask(t, g, "the", 1)
		wantKey(t, err, "error.engine.restarts", core.ErrEngine)
	}
	c.AgeRestarts(time.Minute)
	if replies, err := ask(t, g, "the", 3); err != nil || replies[0].NewTokens != 3 {
		t.Errorf("a minute later: %+v, %v", replies, err)
	}
}

func TestHangingCallEndsTheEngine(t *testing.T) {
	c, _ := start(t, func(p *engine.Params) { p.HangTimeout = 200 * time.Millisecond })
	g, slow := generator(t, c, newFolder(t, 0)), generator(t, c, newFolder(t, 5*time.Millisecond))
	before := pid(t, c)
	// Another call that is under way when the engine is ended learns the reason.
	running, other := make(chan struct{}), make(chan error, 1)
	go func() {
		_, err := slow.Generate(t.Context(), []core.GenerateRequest{{Prompt: "the"}}, func(int, core.Delta) error {
			select {
			case running <- struct{}{}:
			default:
			}
			return nil
		})
		other <- err
	}()
	select {
	case <-running:
	case err := <-other:
		t.Fatalf("the other call ended: %v", err)
	}
	// A call that never arrived does not hang: on a busy machine it gets more time.
	for wait, ended := time.Second, false; !ended; wait *= 4 {
		ctx, cancel := context.WithTimeout(t.Context(), wait)
		_, err := g.Generate(ctx, []core.GenerateRequest{{Prompt: "#hang"}}, nil)
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("error %v", err)
		}
		select {
		case err := <-other:
			wantKey(t, err, "error.engine.hung", core.ErrEngine)
			ended = true
		case <-time.After(10 * time.Second):
			if wait > 10*time.Second {
				t.Fatal("the engine was not ended")
			}
		}
	}
	if replies, err := ask(t, g, "the", 3); err != nil || replies[0].NewTokens != 3 {
		t.Fatalf("after the hang: %+v, %v", replies, err)
	}
	if pid(t, c) == before {
		t.Error("the hanging process still runs")
	}
}

func TestCancelledCallThatEndsIsNoHang(t *testing.T) {
	c, _ := start(t, func(p *engine.Params) { p.HangTimeout = 100 * time.Millisecond })
	g := generator(t, c, newFolder(t, 2*time.Millisecond))
	before := pid(t, c)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if _, err := g.Generate(ctx, []core.GenerateRequest{{Prompt: "the"}}, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("error %v", err)
	}
	if _, err := ask(t, g, "the", 150); err != nil { // 0.3 s: over the check
		t.Fatal(err)
	}
	if pid(t, c) != before {
		t.Error("the engine was ended although the call had stopped")
	}
}

func TestChangedModelIsRefusedAfterARestart(t *testing.T) {
	c, _ := start(t, nil)
	dir := newFolder(t, 0)
	g := generator(t, c, dir)
	if _, err := ask(t, g, "#kill", 1); !errors.Is(err, core.ErrEngine) {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "corpus.txt"), "other weights")
	_, err := ask(t, g, "the", 1)
	wantKey(t, err, "error.engine.changed", core.ErrCorrupt)
	write(t, filepath.Join(dir, "corpus.txt"), corpus)
	if _, err := ask(t, g, "the", 1); err != nil {
		t.Errorf("the old weights again: %v", err)
	}
}

func TestStartFailures(t *testing.T) {
	script := func(body string) string {
		path := filepath.Join(t.TempDir(), "engine.sh")
		if err := os.WriteFile(path, []byte("#!/bin/sh\n"+body+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
		return path
	}
	loader := "kakoi-engine: error while loading shared libraries: libtorch.so: cannot open shared object file"
	for name, test := range map[string]struct{ binary, key, text, arg string }{
		"missing":  {filepath.Join(t.TempDir(), "kakoi-engine"), "error.engine.missing", "no such file", ""},
		"folder":   {t.TempDir(), "error.engine.missing", "permission denied", ""},
		"silent":   {script("exec sleep 30"), "error.engine.start", "no answer for 300ms", ""},
		"library":  {script("echo hello; echo '" + loader + "' >&2; exit 127"), "error.engine.start", "exit status 127", loader},
		"no gRPC":  {script("echo nonsense >&3; sleep 0.2; exit 3"), "error.engine.start", "", ""},
		"leaves 0": {script("exit 0"), "error.engine.start", "exit status 0", ""},
	} {
		t.Run(name, func(t *testing.T) {
			c, _ := start(t, func(p *engine.Params) { p.Binary, p.StartTimeout = test.binary, 300*time.Millisecond })
			_, err := c.Status(t.Context())
			var user *core.UserError
			if !errors.As(err, &user) || user.Key != test.key || !strings.Contains(err.Error(), test.text) {
				t.Fatalf("error %v, want key %s and text %q", err, test.key, test.text)
			}
			if test.arg != "" && user.Args[0] != test.arg {
				t.Errorf("args %q", user.Args)
			}
		})
	}
	if _, err := engine.Start(t.Context(), engine.Params{}); !errors.Is(err, core.ErrUsage) {
		t.Errorf("no program: %v", err)
	}
}

func TestCallerThatGivesUpDuringTheStartLeavesItRunning(t *testing.T) {
	c, _ := start(t, func(p *engine.Params) { p.Env = append(p.Env, "KAKOI_ENGINE_TEST_SLOW=300ms") })
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := c.Status(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("error %v", err)
	}
	s, err := c.Status(t.Context())
	if err != nil || s.Restarts != 0 || s.StartSeconds < 0.3 {
		t.Errorf("status %+v, %v", s, err)
	}
}

func TestCloseEndsTheEngineInOrder(t *testing.T) {
	c, log := start(t, nil)
	g := generator(t, c, newFolder(t, 2*time.Millisecond))
	id := pid(t, c)
	result := make(chan error, 1)
	started := make(chan struct{}, 1000)
	go func() {
		_, err := g.Generate(t.Context(), []core.GenerateRequest{{Prompt: "the"}}, func(int, core.Delta) error { started <- struct{}{}; return nil })
		result <- err
	}()
	<-started
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	wantKey(t, <-result, "error.engine.closed", core.ErrEngine)
	if !gone(id, time.Millisecond) {
		t.Error("the engine runs after Close")
	}
	if !strings.Contains(log.String(), "served to the end") {
		t.Errorf("the engine was not left to end by itself: %q", log)
	}
	_, err := ask(t, g, "the", 1)
	wantKey(t, err, "error.engine.closed", core.ErrEngine)
	if err := g.Close(); err != nil {
		t.Errorf("close a model afterwards: %v", err)
	}
	if err := c.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
}

func TestCloseDoesNotWaitForNativeCode(t *testing.T) {
	c, log := start(t, nil)
	g := generator(t, c, newFolder(t, 0))
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := g.Generate(ctx, []core.GenerateRequest{{Prompt: "#hang"}}, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("error %v", err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(log.String(), "served to the end") {
		t.Error("the engine had to be killed")
	}
}

// runParent starts another user's process and reads its line.
func runParent(t *testing.T, role string) (*exec.Cmd, map[string]any) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe, newFolder(t, 0))
	cmd.Env = append(os.Environ(), roleEnv+"="+role)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	var line map[string]any
	if err := json.NewDecoder(out).Decode(&line); err != nil {
		t.Fatal(err)
	}
	return cmd, line
}

func TestEngineEndsWithItsParent(t *testing.T) {
	cmd, line := runParent(t, "parent")
	id := int(line["PID"].(float64))
	if gone(id, 50*time.Millisecond) {
		t.Fatal("the engine does not run")
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if !gone(id, 2*time.Second) {
		t.Error("the engine outlives its parent")
	}
}

func TestEverythingWorksBehindTheLock(t *testing.T) {
	_, line := runParent(t, "closed-parent")
	if n := line["Reply"].(string); len([]rune(n)) != 20 {
		t.Errorf("reply %q", n)
	}
	if line["Mine"].(float64) < 14 || line["Engines"].(float64) < 14 || line["Vectors"].(float64) != 2 {
		t.Errorf("parent reported %v", line)
	}
	if s := line["Network"].(string); !strings.Contains(s, "permission denied") {
		t.Errorf("dialling gave %q", s)
	}
}

// TestKeyGoesOverTheSocket: a generator has the key of the client's Params, also after the engine was killed, and nobody finds it in the process's arguments or environment. Without it
// what is under it stays closed.
func TestKeyGoesOverTheSocket(t *testing.T) {
	raw := bytes.Repeat([]byte("key of 48 bytes "), 3)
	key, err := vault.FromFiles(raw)
	if err != nil {
		t.Fatal(err)
	}
	dir := newFolder(t, 0)
	if err := key.WriteFile(filepath.Join(dir, "sealed"), []byte("words")); err != nil {
		t.Fatal(err)
	}
	without, _ := start(t, nil)
	if _, err := without.LoadGenerator(t.Context(), dir, engine.ModelOptions{}, nil); !errors.Is(err, core.ErrEncrypted) {
		t.Errorf("without the key: %v", err)
	}
	c, said := start(t, func(p *engine.Params) { p.Key = key })
	g := generator(t, c, dir)
	if _, err := ask(t, g, "#kill", 1); !errors.Is(err, core.ErrEngine) {
		t.Fatal(err)
	}
	if _, err := ask(t, g, "the", 1); err != nil {
		t.Errorf("after the engine was killed: %v", err)
	}
	for _, name := range []string{"environ", "cmdline"} {
		text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid(t, c)), name))
		if err != nil && !errors.Is(err, fs.ErrPermission) { // nobody may look, but for the administrator
			t.Fatal(err)
		}
		for _, secret := range []string{string(raw[:16]), hex.EncodeToString(raw[16:32]), base64.StdEncoding.EncodeToString(raw)[24:48]} {
			if bytes.Contains(text, []byte(secret)) {
				t.Errorf("the key stands in %s", name)
			}
		}
	}
	if strings.Contains(said.String(), string(raw[:16])) {
		t.Error("the engine says the key")
	}
}
