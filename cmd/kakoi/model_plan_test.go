package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kakoi/app"
	"kakoi/app/apptest"
	"kakoi/core/engine"
	"kakoi/core/weights"
)

func TestModelPlan(t *testing.T) {
	w := newWorld(t)
	said := w.want(0, "model", "plan", "starter", "--context", "1024", "--batch", "2")
	for _, want := range []string{"1024", "layers", "Weights", "It fits"} {
		if !strings.Contains(said.out, want) {
			t.Errorf("no %q in\n%s", want, said.out)
		}
	}
	too := w.want(0, "model", "plan", "starter", "--context", "4096", "--batch", "2", "--train", "64")
	if !strings.Contains(too.out, "2048 tokens") || !strings.Contains(too.out, "1 at a time") || !strings.Contains(too.out, "not yet held against measurements") {
		t.Errorf("one that does not fit:\n%s", too.out)
	}
	japanese := *w
	japanese.env = append(japanese.env, "LANG=ja_JP.UTF-8", "LC_ALL=ja_JP.UTF-8")
	for _, r := range []result{said, too, japanese.want(0, "model", "plan", "starter", "--train", "64", "--context", "8192")} {
		if strings.Contains(r.out, "plan.") || strings.Contains(r.out, "%!") {
			t.Errorf("a raw key in\n%s", r.out)
		}
	}
	p := objects[engine.Plan](t, w.want(0, "model", "plan", "starter", "--json").out)[0]
	buffers := 0
	for _, names := range apptest.PlanBuffers {
		buffers += len(names)
	}
	if len(p.Buffers) != buffers || !p.Fits || p.Model != "starter" {
		t.Errorf("plan is %+v", p)
	}
	w.want(1, "model", "plan", "nobody")
	w.want(2, "model", "plan")
}

func TestModelQuantize(t *testing.T) {
	w := newWorld(t)
	pieces, err := os.ReadFile("../../resources/starter/spiece.model")
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "full")
	s := weights.Shape{Model: "gpt_neox", Layers: 1, Hidden: 64, Heads: 2, FFN: 256, Vocab: 16384, MaxTokens: 64, DType: weights.F16, RotaryPct: 1}
	if err := weights.Generate(t.Context(), dir, weights.GenerateParams{Shape: s, Layout: weights.Single, Files: map[string][]byte{"spiece.model": pieces}}, nil); err != nil {
		t.Fatal(err)
	}
	w.want(0, "model", "import", dir, "--name", "mine")
	if said := w.want(0, "model", "quantize", "mine"); !strings.Contains(said.out, "4 bits") {
		t.Errorf("said %q", said.out)
	}
	if _, err := os.Stat(filepath.Join(w.data, "models", "mine", weights.Cache4Bit, "model.safetensors")); err != nil {
		t.Error(err)
	}
	if m := objects[app.Model](t, w.want(0, "model", "quantize", "mine", "--json").out)[0]; m.FourBit == 0 || m.FourBit >= m.Bytes {
		t.Errorf("model is %+v", m)
	}
	w.want(0, "model", "check", "mine")
}
