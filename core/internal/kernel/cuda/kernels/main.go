//go:build torch

// Command kernels compiles every CUDA kernel for every generation of devices that Kakoi supports, without a GPU. It wants NVRTC, as in the
// wheel nvidia-cuda-nvrtc.
package main

import (
	"errors"
	"flag"
	"fmt"
	"log"

	"kakoi/core"
	"kakoi/core/internal/kernel/cuda"
)

func main() {
	nvrtc := flag.String("nvrtc", "", "folder with libnvrtc.so.*")
	out := flag.String("out", "", "folder to keep the compiled kernels in")
	arch := flag.Int("arch", 0, "one architecture only, as in 90")
	flag.Parse()
	log.SetFlags(0)
	if *arch != 0 {
		var some []cuda.Generation
		for _, g := range cuda.Generations {
			if g.Arch == *arch {
				some = append(some, g)
			}
		}
		cuda.Generations = some
	}
	n, failed := 0, 0
	shapes := []cuda.Shape{cuda.Reference4B, cuda.Starter}
	err := cuda.CompileEverywhere([]string{*nvrtc}, *out, shapes, func(name string, bytes int, err error) {
		n++
		if err != nil {
			failed++
			fmt.Printf("%s: FAILED\n%v\n", name, err)
			return
		}
		fmt.Printf("%s: %d KB\n", name, bytes/1024)
	})
	switch {
	case errors.Is(err, core.ErrNoDevice):
		log.Fatalf("NVRTC was not found. Unpack the wheel nvidia-cuda-nvrtc somewhere and name the folder that holds libnvrtc.so.13:\n  make kernels NVRTC=FOLDER\n(%v)", err)
	case err != nil:
		log.Fatalf("%d of %d modules do not compile.", failed, n)
	}
}
