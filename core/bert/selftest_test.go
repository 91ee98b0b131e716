//go:build torch

package bert_test

import (
	"context"
	"errors"
	"testing"

	"kakoi/core"
	"kakoi/core/bert"
	"kakoi/core/internal/kernel/cpu"
	"kakoi/core/internal/torch/torchtest"
)

func TestSelftestOnCPU(t *testing.T) {
	torchtest.Setup(t)
	n := 0
	err := bert.Selftest(context.Background(), "cpu", func(name string, ok bool, detail string) {
		n++
		t.Logf("%-44s %v %s", name, ok, detail)
	})
	if err != nil || n != 14+2*2*2*(int(cpu.Detect())+1) {
		t.Errorf("%d checks, %v", n, err)
	}
	if err := bert.Selftest(context.Background(), "cuda:63", nil); !errors.Is(err, core.ErrNoDevice) {
		t.Errorf("a device that is not there: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := bert.Selftest(ctx, "cpu", nil); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}
