//go:build !torch

package neox

// fastCPU4 says whether the CPU's 4-bit kernels run a model of this shape. This build cannot look at the processor: it
// takes one with AVX2.
func fastCPU4(c Config) bool {
	return c.HiddenSize%64 == 0 && c.IntermediateSize%64 == 0 && c.HeadDim()%16 == 0 && c.HeadDim() <= 256
}
