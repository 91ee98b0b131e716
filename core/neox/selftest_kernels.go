//go:build torch

package neox

import (
	"context"
	"errors"

	"kakoi/core"
	"kakoi/core/internal/device"
	"kakoi/core/internal/torch"
)

// selftestKernels holds every GPU kernel of our own against its reference. A card that has none for its shared memory
// runs without them, which is no failure.
func selftestKernels(ctx context.Context, dev *device.Device, failed *[]string, emit func(name string, ok bool, detail string)) error {
	report := func(name string, ok bool, detail string) {
		if !ok {
			*failed = append(*failed, name)
		}
		if emit != nil {
			emit("kernel "+name, ok, dev.Name()+": "+detail)
		}
	}
	err := dev.Do(ctx, func(*torch.Scope) error {
		gpu, done, err := gpu4(dev.Index(), nil)
		if err != nil {
			return err
		}
		done()
		return gpu.Selftest(report)
	})
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, core.ErrUnsupported):
		report("4-bit decode", true, "none for this card, models run in bf16")
	case err != nil:
		report("4-bit kernels", false, err.Error())
	}
	return nil
}
