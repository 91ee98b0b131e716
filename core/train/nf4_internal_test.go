//go:build torch

package train

import (
	"context"
	"math"
	"path/filepath"
	"testing"

	"kakoi/core"
	"kakoi/core/internal/torch"
	"kakoi/core/internal/torch/torchtest"
)

// TestFourBitBase: gradients over the starter model in 4 bits, whose matrices are written out for each use, agree with those over the
// same weights in fp32 (the CPU's kernels hold NF4's scales in fp16, and the head in 8 bits).
func TestFourBitBase(t *testing.T) {
	torchtest.Setup(t)
	ctx := context.Background()
	s := core.TrainSettings{Rank: 4, Alpha: 8, Targets: []string{"query_key_value", "dense", "dense_h_to_4h", "dense_4h_to_h"}}
	dir := filepath.Join("..", "..", "resources", "starter")
	var losses []float64
	var grads [][]float32
	for _, dtype := range []string{"fp32", "nf4"} {
		g := load(t, dir, dtype)
		if g.Info().DType != dtype {
			t.Fatalf("loaded in %s", g.Info().DType)
		}
		ids := g.Encode("倉庫は朝八時に開き、夜七時に閉まります。The warehouse opens at 8 am and closes at 7 pm.")
		n := openNet(t, g, s, torch.Float32, "gelu", 64)
		if err := loadInto(ctx, n, hashed(n.params)); err != nil {
			t.Fatal(err)
		}
		loss, err := n.pass(ctx, []example{{ids: ids, from: 1}, {ids: ids[5:], from: 3}}, 0, true, 0.01)
		if err != nil {
			t.Fatal(err)
		}
		v := make([]float32, n.params.total)
		if err := readInto(ctx, n, v); err != nil {
			t.Fatal(err)
		}
		losses, grads = append(losses, loss), append(grads, v)
	}
	d := apart(grads[1], grads[0])
	t.Logf("losses %v, gradients differ by %.2g", losses, d)
	if math.Abs(losses[1]-losses[0]) > 0.01*losses[0] || d > 0.05 {
		t.Errorf("losses %v, gradients differ by %g", losses, d)
	}
}
