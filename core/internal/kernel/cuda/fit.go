//go:build torch

package cuda

// #include "driver.h"
import "C"

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"unsafe"

	"kakoi/core"
)

const (
	stepWarps   = 16
	stepThreads = 32 * stepWarps
	tableAt     = 64 << 10 // where the table of pairs stands
	fewestSlots = 3
	pickerBytes = 33 << 10 // struct Picker; half of it with the short table
)

// stepLanes are the numbers of lanes that kernels are built for: a call takes the smallest that holds it.
var stepLanes = [3]int{1, 8, 16}

// fit is how a block's shared memory is shared out (ring.cu).
type fit struct{ lanes, wide, depth, stride, scratch, shared int }

// fitStep finds the deepest ring for a shape on a device with so much shared memory and so many multiprocessors.
func fitStep(s Shape, lanes, wide, sms, shared int) (fit, error) {
	f, rest := fit{lanes: lanes, wide: wide}, 0
	for _, m := range []Matrix{QKV, Dense, Up, Down, Head} {
		n := s.staged(m, wide, sms)
		rest = max(rest, n*128*lanes)
		if _, cols := s.Size(m); n > 2*chunk(m, cols/64) && m != Head {
			return f, fmt.Errorf("the decode kernel for width %d on %d multiprocessors: %w", s.Inner, sms, core.ErrUnsupported)
		}
	}
	worker := lanes*2*(s.HeadDim()+32) + lanes*s.HeadDim()*4 + (lanes+7)/8*(1024+256) + lanes*256 // a quarter of struct Attention
	rest = (max(rest, 4*((worker+15)&^15)) + 255) &^ 255
	f.scratch = max(rest, pickerBytes)
	table := 48*stepWarps + 4*5*(stepWarps+1) + 492*lanes + 376 // struct Table
	codes, scales := stepWarps*512*f.wide, stepWarps*32*f.wide  // of a slot
	// With the table at 64 KB what is staged lies below it and the ring above.
	f.stride = 256
	f.depth = min(24/f.wide, (shared-2*tableAt)/codes, (tableAt-1024-f.scratch-table)/scales)
	if lanes <= 8 { // what shared memory leaves is first-level cache: a shorter ring is faster (docs/decisions/0016)
		f.depth = min(f.depth, max(8/f.wide, fewestSlots))
	}
	f.shared = 2*tableAt + f.depth*codes
	if f.depth*f.wide < 8 {
		f.stride = 128
		f.depth = min(24/f.wide, (shared-256*f.stride-f.scratch-table)/(codes+scales))
		if f.depth < fewestSlots && wide == 1 { // as on devices with 64 KB
			f.stride, f.scratch = 32, max(rest, pickerBytes/2)
			f.depth = min(24/f.wide, (shared-256*f.stride-f.scratch-table)/(codes+scales))
		}
		f.shared = 256*f.stride + f.depth*(codes+scales) + f.scratch + table
	}
	if f.depth < fewestSlots {
		return f, fmt.Errorf("the decode kernel for %d lanes of width %d needs more shared memory than the device has (%d bytes): %w", lanes, s.Hidden, shared, core.ErrUnsupported)
	}
	return f, nil
}

// fits are the kernels for up to most lanes: those of stepLanes, or for fewer lanes where a device has too little shared memory. All
// take as many units at once, since that decides how sums are cut.
func fits(s Shape, most, sms, shared int) ([]fit, error) {
	wide := s.wide()
	if _, err := fitStep(s, 1, wide, sms, shared); err != nil {
		wide = 1
	}
	var list []fit
	for _, lanes := range stepLanes {
		if len(list) > 0 && most <= list[len(list)-1].lanes {
			break
		}
		f, err := fitStep(s, lanes, wide, sms, shared)
		for lanes > 2 && err != nil {
			lanes /= 2
			f, err = fitStep(s, lanes, wide, sms, shared)
		}
		switch {
		case err != nil && len(list) == 0:
			return nil, err
		case err == nil && (len(list) == 0 || lanes > list[len(list)-1].lanes):
			list = append(list, f)
		}
	}
	return list, nil
}

// staged is the most blocks of columns that a block of threads stages for a matrix (staged_range of stage.cu).
func (s Shape) staged(m Matrix, wide, sms int) int {
	rows, cols := s.Size(m)
	rows = (rows + 15) / 16
	c := chunk(m, cols/64)
	if m == Head && !s.Head4 {
		return cols / 64
	}
	slots, per, most := rows*(cols/64)/wide, rows*c, 0
	for i := range sms {
		u, e := slots*i/sms*wide, slots*(i+1)/sms*wide
		if e > u {
			most = max(most, ((e-1)/per+1)*c-u/per*c)
		}
	}
	return most
}

// wide is how many units of a matrix a warp takes at once.
func (s Shape) wide() int {
	for m := QKV; m <= Head; m++ {
		if _, cols := s.Size(m); chunk(m, cols/64)%2 != 0 {
			return 1
		}
	}
	return 2
}

// options are what the kernel's source wants to know of a shape.
func (s Shape) options(f fit) []string {
	bit := map[bool]int{true: 1}
	var list []string
	for _, o := range []struct {
		name string
		v    int
	}{
		{"LAYERS", s.Layers}, {"D", s.Hidden}, {"HEADS", s.Heads}, {"DH", s.HeadDim()}, {"ROT", s.Rotary}, {"F", s.Inner}, {"VOCAB", s.Vocab},
		{"PARALLEL", bit[s.Parallel]}, {"ACT", int(s.Act)}, {"HEAD4", bit[s.Head4]},
		{"C_QKV", chunk(QKV, s.Hidden/64)}, {"C_DENSE", chunk(Dense, s.Hidden/64)}, {"C_UP", chunk(Up, s.Hidden/64)}, {"C_DOWN", chunk(Down, s.Inner/64)},
		{"LMAX", f.lanes}, {"WIDE", f.wide}, {"DEPTH", f.depth}, {"STRIDE", f.stride}, {"SCRATCH", f.scratch},
	} {
		list = append(list, fmt.Sprintf("-D%s=%d", o.name, o.v))
	}
	return list
}

// stepKernel loads a decode kernel; extra options make variants for measurements.
func (g *GPU) stepKernel(s Shape, f fit, extra []string) (stepKernel, error) {
	m, err := g.module("decode", stepSource(), append(s.options(f), extra...))
	if err != nil {
		return stepKernel{}, err
	}
	k := stepKernel{module: m, shared: f.shared, lanes: f.lanes}
	if k.function, err = function(m, "decode"); err != nil {
		return k, err
	}
	if err := check("shared memory of the decode kernel", C.kg_function_shared(k.function, C.int(f.shared))); err != nil {
		return k, err
	}
	name := [2]C.char{'p', 0}
	var size C.size_t
	if err := check("parameters of the decode kernel", C.kg_global(m, &name[0], &k.params, &size)); err != nil {
		return k, err
	}
	if size != C.size_t(unsafe.Sizeof(step{})) {
		return k, fmt.Errorf("the decode kernel takes %d bytes of parameters, not %d: %w", size, unsafe.Sizeof(step{}), core.ErrCorrupt)
	}
	return k, nil
}

// precompile compiles the decode kernels of several shapes for up to so many lanes into the cache, side by side.
func (g *GPU) precompile(shapes []Shape, lanes int, extra [][]string) error {
	if g.cache == "" {
		return nil
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	var errs []error
	for _, s := range shapes {
		list, err := fits(s, lanes, g.sms, g.shared)
		if err != nil {
			return err
		}
		for _, f := range list {
			for _, more := range extra {
				options := append(s.options(f), more...)
				path := filepath.Join(g.cache, cubinName("decode", stepSource(), g.target, options))
				if b, err := os.ReadFile(path); err == nil {
					if _, ok := opened(b); ok {
						continue
					}
				}
				if g.Compiling != nil {
					g.Compiling()
				}
				wg.Go(func() {
					cubin, err := compile("decode", stepSource(), g.target, options)
					if err == nil {
						err = keep(path, cubin)
					}
					mu.Lock()
					errs = append(errs, err)
					mu.Unlock()
				})
			}
		}
	}
	wg.Wait()
	return errors.Join(errs...)
}
