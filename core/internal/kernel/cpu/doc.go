// Package cpu holds the kernels of the processor: C with one function per instruction set, chosen at run time.
//
// # Words
//
// A Set is an instruction set a kernel is written for: Plain (any processor), AVX2 (with FMA and F16C), VNNI
// (AVX-512 with the 8-bit dot product) and AMX (VNNI with BF16 and the tile unit). Each contains the ones below.
// A Pool is a number of threads that run one C function at once, the calling thread being one of them. They wait
// for work by spinning a short while and sleeping then, so a decode step with its hundred phases pays no wake-ups
// and an idle model costs nothing. A phase ends at a barrier inside the function (pool.h).
//
// # Files
//
// pool.c, detect.c and memory.c know nothing of models; rate.c measures what bounds the kernels. nib*.c are matrices of 4-bit codes (and of 8-bit numbers,
// as two planes of them) and the products with them; ops* the pieces between products, one source for every width of
// vectors; neox.c the GPT-NeoX step over both. gemm8* and encoder* are the 8-bit and bf16 products and the encoder of
// package bert. Functions for an instruction set carry its target attribute (simd.h, tile.h); data of a model never
// decides which one runs. A result depends on the number of threads nowhere: threads share out rows, never a sum.
//
// # Who closes what
//
// A Pool belongs to who made it (NewPool, Close). Memory of weights and caches is C memory (Alloc, Free) because C
// keeps pointers to it between calls, and is owned by the type that holds it.
//
// KAKOI_CPU=plain|avx2|vnni|amx in the environment lowers the Set, for tests and measurements. Without the build
// tag "torch" the package is empty: the kernels belong to the engine process.
package cpu
