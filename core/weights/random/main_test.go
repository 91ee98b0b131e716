package main

import (
	"context"
	"errors"
	"path/filepath"
	"testing"

	"kakoi/core"
	"kakoi/core/weights"
)

func TestFoldersAreSound(t *testing.T) {
	const pieces = "../../../resources/starter/spiece.model"
	tiny := weights.Shape{Model: "gpt_neox", Layers: 3, Hidden: 32, Heads: 2, FFN: 64, Vocab: 20480, MaxTokens: 64, DType: weights.F16, RotaryPct: 1}
	shapes["tiny"] = tiny
	tiny.Model = "bert"
	tiny.Vocab = 60_000
	shapes["tiny-bert"] = tiny
	for _, c := range []struct {
		shape, layout string
		kind          weights.Kind
	}{{"tiny", "single", weights.Generator}, {"tiny", "sharded", weights.Generator}, {"tiny", "bin", weights.Generator}, {"tiny-bert", "bin-sharded", weights.Embedder}} {
		dir := filepath.Join(t.TempDir(), "m")
		if err := run(context.Background(), []string{dir, "--shape", c.shape, "--layout", c.layout, "--layers", "2", "--spiece", pieces}); err != nil {
			t.Fatal(err)
		}
		r, err := weights.Check(context.Background(), dir, c.kind, nil)
		if err != nil || r.Layers != 2 {
			t.Errorf("%s %s: %d layers, %v", c.shape, c.layout, r.Layers, err)
		}
	}
	for _, args := range [][]string{nil, {"--seed", "2"}, {t.TempDir() + "/x", "--shape", "giant"}, {t.TempDir() + "/x", "--layout", "zip"}} {
		if err := run(context.Background(), args); !errors.Is(err, core.ErrUsage) {
			t.Errorf("%v: %v", args, err)
		}
	}
}
