package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"kakoi/core"
	"kakoi/index"
)

// benchWindow opens this program's window over a made-up library and measures, from outside, how long it takes until it can be
// used, its memory at rest, and how long its goroutine does not answer while files are added, and where that time went (see stalls). With
// --ask it asks too, by the keyboard.
func benchWindow(ctx context.Context, c *call, o *benchOptions) (err error) {
	tmp, err := os.MkdirTemp("", "kakoi-bench-*")
	if err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(tmp)) }()
	data := filepath.Join(tmp, "data")
	if err := makeWindowData(data, "documents"); err != nil {
		return err
	}
	if err := fillWindowData(ctx, c, data, max(1, o.chunks)); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	rounds := o.rounds
	if rounds == 0 {
		rounds = 3
	}
	var starts []float64
	var w *benchedWindow
	for i := range rounds {
		if w, err = openBenched(ctx, self, data, filepath.Join(tmp, fmt.Sprintf("probe-%d", i))); err != nil {
			return err
		}
		starts = append(starts, w.ready)
		if i < rounds-1 {
			if err := w.close(); err != nil {
				return err
			}
		}
	}
	defer func() { err = errors.Join(err, w.close()) }()
	select {
	case <-time.After(25 * time.Second): // what the start needed is given back by then
	case <-ctx.Done():
		return ctx.Err()
	}
	memory, err := memoryOf(w.cmd.Process.Pid)
	if err != nil {
		return err
	}
	mapped, err := mappedBelow(w.cmd.Process.Pid, data)
	if err != nil {
		return err
	}
	figures := map[string]any{
		"rss_library_mapped_bytes": mapped, "kind": "window", "chunks": max(1, o.chunks), "rounds": rounds, "start_seconds": median(starts), "first_start_seconds": starts[0],
		"rss_bytes": memory["VmRSS"], "rss_anonymous_bytes": memory["RssAnon"], "rss_highest_bytes": memory["VmHWM"],
	}
	if o.files > 0 {
		if err := w.adding(ctx, self, data, filepath.Join(tmp, "files"), o.files, figures); err != nil {
			return err
		}
	}
	if o.ask > 0 {
		if err := benchWindowAsk(ctx, c, self, tmp, o.ask, figures); err != nil {
			return err
		}
	}
	return c.figures(figures)
}

// makeWindowData makes a data folder whose window opens at a screen.
func makeWindowData(data, screen string) error {
	if err := os.MkdirAll(data, 0o700); err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	state := fmt.Sprintf(`{"welcomed":true,"screen":%q,"width":1180,"height":760}`, screen)
	if err := os.WriteFile(filepath.Join(data, "window.json"), []byte(state), 0o600); err != nil {
		return fmt.Errorf("write window state: %w", err)
	}
	return nil
}

// fillWindowData puts a made-up library into a data folder.
func fillWindowData(ctx context.Context, c *call, data string, chunks int) (err error) {
	x, err := index.Open(filepath.Join(data, "library"), index.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, x.Close()) }()
	_, err = fillMadeUp(ctx, x, rand.New(rand.NewPCG(1, 2)), chunks, c.newBar())
	return err
}

// benchedWindow is a window in a process of its own.
type benchedWindow struct {
	cmd   *exec.Cmd
	probe string
	said  bytes.Buffer
	ended chan error
	ready float64 // seconds from the start of the process
}

func openBenched(ctx context.Context, self, data, probe string) (*benchedWindow, error) {
	w := &benchedWindow{cmd: exec.CommandContext(ctx, self, "--data", data), probe: probe, ended: make(chan error, 1)}
	w.cmd.Env = append(os.Environ(), "KAKOI_PROBE="+probe, "XMODIFIERS=@im=none") // the keys of a measurement are not for an input method
	w.cmd.Stderr = &w.said
	w.cmd.Cancel = func() error { return w.cmd.Process.Signal(unix.SIGTERM) }
	start := time.Now()
	if err := w.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the window: %w", err)
	}
	go func() { w.ended <- w.cmd.Wait() }()
	for {
		if raw, err := os.ReadFile(probe); err == nil && bytes.Contains(raw, []byte("ready\n")) {
			w.ready = time.Since(start).Seconds()
			return w, nil
		}
		select {
		case err := <-w.ended:
			return nil, core.Explain(fmt.Errorf("the window ended (%v): %s: %w", err, strings.TrimSpace(w.said.String()), core.ErrUnsupported), "error.bench.window")
		case <-time.After(2 * time.Millisecond):
		}
		if time.Since(start) > time.Minute {
			return nil, errors.Join(core.Explain(fmt.Errorf("no window within a minute: %w", core.ErrUnsupported), "error.bench.window"), w.close())
		}
	}
}

func (w *benchedWindow) close() error {
	if err := w.cmd.Process.Signal(unix.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("end the window: %w", err)
	}
	<-w.ended // how it ends after a signal is no figure
	return nil
}

// adding adds small files from a second process, through the window, and takes the stalls meanwhile.
func (w *benchedWindow) adding(ctx context.Context, self, data, dir string, n int, figures map[string]any) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	for i := range n {
		text := fmt.Sprintf("第%d条 この文書は測定のためのものです。番号は%dです。\n", i+1, i*7919%10007)
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("文書 %05d.txt", i)), []byte(text), 0o600); err != nil {
			return fmt.Errorf("write file: %w", err)
		}
	}
	from, err := w.written()
	if err != nil {
		return err
	}
	start := time.Now()
	cmd := exec.CommandContext(ctx, self, "--data", data, "--quiet", "add", "--collection", "files", dir)
	cmd.Stderr = &w.said
	cmd.Stdout = io.Discard
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("add files beside the window: %w: %s", err, w.said.String())
	}
	figures["files"], figures["add_seconds"] = n, time.Since(start).Seconds()
	stalls, err := w.stallsSince(from)
	if err != nil {
		return err
	}
	stalls.tell("adding", figures)
	return nil
}

// mappedBelow sums what a process has resident of the files of a folder: the library's tables, which the system's cache holds anyway.
func mappedBelow(pid int, dir string) (int64, error) {
	raw, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "smaps"))
	if err != nil {
		return 0, fmt.Errorf("read mappings of the window: %w", err)
	}
	var sum int64
	inside := false
	for _, line := range strings.Split(string(raw), "\n") {
		fields := strings.Fields(line)
		switch {
		case len(fields) >= 5 && strings.Contains(fields[0], "-"):
			inside = strings.Contains(line, dir+"/")
		case inside && len(fields) == 3 && fields[0] == "Rss:":
			n, err := strconv.ParseInt(fields[1], 10, 64)
			if err != nil {
				return 0, fmt.Errorf("read mappings of the window: %w", err)
			}
			sum += n << 10
		}
	}
	return sum, nil
}

// memoryOf reads the memory figures of a process, in bytes (proc(5)).
func memoryOf(pid int) (map[string]int64, error) {
	raw, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "status"))
	if err != nil {
		return nil, fmt.Errorf("read memory of the window: %w", err)
	}
	figures := map[string]int64{}
	for _, line := range strings.Split(string(raw), "\n") {
		name, rest, _ := strings.Cut(line, ":")
		if fields := strings.Fields(rest); len(fields) == 2 && fields[1] == "kB" {
			n, err := strconv.ParseInt(fields[0], 10, 64)
			if err != nil {
				return nil, fmt.Errorf("read memory of the window: %w", err)
			}
			figures[name] = n << 10
		}
	}
	return figures, nil
}
