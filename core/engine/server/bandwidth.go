package server

import (
	"runtime"
	"slices"
	"sync"
	"time"
)

// copyBandwidth is the memory traffic of this machine in bytes a second, reads and writes counted, as all processors
// together reach it by copying blocks that no cache holds: the best of four passes.
func copyBandwidth() float64 {
	const block = 64 << 20
	n := runtime.GOMAXPROCS(0)
	from, to := make([][]byte, n), make([][]byte, n)
	for i := range n {
		from[i], to[i] = make([]byte, block), make([]byte, block)
		for j := 0; j < block; j += 4096 { // make the pages exist
			from[i][j], to[i][j] = byte(j>>12), 1
		}
	}
	best := 0.0
	for range 4 {
		var wg sync.WaitGroup
		began := time.Now()
		for i := range n {
			wg.Go(func() { copy(to[i], from[i]) })
		}
		wg.Wait()
		best = max(best, 2*float64(block)*float64(n)/time.Since(began).Seconds())
	}
	return best
}

func median(v []float64) float64 {
	if len(v) == 0 {
		return 0
	}
	s := slices.Clone(v)
	slices.Sort(s)
	return s[len(s)/2]
}
