//go:build torch

package device

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"

	"kakoi/core"
	"kakoi/core/internal/torch"
)

// Device runs functions on the one thread that talks to it. It lives as long as the process.
type Device struct {
	name    string
	index   int
	reason  string
	jobs    chan job
	threads int
}

type job struct {
	ctx  context.Context
	fn   func(*torch.Scope) error
	done chan error
}

var (
	openMu sync.Mutex
	opened = map[string]*Device{}
)

// Open gives the device called name: "cpu", "cuda:0" ("cuda" is the same) or "auto", which is the first GPU
// where one can be used and the CPU otherwise, with the reason in Reason. The same name gives the same Device.
// threads is for operations on the CPU (0: one per processor) and counts at the first Open. A GPU asked for
// by name that cannot be used is core.ErrNoDevice.
func Open(name string, threads int) (*Device, error) {
	openMu.Lock()
	defer openMu.Unlock()
	reason := ""
	if name == "auto" || name == "" {
		name = "cuda:0"
		if _, err := torch.CUDA(); err != nil {
			name, reason = "cpu", err.Error()
		}
	}
	index, err := parse(name)
	if err != nil {
		return nil, err
	}
	if index >= 0 {
		name = "cuda:" + strconv.Itoa(index)
		n, err := torch.CUDA()
		if err != nil {
			return nil, fmt.Errorf("open device %s: %w", name, err)
		}
		if index >= n {
			return nil, fmt.Errorf("open device %s: %w: there are %d", name, core.ErrNoDevice, n)
		}
	}
	if d := opened[name]; d != nil {
		if reason != "" {
			d.reason = reason
		}
		return d, nil
	}
	if threads <= 0 {
		threads = runtime.NumCPU()
	}
	d := &Device{name: name, index: index, reason: reason, jobs: make(chan job), threads: threads}
	go d.run(threads)
	opened[name] = d
	return d, nil
}

func parse(name string) (int, error) {
	if name == "cpu" {
		return -1, nil
	}
	if name == "cuda" {
		return 0, nil
	}
	if rest, ok := strings.CutPrefix(name, "cuda:"); ok {
		if n, err := strconv.Atoi(rest); err == nil && n >= 0 && n < 64 {
			return n, nil
		}
	}
	return 0, fmt.Errorf("device %q: %w (cpu, cuda:0, auto)", name, core.ErrUsage)
}

// Name is "cpu" or "cuda:N".
func (d *Device) Name() string { return d.name }

// CUDA says whether the device is a GPU.
func (d *Device) CUDA() bool { return d.index >= 0 }

// Index is -1 for the CPU and N for cuda:N, as package torch counts.
func (d *Device) Index() int { return d.index }

// Threads is how many threads operations on the CPU use.
func (d *Device) Threads() int { return d.threads }

// Reason says why "auto" came to the CPU; empty for a GPU, or when nobody asked for "auto".
func (d *Device) Reason() string {
	openMu.Lock()
	defer openMu.Unlock()
	return d.reason
}

// Memory is the state of the GPU's memory; core.ErrNoDevice for the CPU.
func (d *Device) Memory() (torch.CUDAMemory, error) {
	if d.index < 0 {
		return torch.CUDAMemory{}, core.ErrNoDevice
	}
	var m torch.CUDAMemory
	err := d.Do(context.Background(), func(*torch.Scope) error {
		var err error
		m, err = torch.MemoryOf(d.index)
		return err
	})
	return m, err
}

// Do runs fn on the device's thread with a Scope that closes when fn returns; the Scope's error, if fn
// returns none, is Do's. ctx ends the waiting for a turn; fn itself looks at ctx where it can stop.
// fn must not call Do.
func (d *Device) Do(ctx context.Context, fn func(*torch.Scope) error) error {
	j := job{ctx: ctx, fn: fn, done: make(chan error, 1)}
	select {
	case d.jobs <- j:
		return <-j.done
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (d *Device) run(threads int) {
	runtime.LockOSThread()
	torch.Prepare(threads)
	scope := torch.NewScope(d.index)
	for j := range d.jobs {
		j.done <- one(scope, j)
	}
}

// one runs a job; a panic of ours ends the job, not the process.
func one(scope *torch.Scope, j job) (err error) {
	defer scope.Close()
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("device job: panic: %v\n%s", p, debug.Stack())
		}
	}()
	if j.ctx.Err() != nil {
		return j.ctx.Err()
	}
	if err := j.fn(scope); err != nil {
		return err
	}
	return scope.Err()
}
