// Command coder does with github.com/coder/hnsw what BenchmarkPeer does, over the same files: coder FOLDER DIMENSION K. It is a
// module of its own, so that the program's has nothing of it.
package main

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/coder/hnsw"
)

func main() {
	if err := run(os.Args[1], os.Args[2], os.Args[3]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func read[T float32 | uint32](folder, name string) ([]T, error) {
	f, err := os.Open(filepath.Join(folder, name))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	out := make([]T, info.Size()/4)
	return out, binary.Read(f, binary.LittleEndian, out)
}

func run(folder, width, count string) error {
	d, err := strconv.Atoi(width)
	if err != nil {
		return err
	}
	k, err := strconv.Atoi(count)
	if err != nil {
		return err
	}
	vectors, err := read[float32](folder, "vectors")
	if err != nil {
		return err
	}
	queries, err := read[float32](folder, "queries")
	if err != nil {
		return err
	}
	truth, err := read[uint32](folder, "truth")
	if err != nil {
		return err
	}
	g := hnsw.NewGraph[int]()
	g.M, g.EfSearch, g.Distance = 16, 200, hnsw.CosineDistance
	start := time.Now()
	for i := 0; i*d < len(vectors); i++ {
		g.Add(hnsw.MakeNode(i, vectors[i*d:(i+1)*d]))
	}
	took := time.Since(start).Seconds()
	fmt.Printf("coder    build %.1f s, %.0f vectors/s on one thread\n", took, float64(len(vectors)/d)/took)
	for _, ef := range []int{20, 100, 400} {
		g.EfSearch = ef
		found := 0
		start := time.Now()
		for i := 0; i*d < len(queries); i++ {
			for _, n := range g.Search(queries[i*d:(i+1)*d], k) {
				if slices.Contains(truth[i*k:(i+1)*k], uint32(n.Key)) {
					found++
				}
			}
		}
		fmt.Printf("coder    ef %3d  recall@10 %.4f  %6.0f queries/s\n", ef, float64(found)/float64(len(truth)), float64(len(queries)/d)/time.Since(start).Seconds())
	}
	defer func() {
		if r := recover(); r != nil {
			fmt.Printf("coder    adding a key again: panic: %v\n", r)
		}
	}()
	g.Add(hnsw.MakeNode(0, vectors[:d]))
	fmt.Println("coder    adding a key again: no panic")
	return nil
}
