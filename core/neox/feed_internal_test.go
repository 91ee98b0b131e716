//go:build torch

package neox

import (
	"context"
	"fmt"

	"kakoi/core/internal/device"
	"kakoi/core/internal/torch"
)

// prefill runs a prompt through a row in chunks; logits [V] gets those of its last token. ctx is looked at before
// each chunk; what went through stays in the row.
func prefill(ctx context.Context, dev *device.Device, st state, row int, prompt []int32, chunk int, logits []float32) error {
	for len(prompt) > 0 {
		n := min(chunk, len(prompt))
		var out []float32
		if n == len(prompt) {
			out = logits
		}
		if err := dev.Do(ctx, func(s *torch.Scope) error { return st.prefill(s, row, prompt[:n], 0, out) }); err != nil {
			return fmt.Errorf("prefill: %w", err)
		}
		prompt = prompt[n:]
	}
	return nil
}

// feed runs lanes, at most so many at once, and reads the logits that follow.
func feed(ctx context.Context, dev *device.Device, st state, most int, l []lane, logits [][]float32) error {
	for len(l) > 0 {
		n := min(most, len(l))
		if err := dev.Do(ctx, func(s *torch.Scope) error { return st.lanes(s, l[:n], logits[:n]) }); err != nil {
			return fmt.Errorf("decode: %w", err)
		}
		l, logits = l[n:], logits[n:]
	}
	return nil
}
