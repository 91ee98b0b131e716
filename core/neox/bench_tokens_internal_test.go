//go:build torch

package neox

import (
	"math"
	"testing"
	"time"

	"kakoi/core/quant"
)

// The figures of a decode with several rows, drafts and an adapter, and of a prompt with one.
func TestBenchOfSteps(t *testing.T) {
	shape := tinyShape(true)
	for what, want := range map[string][]string{
		"decode":  {"copy", "read", "matmul", "decode", "decode", "verify", "verify", "verify", "verify", "verify"},
		"prefill": {"copy", "read", "matmul", "prefill"},
	} {
		var got []BenchResult
		opt := BenchOptions{Shape: shape, Load: LoadOptions{Device: "cpu", DType: "fp32"}, Prompt: 20, New: 4, Batch: 3, LoRA: 2, Seconds: 0.01}
		if err := Bench(t.Context(), what, opt, func(r BenchResult) { got = append(got, r) }); err != nil {
			t.Fatal(err)
		}
		if len(got) != len(want) {
			t.Fatalf("%s: %+v", what, got)
		}
		for i, r := range got {
			if r.Name != want[i] || !(r.Milliseconds > 0) || i > 2 && (r.LoRA != 2 || !(r.OfLimit > 0)) {
				t.Errorf("%s: figure %d: %+v", what, i, r)
			}
		}
		if what == "decode" && (got[4].Rows != 3 || !(got[4].OfOne > 0) || got[4].Tokens != 12 || got[9].Rows != 16 || got[3].BytesPerTok <= got[4].BytesPerTok) {
			t.Errorf("rows and drafts: %+v", got[3:])
		}
	}
}

// The figures of our own kernels on the CPU have their limits measured beside them.
func TestBenchOfOwnKernels(t *testing.T) {
	shape := shapes4["512 wide, heads of 64"]
	if !runs4Bit("cpu", shape) {
		return // plain C: libtorch runs the model
	}
	for what, want := range map[string][]string{
		"decode":  {"copy", "read", "matmul", "matmul with loads", "decode", "verify", "verify", "verify", "verify", "verify"},
		"prefill": {"copy", "read", "matmul", "matmul with loads", "prefill"},
	} {
		var got []BenchResult
		opt := BenchOptions{Shape: shape, Load: LoadOptions{Device: "cpu", DType: "nf4"}, Prompt: 20, New: 4, Seconds: 0.01}
		if err := Bench(t.Context(), what, opt, func(r BenchResult) { got = append(got, r) }); err != nil {
			t.Fatal(err)
		}
		if len(got) != len(want) {
			t.Fatalf("%s: %+v", what, got)
		}
		for i, r := range got {
			if r.Name != want[i] || !(r.Milliseconds > 0) || r.Name == what && (!(r.Beside > 0) || !(r.OfLimit > 0)) {
				t.Errorf("%s: figure %d: %+v", what, i, r)
			}
		}
	}
}

func TestSinceStart(t *testing.T) {
	a, err := sinceStart()
	if err != nil || a < 0 || a > 24*time.Hour {
		t.Fatalf("%v, %v", a, err)
	}
	time.Sleep(30 * time.Millisecond)
	b, err := sinceStart()
	if d := b - a; err != nil || d < 25*time.Millisecond || d > 10*time.Second {
		t.Errorf("30 ms later: %v more, %v", d, err)
	}
}

// appendBF16 rounds as core/quant does: values that went through it change no more.
func TestAppendBF16(t *testing.T) {
	vals := append(hashUniform("bf16", 4096), 0, 1, -2.5, float32(math.Inf(1)), math.MaxFloat32, 1e-40, 1.00390625, 1.01171875)
	for _, v := range vals {
		got := bf16(v)
		if math.Float32bits(got)&0xffff != 0 || bf16(got) != got || math.Abs(float64(got-v)) > math.Abs(float64(v))/256 && !math.IsInf(float64(got), 0) && v > 1e-38 {
			t.Errorf("%v became %v", v, got)
		}
	}
	if bf16(1.00390625) != 1 || bf16(1.01171875) != 1.015625 { // halfway: to even
		t.Errorf("halves: %v, %v", bf16(1.00390625), bf16(1.01171875))
	}
	if v := bf16(float32(math.NaN())); v == v {
		t.Errorf("no number became %v", v)
	}
	if s, err := quant.Quantize(appendBF16(nil, vals[:4096]), "bfloat16", []int64{64, 64}, true); err != nil || len(s.Packed) != 2048 {
		t.Errorf("quantise: %v", err)
	}
}

// Loading a folder is measured the whole way to the first token, beside the reading of its files.
func TestBenchOfLoading(t *testing.T) {
	var got []BenchResult
	opt := BenchOptions{Dir: starterDir, Load: LoadOptions{Device: "cpu", DType: "fp32"}, Seconds: 0.01}
	if err := Bench(t.Context(), "load", opt, func(r BenchResult) { got = append(got, r) }); err != nil {
		t.Fatal(err)
	}
	want := []string{"first token", "file copy", "load"}
	if len(got) != len(want) {
		t.Fatalf("%+v", got)
	}
	for i, r := range got {
		if r.Name != want[i] || !(r.Milliseconds > 0) || i > 0 && !(r.GBPerSec > 0) {
			t.Errorf("figure %d: %+v", i, r)
		}
	}
	if got[0].Tokens < 5 || got[0].DType != "fp32" || !(got[2].OfLimit > 0) {
		t.Errorf("%+v", got)
	}
}
