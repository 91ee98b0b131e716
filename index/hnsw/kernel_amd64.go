package hnsw

import (
	"unsafe"

	"golang.org/x/sys/cpu"
)

//go:noescape
func dotsVNNI(q unsafe.Pointer, codes *byte, stride uintptr, ids *uint32, n uintptr, out *int32)

//go:noescape
func dotsAVX2(q unsafe.Pointer, codes *byte, stride uintptr, ids *uint32, n uintptr, out *int32)

//go:noescape
func touch(slab unsafe.Pointer, size uintptr, ids *uint32, n uintptr)

//go:noescape
func halfAVX512(q *float32, h *byte, n uintptr) float32

//go:noescape
func halfAVX2(q *float32, h *byte, n uintptr) float32

func machineKernels() []kernel {
	var all []kernel
	x := &cpu.X86
	if x.HasAVX512F && x.HasAVX512BW && x.HasAVX512VL && x.HasAVX512DQ && x.HasAVX512VNNI {
		all = append(all, kernel{name: "AVX-512 VNNI", dots: dotsVNNI, touch: touch, half: halfAVX512})
	}
	if x.HasAVX2 && x.HasFMA && x.HasF16C {
		all = append(all, kernel{name: "AVX2", dots: dotsAVX2, touch: touch, wide: true, half: halfAVX2})
	}
	return all
}
