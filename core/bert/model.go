//go:build torch

package bert

import (
	"math"
	"unsafe"

	"kakoi/core/internal/torch"
	"kakoi/core/weights"
)

// model is the encoder's weights on one device. N is the tokens of a batch, H the hidden size.
type model struct {
	Config
	dtype  torch.DType
	prefix string
	owner  torch.Owner

	words     torch.Tensor // [V, H], as stored; on the CPU a view of the mapped file
	positions torch.Tensor // [P, H]: position embedding plus that of token type 0; of a model of pairs [2P, H], then plus that of type 1
	norm      norm
	layer     []layer
}

type norm struct{ w, b torch.Tensor }

type linear struct{ w, b torch.Tensor } // w [out, in]

type layer struct {
	qkv       linear // [3H, H]: query, key, value
	out       linear // [H, H]
	outNorm   norm
	up, down  linear // [I, H], [H, I]
	innerNorm norm
}

func (m *model) loadEmbeddings(s *torch.Scope, src source) error {
	r := &tensors{m: m, s: s, src: src}
	const e = "embeddings."
	if t, ok := r.get([]int{m.Vocab, m.Hidden}, e+"word_embeddings.weight"); ok {
		m.words = m.loadWords(s, t)
	}
	m.positions = r.keep(r.positions, int64(m.types()*m.Positions), int64(m.Hidden))
	m.norm = r.norm(e + "LayerNorm")
	return r.err()
}

// types is how many token types the model tells apart.
func (c *Config) types() int {
	if c.second {
		return 2
	}
	return 1
}

// positions reads the position embeddings [P, H] with the embedding of token type 0 added; behind them, where dst has room, those of type 1.
func (r *tensors) positions(dst []float32) {
	m := r.m
	const e = "embeddings."
	n := m.Positions * m.Hidden
	r.floats(dst[:n], []int{m.Positions, m.Hidden}, e+"position_embeddings.weight")
	copy(dst[n:], dst[:n])
	if m.Types == 0 || r.err() != nil {
		return
	}
	types := make([]float32, m.Types*m.Hidden)
	r.floats(types, []int{m.Types, m.Hidden}, e+"token_type_embeddings.weight")
	for i := range dst {
		dst[i] += types[i/n*m.Hidden+i%m.Hidden]
	}
}

// aligned says whether the tensor's numbers lie where a processor wants them.
func aligned(t weights.Tensor) bool {
	return uintptr(unsafe.Pointer(unsafe.SliceData(t.Data)))%uintptr(max(t.DType.Size(), 1)) == 0
}

// loadWords leaves the biggest tensor of the model where and as it is, if it can be used so.
func (m *model) loadWords(s *torch.Scope, t weights.Tensor) torch.Tensor {
	types := map[weights.DType]torch.DType{weights.F32: torch.Float32, weights.F16: torch.Float16, weights.BF16: torch.BFloat16}
	dtype, known := types[t.DType]
	shape := []int64{int64(m.Vocab), int64(m.Hidden)}
	if known && aligned(t) {
		w := s.Borrow(t.Data, dtype, shape...)
		if s.Device() >= 0 {
			w = s.Copy(w, m.dtype)
		}
		return s.Keep(&m.owner, w)
	}
	host := s.EmptyHost(torch.Float32, shape...)
	if s.Err() == nil {
		s.Fail(t.Float32(host.HostFloats()))
	}
	return s.Keep(&m.owner, s.To(host, m.dtype))
}

func (m *model) loadLayer(s *torch.Scope, src source, i int) error {
	r := &tensors{m: m, s: s, src: src}
	name := layerPrefix(i)
	at := name + "attention."
	h, g := m.Hidden, m.Inner
	m.layer[i] = layer{
		qkv:       r.linear(h, h, at+"self.query", at+"self.key", at+"self.value"),
		out:       r.linear(h, h, at+"output.dense"),
		outNorm:   r.norm(at + "output.LayerNorm"),
		up:        r.linear(g, h, name+"intermediate.dense"),
		down:      r.linear(h, g, name+"output.dense"),
		innerNorm: r.norm(name + "output.LayerNorm"),
	}
	return r.err()
}

func (m *model) vectors(s *torch.Scope, b batch, modes []string, dst []float32) error {
	m.pool(s, m.forward(s, b), b, modes, dst)
	return s.Err()
}

// products multiplies [n, n] x [n, n] several times.
func (m *model) products(s *torch.Scope) (float64, error) {
	n, repeat := int64(1024), 4
	if s.Device() >= 0 {
		n, repeat = 4096, 16
	}
	s.In(func(s *torch.Scope) torch.Tensor {
		a := s.Normal(s.Empty(m.dtype, n, n), 0, 1)
		b := s.Normal(s.Empty(m.dtype, n, n), 0, 1)
		var last torch.Tensor
		for range repeat {
			s.Drop(last)
			last = s.Linear(a, b, torch.Tensor{})
		}
		s.Read(s.Narrow(s.Select(last, 0, 0), 0, 0, 1), make([]float32, 1)) // waits for the device
		return torch.Tensor{}
	})
	return 2 * float64(n*n*n) * float64(repeat), s.Err()
}

func (m *model) arithmetic() string   { return m.dtype.String() }
func (m *model) instructions() string { return "libtorch" }
func (m *model) close()               { m.owner.Close() }

// forward runs a batch and returns its hidden states [N, H]. Everything but attention sees the batch's tokens as
// rows of one matrix, so there is no padding.
func (m *model) forward(s *torch.Scope, b batch) torch.Tensor {
	var first torch.Tensor // [windows+1] int32: where the windows begin
	longest := 0
	if s.Device() >= 0 {
		places := make([]int64, 1, len(b.windows)+1)
		for _, w := range b.windows {
			places = append(places, places[len(places)-1]+int64(len(w.ids)))
			longest = max(longest, len(w.ids))
		}
		first = s.To(s.Ints(places, int64(len(places))), torch.Int32)
	}
	x := s.In(func(s *torch.Scope) torch.Tensor {
		ids, places := make([]int64, 0, b.tokens), make([]int64, 0, b.tokens)
		for _, w := range b.windows {
			for i, id := range w.ids {
				place := m.FirstPosition() + i
				if m.second && w.second > 0 && i >= w.second {
					place += m.Positions
				}
				ids, places = append(ids, int64(id)), append(places, int64(place))
			}
		}
		words := s.To(s.IndexSelect(m.words, 0, s.Ints(ids, int64(len(ids)))), m.dtype)
		rows := s.IndexSelect(m.positions, 0, s.Ints(places, int64(len(places))))
		return m.normed(s, s.AddTo(rows, words), m.norm)
	})
	for i := range m.layer {
		l := &m.layer[i]
		next := s.In(func(s *torch.Scope) torch.Tensor {
			qkv := s.Linear(x, l.qkv.w, l.qkv.b) // [N, 3H]
			var y torch.Tensor
			if first.None() {
				y = m.attention(s, qkv, b)
			} else {
				y = s.AttentionRows(qkv, first, int64(longest), m.Heads)
			}
			y = s.Linear(y, l.out.w, l.out.b)
			s.Drop(qkv)
			y = m.normed(s, s.AddTo(y, x), l.outNorm)
			z := s.Linear(m.activation(s, s.Linear(y, l.up.w, l.up.b)), l.down.w, l.down.b)
			return m.normed(s, s.AddTo(z, y), l.innerNorm)
		})
		s.Annotate("layer %d", i)
		s.Drop(x)
		x = next
	}
	return x
}

func (m *model) normed(s *torch.Scope, x torch.Tensor, n norm) torch.Tensor {
	return s.LayerNorm(x, int64(m.Hidden), n.w, n.b, m.Eps)
}

func (m *model) activation(s *torch.Scope, x torch.Tensor) torch.Tensor {
	var y torch.Tensor
	switch m.Activation {
	case "gelu":
		y = s.Gelu(x, false)
	case "relu":
		y = s.Relu(x)
	case "silu", "swish":
		y = s.Silu(x)
	default: // gelu_new, gelu_fast, gelu_pytorch_tanh
		y = s.Gelu(x, true)
	}
	s.Drop(x)
	return y
}

// attention is softmax(q k^T / sqrt(D)) v within each window: qkv [N, 3H] -> [N, H]. Windows of one length run
// together, so no mask is needed.
func (m *model) attention(s *torch.Scope, qkv torch.Tensor, b batch) torch.Tensor {
	return s.In(func(s *torch.Scope) torch.Tensor {
		parts := make([]torch.Tensor, 0, len(b.groups))
		from, heads := int64(0), int64(m.Heads)
		h := int64(m.Hidden)
		for _, g := range b.groups {
			n, length := int64(g.windows), int64(g.length)
			rows := s.Narrow(qkv, 0, from, n*length)
			from += n * length
			// [n, L, 3, heads, D] -> [3, n, heads, L, D]
			split := s.Permute(s.View(rows, n, length, 3, heads, h/heads), 2, 0, 3, 1, 4)
			a := s.Attention(s.Select(split, 0, 0), s.Select(split, 0, 1), s.Select(split, 0, 2), torch.Tensor{}, false)
			parts = append(parts, s.Reshape(s.Transpose(a, 1, 2), n*length, h))
		}
		if len(parts) == 1 {
			return parts[0]
		}
		return s.Cat(0, parts...)
	})
}

// poolRows is pool on a GPU: one operation for all windows.
func (m *model) poolRows(s *torch.Scope, x torch.Tensor, b batch, modes []string, dst []float32) {
	n := len(b.windows)
	s.In(func(s *torch.Scope) torch.Tensor {
		each := make([]torch.Tensor, len(modes))
		for i, mode := range modes {
			var rows, from []int64
			at := int64(0)
			for _, w := range b.windows {
				from = append(from, int64(len(rows)))
				switch last := at + int64(len(w.ids)) - 1; mode {
				case "cls":
					rows = append(rows, at)
				case "lasttoken":
					rows = append(rows, last)
				default:
					for r := at; r <= last; r++ {
						rows = append(rows, r)
					}
				}
				at += int64(len(w.ids))
			}
			each[i] = s.MeanRows(x, s.Ints(rows, int64(len(rows))), s.Ints(from, int64(n)))
		}
		s.Read(s.Cat(1, each...), dst)
		return torch.Tensor{}
	})
	for i, w := range b.windows {
		for k, mode := range modes {
			if mode == "mean_sqrt_len_tokens" {
				scale(dst[(i*len(modes)+k)*m.Hidden:(i*len(modes)+k+1)*m.Hidden], float32(math.Sqrt(float64(len(w.ids)))))
			}
		}
	}
}

// onDevice says whether pool can work on the device.
func onDevice(modes []string, b batch) bool {
	for _, mode := range modes {
		if mode != "mean" && mode != "cls" && mode != "mean_sqrt_len_tokens" && mode != "lasttoken" {
			return false
		}
	}
	for _, w := range b.windows {
		if w.skip > 0 {
			return false
		}
	}
	return true
}

// pool makes the vectors of a batch, x [N, H] -> dst [windows * len(modes) * H], not normalised.
func (m *model) pool(s *torch.Scope, x torch.Tensor, b batch, modes []string, dst []float32) {
	h := m.Hidden
	width := h * len(modes)
	if !onDevice(modes, b) {
		host := make([]float32, b.tokens*h)
		s.Read(x, host)
		if s.Err() != nil {
			return
		}
		from := 0
		for i, w := range b.windows {
			to := from + len(w.ids)*h
			poolHost(dst[i*width:(i+1)*width], host[from:to], h, modes, w.skip)
			from = to
		}
		return
	}
	if s.Device() >= 0 {
		m.poolRows(s, x, b, modes, dst)
		return
	}
	s.In(func(s *torch.Scope) torch.Tensor {
		var parts []torch.Tensor
		from := int64(0)
		for _, g := range b.groups {
			n, length := int64(g.windows), int64(g.length)
			rows := s.View(s.Narrow(x, 0, from, n*length), n, length, int64(h))
			from += n * length
			each := make([]torch.Tensor, len(modes))
			for i, mode := range modes {
				switch mode {
				case "cls":
					each[i] = s.Select(rows, 1, 0)
				case "lasttoken":
					each[i] = s.Select(rows, 1, length-1)
				default: // fp32: a sum of 512 fp16 numbers loses digits
					each[i] = s.Sum(s.To(rows, torch.Float32), false, 1)
				}
				each[i] = s.To(each[i], torch.Float32)
			}
			parts = append(parts, s.Cat(1, each...))
		}
		s.Read(s.Cat(0, parts...), dst)
		return torch.Tensor{}
	})
	if s.Err() != nil {
		return
	}
	for i, w := range b.windows {
		for k, mode := range modes {
			if mode == "mean" || mode == "mean_sqrt_len_tokens" {
				v := dst[i*width+k*h : i*width+(k+1)*h]
				scale(v, 1/meanDivisor(mode, float32(len(w.ids))))
			}
		}
	}
}
