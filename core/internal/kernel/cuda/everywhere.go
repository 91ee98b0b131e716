//go:build torch

package cuda

// #include "driver.h"
import "C"

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"

	"kakoi/core"
)

// Generation is a kind of device that the kernels are made for.
type Generation struct {
	Arch, SMs, Shared int // compute capability, multiprocessors and bytes of shared memory per block of one such device
	Name              string
}

// Generations are the devices for which CompileEverywhere compiles.
var Generations = []Generation{
	{75, 40, 65536, "T4"}, {80, 108, 166912, "A100"}, {86, 84, 101376, "RTX 3090"}, {89, 128, 101376, "RTX 4090"},
	{90, 132, 232448, "H100, H200"}, {100, 148, 232448, "B200"}, {120, 170, 101376, "RTX 5090"},
}

// CompileEverywhere compiles all kernels for all generations, the decode step for the given shapes, without a GPU. NVRTC is looked for in
// folders first; out keeps the cubins, or is "". report is told of each module, from one goroutine at a time; a shape that a generation has no
// kernel for is told as such. core.ErrNoDevice: no NVRTC.
func CompileEverywhere(folders []string, out string, shapes []Shape, report func(name string, bytes int, err error)) error {
	if err := open(folders); C.kg_has_nvrtc() == 0 {
		return fmt.Errorf("compile kernels: NVRTC (libnvrtc.so) was not found in %q: %w", folders, errors.Join(core.ErrNoDevice, err))
	}
	type work struct {
		name, module, source string
		arch                 int
		options              []string
	}
	var list []work
	for _, g := range Generations {
		list = append(list, work{fmt.Sprintf("sm_%d base", g.Arch), "base", baseSource(), g.Arch, nil})
		for _, s := range shapes {
			if x := (TrainShape{s.Hidden, s.Heads, s.Rotary}); g.Arch >= 80 && x.fits() {
				list = append(list, work{fmt.Sprintf("sm_%d width %d, training", g.Arch, s.Hidden), "train", commonSource + trainSource, g.Arch, x.options()})
			}
			all, err := fits(s, MaxLanes, g.SMs, g.Shared)
			if errors.Is(err, core.ErrUnsupported) {
				report(fmt.Sprintf("sm_%d (%s) width %d: no decode kernel, too little shared memory", g.Arch, g.Name, s.Hidden), 0, nil)
				continue
			}
			if err != nil {
				return err
			}
			for _, f := range all {
				list = append(list, work{fmt.Sprintf("sm_%d width %d, %d lanes (%d slots of %d)", g.Arch, s.Hidden, f.lanes, f.depth, f.wide), "decode", stepSource(), g.Arch, s.options(f)})
			}
		}
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	var errs []error
	next := make(chan work)
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for w := range next {
				cubin, err := compile(w.module, w.source, target(w.arch), w.options)
				if err == nil && out != "" {
					err = os.WriteFile(filepath.Join(out, cubinName(w.module, w.source, target(w.arch), w.options)), cubin, 0o600)
				}
				mu.Lock()
				report(w.name, len(cubin), err)
				errs = append(errs, err)
				mu.Unlock()
			}
		})
	}
	for _, w := range list {
		next <- w
	}
	close(next)
	wg.Wait()
	return errors.Join(errs...)
}
