//go:build torch

package neox

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"kakoi/core"
	"kakoi/core/internal/device"
	"kakoi/core/internal/torch"
	"kakoi/core/weights"
)

// loadRunner is newRunner from the folder's 4-bit form, where the weights are held in 4 bits and there is one.
func loadRunner(ctx context.Context, dev *device.Device, cfg Config, as storage, f *weights.Folder, id string, keep bool, p core.Progress) (_ runner, err error) {
	from := f
	if as.nf4 {
		// A GPU quantises faster than the form is written: there it is made at import, or beside the first answers (keepLater).
		if from, err = cached4Bit(ctx, f, id, keep && !dev.CUDA(), p); err != nil {
			return nil, err
		}
		if from != f {
			defer func() { err = errors.Join(err, from.Close()) }()
		}
	}
	run, err := verified(ctx, dev, from, func() (runner, error) { return newRunner(ctx, dev, cfg, as, from, p) })
	if from != f && errors.Is(err, core.ErrCorrupt) {
		// What is beside the model is damaged; the model itself is still there. The form is made anew when there is reason to.
		if keep {
			_ = os.RemoveAll(from.Dir())
		}
		run, err = newRunner(ctx, dev, cfg, as, f, p)
	}
	if as.nf4 && as.auto && dev.CUDA() && (errors.Is(err, core.ErrUnsupported) || errors.Is(err, core.ErrNoDevice)) {
		// This GPU, or what is installed beside it, has no use for our kernels: libtorch's operations then, where there is room.
		full := as.plan
		full.DType = "bf16"
		plan, perr := NewPlan(full)
		if perr == nil {
			perr = plan.Refuse(full, freeOn(dev))
		}
		if perr != nil {
			return nil, errors.Join(err, perr)
		}
		p.Report(core.Update{Stage: "nokernels"})
		return newRunner(ctx, dev, cfg, storage{dtype: torch.BFloat16, plan: full}, f, p)
	}
	return run, err
}

// verified loads while the folder's checksums, where it has some, are compared side by side.
func verified(ctx context.Context, dev *device.Device, f *weights.Folder, load func() (runner, error)) (runner, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	sound := make(chan error, 1)
	go func() { sound <- f.Verify(ctx) }()
	run, err := load()
	if err != nil {
		cancel()
		<-sound
		return nil, err
	}
	if err = <-sound; err != nil {
		_ = dev.Do(context.WithoutCancel(ctx), func(*torch.Scope) error { run.close(); return nil })
		return nil, err
	}
	return run, nil
}

// keeper writes a model's 4-bit form beside the work on a GPU.
type keeper struct {
	cancel context.CancelFunc
	done   chan struct{}
}

// keepLater begins to write the 4-bit form of the model in dir, where there is none that is up to date, after a while: the first answer
// is worth more.
func keepLater(dir, id string) *keeper {
	ctx, cancel := context.WithCancel(context.Background())
	k := &keeper{cancel, make(chan struct{})}
	go func() {
		defer close(k.done)
		select {
		case <-ctx.Done():
			return
		case <-time.After(keepAfter):
		}
		f, err := weights.Open(dir)
		if err != nil {
			return // it was readable a moment ago; the next load will say why it is not
		}
		defer f.Close()
		if made, err := cached4Bit(ctx, f, id, true, nil); err == nil && made != f {
			made.Close()
		}
	}()
	return k
}

// keepAfter is how long after a load the writing begins; tests do not wait.
var keepAfter = 20 * time.Second

// stop ends the writing and waits for that; what was half written is gone then.
func (k *keeper) stop() {
	if k != nil {
		k.cancel()
		<-k.done
	}
}

// cached4Bit is the folder that a model is loaded from in 4 bits: its own 4-bit form in DIR/nf4 where that is up to date, f itself
// otherwise. With keep set the form is written first, once, and a damaged one anew; where that cannot be done (a read-only folder, no room)
// the model is loaded without, and progress says so (stage "unkept"). id is f's. A folder other than f is the caller's to close.
//
// Errors are those of a broken model (core.ErrCorrupt) and ctx's.
func cached4Bit(ctx context.Context, f *weights.Folder, id string, keep bool, p core.Progress) (*weights.Folder, error) {
	if _, err := weights.Quantizable(f); err != nil {
		return f, nil // 4-bit already, or nothing that we write
	}
	dst := filepath.Join(f.Dir(), weights.Cache4Bit)
	made, err := weights.Open4BitOf(dst, f)
	if err == nil {
		return made, nil
	}
	if keep {
		if made, err = renew(ctx, f, dst, id, p); err == nil {
			return made, nil
		}
	}
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case keep && errors.Is(err, core.ErrCorrupt):
		return nil, err
	case keep:
		p.Report(core.Update{Stage: "unkept"})
	}
	return f, nil
}

// renew replaces what is at dst, out of date, damaged or not there, by f's 4-bit form, and opens it. The loads of a process do it one after
// the other; another process that was quicker is as good.
func renew(ctx context.Context, f *weights.Folder, dst, id string, p core.Progress) (*weights.Folder, error) {
	select {
	case writing <- struct{}{}:
		defer func() { <-writing }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if made, err := weights.Open4BitOf(dst, f); err == nil {
		return made, nil
	}
	err := os.RemoveAll(dst)
	if err == nil {
		err = f.Quantize(ctx, dst, id, p)
	}
	made, oerr := weights.Open4BitOf(dst, f)
	if oerr == nil {
		return made, nil
	}
	return nil, errors.Join(err, oerr)
}

// writing is the turn of who writes a 4-bit form.
var writing = make(chan struct{}, 1)
