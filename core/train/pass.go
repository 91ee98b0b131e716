//go:build torch

package train

import (
	"context"

	"kakoi/core/internal/torch"
)

// pass runs a micro-batch: its loss, summed over its counted tokens, and with train the gradients of factor times that, added
// to the adapter's. number counts the run's micro-batches. Between two blocks the device is free for others.
func (n *net) pass(ctx context.Context, examples []example, number uint64, train bool, factor float64) (loss float64, err error) {
	dev := n.base.Device()
	var b *batch
	kept := make([]*saved, n.base.Layers+1) // kept[i].x is the input of block i
	var grad, end torch.Owner
	var total torch.Tensor // read when all is done: reading waits for the device
	alive := func() {
		if n.alive != nil {
			n.alive()
		}
	}
	defer func() {
		_ = dev.Do(context.Background(), func(*torch.Scope) error {
			for _, k := range kept {
				if k != nil {
					k.owner.Close()
				}
			}
			grad.Close()
			end.Close()
			if b != nil {
				b.owner.Close()
			}
			return nil
		})
	}()
	err = dev.Do(ctx, func(s *torch.Scope) error {
		b = n.newBatch(s, examples, number, train)
		var ids []int32
		for _, e := range examples {
			ids = append(ids, e.ids...)
		}
		kept[0] = &saved{}
		kept[0].x = s.Keep(&kept[0].owner, n.base.Embed(s, ids))
		return s.Err()
	})
	lowest := n.lowest()
	for i := 0; err == nil && i < n.base.Layers; i++ {
		err = dev.Do(ctx, func(s *torch.Scope) error {
			keep := kept[i]
			if !train || i < lowest {
				keep = nil
			}
			y := n.forward(s, i, kept[i].x, b, keep)
			kept[i+1] = &saved{}
			kept[i+1].x = s.Keep(&kept[i+1].owner, y)
			if keep == nil {
				kept[i].owner.Close()
			}
			s.Annotate("layer %d", i)
			return s.Err()
		})
		alive()
	}
	var dy torch.Tensor
	if err == nil {
		err = dev.Do(ctx, func(s *torch.Scope) error {
			sum, dx := n.loss(s, kept[n.base.Layers].x, b, train, factor)
			total, dy = s.Keep(&end, sum), s.Keep(&grad, dx)
			kept[n.base.Layers].owner.Close()
			return s.Err()
		})
	}
	for i := n.base.Layers - 1; train && err == nil && i >= lowest; i-- {
		err = dev.Do(ctx, func(s *torch.Scope) error {
			dx := n.backward(s, i, kept[i], dy, b, i > lowest)
			s.Annotate("layer %d, backward", i)
			kept[i].owner.Close()
			kept[i] = nil
			grad.Close()
			dy = s.Keep(&grad, dx)
			return s.Err()
		})
		alive()
	}
	if err == nil {
		err = dev.Do(ctx, func(s *torch.Scope) error {
			var one [1]float32
			s.Read(total, one[:])
			loss = float64(one[0])
			return s.Err()
		})
	}
	return loss, err
}

// loss is the cross entropy summed over the counted tokens, [1], from x [N, D] after the last block; with train also factor
// times its gradient at x. Rows without a counted token never meet the head, and no more than chunk rows of logits exist at a
// time.
func (n *net) loss(s *torch.Scope, x torch.Tensor, b *batch, train bool, factor float64) (total, dx torch.Tensor) {
	total = s.Zero(s.Empty(torch.Float32, 1))
	d := int64(n.base.HiddenSize)
	rows := s.IndexSelect(x, 0, b.counted) // [M, D]
	w, bias := n.base.Norm(n.base.Layers, 0)
	y, mean, rstd := s.Norm(rows, w, bias, n.base.LayerNormEps)
	head := n.base.Head(s)
	var dyRows torch.Tensor
	if train {
		dyRows = s.Empty(n.base.DType, b.m, d)
	}
	for at := int64(0); at < b.m && s.Err() == nil; at += int64(n.chunk) {
		size := min(int64(n.chunk), b.m-at)
		s.In(func(s *torch.Scope) torch.Tensor {
			logits := s.WideProduct(s.Narrow(y, 0, at, size), head)
			var sum, half torch.Tensor
			if targets := s.Narrow(b.targets, 0, at, size); n.fast != nil {
				sum, half = n.entropyFast(s, logits, targets, train)
				sum = s.Sum(sum, true, 0)
			} else {
				sum, half = s.CrossEntropy(logits, targets)
			}
			s.Drop(logits)
			s.AddTo(total, sum)
			if train {
				half = s.To(half, n.base.DType) // of libtorch's; the plan counts on the logits' room
				s.Write(s.Narrow(dyRows, 0, at, size), s.MatMul(half, head))
			}
			return torch.Tensor{}
		})
	}
	s.Drop(head)
	s.Drop(y)
	if !train {
		return total, dx
	}
	s.Scale(dyRows, factor)
	defer n.mark(s, "head and loss")
	dRows := s.NormBack(dyRows, rows, mean, rstd, w, bias)
	s.Drop(dyRows)
	dx = s.Zero(s.Empty(n.base.DType, b.n, d))
	s.PutRows(dx, b.counted, dRows)
	return total, dx
}
