//go:build torch

package train

import (
	"context"
	"os"
	"strconv"
	"strings"

	"kakoi/core/closed"
	"kakoi/core/internal/torch"
	"kakoi/core/neox"
)

// meter measures the memory of the model's device that a run needs at most, the model counted in: on a card what libtorch allocated and what
// of the model lies beside that; on the CPU the model, and what the process has grown since the run began. What the process held before,
// the embedder and libraries, is not the run's. While it measures on the CPU, freed memory goes back to the system (torch.MapBlocks): the batches'
// lengths differ, and the heap of a run of 450 steps grew to 1.4 GB where half a gigabyte was in use.
type meter struct {
	g    *neox.Generator
	base int64 // of the process, where that is the measure
}

func newMeter(ctx context.Context, g *neox.Generator) (*meter, error) {
	m := &meter{g: g}
	if dev := g.Device(); dev.CUDA() {
		return m, dev.Do(ctx, func(*torch.Scope) error { return torch.ResetPeak(dev.Index()) })
	}
	// What earlier work left for the next stands in nobody's way. The kernel forgets the highest number it has seen; where it may not be asked to, an earlier peak hides a smaller one of the run.
	torch.Trim()
	torch.MapBlocks(true)
	closed.ForgetPeak()
	m.base = statusBytes("VmRSS:")
	return m, nil
}

// close ends the measurement.
func (m *meter) close() {
	if !m.g.Device().CUDA() {
		torch.MapBlocks(false)
	}
}

// peak is the bytes so far; 0: not known.
func (m *meter) peak() int64 {
	if m.g.Device().CUDA() {
		x, err := m.g.Device().Memory()
		if err != nil {
			return 0
		}
		return x.Peak + m.g.Outside()
	}
	top := statusBytes("VmHWM:")
	if top == 0 {
		return 0
	}
	return m.g.Info().Bytes + max(0, top-m.base)
}

// statusBytes is a line of /proc/self/status that tells memory, in bytes; 0 where there is none.
func statusBytes(name string) int64 {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) >= 2 && f[0] == name {
			kib, err := strconv.ParseInt(f[1], 10, 64)
			if err == nil {
				return kib << 10
			}
		}
	}
	return 0
}
