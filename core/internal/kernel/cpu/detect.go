//go:build torch

package cpu

// #include "detect.h"
import "C"

import (
	"os"
	"strings"
	"sync"
)

// Set is an instruction set that kernels are written for; each contains the ones below.
type Set int

// The sets, in order.
const (
	Plain Set = iota // any processor
	AVX2             // with FMA and F16C
	VNNI             // AVX-512 F, BW, DQ, VL and VNNI
	AMX              // VNNI with BF16, and tiles with BF16 and INT8
)

var setNames = [...]string{"plain", "avx2", "vnni", "amx"}

func (s Set) String() string { return setNames[s] }

var fromEnvironment = sync.OnceFunc(func() {
	for i, name := range setNames {
		if strings.EqualFold(os.Getenv("KAKOI_CPU"), name) {
			C.kc_lower(C.int(i))
		}
	}
})

// Detect is the best set that this processor and system have, lowered by KAKOI_CPU in the environment and by Lower.
func Detect() Set {
	fromEnvironment()
	return Set(C.kc_set())
}

// Lower keeps kernels to s or below until the function it returns is called. It is for tests and measurements, and
// counts for the whole process: no kernel may be running.
func Lower(s Set) (restore func()) {
	old := Detect()
	C.kc_lower(C.int(s))
	return func() { C.kc_lower(C.int(old)) }
}

// lowerVBMI keeps VNNI's kernels to what processors without AVX-512 VBMI have, until the function it returns is called. For tests.
func lowerVBMI() (restore func()) {
	C.kc_without_vbmi(1)
	return func() { C.kc_without_vbmi(0) }
}

// BFloat16 says whether AVX-512's BF16 products are there and not lowered away.
func BFloat16() bool { return Detect() >= VNNI && C.kc_detect().bf16 != 0 }
