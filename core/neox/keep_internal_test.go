//go:build torch

package neox

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"kakoi/core"
	"kakoi/core/internal/torch/torchtest"
	"kakoi/core/weights"
)

// fullFolder is a small model in full precision with the starter model's tokenizer.
func fullFolder(t *testing.T) string {
	t.Helper()
	pieces, err := os.ReadFile("../../resources/starter/tokenizer.json")
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "full")
	s := weights.Shape{Model: "gpt_neox", Layers: 2, Hidden: 128, Heads: 4, FFN: 256, Vocab: 16384, MaxTokens: 64, DType: weights.BF16, RotaryPct: 1}
	if err := weights.Generate(context.Background(), dir, weights.GenerateParams{Shape: s, Layout: weights.Single, Files: map[string][]byte{"tokenizer.json": pieces}}, nil); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestLoadKeeps4Bit: the 4-bit form is written at the first load on the CPU, used by the next, and written anew when the model has changed.
// What is loaded is the same model in all cases.
func TestLoadKeeps4Bit(t *testing.T) {
	torchtest.Setup(t)
	dir := fullFolder(t)
	answer := func(keep bool) (string, string, map[string]bool) {
		t.Helper()
		stages := map[string]bool{}
		g, err := Load(context.Background(), dir, LoadOptions{Device: "cpu", DType: "nf4", Keep4Bit: keep}, func(u core.Update) { stages[u.Stage] = true })
		if err != nil {
			t.Fatal(err)
		}
		defer g.Close()
		if g.Info().DType != "nf4" || g.Info().Name != "full" {
			t.Errorf("loaded as %+v", g.Info())
		}
		r, err := g.Generate(context.Background(), []core.GenerateRequest{{Prompt: "倉庫の営業時間は", Sampling: core.Sampling{MaxNewTokens: 12}}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		return r[0].Text, g.Info().ID, stages
	}
	want, id, stages := answer(false)
	made := filepath.Join(dir, weights.Cache4Bit, "model.safetensors")
	if _, err := os.Stat(made); err == nil || stages["quantize"] {
		t.Error("written without being asked to")
	}
	for i, wrote := range []bool{true, false} {
		text, again, stages := answer(true)
		if text != want || again != id || stages["quantize"] != wrote {
			t.Errorf("load %d: %q with ID %s, want %q with %s; stages %v", i, text, again, want, id, stages)
		}
	}
	before, err := os.Stat(made)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "generation_config.json"), []byte(`{"eos_token_id": 7}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, changed, stages := answer(true); changed == id || !stages["quantize"] {
		t.Errorf("the model changed, and its 4-bit form did not: ID %s, stages %v", changed, stages)
	}
	if after, err := os.Stat(made); err != nil || after.ModTime().Equal(before.ModTime()) {
		t.Errorf("not written anew (%v)", err)
	}
	// Damaged: the model itself is still there, and where that may be done the form is made anew.
	damages := map[string]func() error{
		"short": func() error { return os.Truncate(made, 100) },
		"gone":  func() error { return os.Remove(made) },
		"a bit": func() error {
			b, err := os.ReadFile(made)
			if err == nil {
				b[len(b)/2] ^= 1
				err = os.WriteFile(made, b, 0o600)
			}
			return err
		},
		"of another model": func() error {
			other := filepath.Join(t.TempDir(), "other")
			s := weights.Shape{Model: "gpt_neox", Layers: 2, Hidden: 128, Heads: 4, FFN: 512, Vocab: 16384, MaxTokens: 64, DType: weights.BF16, RotaryPct: 1}
			if err := weights.Generate(context.Background(), other, weights.GenerateParams{Shape: s, Layout: weights.Single}, nil); err != nil {
				return err
			}
			if err := weights.Quantize(context.Background(), other, filepath.Join(other, "4"), nil); err != nil {
				return err
			}
			return os.Rename(filepath.Join(other, "4", "model.safetensors"), made)
		},
	}
	for name, damage := range damages {
		if err := damage(); err != nil {
			t.Fatal(err)
		}
		for _, keep := range []bool{false, true, true} {
			if text, _, _ := answer(keep); text != want {
				t.Errorf("%s, keep %v: %q, want %q", name, keep, text, want)
			}
		}
		f, err := weights.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		now, err := weights.Open4BitOf(filepath.Dir(made), f)
		if err != nil {
			t.Fatalf("%s: not made anew: %v", name, err)
		}
		if err := now.Verify(context.Background()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if l, err := now.Linear("gpt_neox.layers.0.mlp.dense_h_to_4h.weight"); err != nil || l.Out != 256 || l.Quant == nil {
			t.Errorf("%s: made anew as %d rows, %v", name, l.Out, err)
		}
		now.Close()
		f.Close()
	}
}

// TestWritersWait: a load that waits for another one's writing ends with its ctx, and one that needs no writing does not wait.
func TestWritersWait(t *testing.T) {
	dir := fullFolder(t)
	f, err := weights.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	writing <- struct{}{}
	defer func() { <-writing }()
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if _, err := cached4Bit(ctx, f, "", true, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("waiting: %v", err)
	}
	if use, err := cached4Bit(context.Background(), f, "", false, nil); err != nil || use != f {
		t.Errorf("without anything to write: %v", err)
	}
	if err := f.Quantize(context.Background(), filepath.Join(dir, weights.Cache4Bit), "", nil); err != nil {
		t.Fatal(err)
	}
	use, err := cached4Bit(context.Background(), f, "", true, nil)
	if err != nil || use == f {
		t.Fatalf("with the form there: %v", err)
	}
	use.Close()
}

// TestNowhereToKeep: where the 4-bit form cannot be written the model is used without, and progress says so.
func TestNowhereToKeep(t *testing.T) {
	dir := fullFolder(t)
	f, err := weights.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := os.Rename(dir, dir+".gone"); err != nil {
		t.Fatal(err)
	}
	var last core.Update
	use, err := cached4Bit(context.Background(), f, "", true, func(u core.Update) { last = u })
	if err != nil || use != f || last != (core.Update{Stage: "unkept"}) {
		t.Errorf("folder %p, want %p; told %+v, %v", use, f, last, err)
	}
	if err := os.Rename(dir+".gone", dir); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := cached4Bit(ctx, f, "", true, nil); err != context.Canceled {
		t.Errorf("cancelled: %v", err)
	}
	if entries, _ := filepath.Glob(filepath.Join(dir, "*nf4*")); len(entries) > 0 {
		t.Errorf("left behind: %v", entries)
	}
}

// TestKeepLater: the 4-bit form is written beside the work, and the end of the work ends the writing.
func TestKeepLater(t *testing.T) {
	dir := fullFolder(t)
	made := filepath.Join(dir, weights.Cache4Bit)
	keepLater(dir, "").stop() // long before it begins
	if _, err := os.Stat(made); err == nil {
		t.Error("written after the end")
	}
	old := keepAfter
	keepAfter = 0
	defer func() { keepAfter = old }()
	k := keepLater(dir, "")
	<-k.done
	k.stop()
	f, err := weights.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if !weights.Made4BitOf(made, f) {
		t.Error("not written")
	}
	(*keeper)(nil).stop()
}
