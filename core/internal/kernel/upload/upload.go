//go:build torch

package upload

// #cgo LDFLAGS: -ldl -lpthread
// #include "upload.h"
import "C"

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"unsafe"

	"kakoi/core"
)

// failure is the text of the last call on this thread; the caller has it locked.
func failure(what string) error {
	err := errors.New(C.GoString(C.ku_error()))
	if C.ku_out_of_memory() != 0 {
		err = fmt.Errorf("%w: %w", core.ErrOutOfMemory, err)
	}
	return fmt.Errorf("%s: %w", what, err)
}

// call runs a function of the C side, whose error text belongs to the thread.
func call(what string, fn func() C.int) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if fn() != 0 {
		return failure(what)
	}
	return nil
}

// Open makes the primary context of GPU device. It takes 0.2 s the first time and may be called on any goroutine, also
// beside libtorch's loading of its CUDA half.
func Open(device int) error {
	return call("open GPU", func() C.int { return C.ku_open(C.int(device)) })
}

// Alloc takes bytes of GPU device's memory; core.ErrOutOfMemory if there are not as many.
func Alloc(device int, bytes int64) (uintptr, error) {
	var p C.uint64_t
	err := call(fmt.Sprintf("allocate %d bytes", bytes), func() C.int { return C.ku_alloc(C.int(device), C.uint64_t(bytes), &p) })
	return uintptr(p), err
}

// Free gives memory of Alloc back.
func Free(device int, ptr uintptr) error {
	return call("free", func() C.int { return C.ku_free(C.int(device), C.uint64_t(ptr)) })
}

// Memory is what GPU device has free, and in all, in bytes.
func Memory(device int) (free, total int64, err error) {
	var f, t C.uint64_t
	err = call("memory", func() C.int { return C.ku_memory(C.int(device), &f, &t) })
	return int64(f), int64(t), err
}

// Write copies data to the device's memory at dst and waits.
func Write(device int, dst uintptr, data []byte) error {
	if len(data) == 0 {
		return nil
	}
	return call("write", func() C.int {
		return C.ku_write(C.int(device), C.uint64_t(dst), unsafe.Pointer(&data[0]), C.uint64_t(len(data)))
	})
}

// Read copies the device's memory at src into data and waits.
func Read(device int, data []byte, src uintptr) error {
	if len(data) == 0 {
		return nil
	}
	return call("read", func() C.int {
		return C.ku_read(C.int(device), unsafe.Pointer(&data[0]), C.uint64_t(src), C.uint64_t(len(data)))
	})
}

// Zero fills bytes at dst with zeros and waits.
func Zero(device int, dst uintptr, bytes int64) error {
	return call("zero", func() C.int { return C.ku_zero(C.int(device), C.uint64_t(dst), C.uint64_t(bytes)) })
}

// Synchronize waits for everything that the device has been given.
func Synchronize(device int) error {
	return call("synchronize", func() C.int { return C.ku_sync(C.int(device)) })
}

// Await waits for what has been put into a stream (a CUstream, 0 for the default one), and for nothing else.
func Await(device int, stream uintptr) error {
	return call("await", func() C.int { return C.ku_await(C.int(device), C.uint64_t(stream)) })
}

// Piece is a range of a file and where it goes. Pieces of a group are waited for together.
type Piece struct {
	File   *os.File
	Offset int64
	Bytes  int64
	To     uintptr
	Group  int // does not go down from one piece to the next; a group may be empty
}

// Job is a running copy.
type Job struct {
	c     *C.ku_job
	files []Piece // keeps the files alive
}

// slotBytes and mostThreads make the ring: 64 MB of pinned memory.
const (
	slotBytes   = 4 << 20
	mostThreads = 8
)

// Start begins to copy the pieces, in order. There are groups groups. depth > 0 holds group g back until the groups up to g - depth are
// released, for a staging area of depth groups; 0 copies all as it comes. Finish must be called.
func Start(device int, pieces []Piece, groups, depth int) (*Job, error) {
	if len(pieces) == 0 {
		return nil, fmt.Errorf("upload of nothing: %w", core.ErrEmpty)
	}
	list := make([]C.ku_piece, len(pieces))
	last := 0
	for i, p := range pieces {
		if p.Bytes <= 0 || p.Group < last || p.Group >= groups {
			return nil, fmt.Errorf("upload piece %d: %d bytes of group %d of %d after group %d: %w", i, p.Bytes, p.Group, groups, last, core.ErrUsage)
		}
		last = p.Group
		list[i] = C.ku_piece{fd: C.int(p.File.Fd()), group: C.int(p.Group), offset: C.int64_t(p.Offset), bytes: C.int64_t(p.Bytes), dst: C.uint64_t(p.To)}
	}
	j := &Job{files: pieces}
	err := call("upload", func() C.int {
		j.c = C.ku_start(C.int(device), &list[0], C.int(len(list)), C.int(groups), C.int(depth), C.int(min(mostThreads, runtime.NumCPU())), slotBytes)
		if j.c == nil {
			return -1
		}
		return 0
	})
	if err != nil {
		return nil, err
	}
	return j, nil
}

// Wait waits until a group is on the device, or ctx ends.
func (j *Job) Wait(ctx context.Context, group int) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		var state C.int
		if err := call("upload", func() C.int {
			if state = C.ku_wait(j.c, C.int(group), 50); state < 0 {
				return -1
			}
			return 0
		}); err != nil {
			return err
		}
		if state == 0 {
			return nil
		}
	}
}

// Release says that a group's place may be written over.
func (j *Job) Release(group int) { C.ku_release(j.c, C.int(group)) }

// Finish waits for the copies, or with stop for those begun, and ends the Job.
func (j *Job) Finish(stop bool) error {
	s := C.int(0)
	if stop {
		s = 1
	}
	err := call("upload", func() C.int { return C.ku_finish(j.c, s) })
	runtime.KeepAlive(j.files)
	j.c = nil
	return err
}
