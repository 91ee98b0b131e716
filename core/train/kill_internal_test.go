//go:build torch

package train

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"kakoi/core"
	"kakoi/core/internal/torch/torchtest"
	"kakoi/core/lora"
	"kakoi/core/neox"
	"kakoi/core/vault"
)

// TestMain is also the program that TestKilledRunGivesTheSameBytes kills.
func TestMain(m *testing.M) {
	if dir := os.Getenv("KAKOI_TRAIN_DIR"); dir != "" {
		if err := child(os.Getenv("KAKOI_TRAIN_MODEL"), dir, os.Getenv("KAKOI_TRAIN_SEALED") != ""); err != nil {
			fmt.Println("error", err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// testKey is a key of files that all processes of a test have.
func testKey() *vault.Key {
	k, err := vault.FromFiles(bytes.Repeat([]byte("tiny"), 12))
	if err != nil {
		panic(err)
	}
	return k
}

// child trains in dir, or goes on there, under testKey or not, and says each step.
func child(model, dir string, sealed bool) error {
	opt := neox.LoadOptions{Device: "cpu", DType: "fp32", Threads: 2}
	if sealed {
		opt.Key = testKey()
	}
	g, err := neox.Load(context.Background(), model, opt, nil)
	if err != nil {
		return err
	}
	req := tinyRequest(dir)
	steps, err := checkpointSteps(dir)
	if err != nil {
		return err
	}
	req.Resume = len(steps) > 0
	_, err = New(g).Train(context.Background(), req, func(e core.TrainEvent) error {
		if e.Kind == core.TrainStepped {
			fmt.Println("step", e.Step)
		}
		return nil
	})
	if err == nil {
		fmt.Println("done")
	}
	return errors.Join(err, g.Close())
}

// adapterBytes are all files of a run's adapter.
func adapterBytes(t testing.TB, dir string) []byte {
	t.Helper()
	return adapterUnder(t, nil, dir)
}

// adapterUnder are adapterBytes of a run under a key.
func adapterUnder(t testing.TB, key *vault.Key, dir string) []byte {
	t.Helper()
	var all bytes.Buffer
	for _, name := range []string{lora.WeightsFile, lora.ConfigFile, "lineage.json", "tokenizer.json"} {
		b, err := key.ReadFile(filepath.Join(dir, AdapterFolder, name))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&all, "%s %d\n", name, len(b))
		all.Write(b)
	}
	return all.Bytes()
}

// trainedApart is a run in a process of its own, in dir, killed some time after a step (0: not): the steps it made, and whether it ended.
func trainedApart(t testing.TB, model, dir string, killAfter int, wait time.Duration, env ...string) (steps int, done bool) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(append(os.Environ(), "KAKOI_TRAIN_DIR="+dir, "KAKOI_TRAIN_MODEL="+model), env...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		switch text := lines.Text(); {
		case strings.HasPrefix(text, "step "):
			if steps++; steps == killAfter {
				time.Sleep(wait)
				_ = cmd.Process.Kill()
			}
		case text == "done":
			done = true
		default:
			t.Fatal(text)
		}
	}
	err = cmd.Wait()
	if killed := cmd.ProcessState.Sys().(syscall.WaitStatus).Signaled(); !killed && err != nil {
		t.Fatal(err)
	}
	return steps, done
}

// TestKilledRunGivesTheSameBytes kills the training process with SIGKILL at ten random moments, going on each time, and compares
// the adapter, byte by byte, with that of a run that nobody disturbed; then again where all that a run writes is encrypted.
func TestKilledRunGivesTheSameBytes(t *testing.T) {
	torchtest.Setup(t)
	model := tinyFolder(t, golden(t).Cases[0].Config)
	whole := t.TempDir()
	if n, done := trainedApart(t, model, whole, 0, 0); n != 56 || !done {
		t.Fatalf("%d steps, done %v", n, done)
	}
	t.Run("plain", func(t *testing.T) { killed(t, model, whole, 10, nil) })
	t.Run("encrypted", func(t *testing.T) {
		dir := killed(t, model, whole, 4, testKey(), "KAKOI_TRAIN_SEALED=1")
		underKey(t, dir)
	})
}

// underKey fails for every file below dir that is not encrypted as a whole, and for what is left half written.
func underKey(t testing.TB, dir string) {
	t.Helper()
	files := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		files++
		if strings.HasPrefix(d.Name(), ".") || strings.HasSuffix(d.Name(), ".part") {
			t.Errorf("left is %s", path)
		}
		_, err = testKey().ReadFile(path)
		return err
	})
	if err != nil || files < 5 {
		t.Errorf("%d files: %v", files, err)
	}
}

// killed runs what was trained in whole again, with kills, under key; it gives the run's folder.
func killed(t *testing.T, model, whole string, most int, key *vault.Key, env ...string) string {
	t.Helper()
	r := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 3))
	dir, kills := t.TempDir(), 0
	for range 40 {
		after := 0
		if kills < most {
			after = 2 + r.IntN(5)
		}
		steps, done := trainedApart(t, model, dir, after, time.Duration(r.IntN(6000))*time.Microsecond, env...)
		if done {
			break
		}
		kills++
		t.Logf("killed after %d steps", steps)
	}
	if kills < most {
		t.Errorf("killed %d times only", kills)
	}
	if a, b := adapterBytes(t, whole), adapterUnder(t, key, dir); !bytes.Equal(a, b) {
		at := 0
		for at < min(len(a), len(b)) && a[at] == b[at] {
			at++
		}
		t.Errorf("the adapters differ from byte %d on, of %d and %d: %q, %q", at, len(a), len(b), a[max(0, at-40):min(len(a), at+40)], b[max(0, at-40):min(len(b), at+40)])
	}
	return dir
}

// TestUnderKey: a run under a key gives what one without gives, and leaves nothing that can be read without it; the generator answers with the adapter where it has
// the key, and says what is wrong where it has not. A checkpoint that was changed is passed over.
func TestUnderKey(t *testing.T) {
	torchtest.Setup(t)
	ctx := context.Background()
	folder := tinyFolder(t, golden(t).Cases[0].Config)
	load := func(key *vault.Key) *neox.Generator {
		g, err := neox.Load(ctx, folder, neox.LoadOptions{Device: "cpu", DType: "fp32", Threads: 2, Key: key}, nil)
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
	plain, sealed := load(nil), load(testKey())
	whole, dir := t.TempDir(), t.TempDir()
	for g, to := range map[*neox.Generator]string{plain: whole, sealed: dir} {
		if _, err := New(g).Train(ctx, tinyRequest(to), nil); err != nil {
			t.Fatal(err)
		}
	}
	underKey(t, dir)
	if !bytes.Equal(adapterBytes(t, whole), adapterUnder(t, testKey(), dir)) {
		t.Error("the adapters differ")
	}
	answer := func(g *neox.Generator, run string) (string, error) {
		replies, err := g.Generate(ctx, []core.GenerateRequest{{
			Prompt: letters(rand.New(rand.NewPCG(1, 1)), 8), Sampling: core.Sampling{MaxNewTokens: 6}, Adapter: filepath.Join(run, AdapterFolder),
		}}, nil)
		if err != nil {
			return "", err
		}
		return replies[0].Text, nil
	}
	want, err := answer(plain, whole)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := answer(sealed, dir); err != nil || got != want {
		t.Errorf("with the adapter under the key %q, %v; want %q", got, err, want)
	}
	if _, err := answer(plain, dir); !errors.Is(err, core.ErrEncrypted) {
		t.Errorf("without the key: %v", err)
	}
	if _, err := answer(sealed, whole); !errors.Is(err, vault.ErrPlain) {
		t.Errorf("a plain adapter in an encrypted folder: %v", err)
	}
	steps, err := checkpointSteps(dir)
	if err != nil || len(steps) < 3 {
		t.Fatal(steps, err)
	}
	f, err := os.OpenFile(checkpointName(dir, steps[len(steps)-1]), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte{1, 2, 3}, 2000); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	req := tinyRequest(dir)
	req.Resume = true
	var events record
	if res, err := New(sealed).Train(ctx, req, events.add); err != nil || res.End != core.TrainDone {
		t.Fatalf("%+v, %v", res, err)
	}
	if w := events.of(core.TrainWarned); len(w) != 1 || w[0].Note != "train.warn.damaged" {
		t.Errorf("warnings %+v", w)
	}
	if !bytes.Equal(adapterBytes(t, whole), adapterUnder(t, testKey(), dir)) {
		t.Error("the adapters differ after a damage")
	}
}
