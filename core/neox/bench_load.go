//go:build torch

package neox

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"kakoi/core"
	"kakoi/core/internal/kernel/upload"
	"kakoi/core/internal/torch"
	"kakoi/core/weights"
)

// loading measures, in this order: from the start of the process to the first token of an answer, the whole way that a
// question goes (for a shape without a folder: of a prompt of 16 tokens); how long the device takes to get the folder's
// bytes as they are; and the load of the weights, when the libraries are there.
func (b *bench) loading() error {
	first := b.firstToken
	if b.opt.Dir == "" {
		first = b.firstOfShape
	}
	if err := first(); err != nil {
		return err
	}
	copying := 0.0
	var err error
	if b.opt.Dir != "" {
		if copying, err = b.copyFiles(); err != nil {
			return err
		}
	}
	stored := 0.0
	var times []time.Duration
	for range 3 {
		start := time.Now()
		if b.run, err = b.load(); err != nil {
			return err
		}
		times = append(times, time.Since(start))
		stored = float64(b.run.bytes())
		b.close()
	}
	if b.opt.Dir != "" {
		if stored, err = folderBytes(b.opt.Dir); err != nil {
			return err
		}
	}
	slices.Sort(times)
	r := BenchResult{Name: "load", Runs: len(times), Milliseconds: millis(times[1]), GBPerSec: stored / 1e9 / times[1].Seconds()}
	if copying > 0 {
		r.OfLimit = r.GBPerSec / copying
	}
	b.report(r)
	return nil
}

// firstToken loads the folder as the engine does and asks for one token.
func (b *bench) firstToken() error {
	g, err := Load(b.ctx, b.opt.Dir, b.opt.Load, nil)
	if err != nil {
		return err
	}
	replies, err := g.Generate(b.ctx, []core.GenerateRequest{{Prompt: "0123456789 0123456789", Sampling: core.Sampling{MaxNewTokens: 1}}}, nil)
	since, serr := sinceStart()
	if err = errors.Join(err, serr, g.Close()); err != nil {
		return err
	}
	b.report(BenchResult{Name: "first token", DType: g.Info().DType, Runs: 1, Tokens: replies[0].PromptTokens, Milliseconds: millis(since)})
	return nil
}

// firstOfShape is firstToken for random weights.
func (b *bench) firstOfShape() (err error) {
	if b.run, err = b.load(); err != nil {
		return err
	}
	defer b.close()
	b.ids = make([]int32, min(16, b.cfg.MaxPositionEmbeddings-1))
	logits := make([]float32, b.cfg.VocabSize)
	err = b.dev.Do(b.ctx, func(s *torch.Scope) (err error) {
		b.st, err = b.run.room(s, 1, len(b.ids)+1)
		return err
	})
	if err != nil {
		return err
	}
	err = b.fill(0, logits)
	since, serr := sinceStart()
	cerr := b.dev.Do(context.WithoutCancel(b.ctx), func(*torch.Scope) error { b.st.close(); return nil })
	if err = errors.Join(err, serr, cerr); err != nil {
		return err
	}
	b.report(BenchResult{Name: "first token", Runs: 1, Tokens: len(b.ids), Milliseconds: millis(since)})
	return nil
}

func folderBytes(dir string) (float64, error) {
	f, err := weights.Open(dir)
	if err != nil {
		return 0, err
	}
	return float64(f.Bytes()), f.Close()
}

// copyFiles measures GB/s of the folder's tensors from the page cache to the device's memory; on a CPU, into a buffer.
func (b *bench) copyFiles() (float64, error) {
	folder, err := weights.Open(b.opt.Dir)
	if err != nil {
		return 0, err
	}
	defer folder.Close()
	files := map[string]*os.File{}
	defer func() {
		for _, f := range files {
			_ = f.Close()
		}
	}()
	var parts []upload.Piece
	total := int64(0)
	for _, name := range folder.Names() {
		x, ok := folder.Extent(name)
		if !ok || x.Bytes == 0 {
			continue
		}
		f := files[x.Path]
		if f == nil {
			if f, err = os.Open(x.Path); err != nil {
				return 0, err
			}
			files[x.Path] = f
		}
		parts = append(parts, upload.Piece{File: f, Offset: x.Offset, Bytes: x.Bytes})
		total += x.Bytes
	}
	if len(parts) == 0 {
		return 0, nil
	}
	slices.SortFunc(parts, func(x, y upload.Piece) int {
		return cmp.Or(cmp.Compare(x.File.Name(), y.File.Name()), cmp.Compare(x.Offset, y.Offset))
	})
	step := func() error { return readFiles(parts) }
	if b.dev.CUDA() {
		to, err := upload.Alloc(b.dev.Index(), total)
		if err != nil {
			return 0, err
		}
		defer upload.Free(b.dev.Index(), to)
		for i := range parts {
			parts[i].To = to
			to += uintptr(parts[i].Bytes)
		}
		step = func() error {
			job, err := upload.Start(b.dev.Index(), parts, 1, 0)
			if err != nil {
				return err
			}
			return job.Finish(false)
		}
	}
	t, n, err := b.median(step)
	if err != nil {
		return 0, err
	}
	gb := float64(total) / 1e9 / t.Seconds()
	b.report(BenchResult{Name: "file copy", Runs: n, Milliseconds: millis(t), GBPerSec: gb})
	return gb, nil
}

// readFiles reads the pieces into a buffer, one after the other.
func readFiles(parts []upload.Piece) error {
	buf := make([]byte, 4<<20)
	for _, p := range parts {
		if _, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, io.NewSectionReader(p.File, p.Offset, p.Bytes), buf); err != nil {
			return fmt.Errorf("read %q: %w", p.File.Name(), err)
		}
	}
	return nil
}

// sinceStart is the time since this process was started, to the 10 ms that Linux keeps.
func sinceStart() (time.Duration, error) {
	raw, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		return 0, fmt.Errorf("start of the process: %w", err)
	}
	_, rest, _ := strings.Cut(string(raw), ") ") // the name may hold anything
	fields := strings.Fields(rest)
	const starttime = 22 - 3 // proc(5) counts from 1 and two are cut off
	if len(fields) <= starttime {
		return 0, fmt.Errorf("start of the process: /proc/self/stat has %d fields: %w", len(fields), core.ErrCorrupt)
	}
	ticks, err := strconv.ParseInt(fields[starttime], 10, 64)
	if err != nil {
		return 0, fmt.Errorf("start of the process: %w", err)
	}
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &now); err != nil {
		return 0, fmt.Errorf("start of the process: %w", err)
	}
	return time.Duration(now.Nano()) - time.Duration(ticks)*10*time.Millisecond, nil // USER_HZ is 100
}
