package quant

// The offset of double quantisation is the mean of a weight's scales, which bitsandbytes leaves to torch: its last bits depend on the
// order in which torch adds. Mean adds in the order of torch 2.11's CUDA reduction (ATen/native/cuda/Reduce.cuh), since that is where
// 4-bit checkpoints are made: four sums per thread, a tree over a block's threads, then over the blocks.

const (
	meanThreads = 512 // of a block at most
	meanVector  = 4   // numbers a thread takes at once
	meanBlocks  = 528 // that fit an H100 or H200 at once; smaller GPUs split weights of over two million scales into fewer
)

// Mean is torch's mean of v on a GPU, 0 for none.
func Mean(v []float32) float32 {
	n := len(v)
	if n == 0 {
		return 0
	}
	factor := float32(1) / float32(n)
	if n < 128 { // not in vectors
		threads := floorPow2(n)
		return tree(func(t int) float32 { return strided(v, t, threads) }, threads) * factor
	}
	threads := min(floorPow2(n/meanVector), meanThreads)
	blocks := 1
	if each := (n + threads - 1) / threads; each >= 256 {
		blocks = max(min(meanBlocks, (each+15)/16), (each+255)/256)
	}
	sums := make([]float32, blocks)
	for b := range sums {
		sums[b] = tree(func(t int) float32 { return vectors(v, t, b, threads, blocks) }, threads)
	}
	if blocks == 1 {
		return sums[0] * factor
	}
	// The last block adds the blocks' sums.
	return tree(func(t int) float32 {
		var sum float32
		for i := t; i < blocks; i += threads {
			sum += sums[i]
		}
		return sum
	}, threads) * factor
}

func floorPow2(n int) int {
	p := 1
	for 2*p <= n {
		p *= 2
	}
	return p
}

// strided is thread t's sum: four sums over every threads-th number in turn, then those four.
func strided(v []float32, t, threads int) float32 {
	var s [meanVector]float32
	for i, k := t, 0; i < len(v); i, k = i+threads, k+1 {
		s[k%meanVector] += v[i]
	}
	return ((s[0] + s[1]) + s[2]) + s[3]
}

// vectors is thread t's sum in block b: vectors of four, one sum per place, the numbers behind the last whole vector in block 0.
func vectors(v []float32, t, b, threads, blocks int) float32 {
	var s [meanVector]float32
	whole := len(v) / meanVector
	for i := t + b*threads; i < whole; i += threads * blocks {
		x := (*[meanVector]float32)(v[i*meanVector:])
		s[0] += x[0]
		s[1] += x[1]
		s[2] += x[2]
		s[3] += x[3]
	}
	if i := whole*meanVector + t; b == 0 && i < len(v) {
		s[0] += v[i]
	}
	return ((s[0] + s[1]) + s[2]) + s[3]
}

// tree adds the threads' sums: the upper half to the lower one, again and again.
func tree(of func(t int) float32, threads int) float32 {
	s := make([]float32, threads)
	for t := range s {
		s[t] = of(t)
	}
	for half := threads / 2; half > 0; half /= 2 {
		for t := range half {
			s[t] += s[t+half]
		}
	}
	return s[0]
}
