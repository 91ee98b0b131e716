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
			if rows > 1 {
				s.Zero(t) // shorter rows are masked, and 0 times an uninitialised infinity is no zero
			}
			*list = append(*list, s.Keep(&c.owner, t))
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

// span says where a chunk of tokens stands: its shape, its rows, its positions and who sees whom.
type span struct {
	b, t   int64        // rows and tokens per row
	row    int64        // first row in the cache
	past   int64        // tokens before it, where all rows have as many
	seen   int64        // S: keys that are looked at
	slots  torch.Tensor // int64 [B]: where each row writes, where lengths differ (then t is 1)
	rows   torch.Tensor // int64 [B]: 0, 1, .. beside slots
	cos    torch.Tensor // broadcast to [B, T, H, 2, R/2]
	sin    torch.Tensor
	mask   torch.Tensor // none, or added to the scores [B, 1, T, S]
	causal bool         // no mask needed: nothing came before
}

// chunk is the span of t new tokens of one row.
func (c *KVCache) chunk(s *torch.Scope, row, t int) (span, error) {
	past := c.lengths[row]
	if past+t > c.capacity {
		return span{}, fmt.Errorf("row %d: %d tokens after %d do not fit %d: %w", row, t, past, c.capacity, core.ErrTooLarge)
	}
	at := span{b: 1, t: int64(t), row: int64(row), past: int64(past), seen: int64(past + t)}
	at.angles(s, c.model, int64(past))
	switch {
	case t == 1:
	case past == 0:
		at.causal = true
	default:
		at.mask = s.CausalMask(at.t, at.seen, at.past, c.model.DType)
	}
	return at, s.Err()
}

// next is the span of one new token for every row.
func (c *KVCache) next(s *torch.Scope) (span, error) {
	b := len(c.lengths)
	longest, same := c.lengths[0], true
	for _, n := range c.lengths {
		same = same && n == longest
		longest = max(longest, n)
	}
	if longest+1 > c.capacity {
		return span{}, fmt.Errorf("one token after %d does not fit %d: %w", longest, c.capacity, core.ErrTooLarge)
	}
	at := span{b: int64(b), t: 1, past: int64(longest), seen: int64(longest + 1)}
	if same {
		at.angles(s, c.model, at.past)
		return at, s.Err()
	}
	slots, rows := make([]int64, b), make([]int64, b)
	mask := make([]float32, b*(longest+1))
	for i, n := range c.lengths {
		slots[i], rows[i] = int64(n), int64(i)
		for j := n + 1; j <= longest; j++ {
			mask[i*(longest+1)+j] = negativeInfinity
		}
	}
	at.slots, at.rows = s.Ints(slots, int64(b)), s.Ints(rows, int64(b))
	at.mask = s.To(s.Floats(mask, int64(b), 1, 1, at.seen), c.model.DType)
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

// write stores the keys and values of qkv [B, T, H, 3, D/H] and returns all that the span looks at, [B, H, S, D/H].
func (c *KVCache) write(s *torch.Scope, layer int, at span, qkv torch.Tensor) (k, v torch.Tensor) {
	both := [2]torch.Tensor{}
	for i, room := range [2]torch.Tensor{c.keys[layer], c.values[layer]} {
		fresh := s.Select(qkv, 3, int64(i+1)) // [B, T, H, D/H]
		if at.b != int64(len(c.lengths)) {
			room = s.Narrow(room, 0, at.row, at.b)
		}
		if at.slots.None() {
			s.Write(s.Narrow(room, 2, at.past, at.t), s.Transpose(fresh, 1, 2))
		} else {
			s.IndexPut(room, []torch.Tensor{at.rows, {}, at.slots}, s.Select(fresh, 1, 0))
		}
		both[i] = s.Narrow(room, 2, 0, at.seen)
	}
	return both[0], both[1]
}

// advance records that the span's tokens are in, for the rows that moves names (nil: all of the span).
func (c *KVCache) advance(at span, moves func(row int) bool) {
	for i := int(at.row); i < int(at.row+at.b); i++ {
		if moves == nil || moves(i) {
			c.lengths[i] += int(at.t)
		}
	}
}
