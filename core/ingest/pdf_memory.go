package ingest

import (
	"context"
	"fmt"
	"sync/atomic"
	"unsafe"

	"github.com/tetratelabs/wazero/experimental"
	"golang.org/x/sys/unix"

	"kakoi/core"
)

// What an instance may need besides the file itself. A page of a book takes 20 to 40 MB; whoever draws pages decodes their pictures.
const (
	textMemory = 512 << 20
	drawMemory = 1280 << 20
	mostMemory = drawMemory + maxDocumentBytes // of an instance ever: what its module is told
)

var errMemory = fmt.Errorf("needs more memory than a PDF may have: %w", core.ErrTooLarge)

// pdfMemory is the memory of an instance: addresses reserved for all that it may ever have, so that growing copies nothing and leaves nothing to
// the garbage collector (wazero's own way has half as much again and a copy each time), and so that it can be put back to
// what it was (pdfSnapshot). It implements experimental.LinearMemory.
type pdfMemory struct {
	addresses unsafe.Pointer
	reserved  int
	size      int // bytes in use
	limit     atomic.Int64
	full      atomic.Bool // the instance asked for more than limit
}

// newMemory reserves addresses; without any it is a memory that cannot grow, and the instance will not start.
func newMemory(most uint64) *pdfMemory {
	m := &pdfMemory{}
	m.limit.Store(drawMemory)
	at, err := unix.MmapPtr(-1, 0, nil, uintptr(most), unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_NORESERVE)
	if err == nil {
		m.addresses, m.reserved = at, int(most)
	}
	return m
}

// Reallocate makes the memory size bytes long; nil where it may not be.
func (m *pdfMemory) Reallocate(size uint64) []byte {
	if size > uint64(m.reserved) || size > uint64(m.limit.Load()) {
		m.full.Store(true)
		return nil
	}
	if n := int(size); n > m.size {
		if err := unix.Mprotect(unsafe.Slice((*byte)(m.addresses), m.reserved)[m.size:n], unix.PROT_READ|unix.PROT_WRITE); err != nil {
			m.full.Store(true)
			return nil
		}
		m.size = n
	}
	return unsafe.Slice((*byte)(m.addresses), m.size)
}

// Free gives the memory back; whoever reads it afterwards ends the process.
func (m *pdfMemory) Free() {
	if m.addresses != nil {
		_ = unix.MunmapPtr(m.addresses, uintptr(m.reserved)) // of a mapping that exists
		m.addresses, m.reserved, m.size = nil, 0, 0
	}
}

// allow sets what may be used besides what the instance began with, and forgets that it asked for more.
func (m *pdfMemory) allow(begin, n int) {
	m.limit.Store(int64(begin) + int64(n))
	m.full.Store(false)
}

// allocating hands the engine the memory of each instance that is made with the context.
func (e *pdfEngine) allocating(ctx context.Context) context.Context {
	return experimental.WithMemoryAllocator(ctx, experimental.MemoryAllocatorFunc(func(_, most uint64) experimental.LinearMemory {
		e.latest = newMemory(most)
		return e.latest
	}))
}

// pdfSnapshot is the memory of an instance that has started and has its fonts loaded, in a file without a name. Every document begins
// with exactly these bytes: pages of memory that the one before has written are dropped, and what it asked for beyond them is zero again.
type pdfSnapshot struct {
	file   int
	size   int    // a multiple of the page size of WebAssembly
	memo   uint32 // see pdf_memo.go
	buffer uint32 // of pdfLib
	room   uint32
}

// snapshot keeps what l is now.
func (l *pdfLib) snapshot() (*pdfSnapshot, error) {
	file, err := unix.MemfdCreate("pdf", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, err
	}
	s := &pdfSnapshot{file: file, size: l.memory.size, memo: l.memo, buffer: l.buffer, room: l.size}
	for data := unsafe.Slice((*byte)(l.memory.addresses), s.size); len(data) > 0; {
		n, err := unix.Write(file, data)
		if err != nil {
			s.close()
			return nil, err
		}
		data = data[n:]
	}
	return s, nil
}

func (s *pdfSnapshot) close() { _ = unix.Close(s.file) } // of memory only

// restore makes l what the snapshot is of. l must be in no call, and have come out of all of its calls without a trap.
func (l *pdfLib) restore(s *pdfSnapshot) error {
	m := l.memory
	if missing := s.size - m.size; missing > 0 {
		if _, ok := l.module.Memory().Grow(uint32(missing >> 16)); !ok {
			return errMemory
		}
	}
	const usable = unix.PROT_READ | unix.PROT_WRITE
	if _, err := unix.MmapPtr(s.file, 0, m.addresses, uintptr(s.size), usable, unix.MAP_PRIVATE|unix.MAP_FIXED); err != nil {
		return err
	}
	if rest := m.size - s.size; rest > 0 {
		if _, err := unix.MmapPtr(-1, 0, unsafe.Add(m.addresses, s.size), uintptr(rest), usable, unix.MAP_PRIVATE|unix.MAP_FIXED|unix.MAP_ANON|unix.MAP_NORESERVE); err != nil {
			return err
		}
	}
	l.begin, l.buffer, l.size = s.size, s.buffer, s.room
	l.remember(s.memo)
	return nil
}
