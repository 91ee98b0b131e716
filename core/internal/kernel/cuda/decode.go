//go:build torch

package cuda

import (
	"errors"

	"kakoi/core"
)

var errTodo = errors.New("not built yet")

// Cache is the KV cache's memory: K and V, bf16 [Layers][Rows][Heads][Capacity][HeadDim] each.
type Cache struct {
	K, V           uintptr
	Rows, Capacity int
}

// Bytes is the size of K, and of V.
func (c Cache) Bytes(s Shape) int64 {
	return 2 * int64(s.Layers) * int64(c.Rows) * int64(s.Hidden) * int64(c.Capacity)
}

// Weights is a model's memory.
type Weights struct {
	Layout Layout
	Block  uintptr // Layout.Bytes()
	Embed  uintptr // bf16 [V, Hidden]
	Head   uintptr // bf16 [V, Hidden], may be Embed; 0 with Shape.Head4
	Cos    uintptr // fp32 [P, Rotary/2], P >= Cache.Capacity
	Sin    uintptr
}

// LoRA is the low-rank part of one matrix: y += Scale * B (A x).
type LoRA struct {
	A     uintptr // bf16 [Rank, cols]
	B     uintptr // bf16 [rows, Rank]
	Rank  int     // 1 to 64; 0: none
	Scale float32
}

// Adapter is an adapter's parts, by layer and Matrix (QKV to Down).
type Adapter [][4]LoRA

// Lane is one new token. Tokens of one row in one call follow each other: positions p, p+1, ..
type Lane struct {
	Row      int
	Position int // tokens of the row before it
	ID       int32
	Adapter  int // 0: none; n: as SetAdapter named it
}

// DecoderOptions says what a Decoder must have room for.
type DecoderOptions struct {
	Lanes    int // at most MaxLanes
	Adapters int // adapters that are attached at the same time
	Steps    int // tokens of one Run
}

// Decoder runs the decode step of one model over one cache.
type Decoder struct {
	gpu *GPU
}

// WorkspaceBytes is how much device memory NewDecoder needs for its workspace.
func (g *GPU) WorkspaceBytes(s Shape, c Cache, o DecoderOptions) int64 { return 0 }

// NewDecoder makes a decoder; workspace is WorkspaceBytes of device memory, aligned to 256, its own until Close.
// core.ErrUnsupported: the device or the shape has no kernel.
func (g *GPU) NewDecoder(w Weights, c Cache, workspace uintptr, o DecoderOptions) (*Decoder, error) {
	return nil, errTodo
}

// Close gives back what the decoder holds of the host; the device memory is the caller's.
func (d *Decoder) Close() error { return nil }

// SetAdapter gives the adapter the number n (1 to Adapters); nil takes it away.
func (d *Decoder) SetAdapter(n int, a Adapter) error { return errTodo }

// Step runs the lanes: keys and values go into the cache. With logits set, their logits are left at Logits.
func (d *Decoder) Step(stream uintptr, lanes []Lane, logits bool) error { return errTodo }

// Logits is the logits of the last Step: fp32 [Lanes][Vocab].
func (d *Decoder) Logits() uintptr { return 0 }

// ReadLogits copies the logits of lane i of the last Step to dst [Vocab] and waits.
func (d *Decoder) ReadLogits(stream uintptr, i int, dst []float32) error { return errTodo }

// SetSeen forgets what a row has seen (for the repetition penalty) and marks ids.
func (d *Decoder) SetSeen(stream uintptr, row int, ids []int32) error { return errTodo }

// Choose is Step and the choice of each lane's next token by its sampling and a uniform number in [0, 1). Chosen tokens
// are not marked as seen: of several lanes of one row the caller decides how many count (MarkSeen). Lanes of one row
// see the tokens of the lanes before them as seen.
func (d *Decoder) Choose(stream uintptr, lanes []Lane, set []core.Sampling, u []float64) ([]int32, error) {
	return nil, errTodo
}

// MarkSeen marks more tokens of a row.
func (d *Decoder) MarkSeen(stream uintptr, row int, ids []int32) error { return errTodo }

// Run decodes n tokens for each lane, one lane per row: each chosen token is marked as seen and is the next step's input. u
// is [n][lanes]; the result is [n][lanes]. Positions advance by n.
func (d *Decoder) Run(stream uintptr, lanes []Lane, set []core.Sampling, u [][]float64, n int) ([][]int32, error) {
	return nil, errTodo
}
