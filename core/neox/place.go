//go:build torch

package neox

import (
	"os"
	"strconv"
	"strings"

	"kakoi/core/internal/device"
	"kakoi/core/internal/torch"
)

// place opens the device and settles how the weights are held there, from what the device can do and what it has free. as is how the
// folder stores it (storedAs). A model that does not fit is core.ErrOutOfMemory, with what would.
func place(opt LoadOptions, cfg Config, as stored) (*device.Device, storage, error) {
	dev, err := device.Open(opt.Device, opt.Threads)
	if err != nil {
		return nil, storage{}, err
	}
	// One prompt of a few passages with its answer must have room; longer ones are looked at when they come.
	r := PlanRequest{Config: cfg, Device: "cpu", DType: opt.DType, Stored: as.linears, Embed: as.embed, Context: min(cfg.MaxPositionEmbeddings, leastContext)}
	if dev.CUDA() {
		r.Device = "cuda"
	}
	free := freeOn(dev)
	if dev.CUDA() {
		r.Free = free
	}
	auto := r.DType == "" || r.DType == "auto"
	if auto {
		r.DType = chooseDType(r, free)
	}
	p, err := NewPlan(r)
	if err != nil {
		return nil, storage{}, err
	}
	if err := p.Refuse(r, free); err != nil {
		return nil, storage{}, err
	}
	held := storage{nf4: r.DType == "nf4", dtype: dtypes[r.DType], plan: r, auto: auto}
	if held.nf4 {
		held.dtype = torch.BFloat16
	}
	return dev, held, nil
}

// leastContext is what a model is loaded for at least.
const leastContext = 1024

// dtypes are the floating-point types of a model by their names.
var dtypes = map[string]torch.DType{"fp32": torch.Float32, "bf16": torch.BFloat16, "fp16": torch.Float16}

// chooseDType is what "auto" means: 4 bits where the weights are stored so or the model is large, and there are kernels for
// its shape. Otherwise the exact form: fp32 on the CPU where it fits, bf16 on a GPU. The rest runs in what it takes: bf16.
// What the 4-bit kernels do to answers is in docs/decisions/0016 (GPU) and 0017 (CPU).
func chooseDType(r PlanRequest, free int64) string {
	fits := func(dtype string) bool {
		r := r
		r.DType, r.Context = dtype, 0
		p, err := NewPlan(r)
		return free == 0 || err == nil && p.More() <= free
	}
	four := runs4Bit(r.Device, r.Config)
	switch {
	case four && (r.Stored == "NF4" || r.Config.Parameters() >= largeModel):
		return "nf4"
	case r.Device == "cuda" && four && !fits("bf16"):
		return "nf4"
	case r.Device != "cuda" && fits("fp32"):
		return "fp32"
	}
	return "bf16"
}

// largeModel is the number of parameters from which a model runs in 4 bits by itself.
const largeModel = 1_000_000_000

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
