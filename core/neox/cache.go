//go:build torch

package neox

import (
	"fmt"

	"kakoi/core"
	"kakoi/core/internal/torch"
)

// KVCache holds the keys and values of a batch of rows. A row's length is the number of tokens it has seen;
// it moves only after a whole chunk went through all layers, so a cancelled or failed chunk leaves the cache
// as it was. Close frees it on the device's thread.
type KVCache struct {
	model    *Model
	owner    torch.Owner
	keys     []torch.Tensor // per layer [B, H, C, D/H], written in place
	values   []torch.Tensor
	lengths  []int
	capacity int
}

// newCache makes room for capacity tokens in each of rows rows.
func (m *Model) newCache(s *torch.Scope, rows, capacity int) (*KVCache, error) {
	if capacity > m.MaxPositionEmbeddings {
		return nil, fmt.Errorf("cache of %d tokens for a model of %d: %w", capacity, m.MaxPositionEmbeddings, core.ErrTooLarge)
	}
	c := &KVCache{model: m, lengths: make([]int, rows), capacity: capacity}
	for range m.layer {
		for _, list := range []*[]torch.Tensor{&c.keys, &c.values} {
			t := s.Empty(m.DType, int64(rows), int64(m.Heads), int64(capacity), int64(m.HeadDim()))
			*list = append(*list, s.Keep(&c.owner, t)) // nobody looks beyond a row's length, so nothing is cleared
		}
	}
	if err := s.Err(); err != nil {
		c.owner.Close()
		return nil, fmt.Errorf("make room for %d x %d tokens: %w", rows, capacity, err)
	}
	return c, nil
}

// Close frees the cache; on the device's thread.
func (c *KVCache) Close() { c.owner.Close() }

// span says where a call's tokens stand: t tokens of one row, or one token each of b lanes.
type span struct {
	b, t   int64
	row    int64        // of a chunk
	past   int64        // tokens of the row before the chunk
	slots  torch.Tensor // int64 [B]: the lanes' positions; none for a chunk
	rows   torch.Tensor // int64 [B]: the lanes' rows
	places [2][]int64   // the same on the host: rows, positions
	grows  []part       // by how much which row grows
	cos    torch.Tensor // broadcast to [B, T, H, 2, R/2]
	sin    torch.Tensor
	mask   torch.Tensor // of a chunk: none, or added to the scores [T, S]
	causal bool         // no mask needed: nothing came before
	lora   []use        // the adapters
	strict bool         // lanes are computed so that none depends on the others, to the last bit
}

// part is n lanes from the first on that attend together: tokens of one row after past others.
type part struct{ first, n, row, past int }

// chunk is the span of t new tokens of one row.
func (c *KVCache) chunk(s *torch.Scope, row, t int) (span, error) {
	past := c.lengths[row]
	if past+t > c.capacity {
		return span{}, fmt.Errorf("row %d: %d tokens after %d do not fit %d: %w", row, t, past, c.capacity, core.ErrTooLarge)
	}
	at := span{b: 1, t: int64(t), row: int64(row), past: int64(past), grows: []part{{n: t, row: row}}}
	at.angles(s, c.model, int64(past))
	switch {
	case t == 1:
	case past == 0:
		at.causal = true
	default:
		at.mask = s.CausalMask(at.t, at.past+at.t, at.past, c.model.DType)
	}
	return at, s.Err()
}

// lanes is the span of the lanes l.
func (c *KVCache) lanes(s *torch.Scope, l []lane, strict bool) (span, error) {
	at := span{b: int64(len(l)), t: 1, strict: strict}
	slots, rows := make([]int64, len(l)), make([]int64, len(l))
	for i, x := range l {
		if x.row < 0 || x.row >= len(c.lengths) {
			return span{}, fmt.Errorf("lane of row %d of %d: %w", x.row, len(c.lengths), core.ErrUsage)
		}
		if n := len(at.grows); n > 0 && at.grows[n-1].row == x.row {
			at.grows[n-1].n++
		} else {
			at.grows = append(at.grows, part{first: i, n: 1, row: x.row, past: c.lengths[x.row]})
		}
		g := at.grows[len(at.grows)-1]
		at0 := g.past + g.n - 1
		if at0 >= c.capacity {
			return span{}, fmt.Errorf("row %d: token %d does not fit %d: %w", x.row, at0, c.capacity, core.ErrTooLarge)
		}
		slots[i], rows[i] = int64(at0), int64(x.row)
	}
	at.places = [2][]int64{rows, slots}
	at.slots, at.rows = s.Ints(slots, at.b), s.Ints(rows, at.b)
	if half := int64(c.model.RotaryDims() / 2); half > 0 {
		at.cos = s.View(s.IndexSelect(c.model.cos, 0, at.slots), at.b, 1, 1, 1, half)
		at.sin = s.View(s.IndexSelect(c.model.sin, 0, at.slots), at.b, 1, 1, 1, half)
	}
	return at, s.Err()
}

// angles takes the rotary tables' rows for positions past.., the same for every row of the batch.
func (at *span) angles(s *torch.Scope, m *Model, past int64) {
	half := int64(m.RotaryDims() / 2)
	if half == 0 {
		return
	}
	at.cos = s.View(s.Narrow(m.cos, 0, past, at.t), 1, at.t, 1, 1, half)
	at.sin = s.View(s.Narrow(m.sin, 0, past, at.t), 1, at.t, 1, 1, half)
}

// attention stores the keys and values of qkv [B, T, H, 3, D/H] and gives the attention of its queries over what the
// span's tokens see, [B, T, D].
func (c *KVCache) attention(s *torch.Scope, layer int, at span, qkv torch.Tensor) torch.Tensor {
	if at.strict {
		return s.Lanes(qkv, c.keys[layer], c.values[layer], at.places[0], at.places[1])
	}
	c.write(s, layer, at, qkv)
	return c.attend(s, layer, at, s.Select(qkv, 3, 0))
}

// write stores the keys and values of qkv [B, T, H, 3, D/H].
func (c *KVCache) write(s *torch.Scope, layer int, at span, qkv torch.Tensor) {
	for i, room := range [2]torch.Tensor{c.keys[layer], c.values[layer]} {
		fresh := s.Select(qkv, 3, int64(i+1)) // [B, T, H, D/H]
		if at.slots.None() {
			room = s.Narrow(s.Narrow(room, 0, at.row, 1), 2, at.past, at.t)
			s.Write(room, s.Transpose(fresh, 1, 2))
		} else {
			s.IndexPut(room, []torch.Tensor{at.rows, {}, at.slots}, s.Select(fresh, 1, 0))
		}
	}
}

// seen is a row's first n keys and values in a layer, [1, H, n, D/H].
func (c *KVCache) seen(s *torch.Scope, layer int, row, n int64) (k, v torch.Tensor) {
	k = s.Narrow(s.Narrow(c.keys[layer], 0, row, 1), 2, 0, n)
	v = s.Narrow(s.Narrow(c.values[layer], 0, row, 1), 2, 0, n)
	return k, v
}

// attend is the attention of q [B, T, H, D/H] over what the span's tokens see: [B, T, D].
func (c *KVCache) attend(s *torch.Scope, layer int, at span, q torch.Tensor) torch.Tensor {
	d := int64(c.model.HiddenSize)
	if at.slots.None() {
		k, v := c.seen(s, layer, at.row, at.past+at.t)
		o := s.Attention(s.Transpose(q, 1, 2), k, v, at.mask, at.causal) // [1, H, T, D/H]
		return s.Reshape(s.Transpose(o, 1, 2), 1, at.t, d)
	}
	out := make([]torch.Tensor, len(at.grows))
	for i, p := range at.grows {
		n := int64(p.n)
		k, v := c.seen(s, layer, int64(p.row), int64(p.past)+n)
		mask := torch.Tensor{}
		if n > 1 {
			mask = s.CausalMask(n, int64(p.past)+n, int64(p.past), c.model.DType)
		}
		mine := s.Transpose(s.Transpose(s.Narrow(q, 0, int64(p.first), n), 0, 1), 1, 2) // [1, H, n, D/H]
		out[i] = s.Reshape(s.Transpose(s.Attention(mine, k, v, mask, false), 1, 2), n, 1, d)
	}
	if len(out) == 1 {
		return out[0]
	}
	return s.Cat(0, out...)
}

// advance records that the span's tokens are in.
func (c *KVCache) advance(at span) {
	for _, p := range at.grows {
		c.lengths[p.row] += p.n
	}
}
