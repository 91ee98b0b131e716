//go:build torch

package neox

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"

	"kakoi/core"
	"kakoi/core/internal/device"
	"kakoi/core/weights"
)

// loadRunner is newRunner from the folder's 4-bit form, where the weights are held in 4 bits and there is one.
func loadRunner(ctx context.Context, dev *device.Device, cfg Config, as storage, f *weights.Folder, id string, keep bool, p core.Progress) (_ runner, err error) {
	from := f
	if as.nf4 {
		// A GPU quantises faster than the form is written: there it is for the next time, and made at import.
		if from, err = cached4Bit(ctx, f, id, keep && !dev.CUDA(), p); err != nil {
			return nil, err
		}
		if from != f {
			defer func() { err = errors.Join(err, from.Close()) }()
		}
	}
	return newRunner(ctx, dev, cfg, as, from, p)
}

// cached4Bit is the folder that a model is loaded from in 4 bits: its own 4-bit form in DIR/nf4 where that is up to date, f itself
// otherwise. With keep set the form is written first, once; where that cannot be done (a read-only folder, no room) the model is loaded
// without, and progress says why (stage "quantize", in the note). id is f's. A folder other than f is the caller's to close.
//
// Errors are those of a broken model (core.ErrCorrupt) and ctx's.
func cached4Bit(ctx context.Context, f *weights.Folder, id string, keep bool, p core.Progress) (*weights.Folder, error) {
	if _, err := weights.Quantizable(f); err != nil {
		return f, nil // 4-bit already, or nothing that we write
	}
	dst := filepath.Join(f.Dir(), weights.Cache4Bit)
	writing.Lock()
	defer writing.Unlock()
	if !weights.Made4BitOf(dst, f) {
		if !keep {
			return f, nil
		}
		err := renew(ctx, f, dst, id, p)
		switch {
		case err != nil && weights.Made4BitOf(dst, f): // by another process meanwhile
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case errors.Is(err, core.ErrCorrupt):
			return nil, err
		case err != nil:
			p.Report(core.Update{Stage: "quantize", Note: err.Error()})
			return f, nil
		}
	}
	made, err := weights.Open(dst)
	if err != nil { // damaged: the model itself is still there
		p.Report(core.Update{Stage: "quantize", Note: err.Error()})
		return f, nil
	}
	return made, nil
}

// writing keeps two loads of one process from writing the same folder.
var writing sync.Mutex

// renew replaces what is at dst, out of date or not there, by f's 4-bit form.
func renew(ctx context.Context, f *weights.Folder, dst, id string, p core.Progress) error {
	if err := os.RemoveAll(dst); err != nil {
		return err
	}
	return f.Quantize(ctx, dst, id, p)
}
