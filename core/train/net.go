//go:build torch

package train

import (
	"context"
	"fmt"

	"kakoi/core/internal/torch"
	"kakoi/core/neox"
)

// net is a frozen model with an adapter in training, on the model's device.
type net struct {
	base    *neox.Frozen
	act     torch.Activation
	dropout float64
	seed    uint64
	keep    string // what is kept of the forward pass: settings' Recompute
	chunk   int    // tokens whose logits exist at the same time

	params  params
	lora    [][4]*pair // by layer and lora.Names; nil: none
	owner   torch.Owner
	weights torch.Tensor // of the adapter, all of them, as computed with
	grads   torch.Tensor // fp32
	fast    *fast        // our own kernels; nil: libtorch's operations
	alive   func()       // told after every block; nil: nobody

	// In the host's memory, page-locked where there is a GPU: the masters, and the gradients as read.
	masters, gradients    []float32
	hostMasters, hostRead torch.Tensor
}

// pair is a LoRA: y += scale B (A x). The tensors are views of net's.
type pair struct {
	scale  float64
	a, b   torch.Tensor // [R, I], [O, R]
	ga, gb torch.Tensor // the gradients, fp32
}

// rank is R.
func (l *pair) rank() int { return int(l.a.Shape()[0]) }

// newNet takes the memory of an adapter. Its weights come with load.
func newNet(ctx context.Context, base *neox.Frozen, p params, alpha, dropout float64, seed uint64, keep string, chunk int) (*net, error) {
	n := &net{base: base, dropout: dropout, seed: seed, keep: keep, chunk: chunk, params: p, lora: make([][4]*pair, base.Layers)}
	switch base.HiddenAct {
	case "gelu":
		n.act = torch.Gelu
	case "gelu_new", "gelu_fast", "gelu_pytorch_tanh":
		n.act = torch.GeluTanh
	case "relu":
		n.act = torch.Relu
	case "silu", "swish":
		n.act = torch.Silu
	default:
		return nil, fmt.Errorf("hidden_act %q", base.HiddenAct)
	}
	err := base.Device().Do(ctx, func(s *torch.Scope) error {
		n.weights = s.Keep(&n.owner, s.Zero(s.Empty(base.DType, int64(p.total))))
		n.grads = s.Keep(&n.owner, s.Zero(s.Empty(torch.Float32, int64(p.total))))
		view := func(of torch.Tensor, x part, rows, cols int) torch.Tensor {
			return s.Keep(&n.owner, s.View(s.Narrow(of, 0, int64(x.from), int64(x.n)), int64(rows), int64(cols)))
		}
		for i, x := range p.places {
			a, b := p.parts[2*i], p.parts[2*i+1]
			n.lora[x.layer][x.which] = &pair{
				scale: float64(float32(alpha / float64(x.rank))),
				a:     view(n.weights, a, x.rank, x.in), b: view(n.weights, b, x.out, x.rank),
				ga: view(n.grads, a, x.rank, x.in), gb: view(n.grads, b, x.out, x.rank),
			}
		}
		if base.Device().CUDA() {
			n.hostMasters, n.hostRead = s.Keep(&n.owner, s.Pinned(int64(p.total))), s.Keep(&n.owner, s.Pinned(int64(p.total)))
		} else {
			n.hostMasters, n.hostRead = s.Keep(&n.owner, s.EmptyHost(torch.Float32, int64(p.total))), n.grads
		}
		if s.Err() != nil {
			return s.Err()
		}
		n.masters, n.gradients = n.hostMasters.HostFloats(), n.hostRead.HostFloats()
		n.fast = newFast(s, base.Generator(), base.DType, p.places)
		return s.Err()
	})
	if err != nil {
		n.close()
		return nil, err
	}
	return n, nil
}

// close frees the adapter's memory.
func (n *net) close() {
	_ = n.base.Device().Do(context.Background(), func(*torch.Scope) error { n.owner.Close(); return nil })
}

// load makes the device's weights those of n.masters, and the gradients zero.
func (n *net) load(ctx context.Context) error {
	return n.base.Device().Do(ctx, func(s *torch.Scope) error {
		s.Write(n.weights, s.To(n.hostMasters, torch.Float32))
		s.Zero(n.grads)
		return s.Err()
	})
}

// read copies the gradients to n.gradients.
func (n *net) read(ctx context.Context) error {
	return n.base.Device().Do(ctx, func(s *torch.Scope) error {
		if n.base.Device().CUDA() {
			s.Write(n.hostRead, n.grads)
		}
		return s.Err()
	})
}

// lowest is the first layer that has an adapter: below it nothing is kept and no gradient needed.
func (n *net) lowest() int {
	for i, l := range n.lora {
		if l != [4]*pair{} {
			return i
		}
	}
	return len(n.lora)
}
