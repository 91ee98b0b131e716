//go:build torch

package cuda

// #include "driver.h"
import "C"

import (
	"errors"
	"fmt"
	"unsafe"

	"kakoi/core"
)

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
	Head   uintptr // bf16 [V rounded up to 16, Hidden], may be Embed; 0 with Shape.Head4
	Cos    uintptr // fp32 [P, Rotary/2], P >= Cache.Capacity
	Sin    uintptr
}

// LoRA is the low-rank part of one matrix: y += Scale * B (A x). A and B are aligned to 16 bytes.
type LoRA struct {
	A     uintptr // bf16 [Rank, cols]
	B     uintptr // bf16 [rows, Rank]
	Rank  int     // 1 to 64; 0: none
	Scale float32
}

// Adapter is an adapter's parts, by layer and Matrix (QKV to Down).
type Adapter [][4]LoRA

// Lane is one new token. Tokens of one row in one call follow each other, positions p, p+1, .., with one adapter.
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

// Decoder runs the decode step of one model over one cache. It is used by one goroutine at a time, and its
// calls go to one stream.
type Decoder struct {
	gpu     *GPU
	weights Weights
	cache   Cache
	options DecoderOptions
	space   space
	kernels []stepKernel // by lanes
	ranks   [][4]int     // of the adapters, by matrix: the largest of all layers
	pinned  unsafe.Pointer
	busy    bool // the pinned memory may still be read
	traced  bool // block 0 writes down when it does what
}

// space says where things lie in the workspace.
type space struct {
	x, qkv, h, t, sums, normed, part, ml, logits, scores, best, seen, adapters, barrier, clock, input, status, out, total int64
}

// The call's own tables, one copy to the device: offsets in the pinned memory and at space.input.
const (
	atLanes   = 0
	atGroups  = atLanes + 16*MaxLanes
	atUsed    = atGroups + 8*MaxLanes
	atChoice  = atUsed + 4*MaxLanes
	atPrior   = atChoice + 32*MaxLanes
	atUniform = atPrior + 8*MaxLanes
)

// clockStamps is how many numbers one traced step may write.
const clockStamps = 1 << 15

func lay(s Shape, sms int, c Cache, o DecoderOptions) space {
	var p space
	var at int64
	take := func(n int) int64 {
		v := at
		at += (int64(n) + 255) &^ 255
		return v
	}
	l, padded := o.Lanes, (s.Vocab+15)/16*16
	p.x, p.qkv, p.h = take(8*l*s.Hidden), take(8*l*3*s.Hidden), take(8*l*s.Inner)
	p.t, p.sums = take(8*4*MaxLanes*64), take(8*l*padded)
	p.normed = take(2 * l * s.Hidden)
	p.part, p.ml = take(4*l*s.Heads*16*s.HeadDim()), take(8*l*s.Heads*16)
	p.logits, p.scores = take(4*l*s.Vocab), take(4*l*s.Vocab)
	p.best, p.seen = take(8*l*sms), take(4*c.Rows*words(s))
	p.adapters, p.barrier, p.clock = take(24*4*s.Layers*max(1, o.Adapters)), take(8), take(8*clockStamps)
	p.input = take(inputBytes(o))
	p.status, p.out = take(statusBytes), take(4*l*max(o.Steps, 1, c.Capacity/l+1))
	p.total = at
	return p
}

// statusBytes is the room of the status, one number per lane; the tokens stand behind it.
const statusBytes = 256

func words(s Shape) int { return (s.Vocab + 31) / 32 }

func inputBytes(o DecoderOptions) int { return atUniform + 8*MaxLanes*max(1, o.Steps) }

// WorkspaceBytes is how much device memory NewDecoder needs for its workspace.
func (g *GPU) WorkspaceBytes(s Shape, c Cache, o DecoderOptions) int64 {
	return lay(s, g.sms, c, o).total
}

// NewDecoder makes a decoder; workspace is WorkspaceBytes of device memory, aligned to 256; it is the decoder's own until Close. The kernels
// of a new shape are compiled here, which takes seconds; afterwards they come from the cache.
// core.ErrUnsupported: the device or the shape has no kernel.
func (g *GPU) NewDecoder(w Weights, c Cache, workspace uintptr, o DecoderOptions) (*Decoder, error) {
	s := w.Layout.Shape
	if err := s.Validate(); err != nil {
		return nil, err
	}
	if o.Lanes < 1 || o.Lanes > MaxLanes || c.Rows < 1 || c.Capacity < 1 {
		return nil, fmt.Errorf("decoder for %d lanes and %d rows of %d tokens: %w", o.Lanes, c.Rows, c.Capacity, core.ErrUsage)
	}
	d := &Decoder{gpu: g, weights: w, cache: c, options: o, space: lay(s, g.sms, c, o), ranks: make([][4]int, o.Adapters+1)}
	for _, p := range []*int64{
		&d.space.x, &d.space.qkv, &d.space.h, &d.space.t, &d.space.sums, &d.space.normed, &d.space.part, &d.space.ml, &d.space.logits, &d.space.scores,
		&d.space.best, &d.space.seen, &d.space.adapters, &d.space.barrier, &d.space.clock, &d.space.input, &d.space.status, &d.space.out,
	} {
		*p += int64(workspace)
	}
	list, err := fits(s, o.Lanes, g.sms, g.shared)
	if err != nil {
		return nil, err
	}
	// Side by side where there is a cache; what goes wrong is told when the kernels are loaded.
	_ = g.precompile([]Shape{s}, o.Lanes, [][]string{nil})
	for _, f := range list {
		k, err := g.stepKernel(s, f, nil)
		if k.module != nil {
			d.kernels = append(d.kernels, k)
		}
		if err != nil {
			return nil, errors.Join(err, d.Close())
		}
	}
	size := C.size_t(inputBytes(o)) + C.size_t(unsafe.Sizeof(step{}))
	if err := check("pin memory", C.kg_host_alloc(&d.pinned, size)); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	for at, n := range map[int64]int64{d.space.barrier: 8, d.space.status: statusBytes} {
		if err := g.Fill(0, uintptr(at), 0, n); err != nil {
			return nil, errors.Join(err, d.Close())
		}
	}
	if err := g.Fill(0, uintptr(d.space.seen), 0, int64(4*c.Rows*words(s))); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, g.Wait(0)
}

// Close gives back what the decoder holds of the host; the device memory is the caller's.
func (d *Decoder) Close() error {
	var errs []error
	for i, k := range d.kernels {
		if k.module != nil {
			errs = append(errs, check("unload kernels", C.kg_unload(k.module)))
			d.kernels[i] = stepKernel{}
		}
	}
	if d.pinned != nil {
		errs = append(errs, check("unpin memory", C.kg_host_free(d.pinned)))
		d.pinned = nil
	}
	return errors.Join(errs...)
}

// SetAdapter gives the adapter the number n (1 to Adapters); nil takes it away.
func (d *Decoder) SetAdapter(n int, a Adapter) error {
	s := d.weights.Layout.Shape
	if n < 1 || n > d.options.Adapters || (a != nil && len(a) != s.Layers) {
		return fmt.Errorf("adapter %d of %d, %d layers of %d: %w", n, d.options.Adapters, len(a), s.Layers, core.ErrUsage)
	}
	type lora struct {
		a, b  uintptr
		rank  int32
		scale float32
	}
	list := make([]lora, 4*s.Layers)
	d.ranks[n] = [4]int{}
	for i, layer := range a {
		for m, l := range layer {
			if l.Rank < 0 || l.Rank > 64 {
				return fmt.Errorf("adapter of rank %d, at most 64: %w", l.Rank, core.ErrUnsupported)
			}
			list[4*i+m] = lora{l.A, l.B, int32(l.Rank), l.Scale}
			d.ranks[n][m] = max(d.ranks[n][m], l.Rank)
		}
	}
	size := len(list) * int(unsafe.Sizeof(lora{}))
	return d.gpu.Upload(0, uintptr(d.space.adapters)+uintptr((n-1)*size), unsafe.Slice((*byte)(unsafe.Pointer(&list[0])), size))
}

// Step runs the lanes: keys and values go into the cache. With logits set, their logits are left at Logits. It does not
// wait for the device.
func (d *Decoder) Step(stream uintptr, lanes []Lane, logits bool) error {
	mode := int32(0)
	if logits {
		mode = wantLogits
	}
	return d.each(lanes, func(at, n int) error {
		return d.start(stream, lanes[at:at+n], lanes[:at], nil, nil, 1, mode)
	})
}

// Logits is the logits of the last Step: fp32 [Lanes][Vocab].
func (d *Decoder) Logits() uintptr { return uintptr(d.space.logits) }

// ReadLogits copies the logits of lane i of the last Step to dst [Vocab] and waits.
func (d *Decoder) ReadLogits(stream uintptr, i int, dst []float32) error {
	v := d.weights.Layout.Shape.Vocab
	if len(dst) != v || i < 0 || i >= d.options.Lanes {
		return fmt.Errorf("logits of lane %d into %d numbers: %w", i, len(dst), core.ErrUsage)
	}
	var status [1]uint32
	if err := d.gpu.Download(stream, bytesOf(status[:]), uintptr(d.space.status)+uintptr(4*i)); err != nil {
		return err
	}
	if status[0] != 0 {
		return d.failed(stream)
	}
	return d.gpu.Download(stream, unsafe.Slice((*byte)(unsafe.Pointer(&dst[0])), 4*v), d.Logits()+uintptr(4*v*i))
}

// SetSeen forgets what a row has seen (for the repetition penalty) and marks ids.
func (d *Decoder) SetSeen(stream uintptr, row int, ids []int32) error {
	return d.mark(stream, row, ids, 1)
}

// MarkSeen marks more tokens of a row.
func (d *Decoder) MarkSeen(stream uintptr, row int, ids []int32) error {
	return d.mark(stream, row, ids, 0)
}

func (d *Decoder) mark(stream uintptr, row int, ids []int32, fresh int32) error {
	s := d.weights.Layout.Shape
	if row < 0 || row >= d.cache.Rows || len(ids) > d.cache.Capacity {
		return fmt.Errorf("mark %d tokens of row %d: %w", len(ids), row, core.ErrUsage)
	}
	if len(ids) > 0 {
		if err := d.gpu.Upload(stream, uintptr(d.space.out), unsafe.Slice((*byte)(unsafe.Pointer(&ids[0])), 4*len(ids))); err != nil {
			return err
		}
	}
	p := struct {
		seen, ids       int64
		n, words, fresh int32
		_               int32
	}{d.space.seen + int64(4*row*words(s)), d.space.out, int32(len(ids)), int32(words(s)), fresh, 0}
	return launch("mark", d.gpu.base["mark"], 1, 1, 512, 0, stream, unsafe.Pointer(&p), false)
}

// Choose is Step and the choice of each lane's next token by its sampling and a uniform number in [0, 1). Chosen tokens
// are not marked as seen: of several lanes of one row the caller decides how many count (MarkSeen). Lanes of one row
// see the tokens of the lanes before them as seen. A lane whose logits hold no finite number, or whose numbers went wrong on the
// way, has the token -1; where all lanes' did, that is core.ErrCorrupt.
func (d *Decoder) Choose(stream uintptr, lanes []Lane, set []core.Sampling, u []float64) ([]int32, error) {
	if len(set) != len(lanes) || len(u) != len(lanes) {
		return nil, fmt.Errorf("choose for %d lanes: %d settings, %d numbers: %w", len(lanes), len(set), len(u), core.ErrUsage)
	}
	var ids []int32
	err := d.each(lanes, func(at, n int) error {
		if err := d.start(stream, lanes[at:at+n], lanes[:at], set[at:at+n], [][]float64{u[at : at+n]}, 1, wantChoice); err != nil {
			return err
		}
		part, err := d.chosen(stream, at, n, 1)
		ids = append(ids, part...)
		return err
	})
	return ids, err
}

// Run decodes n tokens for each lane, one lane per row: each chosen token is marked as seen and is the next step's input. u
// is [n][lanes]; the result is [n][lanes], -1 as in Choose. Positions advance by n.
func (d *Decoder) Run(stream uintptr, lanes []Lane, set []core.Sampling, u [][]float64, n int) ([][]int32, error) {
	if n < 1 || n > max(1, d.options.Steps) || len(set) != len(lanes) || len(u) != n {
		return nil, fmt.Errorf("run %d steps of %d lanes: %d settings, %d numbers: %w", n, len(lanes), len(set), len(u), core.ErrUsage)
	}
	rows := map[int]bool{}
	for _, l := range lanes {
		if rows[l.Row] || l.Position+n > d.cache.Capacity {
			return nil, fmt.Errorf("run %d steps from position %d of row %d: %w", n, l.Position, l.Row, core.ErrUsage)
		}
		rows[l.Row] = true
	}
	out := make([][]int32, n)
	most := d.mostLanes()
	for at := 0; at < len(lanes); at += most {
		end := min(at+most, len(lanes))
		numbers := make([][]float64, n)
		for i, v := range u {
			if len(v) != len(lanes) {
				return nil, fmt.Errorf("step %d: %d numbers for %d lanes: %w", i, len(v), len(lanes), core.ErrUsage)
			}
			numbers[i] = v[at:end]
		}
		if err := d.start(stream, lanes[at:end], nil, set[at:end], numbers, n, wantChoice|feedBack); err != nil {
			return nil, err
		}
		flat, err := d.chosen(stream, 0, end-at, n)
		if err != nil {
			return nil, err
		}
		for i := range out {
			out[i] = append(out[i], flat[i*(end-at):(i+1)*(end-at)]...)
		}
	}
	return out, nil
}

// mostLanes is how many lanes one launch takes.
func (d *Decoder) mostLanes() int { return d.kernels[len(d.kernels)-1].lanes }

// chosen reads the tokens of some steps of n lanes, the first of which is the at-th of its call, and waits. A lane whose numbers
// went wrong has tokens of -1; where all lanes' did, that is the error.
func (d *Decoder) chosen(stream uintptr, at, n, steps int) ([]int32, error) {
	all := make([]int32, statusBytes/4+n*steps)
	if err := d.gpu.Download(stream, bytesOf(all), uintptr(d.space.status)); err != nil {
		return nil, err
	}
	d.busy = false
	ids, bad := all[statusBytes/4:], 0
	for i, v := range all[at : at+n] {
		if v == 0 {
			continue
		}
		bad++
		for step := range steps {
			ids[step*n+i] = -1
		}
	}
	switch bad {
	case 0:
		return ids, nil
	case n:
		return nil, d.failed(stream)
	}
	return ids, d.gpu.Fill(stream, uintptr(d.space.status), 0, statusBytes)
}

// failed is the error of numbers that went wrong; it clears the status.
func (d *Decoder) failed(stream uintptr) error {
	if err := d.gpu.Fill(stream, uintptr(d.space.status), 0, statusBytes); err != nil {
		return err
	}
	return core.Explain(fmt.Errorf("decode: numbers that are not finite or too large: %w", core.ErrCorrupt), "error.model.numbers")
}
