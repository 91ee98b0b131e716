package vault

import (
	"fmt"
	"runtime"
	"time"

	"golang.org/x/crypto/argon2"
	"golang.org/x/sys/unix"

	"kakoi/core"
)

// Params are those of Argon2id.
type Params struct {
	Time      uint32 `json:"time"`       // passes
	MemoryKiB uint32 `json:"memory_kib"` // of one computation
	Threads   uint8  `json:"threads"`
}

const (
	leastMemory = 64 << 10 // KiB
	mostMemory  = 256 << 10
	leastPasses = 3
	mostPasses  = 64
)

// What a header may ask for, KiB: 64 passes of 256 MiB, which Measure may come to where memory is fast.
const (
	memoryBound = 1 << 20
	workBound   = mostPasses * mostMemory
)

// check bounds what a header may ask for: one from elsewhere could want all memory and all time.
func (p Params) check() error {
	if p.Time < 1 || p.Time > mostPasses || p.MemoryKiB < 64 || p.MemoryKiB > memoryBound || uint64(p.Time)*uint64(p.MemoryKiB) > workBound || p.Threads < 1 || p.Threads > 64 {
		return fmt.Errorf("argon2id parameters %+v: %w", p, core.ErrUsage)
	}
	return nil
}

// Measure finds parameters that take about the time wanted on this machine: 64 to 256 MiB (no more than an eighth of the memory), three passes and more.
// A machine that is slow takes longer than wanted rather than less than 64 MiB and three passes.
func Measure(want time.Duration) Params {
	p := Params{Time: 1, MemoryKiB: leastMemory, Threads: uint8(min(4, runtime.NumCPU()))}
	// The first computation pays for fresh pages; the best of two is the machine's.
	pass := time.Duration(1 << 62)
	for range 2 {
		start := time.Now()
		clear(argon2.IDKey([]byte("measure"), make([]byte, 32), p.Time, p.MemoryKiB, p.Threads, keySize))
		pass = min(pass, time.Since(start))
	}
	memory := uint32(mostMemory)
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) == nil {
		total := uint64(info.Totalram) * uint64(info.Unit) >> 10
		for memory > leastMemory && uint64(memory) > total/8 {
			memory /= 2
		}
	}
	cost := func() time.Duration { return pass * time.Duration(memory/leastMemory) }
	for memory > leastMemory && leastPasses*cost() > want {
		memory /= 2
	}
	p.MemoryKiB = memory
	p.Time = uint32(min(max(want/max(cost(), 1), leastPasses), mostPasses))
	return p
}
