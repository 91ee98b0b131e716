package app

import (
	"runtime"
	"runtime/debug"
	"sync"
)

const (
	addGarbage = 40        // percent of what is used; Go by itself lets 100 gather
	addMemory  = 320 << 20 // bytes beyond what was used before, from which on garbage is collected whenever there is some
)

// thrift counts who asked for it: adds wait for each other's turn, and only the first one finds the usual limits.
var thrift struct {
	sync.Mutex
	users   int
	percent int
	limit   int64
}

// frugal has less garbage gather while documents are added, until the returned function is called: the work is done in the engine process,
// while the store's tables on their way to the disk and PDFium's instances, a fresh one for each file, are large and short-lived.
func frugal() (usual func()) {
	thrift.Lock()
	defer thrift.Unlock()
	if thrift.users++; thrift.users == 1 {
		var now runtime.MemStats
		runtime.ReadMemStats(&now)
		thrift.percent, thrift.limit = debug.SetGCPercent(addGarbage), debug.SetMemoryLimit(-1)
		debug.SetMemoryLimit(min(thrift.limit, int64(now.HeapAlloc)+addMemory))
	}
	return func() {
		thrift.Lock()
		defer thrift.Unlock()
		if thrift.users--; thrift.users == 0 {
			debug.SetGCPercent(thrift.percent)
			debug.SetMemoryLimit(thrift.limit)
		}
	}
}
