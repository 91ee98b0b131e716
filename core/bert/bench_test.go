//go:build torch

package bert_test

import (
	"context"
	"testing"

	"kakoi/core/bert"
	"kakoi/core/internal/torch/torchtest"
)

func TestBench(t *testing.T) {
	torchtest.Setup(t)
	got := map[string]bert.BenchResult{}
	err := bert.Bench(context.Background(), bert.BenchOptions{Dir: "testdata/tiny", Load: bert.LoadOptions{Device: "cpu"}, Texts: 40, Runs: 1}, func(r bert.BenchResult) error {
		got[r.Name] = r
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	e := got["embed"]
	if e.Texts != 40 || e.Tokens < 40*12 || e.ChunksPerSecond <= 0 || e.TokensPerSecond <= e.ChunksPerSecond || e.OfMatrix <= 0 {
		t.Errorf("embed %+v", e)
	}
	if k := got["tokenise"]; k.Texts != 40 || k.Tokens != e.Tokens || k.Tokens < 40*18 || k.Tokens > 40*128 {
		t.Errorf("tokenise %+v", k)
	}
	if x, there := got["fp32"]; there != (e.DType != "fp32") || there && (x.CosineLeast < 0.99 || x.CosineMean > 1.0001 || x.SameTop10 < 0.5 || x.OfPeer <= 0) {
		t.Errorf("fp32 %+v", x)
	}
	if c := got["encode"]; c.Tokens != e.Tokens || c.ChunksPerSecond <= 0 {
		t.Errorf("encode %+v", c)
	}
	if got["matrix"].GFLOPPerSecond <= 0 || got["load"].Seconds <= 0 {
		t.Errorf("matrix %+v, load %+v", got["matrix"], got["load"])
	}
	if _, there := got["peer"]; there {
		t.Error("a peer nobody asked for")
	}
}
