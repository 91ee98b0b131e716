//go:build torch

package neox

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"kakoi/core"
	"kakoi/core/internal/device"
	"kakoi/core/internal/torch"
)

const noMemoryEnv = "KAKOI_TEST_NO_MEMORY"

// TestAllocationsThatFail takes the memory away in a process of its own (a limit on its addresses, as when other programs have it): a
// request that needs more is an error that says so, and what was there before goes on working.
func TestAllocationsThatFail(t *testing.T) {
	for _, dtype := range []string{"fp32", "nf4"} {
		c := exec.Command(os.Args[0], "-test.run=^TestWithoutMemory$", "-test.v")
		c.Env = append(os.Environ(), noMemoryEnv+"="+dtype)
		out, err := c.CombinedOutput()
		if err != nil || !strings.Contains(string(out), "went on as "+dtype) {
			t.Errorf("%s: %v\n%s", dtype, err, out)
		}
	}
}

// TestWithoutMemory is the other process; alone it does nothing.
func TestWithoutMemory(t *testing.T) {
	dtype := os.Getenv(noMemoryEnv)
	if dtype == "" {
		return
	}
	ctx := context.Background()
	c := tinyShape(true)
	c.MaxPositionEmbeddings = 1 << 16
	dev, err := device.Open("cpu", 1)
	if err != nil {
		t.Fatal(err)
	}
	run, err := newRunner(ctx, dev, c, storage{nf4: dtype == "nf4", dtype: torch.Float32}, newMemorySource(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	logits := make([]float32, c.VocabSize)
	work := func() error {
		return dev.Do(ctx, func(s *torch.Scope) error {
			st, err := run.room(s, 2, 64)
			if err != nil {
				return err
			}
			defer st.close()
			if err := st.prefill(s, 0, []int32{3, 14, 15, 92}, 0, logits); err != nil {
				return err
			}
			return st.lanes(s, []lane{{row: 0, id: 6}}, [][]float32{logits})
		})
	}
	if err := work(); err != nil {
		t.Fatal(err)
	}
	// Room for what the Go runtime may take meanwhile, not for 16 GB of keys and values.
	limit := syscall.Rlimit{Cur: addresses(t) + 512<<20, Max: addresses(t) + 512<<20}
	if err := syscall.Setrlimit(syscall.RLIMIT_AS, &limit); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		err := dev.Do(ctx, func(s *torch.Scope) error {
			st, err := run.room(s, 256, c.MaxPositionEmbeddings)
			if err == nil {
				st.close()
			}
			return err
		})
		var u *core.UserError
		if err = readable(err); !errors.Is(err, core.ErrOutOfMemory) || !errors.As(err, &u) {
			t.Fatalf("16 GB of keys and values: %v", err)
		}
		if err := work(); err != nil {
			t.Fatalf("after a failed allocation: %v", err)
		}
	}
	// A model that does not fit either, past what has room of it.
	if _, err := newRunner(ctx, dev, RinnaShape, storage{nf4: dtype == "nf4", dtype: torch.Float32}, randomSource{shapes: tensorShapes(RinnaShape)}, nil); !errors.Is(err, core.ErrOutOfMemory) {
		t.Fatalf("a model of gigabytes: %v", err)
	}
	if err := work(); err != nil {
		t.Fatalf("after a failed load: %v", err)
	}
	t.Log("went on as " + dtype)
}

// addresses is the address space of this process in bytes.
func addresses(t *testing.T) uint64 {
	t.Helper()
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Fatal(err)
	}
	var pages uint64
	for _, c := range b {
		if c < '0' || c > '9' {
			break
		}
		pages = pages*10 + uint64(c-'0')
	}
	return pages * uint64(os.Getpagesize())
}
