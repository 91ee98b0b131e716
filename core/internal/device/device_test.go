//go:build torch

package device_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"kakoi/core"
	"kakoi/core/internal/device"
	"kakoi/core/internal/torch"
	"kakoi/core/internal/torch/torchtest"
)

func TestOneThread(t *testing.T) {
	torchtest.Setup(t)
	d, err := device.Open("cpu", 0)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := device.Open("cpu", 1); err != nil || again != d {
		t.Errorf("the same name gave another device: %v", err)
	}
	var mu sync.Mutex
	threads, running, most := map[int]bool{}, 0, 0
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			err := d.Do(context.Background(), func(s *torch.Scope) error {
				mu.Lock()
				threads[unix.Gettid()] = true
				running++
				most = max(most, running)
				mu.Unlock()
				x := s.Normal(s.Empty(torch.Float32, 64, 64), 0, 1)
				s.MatMul(x, x)
				mu.Lock()
				running--
				mu.Unlock()
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if len(threads) != 1 || most != 1 {
		t.Errorf("%d threads, %d jobs at once", len(threads), most)
	}
}

func TestJobErrors(t *testing.T) {
	torchtest.Setup(t)
	d, err := device.Open("cpu", 0)
	if err != nil {
		t.Fatal(err)
	}
	mine := errors.New("mine")
	if err := d.Do(context.Background(), func(*torch.Scope) error { return mine }); err != mine {
		t.Errorf("%v", err)
	}
	if err := d.Do(context.Background(), func(s *torch.Scope) error { s.Fail(mine); return nil }); !errors.Is(err, mine) {
		t.Errorf("the scope's error: %v", err)
	}
	if err := d.Do(context.Background(), func(s *torch.Scope) error { panic("slip") }); err == nil {
		t.Error("a panic was no error")
	}
	if err := d.Do(context.Background(), func(s *torch.Scope) error { s.Empty(torch.Float32, 3); return nil }); err != nil {
		t.Errorf("after a panic: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := d.Do(ctx, func(*torch.Scope) error { t.Error("a cancelled job ran"); return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// TestAuto: without a usable GPU "auto" is the CPU with a reason, and asking for one by name is core.ErrNoDevice.
func TestAuto(t *testing.T) {
	d, err := device.Open("auto", 0)
	if err != nil {
		t.Fatal(err)
	}
	n, cudaErr := torch.CUDA()
	if usable := cudaErr == nil && n > 0; d.CUDA() != usable || (d.Reason() == "") != usable {
		t.Errorf("auto is %s (%s) with %d GPUs: %v", d.Name(), d.Reason(), n, cudaErr)
	}
	if _, err := device.Open("cuda:63", 0); !errors.Is(err, core.ErrNoDevice) {
		t.Errorf("cuda:63: %v", err)
	}
	for _, name := range []string{"cuda:", "cuda:-1", "gpu", "cuda:x"} {
		if _, err := device.Open(name, 0); !errors.Is(err, core.ErrUsage) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
