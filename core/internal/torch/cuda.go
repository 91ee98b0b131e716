//go:build torch

package torch

// #include <stdlib.h>
// #include "shim.h"
// #include "shim_cuda.h"
import "C"

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"unsafe"

	lib "github.com/sugarme/gotch/libtch"

	"kakoi/core"
)

// Version is libtorch's, "2.11.0" say.
func Version() string { return C.GoString(C.kk_version()) }

// Library is the path of the libtorch_cpu.so in use.
func Library() string { return goString(C.kk_library()) }

var cudaOnce = sync.OnceValues(loadCUDA)

// CUDA loads libtorch's CUDA half, once in the process, and tells the number of GPUs it can use. An
// error (core.ErrNoDevice) says why there is none: no libtorch_cuda.so beside libtorch_cpu.so, no
// driver, no GPU. Nothing may ask libtorch about CUDA before (facts: it remembers its first answer).
func CUDA() (devices int, err error) { return cudaOnce() }

func loadCUDA() (int, error) {
	var count C.int
	if why := goString(C.kk_driver(&count)); why != "" {
		return 0, fmt.Errorf("%w: %s", core.ErrNoDevice, why)
	}
	path := filepath.Join(filepath.Dir(Library()), "libtorch_cuda.so")
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		return 0, fmt.Errorf("%w: the libtorch in use has no CUDA part", core.ErrNoDevice)
	}
	cpath := C.CString(path)
	defer C.free(unsafe.Pointer(cpath))
	if why := goString(C.kk_load_cuda(cpath)); why != "" {
		return 0, fmt.Errorf("%w: load %s: %s", core.ErrNoDevice, path, why)
	}
	if !lib.AtcCudaIsAvailable() {
		return 0, fmt.Errorf("%w: libtorch finds no usable GPU (%s)", core.ErrNoDevice, lastError())
	}
	if C.kk_init_cuda() != 0 {
		return 0, fmt.Errorf("%w: start libtorch's CUDA half: %s", core.ErrNoDevice, lastError())
	}
	if C.kk_tf32(0) != 0 { // fp32 means fp32
		return 0, fmt.Errorf("%w: switch TF32 off: %s", core.ErrNoDevice, lastError())
	}
	return int(lib.AtcCudaDeviceCount()), nil
}

// CUDAMemory is the state of one GPU's memory, in bytes.
type CUDAMemory struct {
	Allocated int64 // by tensors now
	Peak      int64 // by tensors, at most since ResetPeak
	Reserved  int64 // taken from the driver
	Retries   int64 // allocations that first had to empty the cache
	Free      int64 // of the card
	Total     int64 // of the card
}

// MemoryOf asks for the memory of CUDA device n, after CUDA.
func MemoryOf(n int) (CUDAMemory, error) {
	var o [6]C.int64_t
	if C.kk_cuda_memory(C.int(n), &o[0]) != 0 {
		return CUDAMemory{}, fmt.Errorf("memory of cuda:%d: %w", n, translate(lastError()))
	}
	return CUDAMemory{int64(o[0]), int64(o[1]), int64(o[2]), int64(o[3]), int64(o[4]), int64(o[5])}, nil
}

// ResetPeak starts a new CUDAMemory.Peak for CUDA device n.
func ResetPeak(n int) error {
	if C.kk_cuda_reset_peak(C.int(n)) != 0 {
		return fmt.Errorf("reset peak of cuda:%d: %w", n, translate(lastError()))
	}
	return nil
}

// EmptyCache gives unused GPU memory back to the driver.
func EmptyCache() { C.kk_empty_cache() }

// Synchronize waits until device n (n >= 0) has done all its work; the CPU always has.
func Synchronize(n int) {
	if n >= 0 {
		lib.AtcSynchronize(int64(n))
	}
}

func goString(p *C.char) string {
	if p == nil {
		return ""
	}
	defer C.free(unsafe.Pointer(p))
	return C.GoString(p)
}
