//go:build torch

package cuda

// Embed sets x fp32 [n, hidden] to the rows ids int32 [n] of table bf16 [V, hidden].
func (g *GPU) Embed(stream, table, ids, x uintptr, n, hidden int) error { return errTodo }

// LayerNorm writes the normalised rows of x fp32 [n, hidden] as bf16 to y. norm: fp32 weight [hidden], bias [hidden].
func (g *GPU) LayerNorm(stream, x, norm, y uintptr, n, hidden int, eps float32) error { return errTodo }

// BiasAct is y = act(y + bias) in place: y bf16 [n, width], bias fp32 [width].
func (g *GPU) BiasAct(stream, y, bias uintptr, n, width int, act Activation) error { return errTodo }

// BiasResidual is x += y + bias: x fp32 [n, width], y bf16 [n, width], bias fp32 [width].
func (g *GPU) BiasResidual(stream, x, y, bias uintptr, n, width int) error { return errTodo }

// RotaryKV takes qkv bf16 [n, Heads, 3, HeadDim] of the tokens at positions past.. of one row, adds the bias fp32
// [3 Hidden], turns q and k (angles fp32 cos, sin [P, Rotary/2]), writes q bf16 [n, Heads, HeadDim] to q, and k and v
// into the cache at layer and row.
func (g *GPU) RotaryKV(stream, qkv, bias, cos, sin, q uintptr, s Shape, c Cache, layer, row, past, n int) error {
	return errTodo
}
