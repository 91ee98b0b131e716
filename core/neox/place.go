//go:build torch

package neox

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"kakoi/core"
	"kakoi/core/internal/device"
	"kakoi/core/internal/torch"
)

// place opens the device and settles how the weights are held there.
func place(opt LoadOptions, cfg Config) (*device.Device, storage, error) {
	if opt.DType == "nf4" {
		dev, err := device.Open(opt.Device, opt.Threads)
		return dev, storage{nf4: true, dtype: torch.BFloat16}, err
	}
	dev, dtype, err := placeFull(opt, cfg)
	return dev, storage{dtype: dtype}, err
}

// placeFull is place for weights of a floating-point type.
func placeFull(opt LoadOptions, cfg Config) (*device.Device, torch.DType, error) {
	dtypes := map[string]torch.DType{"fp32": torch.Float32, "bf16": torch.BFloat16, "fp16": torch.Float16}
	dtype, ok := dtypes[opt.DType]
	if !ok && opt.DType != "" && opt.DType != "auto" {
		return nil, 0, fmt.Errorf("dtype %q: %w (auto, nf4, fp32, bf16, fp16)", opt.DType, core.ErrUsage)
	}
	dev, err := device.Open(opt.Device, opt.Threads)
	if err != nil {
		return nil, 0, err
	}
	if dev.CUDA() {
		if !ok {
			dtype = torch.BFloat16
		}
		return dev, dtype, nil // the allocator knows what the card has
	}
	if !ok {
		dtype = torch.Float32
		if free := freeMemory(); free > 0 && need(cfg, dtype) > free {
			dtype = torch.BFloat16
		}
	}
	if want, free := need(cfg, dtype), freeMemory(); free > 0 && want > free {
		err := fmt.Errorf("%s weights and cache need %d bytes, %d are free: %w", dtype, want, free, core.ErrOutOfMemory)
		return nil, 0, core.Explain(err, "error.model.memory_need", float64(want)/1e9, float64(free)/1e9)
	}
	return dev, dtype, nil
}

// need is the memory of a model of this dtype with a full cache for one prompt, and of what a prompt's chunk computes.
func need(c Config, dtype torch.DType) int64 {
	cache := 2 * int64(c.Layers) * int64(c.HiddenSize) * int64(c.MaxPositionEmbeddings)
	const passing = 256 << 20
	return (c.Parameters()+cache)*int64(dtype.Size()) + passing
}

// freeMemory is what the machine, and the control group this process is in, can still give, in bytes; 0 if unknown.
// Without asking, Linux hands out more than there is and ends a process that touches it.
func freeMemory() int64 {
	free := int64(0)
	b, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) >= 2 && f[0] == "MemAvailable:" {
			kib, err := strconv.ParseInt(f[1], 10, 64)
			if err != nil {
				return 0
			}
			free = kib << 10
		}
	}
	if group := groupFree("/sys/fs/cgroup"); group > 0 {
		free = min(free, group)
	}
	return free
}

// groupFree is what the control group (version 2) mounted at dir still allows; 0 without a limit. Cached file pages
// count as free: they are given up first.
func groupFree(dir string) int64 {
	number := func(name string) int64 {
		b, err := os.ReadFile(dir + "/" + name)
		if err != nil {
			return 0
		}
		n, err := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64)
		if err != nil { // "max"
			return 0
		}
		return n
	}
	limit := number("memory.max")
	if limit == 0 {
		return 0
	}
	cached := int64(0)
	if b, err := os.ReadFile(dir + "/memory.stat"); err == nil {
		for line := range strings.Lines(string(b)) {
			if f := strings.Fields(line); len(f) == 2 && (f[0] == "inactive_file" || f[0] == "active_file") {
				n, err := strconv.ParseInt(f[1], 10, 64)
				if err == nil {
					cached += n
				}
			}
		}
	}
	return max(1, limit-number("memory.current")+cached)
}
