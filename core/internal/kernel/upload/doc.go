// Package upload is a GPU's memory and the way into it: Alloc takes memory of the device's primary context (libtorch's
// too, so that both can use it), and a Job copies ranges of files there, on several threads, through a small ring of
// pinned memory, as fast as the bus takes it.
//
// A single thread that reads a mapped file reaches 7 GB/s, eight that pread into pinned memory 50 GB/s, which is what
// the bus carries (one H200, PCIe 5). The ring stays small: 8 threads x 2 slots of 4 MB; pinning more costs more time
// than it saves.
//
// The driver's library is opened at run time; nothing of CUDA is linked. Without the build tag "torch" the package is
// empty.
package upload
