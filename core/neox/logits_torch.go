//go:build torch

package neox

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"

	"kakoi/core"
	"kakoi/core/internal/torch"
	"kakoi/core/lora"
	"kakoi/core/weights"
)

// Logits computes the logits of every token of opt.IDs and writes them, float32 in row-major order [len(IDs), V] and
// little-endian. The path "prefill" needs a runner that keeps a whole chunk's results; core.ErrUnsupported otherwise.
func Logits(ctx context.Context, opt LogitsOptions, w io.Writer) (err error) {
	defer func() { err = readable(err) }()
	if len(opt.IDs) == 0 || opt.Path != "prefill" && opt.Path != "lanes" {
		return fmt.Errorf("logits of %d tokens by the path %q: %w (prefill, lanes)", len(opt.IDs), opt.Path, core.ErrUsage)
	}
	folder, err := weights.Open(opt.Dir)
	if err != nil {
		return err
	}
	defer folder.Close()
	var cfg Config
	if err := folder.Config(&cfg); err != nil {
		return err
	}
	if err := cfg.Validate(); err != nil {
		return err
	}
	if len(opt.IDs) > cfg.MaxPositionEmbeddings {
		return fmt.Errorf("%d tokens for a model of %d: %w", len(opt.IDs), cfg.MaxPositionEmbeddings, core.ErrTooLarge)
	}
	dev, as, err := place(opt.Load, cfg, storedAs(folder))
	if err != nil {
		return err
	}
	run, err := newRunner(ctx, dev, cfg, as, folder, nil)
	if err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, dev.Do(context.WithoutCancel(ctx), func(*torch.Scope) error { run.close(); return nil }))
	}()
	adapter := 0
	var st state
	err = dev.Do(ctx, func(s *torch.Scope) (err error) {
		if opt.Adapter != "" {
			a, err := lora.ReadSealed(opt.Adapter, opt.Load.Key)
			if err != nil {
				return err
			}
			if adapter, err = run.attach(s, a); err != nil {
				return err
			}
		}
		st, err = run.room(s, 1, len(opt.IDs))
		return err
	})
	if err != nil {
		return err
	}
	defer func() {
		_ = dev.Do(context.WithoutCancel(ctx), func(*torch.Scope) error { st.close(); return nil })
	}()
	b := bufio.NewWriterSize(w, 1<<20)
	step := run.traits().lanes
	if opt.Path == "prefill" {
		step = run.traits().chunk
	}
	for at := 0; at < len(opt.IDs); at += step {
		part := opt.IDs[at:min(at+step, len(opt.IDs))]
		all := make([]float32, len(part)*cfg.VocabSize)
		err := dev.Do(ctx, func(s *torch.Scope) error {
			if opt.Path == "prefill" {
				x, ok := st.(interface {
					all(s *torch.Scope, row int, ids []int32, adapter int, logits []float32) error
				})
				if !ok {
					return fmt.Errorf("logits of a whole chunk on %s: %w", dev.Name(), core.ErrUnsupported)
				}
				return x.all(s, 0, part, adapter, all)
			}
			l, rows := make([]lane, len(part)), make([][]float32, len(part))
			for i, id := range part {
				l[i] = lane{id: id, adapter: adapter}
				rows[i] = all[i*cfg.VocabSize : (i+1)*cfg.VocabSize]
			}
			return st.lanes(s, l, rows)
		})
		if err != nil {
			return err
		}
		if _, err := b.Write(floatBytes(all)); err != nil {
			return fmt.Errorf("write logits: %w", err)
		}
	}
	return b.Flush()
}
