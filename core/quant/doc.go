// Package quant is NF4, the 4-bit NormalFloat of QLoRA (Dettmers et al., 2023, arXiv:2305.14314), with
// optional double quantisation of its scales, exactly as bitsandbytes 0.50 stores it. It is pure Go and the
// reference that every kernel is checked against.
//
// A weight of shape [Out, In] is flattened row by row and cut into blocks of 64 elements. A block keeps its
// largest absolute value (absmax, float32) and 4 bits per element, which choose one of the 16 values of NF4.
// With double quantisation the absmax of all blocks, less their mean (the offset), are themselves cut into
// blocks of 256 and stored as 8 bits per absmax in the signed dynamic map (Dettmers, 2015, arXiv:1511.04561).
//
//	value(i) = NF4[code(i)] * absmax(i/64)
//	absmax(b) = map[q(b)] * absmax2(b/256) + offset
//
// All arithmetic is float32. State is one weight in this form; Unmarshal and Marshal read and write the tensors
// that bitsandbytes keeps beside the weight in a checkpoint.
package quant
