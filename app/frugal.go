package app

import (
	"runtime"
	"runtime/debug"
)

const (
	addGarbage = 40        // percent of what is used; Go by itself lets 100 gather
	addMemory  = 320 << 20 // bytes beyond what was used before, from which on garbage is collected whenever there is some
)

// frugal has less garbage gather while documents are added, until the returned function is called: the work is done in the engine process,
// while the store's tables on their way to the disk and PDFium's instances, a fresh one for each file, are large and short-lived.
func frugal() (usual func()) {
	var now runtime.MemStats
	runtime.ReadMemStats(&now)
	percent := debug.SetGCPercent(addGarbage)
	limit := debug.SetMemoryLimit(-1)
	debug.SetMemoryLimit(min(limit, int64(now.HeapAlloc)+addMemory))
	return func() {
		debug.SetGCPercent(percent)
		debug.SetMemoryLimit(limit)
	}
}
