package main

import (
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestKilledFolderExports: killed at any moment, an export for transformers leaves the folder from before or the new one, and the next start clears up beside it;
// where another data folder goes on, its next export to the same name does.
func TestKilledFolderExports(t *testing.T) {
	rounds := kills(6)
	w := newWorld(t)
	w.want(0, "model", "import", smallModel(t, 1), "--name", "old")
	w.want(0, "model", "import", smallModel(t, 4), "--name", "new")
	other := w.another()
	other.want(0, "model", "import", smallModel(t, 2), "--name", "third")
	stick := t.TempDir()
	dir := filepath.Join(stick, "hub")
	sizes := map[int64]string{}
	for _, name := range []string{"old", "new"} {
		w.want(0, "model", "export", name, dir, "--replace")
		sizes[bytesOf(t, dir)] = name
	}
	begun := time.Now()
	w.want(0, "model", "export", "new", dir, "--replace")
	span := time.Since(begun) * 11 / 10
	r := rand.New(rand.NewPCG(uint64(rounds), 5))
	came := map[string]int{}
	for i := range rounds {
		w.want(0, "model", "export", "old", dir, "--replace")
		cmd := w.command("model", "export", "new", dir, "--replace")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(r.Float64() * float64(span)))
		_ = cmd.Process.Kill() // it may have ended
		_ = cmd.Wait()
		of := sizes[bytesOf(t, dir)]
		if of == "" {
			t.Errorf("killed, the folder is neither the old one nor the new one: %d bytes", bytesOf(t, dir))
		}
		came[of]++
		span = nearer(span, of == "new")
		if i%2 == 0 {
			w.want(0, "model", "list") // the next start
		} else {
			other.want(0, "model", "export", "third", dir, "--replace")
		}
		if names, hidden := visible(stick); len(hidden) != 0 || !slices.Equal(names, []string{"hub"}) {
			t.Errorf("cleared up, the stick holds %v, %v", names, hidden)
		}
		w.want(0, "model", "list") // forgets the note of what another cleared away, or waits with it for the stick
	}
	t.Logf("%d rounds: %v", rounds, came)
}

// bytesOf is the size of a folder's files.
func bytesOf(t *testing.T, dir string) int64 {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var n int64
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		n += info.Size()
	}
	return n
}

// TestPipesAreNotWaitedFor: a pipe in the place of a file is refused at once, with a sentence.
func TestPipesAreNotWaitedFor(t *testing.T) {
	w := newWorld(t)
	dir := t.TempDir()
	pipe := func(name string) string {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Mkfifo(name, 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	one, two := pipe("one.kakoi-pack"), pipe("two.kakoi-pack")
	config, weights := filepath.Dir(pipe("model/config.json")), filepath.Dir(pipe("other/model.safetensors"))
	adapter := filepath.Dir(pipe("adapter/adapter_config.json"))
	deb := pipe("kakoi.deb")
	whole := filepath.Join(dir, "kakoi.tar.gz")
	if err := os.WriteFile(whole, []byte{0x1f, 0x8b, 8}, 0o600); err != nil {
		t.Fatal(err)
	}
	pipe("kakoi.tar.gz.minisig")
	for _, args := range [][]string{
		{"model", "import", one}, {"model", "import", one, two}, {"model", "import", dir, one}, {"model", "import", dir}, {"model", "import", config}, {"model", "import", weights},
		{"model", "import", "/dev/zero"}, {"model", "import", "/dev/zero", "/dev/zero"}, {"adapter", "import", adapter}, {"adapter", "import", one},
		{"verify", deb}, {"verify", "/dev/zero"}, {"verify", whole},
	} {
		cmd := w.command(args...)
		var said strings.Builder
		cmd.Stdout, cmd.Stderr = &said, &said
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		stuck := time.AfterFunc(time.Minute, func() { _ = cmd.Process.Kill() })
		err := cmd.Wait()
		if exit, ok := err.(*exec.ExitError); !stuck.Stop() || !ok || exit.ExitCode() != 1 && exit.ExitCode() != 2 {
			t.Errorf("kakoi %v: %v\n%s", args, err, said.String())
		}
		if strings.Contains(said.String(), "Something went wrong") {
			t.Errorf("kakoi %v says: %s", args, said.String())
		}
		t.Logf("kakoi %v: %s", args, strings.TrimSpace(said.String()))
	}
}
