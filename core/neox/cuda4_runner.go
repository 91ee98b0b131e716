//go:build torch

package neox

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"kakoi/core"
	"kakoi/core/internal/device"
	"kakoi/core/internal/kernel/cuda"
	"kakoi/core/internal/kernel/upload"
	"kakoi/core/internal/torch"
	"kakoi/core/lora"
)

// cuda4 runs a model with 4-bit weights on one GPU: tokens one by one, or up to 16 at once, through our own kernels
// (package kernel/cuda); prompts through cuBLAS's products over matrices that are dequantised as they are needed,
// and libtorch's attention.
type cuda4 struct {
	Config
	dev    *device.Device
	gpu    *cuda.GPU
	stream uintptr
	arena4
	base    uintptr // of the arena
	decodes bool    // the decoder's kernels run here
	full    uintptr // bf16 copies of the matrices, layer by layer; 0: dequantised at every use
	extra   int64   // bytes of them

	adapters map[int]*adapter4
	last     int // number given out
}

// adapter4 is a LoRA in device memory.
type adapter4 struct {
	memory uintptr
	parts  cuda.Adapter
}

// maxSteps4 is the tokens of one run without the host.
const maxSteps4 = 32

var (
	gpus4   = map[int]*cuda.GPU{}
	gpus4Mu sync.Mutex
)

// gpu4 gives the kernels of a device, made at the first call; on the device's thread. p hears of kernels that are compiled meanwhile, and
// until done is called (stage "kernels").
func gpu4(index int, p core.Progress) (g *cuda.GPU, done func(), err error) {
	gpus4Mu.Lock()
	defer gpus4Mu.Unlock()
	told := func() { p.Report(core.Update{Stage: "kernels"}) }
	if g := gpus4[index]; g != nil {
		g.Compiling = told
		return g, func() { g.Compiling = nil }, nil
	}
	lib := filepath.Dir(torch.Library())
	packages := filepath.Join(lib, "..", "..", "nvidia") // where libtorch's own RPATH leads
	cache := ""
	if dir, err := os.UserCacheDir(); err == nil {
		cache = filepath.Join(dir, "kakoi", "kernels")
	}
	g, err = cuda.Open(cuda.Options{Index: index, Cache: cache, Compiling: told, Folders: []string{
		filepath.Join(packages, "cu13", "lib"), filepath.Join(packages, "cuda_nvrtc", "lib"), lib,
	}})
	if err != nil {
		return nil, nil, fmt.Errorf("kernels of cuda:%d: %w", index, err)
	}
	gpus4[index] = g
	return g, func() { g.Compiling = nil }, nil
}

// newCUDA4 takes the memory of a model on dev; on the device's thread. Nothing is in it yet but the tables of angles.
func newCUDA4(dev *device.Device, c Config, p core.Progress) (_ *cuda4, err error) {
	if err := shape4(c).Validate(); err != nil {
		return nil, err
	}
	r := &cuda4{Config: c, dev: dev, arena4: newArena4(c), adapters: map[int]*adapter4{}}
	gpu, done, err := gpu4(dev.Index(), p)
	if err != nil {
		return nil, err
	}
	done()
	r.gpu = gpu
	if r.stream, err = torch.Stream(dev.Index()); err != nil {
		return nil, err
	}
	if r.base, err = alloc4(dev, r.total); err != nil {
		return nil, fmt.Errorf("memory of the model: %w", err)
	}
	defer func() {
		if err != nil {
			r.close()
		}
	}()
	// Rows beyond a prompt's last are computed along with it, as are those that fill up the head: they must be numbers.
	if err := upload.Zero(dev.Index(), r.base, r.total); err != nil {
		return nil, err
	}
	cos, sin := rotaryTables(c, c.MaxPositionEmbeddings)
	if err := upload.Write(dev.Index(), r.at(r.cos), floatBytes(cos)); err != nil {
		return nil, err
	}
	return r, upload.Write(dev.Index(), r.at(r.sin), floatBytes(sin))
}

// alloc4 takes memory of a device; what libtorch keeps for later is given up first where there is no other.
func alloc4(dev *device.Device, bytes int64) (uintptr, error) {
	p, err := upload.Alloc(dev.Index(), bytes)
	if errors.Is(err, core.ErrOutOfMemory) {
		torch.EmptyCache()
		p, err = upload.Alloc(dev.Index(), bytes)
	}
	return p, err
}

// at is the address of an offset of the arena.
func (r *cuda4) at(offset int64) uintptr { return r.base + uintptr(offset) }

// placed is where a matrix lies.
func (r *cuda4) placed(layer int, m cuda.Matrix) cuda.Placed {
	return r.layout.Place(layer, m).At(r.base)
}

// traits: a lane's numbers do not depend on the other lanes; those of a prompt's tokens only on the size of their chunk.
func (r *cuda4) traits() traits {
	head := 2 * int64(r.VocabSize) * int64(r.HiddenSize)
	cut := cut4(r.chunk, r.gpu.SMs())
	return traits{dtype: "nf4", chunk: cut, lanes: cuda.MaxLanes, exact: r.decodes, grain: cut, read: r.layout.Bytes() + head}
}

// steps is how many tokens a state decodes without the host.
func (r *cuda4) steps() int { return maxSteps4 }

func (r *cuda4) rowBytes(capacity int) int64 {
	return 4 * int64(r.Layers) * int64(r.HiddenSize) * int64(capacity)
}

func (r *cuda4) bytes() int64 { return r.weights + r.extra }

func (r *cuda4) close() {
	for n := range r.adapters {
		r.detach(n)
	}
	torch.Synchronize(r.dev.Index())
	for _, p := range []uintptr{r.full, r.base} {
		if p != 0 {
			_ = upload.Free(r.dev.Index(), p)
		}
	}
	r.base, r.full, r.extra = 0, 0, 0
}

// attach copies an adapter to the device, in bf16.
func (r *cuda4) attach(_ *torch.Scope, a *lora.Adapter) (int, error) {
	if err := a.Fits(lora.ModelOf(r.Layers, r.HiddenSize, r.IntermediateSize)); err != nil {
		return 0, err
	}
	if n := a.MaxRank(); n > maxRank4 {
		err := fmt.Errorf("adapter %q of rank %d, the kernels take %d: %w", a.Name, n, maxRank4, core.ErrUnsupported)
		return 0, core.Explain(err, "error.lora.rank", a.Name, n, maxRank4)
	}
	var data []byte
	put := func(v []float32) int64 {
		at := int64(len(data)+255) &^ 255
		data = append(data, make([]byte, int(at)-len(data))...)
		data = appendBF16(data, v)
		return at
	}
	type pair struct{ a, b int64 }
	places := make([][targets]pair, r.Layers)
	for i := range a.Targets {
		t := &a.Targets[i]
		for n, name := range lora.Names {
			if name == t.Name {
				places[t.Layer][n] = pair{put(t.A), put(t.B)}
			}
		}
	}
	memory, err := alloc4(r.dev, int64(len(data)))
	if err != nil {
		return 0, fmt.Errorf("attach adapter %q: %w", a.Name, err)
	}
	if err := upload.Write(r.dev.Index(), memory, data); err != nil {
		_ = upload.Free(r.dev.Index(), memory)
		return 0, fmt.Errorf("attach adapter %q: %w", a.Name, err)
	}
	on := &adapter4{memory: memory, parts: make(cuda.Adapter, r.Layers)}
	for layer := range places {
		for n, name := range lora.Names {
			if t := a.Target(layer, name); t != nil {
				p := places[layer][n]
				on.parts[layer][n] = cuda.LoRA{A: memory + uintptr(p.a), B: memory + uintptr(p.b), Rank: t.Rank, Scale: t.Scale}
			}
		}
	}
	r.last++
	r.adapters[r.last] = on
	return r.last, nil
}

func (r *cuda4) detach(n int) {
	if a := r.adapters[n]; a != nil {
		torch.Synchronize(r.dev.Index())
		_ = upload.Free(r.dev.Index(), a.memory)
		delete(r.adapters, n)
	}
}

// keepFull makes the bf16 copies; on the device's thread.
func (r *cuda4) keepFull() (err error) {
	weights, _ := r.linears()
	if r.full, err = alloc4(r.dev, 2*weights); err != nil {
		return fmt.Errorf("bf16 copies of the matrices: %w", err)
	}
	r.extra = 2 * weights
	for layer := range r.Layers {
		for m := cuda.QKV; m <= cuda.Down; m++ {
			if err := r.gpu.Dequantize(r.stream, r.placed(layer, m), r.copied(layer, m)); err != nil {
				return err
			}
		}
	}
	return nil
}

// copied is where the bf16 copy of a matrix lies.
func (r *cuda4) copied(layer int, m cuda.Matrix) uintptr {
	square := 2 * uintptr(r.HiddenSize) * uintptr(r.HiddenSize)
	inner := 2 * uintptr(r.HiddenSize) * uintptr(r.IntermediateSize)
	return r.full + uintptr(layer)*(4*square+2*inner) + [...]uintptr{0, 3 * square, 4 * square, 4*square + inner}[m]
}

// pauseCopies makes prompts go without the bf16 copies until resume is called; had says whether there are any.
func (r *cuda4) pauseCopies() (resume func(), had bool) {
	full := r.full
	r.full = 0
	return func() { r.full = full }, full != 0
}
