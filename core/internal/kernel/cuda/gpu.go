//go:build torch

package cuda

// #cgo LDFLAGS: -ldl
// #include <stdlib.h>
// #include "driver.h"
import "C"

import (
	"errors"
	"fmt"
	"path/filepath"
	"unsafe"

	"kakoi/core"
)

// GPU is the driver and the compiled kernels for one device, in the primary context, which libtorch uses too.
type GPU struct {
	index   int
	name    string
	arch    int
	target  string // what kernels are compiled for
	sms     int
	shared  int // bytes of shared memory that a block may ask for
	cache   string
	context C.kg_handle
	modules []C.kg_handle
	base    map[string]C.kg_handle // kernels that every model uses

	training map[TrainShape]*Training // made so far

	// Compiling, where set, hears that kernels are about to be compiled, which takes seconds.
	Compiling func()
}

// Options of Open.
type Options struct {
	Index   int      // of the device
	Cache   string   // folder for compiled kernels; made if missing; "" keeps none
	Folders []string // where libnvrtc.so.* is looked for before the system's own folders: beside libtorch, say

	// For tests, the kernels of a lesser device run on this one: As, where set, is its compute capability (75), Shared its shared memory per block.
	As, Shared int

	Compiling func() // GPU.Compiling
}

// Open makes the kernels ready on a device: it loads the driver and NVRTC, and compiles what the cache does not hold.
// It is called on the device's thread, after torch.CUDA. core.ErrNoDevice: no driver, no device, or no NVRTC.
func Open(o Options) (*GPU, error) {
	if err := open(o.Folders); err != nil {
		return nil, err
	}
	g := &GPU{index: o.Index, cache: o.Cache, base: map[string]C.kg_handle{}, training: map[TrainShape]*Training{}, Compiling: o.Compiling}
	var name [256]C.char
	var arch, sms, shared C.int
	if e := C.kg_device(C.int(o.Index), &g.context, &name[0], 255, &arch, &sms, &shared); e != 0 {
		return nil, fmt.Errorf("open GPU %d: %w: %s", o.Index, core.ErrNoDevice, C.GoString(C.kg_error(e)))
	}
	g.name, g.arch, g.sms, g.shared = C.GoString(&name[0]), int(arch), int(sms), int(shared)
	g.target = target(g.arch)
	if o.As != 0 && o.As < g.arch {
		g.arch, g.target = o.As, fmt.Sprintf("compute_%d", o.As)
	}
	if o.Shared != 0 {
		g.shared = min(g.shared, o.Shared)
	}
	if g.arch < 75 {
		g.Close()
		return nil, fmt.Errorf("open GPU %d: %s has compute capability %d.%d, 7.5 is needed: %w", o.Index, g.name, arch/10, arch%10, core.ErrUnsupported)
	}
	if err := g.loadBase(); err != nil {
		g.Close()
		return nil, err
	}
	return g, nil
}

// open loads the libraries.
func open(folders []string) error {
	var paths []*C.char
	for _, f := range folders {
		found, _ := filepath.Glob(filepath.Join(f, "libnvrtc.so.*"))
		for _, p := range found {
			paths = append(paths, C.CString(p))
		}
	}
	list := C.calloc(C.size_t(len(paths)+1), C.size_t(unsafe.Sizeof(uintptr(0))))
	defer C.free(list)
	copy(unsafe.Slice((**C.char)(list), len(paths)), paths)
	why := C.kg_open((**C.char)(list))
	for _, p := range paths {
		C.free(unsafe.Pointer(p))
	}
	if why != nil {
		return fmt.Errorf("open the GPU driver: %w: %s", core.ErrNoDevice, C.GoString(why))
	}
	return nil
}

// Close unloads the kernels.
func (g *GPU) Close() error {
	if g.context == nil {
		return nil
	}
	var errs []error
	for _, m := range g.modules {
		errs = append(errs, check("unload kernels", C.kg_unload(m)))
	}
	g.modules = nil
	C.kg_release(C.int(g.index))
	g.context = nil
	return errors.Join(errs...)
}

// Name is the device's name.
func (g *GPU) Name() string { return g.name }

// Arch is the compute capability, 90 for 9.0.
func (g *GPU) Arch() int { return g.arch }

// SMs is the number of multiprocessors.
func (g *GPU) SMs() int { return g.sms }

// check turns a result of the driver into an error.
func check(what string, code C.int) error {
	switch code {
	case 0:
		return nil
	case 2:
		return fmt.Errorf("%s: %w", what, core.ErrOutOfMemory)
	}
	return fmt.Errorf("%s: %s (driver error %d)", what, C.GoString(C.kg_error(code)), int(code))
}

// launch runs a kernel with one struct as its parameter.
func launch(what string, f C.kg_handle, gx, gy, threads, shared int, stream uintptr, params unsafe.Pointer, cooperative bool) error {
	together := C.int(0)
	if cooperative {
		together = 1
	}
	return check(what, C.kg_launch(f, C.uint(gx), C.uint(gy), C.uint(threads), C.uint(shared), handle(stream), params, together))
}

// handle is a stream as the driver wants it.
func handle(stream uintptr) C.kg_handle { return *(*C.kg_handle)(unsafe.Pointer(&stream)) }

// Alloc takes device memory from the driver; Free gives it back. The engine has its own arena; these are for tests and
// benchmarks.
func (g *GPU) Alloc(n int64) (uintptr, error) {
	var p C.kg_ptr
	err := check("allocate device memory", C.kg_alloc(&p, C.size_t(n)))
	return uintptr(p), err
}

// Free gives memory of Alloc back.
func (g *GPU) Free(p uintptr) error { return check("free device memory", C.kg_free(C.kg_ptr(p))) }

// Upload copies host memory to the device, and is done with src when it returns.
func (g *GPU) Upload(stream, dst uintptr, src []byte) error {
	if len(src) == 0 {
		return nil
	}
	if err := check("copy to the device", C.kg_to_device(C.kg_ptr(dst), unsafe.Pointer(&src[0]), C.size_t(len(src)), handle(stream))); err != nil {
		return err
	}
	return g.Wait(stream)
}

// Download copies device memory to the host and waits for it.
func (g *GPU) Download(stream uintptr, dst []byte, src uintptr) error {
	if len(dst) == 0 {
		return nil
	}
	if err := check("copy from the device", C.kg_to_host(unsafe.Pointer(&dst[0]), C.kg_ptr(src), C.size_t(len(dst)), handle(stream))); err != nil {
		return err
	}
	return g.Wait(stream)
}

// Fill sets n bytes.
func (g *GPU) Fill(stream, dst uintptr, v byte, n int64) error {
	return check("fill device memory", C.kg_fill(C.kg_ptr(dst), C.uchar(v), C.size_t(n), handle(stream)))
}

// Copy copies n bytes within the device.
func (g *GPU) Copy(stream, dst, src uintptr, n int64) error {
	return check("copy on the device", C.kg_copy(C.kg_ptr(dst), C.kg_ptr(src), C.size_t(n), handle(stream)))
}

// Wait waits until a stream's work is done, and tells its errors.
func (g *GPU) Wait(stream uintptr) error { return check("wait for the GPU", C.kg_wait(handle(stream))) }

// Time is the milliseconds that the device needs for what f queues on the stream.
func (g *GPU) Time(stream uintptr, f func() error) (float64, error) {
	var from, to C.kg_handle
	if err := check("make an event", C.kg_event(&from)); err != nil {
		return 0, err
	}
	defer C.kg_event_free(from)
	if err := check("make an event", C.kg_event(&to)); err != nil {
		return 0, err
	}
	defer C.kg_event_free(to)
	if err := check("record an event", C.kg_record(from, handle(stream))); err != nil {
		return 0, err
	}
	if err := f(); err != nil {
		return 0, err
	}
	if err := check("record an event", C.kg_record(to, handle(stream))); err != nil {
		return 0, err
	}
	var ms C.float
	err := check("time on the device", C.kg_elapsed(from, to, &ms))
	return float64(ms), err
}
