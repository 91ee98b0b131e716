package neox

// What the runners take at a time, and the memory plan counts by.
const (
	chunkCUDA  = 512 // tokens of one prefill call on a GPU with libtorch's operations
	lanesTorch = 16  // lanes of one step with libtorch's operations
	rankStep   = 16  // ranks of adapters are filled up to a multiple

	smallChunk = 64 // on the CPU, see chunkCPU
	wideChunk  = 128
	smallModel = 500_000_000
)

// chunkCPU is the tokens of one prefill call of libtorch's operations on the CPU, and what prompts are cut at there. Products of 128 rows
// take a fifth less time than those of 64, and those of 256 hardly less; but prompts that begin alike share whole chunks, and a cancel waits
// for one: a second on two cores with a model of smallModel parameters, so larger ones go by less.
func chunkCPU(c Config) int {
	if c.Parameters() > smallModel {
		return smallChunk
	}
	return wideChunk
}
