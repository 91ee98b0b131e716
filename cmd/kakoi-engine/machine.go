package main

import (
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"kakoi/core/engine"
)

// threads is n, or where it is 0 the number of physical cores that this process may use: two threads on one core
// only take each other's vector units.
func threads(n int) int {
	if n > 0 {
		return n
	}
	return min(physicalCores("/sys/devices/system/cpu"), runtime.GOMAXPROCS(0))
}

// physicalCores counts the cores listed under dir by their first thread; without a list, all processors count.
func physicalCores(dir string) int {
	lists, _ := filepath.Glob(filepath.Join(dir, "cpu[0-9]*", "topology", "thread_siblings_list"))
	cores := map[string]bool{}
	for _, name := range lists {
		if b, err := os.ReadFile(name); err == nil {
			cores[strings.TrimSpace(string(b))] = true
		}
	}
	if len(cores) == 0 {
		return runtime.NumCPU()
	}
	return len(cores)
}

// device is what Status says of the device: the one that models were last loaded on, or that was last tested.
type device struct {
	mu   sync.Mutex
	last engine.DeviceInfo
}

var seen device

func (d *device) use(info engine.DeviceInfo) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.last = info
}

func (d *device) info() engine.DeviceInfo {
	d.mu.Lock()
	defer d.mu.Unlock()
	info := d.last
	info.Threads = threads(0)
	if strings.HasPrefix(info.Device, "cuda") {
		info.Name = card("/proc/driver/nvidia/gpus", info.Device)
		return info
	}
	if info.Device == "" {
		info.Device = "auto" // not decided before the first model: CUDA alone takes a second to load
	}
	info.Name, info.MemoryBytes, info.FreeBytes = processor(), memory("MemTotal"), memory("MemAvailable")
	return info
}

// processor is the processor's name as /proc/cpuinfo has it.
func processor() string { return field("/proc/cpuinfo", "model name") }

// card is the name of GPU cuda:N as the driver lists it under dir, by bus number; empty where it does not.
func card(dir, name string) string {
	n, err := strconv.Atoi(strings.TrimPrefix(name, "cuda:"))
	cards, _ := filepath.Glob(filepath.Join(dir, "*", "information")) // sorted
	if err != nil || n < 0 || n >= len(cards) {
		return ""
	}
	return field(cards[n], "Model")
}

// memory is a figure of /proc/meminfo in bytes; 0 where it is missing.
func memory(name string) int64 {
	kib, err := strconv.ParseInt(strings.TrimSuffix(field("/proc/meminfo", name), " kB"), 10, 64)
	if err != nil {
		return 0
	}
	return kib << 10
}

func field(path, name string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(b)) {
		if k, v, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(k) == name {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

// timed turns the results of a package's self-test into Checks, each with the time since the one before. The first
// error of emit ends the reporting; it is returned when run has ended.
func timed(emit func(engine.Check) error, run func(report func(name string, ok bool, detail string)) error) error {
	var mu sync.Mutex
	var failed error
	last := time.Now()
	err := run(func(name string, ok bool, detail string) {
		mu.Lock()
		defer mu.Unlock()
		now := time.Now()
		if failed == nil {
			failed = emit(engine.Check{Name: name, OK: ok, Detail: detail, Seconds: now.Sub(last).Seconds()})
		}
		last = now
	})
	if failed != nil {
		return failed
	}
	return err
}
