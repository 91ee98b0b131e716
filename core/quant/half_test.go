package quant_test

import (
	"math"
	"testing"

	"kakoi/core/quant"
)

// TestHalf goes through every half, and the numbers halfway between neighbours.
func TestHalf(t *testing.T) {
	value := func(h uint16) float64 {
		if h < 0x400 {
			return float64(h) * 0x1p-24
		}
		return math.Ldexp(1+float64(h&0x3ff)/1024, int(h>>10)-15)
	}
	for h := uint16(0); h < 0x7bff; h++ {
		v, next := value(h), value(h+1)
		even := h
		if h&1 == 1 {
			even = h + 1
		}
		middle := float32((v + next) / 2)
		for x, want := range map[float32]uint16{float32(v): h, middle: even, math.Nextafter32(middle, 0): h, math.Nextafter32(middle, 1e6): h + 1} {
			if got, ok := quant.Half(x); !ok || got != want {
				t.Fatalf("%v: %04x, want %04x", x, got, want)
			}
			if got, ok := quant.Half(-x); !ok || got != want|0x8000 {
				t.Fatalf("%v: %04x, want %04x", -x, got, want|0x8000)
			}
		}
	}
	if h, ok := quant.Half(65519); !ok || h != 0x7bff {
		t.Errorf("65519: %04x, %v", h, ok)
	}
	if _, ok := quant.Half(65520); ok {
		t.Error("65520 fits")
	}
	if h, ok := quant.Half(float32(math.Inf(-1))); !ok || h != 0xfc00 {
		t.Errorf("-Inf: %04x, %v", h, ok)
	}
	if h, ok := quant.Half(float32(math.NaN())); !ok || h&0x7c00 != 0x7c00 || h&0x3ff == 0 {
		t.Errorf("NaN: %04x, %v", h, ok)
	}
}
