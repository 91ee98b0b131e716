// Package hnsw finds the nearest of many unit vectors: a hierarchical navigable small-world graph (Malkov and Yashunin,
// "Efficient and robust approximate nearest neighbor search using Hierarchical Navigable Small World graphs", 2016) over
// contiguous memory.
//
// # Layout
//
// A vector lies in a slot. Each property of all slots is one slab of memory outside the Go heap, in huge pages: the codes
// (one byte per component), the neighbours of layer 0 (2M slots of 4 bytes), what a score needs (scale, bias, sum), the
// caller's label, and, with Params.Resident, the vectors in float16. Layers above 0 share one slab more.
//
// A code is what is left of a vector after the centre (the mean) is taken away, divided by the vector's own scale: the walk
// compares codes with integer arithmetic (AVX-512 VNNI, AVX2 or plain Go, chosen at start) and touches 384 bytes of a
// 384 wide vector instead of 1,536. The best of the walk are then scored again with the float16 vectors, and only those
// scores leave the package.
//
// # Promises
//
// A search with ef of at least Len is exact, whatever was added, deleted and repaired before: every slot is reached from the
// root by a tree of edges that pruning never takes. A hit is never a deleted vector. Searches, Add, Delete and Repair may
// run side by side; searches never wait for Add.
//
// # Deleting
//
// Delete marks: the walk goes on through the slot, hits leave it out. Repair links the neighbours of marked slots to each
// other, makes the tree anew, wipes the slots and gives them to the next Add. Repair when Stale says so.
package hnsw
