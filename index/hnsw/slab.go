package hnsw

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// slab is memory of one kind of things outside the Go heap, zero when new. It grows where it is or moves as a whole,
// without copying, and asks for huge pages: a walk reads at random, and with small pages each read would miss the TLB too.
type slab[T any] struct {
	raw  []byte
	some []T // raw as it is used
}

func (s *slab[T]) grow(n int) error {
	var one T
	size := n * int(unsafe.Sizeof(one))
	if size <= len(s.raw) {
		return nil
	}
	const page = 1 << 12
	size = (size + page - 1) &^ (page - 1)
	var err error
	if s.raw == nil {
		s.raw, err = unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_NORESERVE)
	} else {
		var raw []byte
		if raw, err = unix.Mremap(s.raw, size, unix.MREMAP_MAYMOVE); err == nil {
			s.raw = raw
		}
	}
	if err != nil {
		return fmt.Errorf("memory for %d vectors: %w", n, err)
	}
	if size >= 4<<20 {
		_ = unix.Madvise(s.raw, unix.MADV_HUGEPAGE) // where there are none, small ones do
	}
	s.some = unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(s.raw))), len(s.raw)/int(unsafe.Sizeof(one)))
	return nil
}

func (s *slab[T]) free() error {
	if s.raw == nil {
		return nil
	}
	err := unix.Munmap(s.raw)
	s.raw, s.some = nil, nil
	return err
}
