// Package cuda is our own GPU kernels for 4-bit GPT-NeoX: quantising, the decode step, sampling, and the small
// fused operations of the prefill and of a training step. The sources (*.cu) are embedded, compiled by NVRTC when a machine first runs
// them and kept as cubins in a folder. The driver (libcuda) and NVRTC are opened at run time; nothing here needs
// CUDA to build.
//
// # Words
//
//   - A pointer (uintptr) is device memory; what lies there is said beside it. A stream is a CUstream, 0 the
//     default stream, which is libtorch's too: work queued there by both runs in the order it was queued.
//   - A lane is one new token of one row. A call takes 1 to 16 lanes: of different rows (a batch), or consecutive
//     tokens of one row (drafts to verify), or both.
//   - Weights lie in the decode layout (Layout), one block of memory for all layers; Place puts a matrix there and
//     Dequantize takes it out again as a row-major bf16 matrix, for products through cuBLAS.
//   - The KV cache is bf16, K and V apart, each [layer][row][head][position][head width].
//
// # How the decode step runs
//
// One cooperative kernel with one block per multiprocessor computes whole tokens, layer by layer (decode.cu). A
// warp reads its share of every matrix as one run of memory through a ring of asynchronous copies that does not
// stop at the layers' borders, so the memory is busy while blocks wait for each other. Sums over blocks are made
// in 64-bit fixed point with atomic additions: these are exact, so their order does not matter, and the same
// input gives the same bits on every run. A lane's numbers do not depend on the other lanes of the call either:
// drafts verified together get the logits that one token at a time would get.
//
// Everything is called on the device's thread. Without the build tag "torch" only Shape and Layout exist.
package cuda
