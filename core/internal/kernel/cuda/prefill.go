//go:build torch

package cuda

import (
	"fmt"
	"unsafe"

	"kakoi/core"
)

// Embed sets x fp32 [n, hidden] to the rows ids int32 [n] of table bf16 [V, hidden].
func (g *GPU) Embed(stream, table, ids, x uintptr, n, hidden int) error {
	p := struct {
		table, ids, x uintptr
		n, hidden     int32
	}{table, ids, x, int32(n), int32(hidden)}
	return launch("embed", g.base["embed"], n, 1, 256, 0, stream, unsafe.Pointer(&p), false)
}

// LayerNorm writes the normalised rows of x fp32 [n, hidden] as bf16 to y. norm: fp32 weight [hidden], bias [hidden].
func (g *GPU) LayerNorm(stream, x, norm, y uintptr, n, hidden int, eps float32) error {
	p := struct {
		x, norm, y uintptr
		n, hidden  int32
		eps        float32
		_          int32
	}{x, norm, y, int32(n), int32(hidden), eps, 0}
	return launch("layer_norm", g.base["layer_norm"], n, 1, 256, 0, stream, unsafe.Pointer(&p), false)
}

type biasParams struct {
	y, bias, x    uintptr
	n, width, act int32
	_             int32
}

// BiasAct is y = act(y + bias) in place: y bf16 [n, width], bias fp32 [width].
func (g *GPU) BiasAct(stream, y, bias uintptr, n, width int, act Activation) error {
	p := biasParams{y: y, bias: bias, n: int32(n), width: int32(width), act: int32(act)}
	if width%8 != 0 || n > 65535 {
		return fmt.Errorf("activate %d x %d: %w", n, width, core.ErrUnsupported)
	}
	return launch("bias_act", g.base["bias_act"], (width/8+255)/256, n, 256, 0, stream, unsafe.Pointer(&p), false)
}

// BiasResidual is x += y + bias: x fp32 [n, width], y bf16 [n, width], bias fp32 [width].
func (g *GPU) BiasResidual(stream, x, y, bias uintptr, n, width int) error {
	p := biasParams{y: y, bias: bias, x: x, n: int32(n), width: int32(width)}
	return launch("bias_residual", g.base["bias_residual"], g.across(n, width), 1, 256, 0, stream, unsafe.Pointer(&p), false)
}

// AddNorm is BiasResidual and LayerNorm in one: x += y + bias, then out bf16 [n, hidden] is the normalised x. hidden is a
// multiple of 4.
func (g *GPU) AddNorm(stream, x, y, bias, norm, out uintptr, n, hidden int, eps float32) error {
	p := struct {
		x, y, bias, norm, out uintptr
		n, hidden             int32
		eps                   float32
		_                     int32
	}{x, y, bias, norm, out, int32(n), int32(hidden), eps, 0}
	return launch("add_norm", g.base["add_norm"], n, 1, 256, 4*hidden, stream, unsafe.Pointer(&p), false)
}

// across is the number of blocks for n x width elements, two per thread, at most eight blocks per multiprocessor.
func (g *GPU) across(n, width int) int { return max(1, min(8*g.sms, (n*width/2+255)/256)) }

// RotaryKV takes qkv bf16 [n, Heads, 3, HeadDim] of the tokens at positions past.. of one row, adds the bias fp32
// [3 Hidden], turns q and k (angles fp32 cos, sin [P, Rotary/2]), writes q bf16 [n, Heads, HeadDim] to q, and k and v
// into the cache at layer and row.
func (g *GPU) RotaryKV(stream, qkv, bias, cos, sin, q uintptr, s Shape, c Cache, layer, row, past, n int) error {
	if row < 0 || row >= c.Rows || past < 0 || past+n > c.Capacity {
		return fmt.Errorf("tokens %d to %d of row %d do not fit the cache: %w", past, past+n, row, core.ErrTooLarge)
	}
	at := uintptr((layer*c.Rows + row) * s.Hidden * c.Capacity * 2)
	p := struct {
		qkv, bias, cos, sin, q, k, v              uintptr
		heads, dim, rotary, capacity, past, count int32
	}{qkv, bias, cos, sin, q, c.K + at, c.V + at, int32(s.Heads), int32(s.HeadDim()), int32(s.Rotary), int32(c.Capacity), int32(past), int32(n)}
	kernel := "rotary_kv"
	if s.Rotary%16 == 0 && (s.HeadDim()-s.Rotary)%8 == 0 {
		kernel = "rotary_kv8"
	}
	return launch(kernel, g.base[kernel], n, 1, 256, 0, stream, unsafe.Pointer(&p), false)
}
