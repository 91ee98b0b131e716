//go:build torch

package neox

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"kakoi/core/internal/device"
	"kakoi/core/internal/kernel/upload"
	"kakoi/core/internal/torch"
	"kakoi/core/lora"
	"kakoi/core/weights"
)

// MeasureMemory loads the model folder dir, fills rows of r.Context tokens, decodes, and compares the memory of this process (or of the GPU)
// at its most with the plan of the same request. It is meant for a process of its own: memory that a process had once is not all given back.
func MeasureMemory(ctx context.Context, dir string, opt LoadOptions, r PlanRequest) (_ MemoryResult, err error) {
	defer func() { err = readable(err) }()
	folder, err := weights.Open(dir)
	if err != nil {
		return MemoryResult{}, err
	}
	defer func() { err = errors.Join(err, folder.Close()) }()
	if err := folder.Config(&r.Config); err != nil {
		return MemoryResult{}, err
	}
	dev, as, err := place(opt, r.Config, storedAs(folder))
	if err != nil {
		return MemoryResult{}, err
	}
	r.Device, r.DType, r.Stored, r.Embed, r.Free = as.plan.Device, as.plan.DType, as.plan.Stored, as.plan.Embed, as.plan.Free
	plan, err := NewPlan(r)
	if err != nil {
		return MemoryResult{}, err
	}
	// The libraries do their first work before the watch begins, as in a process that has answered before.
	if err := dev.Do(ctx, func(s *torch.Scope) error {
		s.MatMul(s.Zero(s.Empty(torch.Float32, 64, 64)), s.Zero(s.Empty(torch.Float32, 64, 64)))
		return s.Err()
	}); err != nil {
		return MemoryResult{}, err
	}
	w := watchMemory(dev)
	defer w.stop()
	out := MemoryResult{
		Device: dev.Name(), DType: r.DType, Layers: r.Config.Layers, Hidden: r.Config.HiddenSize, Stored: r.Stored,
		Context: plan.Context, Batch: plan.Batch, Adapters: plan.Adapters, Process: w.first,
	}
	run, err := newRunner(ctx, dev, r.Config, as, folder, nil)
	if err != nil {
		return out, err
	}
	defer func() {
		err = errors.Join(err, dev.Do(context.WithoutCancel(ctx), func(*torch.Scope) error { run.close(); return nil }))
	}()
	out.MeasuredLoad, out.PlannedLoad = w.most(), plan.In(Loading)-plan.Bytes(BufferProcess)+w.first
	if err := fillRows(ctx, dev, run, plan, r); err != nil {
		return out, err
	}
	out.Measured, out.Planned = w.most(), plan.More()+w.first
	out.Ratio = float64(out.Planned) / float64(out.Measured)
	return out, nil
}

// fillRows has adapters attached, reads a prompt into every row and decodes all rows to the end of their room.
func fillRows(ctx context.Context, dev *device.Device, run runner, p Plan, r PlanRequest) error {
	c := r.Config
	numbers := []int{0}
	var st state
	defer func() {
		if st != nil {
			_ = dev.Do(context.WithoutCancel(ctx), func(*torch.Scope) error { st.close(); return nil })
		}
	}()
	err := dev.Do(ctx, func(s *torch.Scope) (err error) {
		for i := range p.Adapters {
			a, err := noisyAdapter(c, max(r.Rank, 8), i)
			if err != nil {
				return err
			}
			n, err := run.attach(s, a)
			if err != nil {
				return err
			}
			numbers = append(numbers, n)
		}
		st, err = run.room(s, p.Batch+p.Kept, p.Context)
		return err
	})
	if err != nil {
		return err
	}
	fresh := min(8, p.Context-1)
	ids := make([]int32, p.Context-fresh)
	for i := range ids {
		ids[i] = int32(i * 7919 % c.VocabSize)
	}
	logits := make([][]float32, p.Batch)
	for row := range p.Batch + p.Kept {
		chunk := run.traits().chunk
		for at := 0; at < len(ids); at += chunk {
			part := ids[at:min(len(ids), at+chunk)]
			var last []float32
			if at+chunk >= len(ids) && row < p.Batch {
				last = make([]float32, c.VocabSize)
				logits[row] = last
			}
			if err := dev.Do(ctx, func(s *torch.Scope) error { return st.prefill(s, row, part, numbers[row%len(numbers)], last) }); err != nil {
				return err
			}
		}
	}
	lanes := run.traits().lanes
	for range fresh {
		for from := 0; from < p.Batch; from += lanes {
			var l []lane
			for row := from; row < min(p.Batch, from+lanes); row++ {
				l = append(l, lane{row: row, id: ids[row%len(ids)], adapter: numbers[row%len(numbers)]})
			}
			if err := dev.Do(ctx, func(s *torch.Scope) error { return st.lanes(s, l, logits[from:from+len(l)]) }); err != nil {
				return err
			}
		}
	}
	return ctx.Err()
}

// noisyAdapter is an adapter of every layer's query_key_value.
func noisyAdapter(c Config, rank, seed int) (*lora.Adapter, error) {
	a := lora.Adapter{Name: "noise", Rank: rank, Alpha: float64(rank)}
	for i := range c.Layers {
		name := fmt.Sprintf("noise.%d.%d", seed, i)
		a.Targets = append(a.Targets, lora.Target{
			Layer: i, Name: lora.QueryKeyValue, Rank: rank, In: c.HiddenSize, Out: 3 * c.HiddenSize, Alpha: 1e-3 * float64(rank),
			A: hashUniform(name+"A", rank*c.HiddenSize), B: hashUniform(name+"B", 3*c.HiddenSize*rank),
		})
	}
	return lora.New(a)
}

// memoryWatch samples the memory of the process, or of the GPU it uses.
type memoryWatch struct {
	first int64
	read  func() int64

	mu   sync.Mutex
	top  int64
	done chan struct{}
	wg   sync.WaitGroup
}

// watchMemory begins a watch; on a GPU nobody else may use it meanwhile.
func watchMemory(dev *device.Device) *memoryWatch {
	w := &memoryWatch{read: anonymous, done: make(chan struct{})}
	if dev.CUDA() {
		w.read = func() int64 {
			free, total, err := upload.Memory(dev.Index())
			if err != nil {
				return 0
			}
			return total - free
		}
	}
	w.first = w.read()
	w.top = w.first
	w.wg.Go(func() {
		for {
			select {
			case <-w.done:
				return
			case <-time.After(500 * time.Microsecond):
				w.look()
			}
		}
	})
	return w
}

func (w *memoryWatch) look() {
	n := w.read()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.top = max(w.top, n)
}

// most is the most that was seen.
func (w *memoryWatch) most() int64 {
	w.look()
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.top
}

func (w *memoryWatch) stop() {
	close(w.done)
	w.wg.Wait()
}

// anonymous is the memory of this process that is its own: without the pages of mapped files, which the system takes back when it needs
// them.
func anonymous() int64 {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) >= 2 && f[0] == "RssAnon:" {
			kib, err := strconv.ParseInt(f[1], 10, 64)
			if err == nil {
				return kib << 10
			}
		}
	}
	return 0
}
