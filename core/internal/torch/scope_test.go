//go:build torch

package torch_test

import (
	"errors"
	"math"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"kakoi/core"
	"kakoi/core/internal/torch"
	"kakoi/core/internal/torch/torchtest"
)

func scope(t *testing.T) *torch.Scope {
	t.Helper()
	torchtest.Setup(t)
	runtime.LockOSThread()
	torch.Prepare(2)
	s := torch.NewScope(-1)
	t.Cleanup(func() { s.Close(); runtime.UnlockOSThread() })
	return s
}

// resident is the process's resident memory in bytes.
func resident(t *testing.T) int64 {
	t.Helper()
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Fatal(err)
	}
	pages, err := strconv.ParseInt(strings.Fields(string(b))[1], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return pages * int64(os.Getpagesize())
}

// TestNoLeak: 100,000 operations, and 1,000 that fail, leave no handle behind and at most 4 MiB (64 KiB tensors: one
// leaked in a hundred would be 64 MiB).
func TestNoLeak(t *testing.T) {
	s := scope(t)
	x := s.Normal(s.Empty(torch.Float32, 16384), 0, 1)
	held := torch.Live()
	round := func(n int) {
		for range n / 10 {
			y := s.In(func(s *torch.Scope) torch.Tensor {
				z := s.View(s.Add(s.Mul(x, x), x), 128, 128)
				z = s.Gelu(s.Linear(z, z, torch.Tensor{}), true)
				return s.AddTo(s.Softmax(s.Transpose(z, 0, 1), 1), z)
			})
			s.Drop(y)
		}
	}
	fail := func(n int) {
		for range n {
			in := torch.NewScope(-1)
			in.View(in.Add(x, x), 3, 5)
			if in.Err() == nil {
				t.Fatal("a view of another size")
			}
			in.Close()
		}
	}
	round(5000)
	fail(20)
	runtime.GC()
	before := resident(t)
	round(100_000)
	fail(1000)
	runtime.GC()
	if n := torch.Live(); n != held {
		t.Errorf("%d handles before, %d after", held, n)
	}
	if grown := resident(t) - before; grown > 4<<20 {
		t.Errorf("resident memory grew by %d bytes", grown)
	}
	if s.Err() != nil {
		t.Error(s.Err())
	}
}

// TestStickyError: the first error stays, later operations do nothing, Close forgets it.
func TestStickyError(t *testing.T) {
	s := scope(t)
	a := s.Floats([]float32{1, 2, 3, 4}, 2, 2)
	b := s.Floats([]float32{1, 2, 3}, 3)
	if !s.Add(s.MatMul(a, b), a).None() || s.Err() == nil || !strings.Contains(s.Err().Error(), "matmul") || strings.Contains(s.Err().Error(), "\n") {
		t.Errorf("%v", s.Err())
	}
	first, live := s.Err(), torch.Live()
	if !s.Add(a, a).None() || s.Err() != first || torch.Live() != live {
		t.Errorf("work went on after %v", first)
	}
	s.Close()
	if s.Err() != nil || torch.Live() != live-2 {
		t.Errorf("after Close: %v, %d handles", s.Err(), torch.Live())
	}
	s.Add(torch.Tensor{}, torch.Tensor{})
	if s.Err() == nil {
		t.Error("no tensor was added to no tensor")
	}
}

func TestKeepAndIn(t *testing.T) {
	s := scope(t)
	var o torch.Owner
	kept := s.Keep(&o, s.Floats([]float32{1, 2}, 2))
	sum := s.In(func(s *torch.Scope) torch.Tensor { s.Mul(kept, kept); return s.Add(kept, kept) })
	same := s.In(func(*torch.Scope) torch.Tensor { return sum })
	got := make([]float32, 2)
	s.Read(same, got)
	if got[1] != 4 || s.Err() != nil {
		t.Errorf("%v, %v", got, s.Err())
	}
	s.Close()
	s.Read(kept, got)
	if got[1] != 2 || o.Len() != 1 || torch.Live() < 1 {
		t.Errorf("kept %v", got)
	}
	o.Close()
	o.Close()
	if o.Len() != 0 {
		t.Error("the owner still holds something")
	}
}

func TestOutOfMemory(t *testing.T) {
	s := scope(t)
	s.Empty(torch.Float32, 1<<46)
	if !errors.Is(s.Err(), core.ErrOutOfMemory) {
		t.Errorf("%v", s.Err())
	}
}

// TestSmallLinear holds our matrix-vector kernel against libtorch's product, for each dtype, row count and bias.
func TestSmallLinear(t *testing.T) {
	s := scope(t)
	for _, dtype := range []torch.DType{torch.Float32, torch.BFloat16, torch.Float16} {
		for rows := int64(1); rows <= 5; rows++ {
			for _, shape := range [][2]int64{{1, 16}, {7, 48}, {301, 512}, {64, 2048}} {
				for _, bias := range []bool{false, true} {
					out, in := shape[0], shape[1]
					x := s.To(s.Normal(s.Empty(torch.Float32, rows, in), 0, 1), dtype)
					w := s.To(s.Normal(s.Empty(torch.Float32, out, in), 0, 1), dtype)
					b := torch.Tensor{}
					if bias {
						b = s.To(s.Normal(s.Empty(torch.Float32, out), 0, 1), dtype)
					}
					ours, theirs := make([]float32, rows*out), make([]float32, rows*out)
					s.Read(s.Linear(x, w, b), ours)
					// The reference is fp32 over the same rounded numbers.
					torch.SmallLinear(false)
					wide := func(t torch.Tensor) torch.Tensor {
						if t.None() {
							return t
						}
						return s.To(t, torch.Float32)
					}
					s.Read(s.Linear(wide(x), wide(w), wide(b)), theirs)
					torch.SmallLinear(true)
					if s.Err() != nil {
						t.Fatal(s.Err())
					}
					step := map[torch.DType]float64{torch.Float32: 4e-6, torch.Float16: 1.0 / 1024, torch.BFloat16: 1.0 / 128}[dtype]
					for i := range ours {
						limit := step * (math.Abs(float64(theirs[i])) + math.Sqrt(float64(in)))
						if d := math.Abs(float64(ours[i] - theirs[i])); !(d <= limit) {
							t.Fatalf("%v rows %d shape %v bias %v: element %d is %v, want %v", dtype, rows, shape, bias, i, ours[i], theirs[i])
						}
					}
					s.Close()
				}
			}
		}
	}
}
