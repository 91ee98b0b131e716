//go:build torch

package cuda

// #include "driver.h"
import "C"

import (
	_ "embed"
	"fmt"
	"unsafe"

	"kakoi/core"
)

//go:embed train.cu
var trainSource string

// TrainShape is what the kernels of a training step are compiled for.
type TrainShape struct{ Hidden, Heads, Rotary int }

// fits says whether there are kernels for the shape.
func (s TrainShape) fits() bool {
	return s.Hidden > 0 && s.Hidden <= 8192 && s.Heads > 0 && s.Hidden%(16*s.Heads) == 0 && s.Rotary%16 == 0 && s.Rotary <= s.Hidden/s.Heads
}

func (s TrainShape) options() []string {
	return []string{
		fmt.Sprintf("-DWIDTH=%d", s.Hidden), fmt.Sprintf("-DHEADS=%d", s.Heads), fmt.Sprintf("-DHEAD=%d", s.Hidden/s.Heads), fmt.Sprintf("-DROTARY=%d", s.Rotary),
	}
}

var trainKernels = []string{
	"train_norm", "train_norm_back", "train_norm_back_8", "train_norm_back_16", "train_down_8", "train_down_16", "train_down_turned_8", "train_down_turned_16",
	"train_turn", "train_up_8", "train_up_16", "train_gather", "train_outer_8", "train_outer_16", "train_sum", "train_masked_8", "train_masked_16", "train_entropy",
}

// Training is the kernels of a training step in bf16 (train.cu). Pointers are to row-major bf16 matrices on the device unless something else
// is said; n is the number of tokens. They take LoRAs of the ranks that Rank allows.
type Training struct {
	gpu   *GPU
	shape TrainShape
	by    map[string]C.kg_handle
}

// Training makes the kernels for a shape ready. core.ErrUnsupported: there are none for it.
func (g *GPU) Training(s TrainShape) (*Training, error) {
	if t := g.training[s]; t != nil {
		return t, nil
	}
	if !s.fits() || g.arch < 80 {
		return nil, fmt.Errorf("training kernels for %+v on compute capability %d: %w", s, g.arch, core.ErrUnsupported)
	}
	m, err := g.module("train", commonSource+trainSource, s.options())
	if err != nil {
		return nil, err
	}
	t := &Training{gpu: g, shape: s, by: map[string]C.kg_handle{}}
	g.modules = append(g.modules, m)
	for _, name := range trainKernels {
		if t.by[name], err = function(m, name); err != nil {
			return nil, err
		}
	}
	g.training[s] = t
	return t, nil
}

// Rank says whether the kernels take LoRAs of a rank.
func (t *Training) Rank(r int) bool { return r == 8 || r == 16 }

func (t *Training) run(stream uintptr, name string, gx, gy int64, threads int, params unsafe.Pointer) error {
	f, ok := t.by[name]
	if !ok {
		return fmt.Errorf("kernel %s: %w", name, core.ErrUnsupported)
	}
	return launch(name, f, int(gx), int(gy), threads, 0, stream, params, false)
}

// TrainNorm is a LayerNorm of [n, Hidden]. With add (0: none) x becomes x + add first. mean and rstd: fp32 [n].
type TrainNorm struct {
	X, Add, W, B, Y, Mean, RStd uintptr
	N                           int64
	Eps                         float32
	_                           int32
}

// Norm queues it.
func (t *Training) Norm(stream uintptr, p TrainNorm) error {
	return t.run(stream, "train_norm", (p.N+3)/4, 1, 128, unsafe.Pointer(&p))
}

// TrainDropout leaves out a share of numbers, the same ones for a seed.
type TrainDropout struct {
	Seed  uint64
	Drop  uint32 // share in 65536
	Scale float32
}

// NewDropout is a Dropout of share p, at least 0 and less than 1.
func NewDropout(p float64, seed uint64) TrainDropout {
	return TrainDropout{Seed: seed, Drop: uint32(p*65536 + 0.5), Scale: float32(1 / (1 - p))}
}

// TrainNormBack makes of the gradient DY [n, Hidden] of a LayerNorm's result that of its input X, plus Add (0: none). With Low fp32 [n, R]
// (0: none), DY first gets dropout(Low A), A [R, Hidden].
type TrainNormBack struct {
	DY, X, W, Mean, RStd, Add, Low, A uintptr
	Drop                              TrainDropout
	N                                 int64
}

// NormBack queues it.
func (t *Training) NormBack(stream uintptr, p TrainNormBack, rank int) error {
	name := "train_norm_back"
	if p.Low != 0 {
		name = fmt.Sprintf("train_norm_back_%d", rank)
	}
	return t.run(stream, name, (p.N+3)/4, 1, 128, unsafe.Pointer(&p))
}

// TrainDown is Low fp32 [n, R] = scale dropout(X) W^T: X [n, width], W [R, width], or [width, R] where turned.
type TrainDown struct {
	X, W, Low uintptr
	Drop      TrainDropout
	N         int64
	Scale     float32
	Width     int32
}

// Down queues it.
func (t *Training) Down(stream uintptr, p TrainDown, rank int, turned bool) error {
	name := fmt.Sprintf("train_down_%d", rank)
	if turned {
		name = fmt.Sprintf("train_down_turned_%d", rank)
	}
	rows := int64(4 * 64 / max(rank, 8))
	return t.run(stream, name, (p.N+rows-1)/rows, 1, 128, unsafe.Pointer(&p))
}

// TrainUp is Y [n, width] += scale Low W^T: Low fp32 [n, R], W [width, R]. With Cos and Sin [n, Rotary/2] (0: none) Y is [n, Heads, 3,
// Hidden/Heads], and q and k are turned.
type TrainUp struct {
	Y, Low, W, Cos, Sin uintptr
	N                   int64
	Scale               float32
	Width, each, _      int32
}

// Up queues it; rank 0 only turns.
func (t *Training) Up(stream uintptr, p TrainUp, rank int) error {
	name := "train_turn"
	if rank > 0 {
		name = fmt.Sprintf("train_up_%d", rank)
	}
	p.each = 16
	threads := (p.N + int64(p.each) - 1) / int64(p.each) * int64(p.Width/16)
	return t.run(stream, name, (threads+127)/128, 1, 128, unsafe.Pointer(&p))
}

// TrainGather puts DQ, DK and DV [n, Heads, Hidden/Heads] together as Out [n, Heads, 3, Hidden/Heads], with DQ and DK turned back by Cos and
// Sin [n, Rotary/2] (0: not).
type TrainGather struct {
	DQ, DK, DV, Out, Cos, Sin uintptr
	N                         int64
}

// Gather queues it.
func (t *Training) Gather(stream uintptr, p TrainGather) error {
	n := p.N * int64(3*t.shape.Hidden/16)
	return t.run(stream, "train_gather", (n+255)/256, 1, 256, unsafe.Pointer(&p))
}

// TrainOuter is To fp32 [width, R], or [R, width] where Turned, += scale dropout(X)^T Low: X [n, width], Low fp32 [n, R]. With Mean and RStd
// fp32 [n] (0: none) X is normalised first with W and B [width], as Norm does. Part: scratch of OuterBytes.
type TrainOuter struct {
	X, Low, Part, Mean, RStd, W, B uintptr
	Drop                           TrainDropout
	N                              int64
	Width, slices                  int32
}

// slices is into how many parts the rows are cut: enough for the device's multiprocessors, and one more block's work is not less than 32 rows.
func (t *Training) slices(width int, n int64) int64 {
	across := int64(width/8+127) / 128
	return max(1, min((int64(4*t.gpu.sms)+across-1)/across, (n+31)/32))
}

// OuterBytes is the scratch that Outer needs.
func (t *Training) OuterBytes(width, rank int, n int64) int64 {
	return 4 * int64(width) * int64(rank) * t.slices(width, n)
}

// Outer queues it.
func (t *Training) Outer(stream uintptr, p TrainOuter, to uintptr, rank int, scale float32, turned bool) error {
	slices := t.slices(int(p.Width), p.N)
	p.slices = int32(slices)
	if err := t.run(stream, fmt.Sprintf("train_outer_%d", rank), int64(p.Width/8+127)/128, slices, 128, unsafe.Pointer(&p)); err != nil {
		return err
	}
	q := struct {
		part, to                            uintptr
		scale                               float32
		width, rank, slices, turned, unused int32
	}{part: p.Part, to: to, scale: scale, width: p.Width, rank: int32(rank), slices: p.slices}
	if turned {
		q.turned = 1
	}
	return t.run(stream, "train_sum", (int64(p.Width)*int64(rank)+255)/256, 1, 256, unsafe.Pointer(&q))
}

// TrainMasked is Y [n, width] += dropout(Low A): Low fp32 [n, R], A [R, width].
type TrainMasked struct {
	Y, Low, A   uintptr
	Drop        TrainDropout
	N           int64
	Width, each int32
}

// Masked queues it.
func (t *Training) Masked(stream uintptr, p TrainMasked, rank int) error {
	p.each = 16
	threads := (p.N + int64(p.each) - 1) / int64(p.each) * int64(p.Width/8)
	return t.run(stream, fmt.Sprintf("train_masked_%d", rank), (threads+127)/128, 1, 128, unsafe.Pointer(&p))
}

// TrainEntropy is the cross entropy of Logits fp32 [n, vocab] at Targets int64 [n]: Loss fp32 [n], and with Grad (0: not) the gradient of
// the logits [n, vocab]. vocab is a multiple of 4.
type TrainEntropy struct {
	Logits, Targets, Grad, Loss uintptr
	Vocab, _                    int32
}

// Entropy queues it.
func (t *Training) Entropy(stream uintptr, p TrainEntropy, n int64) error {
	return t.run(stream, "train_entropy", n, 1, 1024, unsafe.Pointer(&p))
}

// Clock tells how the device's time is spread over what is queued on a stream.
type Clock struct {
	stream uintptr
	names  []string
	events []C.kg_handle
}

// NewClock begins at what is queued by now.
func NewClock(stream uintptr) (*Clock, error) {
	c := &Clock{stream: stream}
	return c, c.Mark("")
}

// Mark calls what was queued since the last mark name.
func (c *Clock) Mark(name string) error {
	var e C.kg_handle
	if err := check("make an event", C.kg_event(&e)); err != nil {
		return err
	}
	c.names, c.events = append(c.names, name), append(c.events, e)
	return check("record an event", C.kg_record(e, handle(c.stream)))
}

// Stop gives the milliseconds of each name, and frees the clock.
func (c *Clock) Stop() (map[string]float64, error) {
	defer func() {
		for _, e := range c.events {
			C.kg_event_free(e)
		}
		c.events, c.names = nil, nil
	}()
	out := map[string]float64{}
	for i := 1; i < len(c.events); i++ {
		var ms C.float
		if err := check("time on the device", C.kg_elapsed(c.events[i-1], c.events[i], &ms)); err != nil {
			return nil, err
		}
		out[c.names[i]] += float64(ms)
	}
	return out, nil
}
