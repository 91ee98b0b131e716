//go:build torch

package cuda

// #include "driver.h"
import "C"

import (
	"fmt"
	"unsafe"

	"kakoi/core"
)

// Modes of a step (ring.cu).
const (
	wantLogits = 1
	wantChoice = 2
	feedBack   = 4
)

// step is struct Step of ring.cu.
type step struct {
	block, embed, head, cos, sin, keys, values uintptr
	x, qkv, h, t, sums, normed, part, ml       int64
	logits, scores, best                       int64
	lanes, groups, adapters, used              int64
	choice, prior, uniform, seen, out          int64
	status, barrier, clock                     int64
	layer                                      int64
	codes, scales, factor, bias                [4]int64
	norm                                       [2]int64
	final, headScales, headFactor              int64
	nLanes, nGroups, nUsed, lora               int32
	steps, mode, rows, capacity                int32
	eps                                        float32
	lowTiles                                   int32
	nPrior, _                                  int32
}

// choice is struct Choice.
type choice struct {
	temperature, penalty float32
	topP                 float64
	topK, _              int32
}

// stepKernel is the decode kernel for a shape and a number of lanes.
type stepKernel struct {
	module, function C.kg_handle
	params           C.kg_ptr // where the struct lies
	shared, lanes    int
}

// partSize is part_size of stage.cu: how long the parts are into which a token's attention is cut.
func partSize(position int) int {
	size := 64
	for size*16 <= position {
		size *= 2
	}
	return size
}

// each runs f over pieces of the lanes: as many as a launch takes, in which the tokens of a row cut their context alike. Nearly always it
// is one.
func (d *Decoder) each(lanes []Lane, f func(at, n int) error) error {
	if len(lanes) == 0 || len(lanes) > d.options.Lanes {
		return fmt.Errorf("%d lanes of at most %d: %w", len(lanes), d.options.Lanes, core.ErrUsage)
	}
	at := 0
	for i := 1; i <= len(lanes); i++ {
		if i < len(lanes) && i-at < d.mostLanes() && (lanes[i].Row != lanes[i-1].Row || partSize(lanes[i].Position) == partSize(lanes[i-1].Position)) {
			continue
		}
		if err := f(at, i-at); err != nil {
			return err
		}
		at = i
	}
	return nil
}

// start queues steps for lanes whose results go to the places after those of prior, the lanes of the same call that an earlier launch
// computed: their tokens count as seen.
func (d *Decoder) start(stream uintptr, lanes, prior []Lane, set []core.Sampling, u [][]float64, steps int, mode int32) error {
	s, w := d.weights.Layout.Shape, d.weights
	if d.busy {
		if err := d.gpu.Wait(stream); err != nil {
			return err
		}
	}
	in := unsafe.Slice((*byte)(d.pinned), inputBytes(d.options))
	table := unsafe.Slice((*[4]int32)(unsafe.Pointer(&in[atLanes])), MaxLanes)
	groups := unsafe.Slice((*[2]int32)(unsafe.Pointer(&in[atGroups])), MaxLanes)
	used := unsafe.Slice((*int32)(unsafe.Pointer(&in[atUsed])), MaxLanes)
	nGroups, nUsed, lora, tiles := 0, 0, int32(0), 0
	for i, l := range lanes {
		if l.Row < 0 || l.Row >= d.cache.Rows || l.Position < 0 || l.Position+steps > d.cache.Capacity || l.ID < 0 || int(l.ID) >= s.Vocab ||
			l.Adapter < 0 || l.Adapter > d.options.Adapters {
			return fmt.Errorf("lane %d: token %d at position %d of row %d with adapter %d: %w", i, l.ID, l.Position, l.Row, l.Adapter, core.ErrUsage)
		}
		table[i] = [4]int32{int32(l.Row), int32(l.Position), l.ID, int32(l.Adapter)}
		if i > 0 && l.Row == lanes[i-1].Row {
			if l.Position != lanes[i-1].Position+1 || l.Adapter != lanes[i-1].Adapter {
				return fmt.Errorf("lane %d: position %d of row %d with adapter %d after %d with %d: %w", i, l.Position, l.Row, l.Adapter, lanes[i-1].Position, lanes[i-1].Adapter, core.ErrUsage)
			}
			groups[nGroups-1][1]++
		} else {
			groups[nGroups] = [2]int32{int32(i), 1}
			nGroups++
		}
		if l.Adapter > 0 {
			for m, rank := range d.ranks[l.Adapter] {
				if rank > 0 {
					lora |= 1 << m
					tiles = max(tiles, (rank+15)/16)
				}
			}
			known := false
			for _, a := range used[:nUsed] {
				known = known || a == int32(l.Adapter)
			}
			if !known {
				used[nUsed] = int32(l.Adapter)
				nUsed++
			}
		}
	}
	if len(prior) > MaxLanes {
		return fmt.Errorf("%d lanes before: %w", len(prior), core.ErrUsage)
	}
	before := unsafe.Slice((*[2]int32)(unsafe.Pointer(&in[atPrior])), MaxLanes)
	for i, l := range prior {
		before[i] = [2]int32{int32(l.Row), l.ID}
	}
	size := atUniform
	if set != nil {
		list := unsafe.Slice((*choice)(unsafe.Pointer(&in[atChoice])), MaxLanes)
		for i, v := range set {
			c := choice{temperature: float32(v.Temperature), penalty: float32(v.RepetitionPenalty), topP: v.TopP, topK: int32(v.TopK)}
			if c.penalty == 0 {
				c.penalty = 1
			}
			if c.topP == 0 {
				c.topP = 1
			}
			list[i] = c
		}
		numbers := unsafe.Slice((*float64)(unsafe.Pointer(&in[atUniform])), MaxLanes*max(1, d.options.Steps))
		for i, v := range u {
			if len(v) != len(lanes) {
				return fmt.Errorf("step %d: %d numbers for %d lanes: %w", i, len(v), len(lanes), core.ErrUsage)
			}
			copy(numbers[i*len(lanes):], v)
		}
		size += 8 * len(lanes) * steps
	}
	k := d.kernels[0]
	for _, more := range d.kernels[1:] {
		if k.lanes < len(lanes) {
			k = more
		}
	}
	l, sp := w.Layout, d.space
	p := (*step)(unsafe.Pointer(uintptr(d.pinned) + uintptr(inputBytes(d.options))))
	*p = step{
		block: w.Block, embed: w.Embed, head: w.Head, cos: w.Cos, sin: w.Sin, keys: d.cache.K, values: d.cache.V,
		x: sp.x, qkv: sp.qkv, h: sp.h, t: sp.t, sums: sp.sums, normed: sp.normed, part: sp.part, ml: sp.ml,
		logits: sp.logits + int64(4*s.Vocab*len(prior)), scores: sp.scores, best: sp.best,
		lanes: sp.input + atLanes, groups: sp.input + atGroups, adapters: sp.adapters, used: sp.input + atUsed,
		choice: sp.input + atChoice, prior: sp.input + atPrior, uniform: sp.input + atUniform, seen: sp.seen, out: sp.out,
		status: sp.status + int64(4*len(prior)), barrier: sp.barrier, clock: d.clock(),
		layer: l.layer, bias: l.bias, norm: l.norm, final: l.final, headScales: l.head.scales, headFactor: l.head.factor,
		nLanes: int32(len(lanes)), nGroups: int32(nGroups), nUsed: int32(nUsed), lora: lora,
		steps: int32(steps), mode: mode, rows: int32(d.cache.Rows), capacity: int32(d.cache.Capacity), eps: s.Eps, lowTiles: int32(tiles), nPrior: int32(len(prior)),
	}
	for m, v := range l.matrix {
		p.codes[m], p.scales[m], p.factor[m] = v.codes, v.scales, v.factor
	}
	if s.Head4 {
		p.head = w.Block + uintptr(l.head.codes)
	}
	d.busy = true
	if err := check("copy to the device", C.kg_to_device(C.kg_ptr(sp.input), d.pinned, C.size_t(size), handle(stream))); err != nil {
		return err
	}
	if err := check("copy to the device", C.kg_to_device(k.params, unsafe.Pointer(p), C.size_t(unsafe.Sizeof(*p)), handle(stream))); err != nil {
		return err
	}
	return launch("decode", k.function, d.gpu.sms, 1, stepThreads, k.shared, stream, nil, true)
}

func (d *Decoder) clock() int64 {
	if !d.traced {
		return 0
	}
	return d.space.clock
}
