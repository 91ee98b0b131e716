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
	if got["matrix"].GFLOPPerSecond <= 0 || got["load"].Seconds <= 0 {
		t.Errorf("matrix %+v, load %+v", got["matrix"], got["load"])
	}
	if _, there := got["peer"]; there {
		t.Error("a peer nobody asked for")
	}
}
