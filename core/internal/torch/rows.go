//go:build torch

package torch

// #include "shim.h"
import "C"

import (
	lib "github.com/sugarme/gotch/libtch"
)

// AttentionRows is softmax(q k^T / sqrt(D)) v within stretches of rows, on CUDA: qkv [N, 3H], first int32 [n+1] the first
// rows of the n stretches and N, none longer than longest -> [N, H].
func (s *Scope) AttentionRows(qkv, first Tensor, longest int64, heads int) Tensor {
	if !s.ready("attention rows", qkv, first) {
		return Tensor{}
	}
	return s.take("attention rows", lib.Ctensor(C.kk_attention_rows(C.kk_tensor(qkv.c), C.kk_tensor(first.c), C.int64_t(longest), C.int(heads))))
}

// MeanRows is the mean of each stretch of the rows of x [N, W] that index names: stretch i begins at offsets[i]; both are
// int64 -> [n, W] fp32.
func (s *Scope) MeanRows(x, index, offsets Tensor) Tensor {
	if !s.ready("mean rows", x, index, offsets) {
		return Tensor{}
	}
	return s.take("mean rows", lib.Ctensor(C.kk_mean_rows(C.kk_tensor(x.c), C.kk_tensor(index.c), C.kk_tensor(offsets.c))))
}
