package ui

import (
	"context"
	"fmt"
	"os"
	"time"

	"fyne.io/fyne/v2"
	"golang.org/x/sys/unix"
)

// probe measures how long the window's goroutine does not answer: it hands in an empty piece of work, waits until it was
// run, and writes down what took long, with the processor time that the goroutine's thread itself used meanwhile: what is
// missing to the stall was spent waiting, for the display's drawing or for a processor that another program has. It is part of the
// program so that the figure is of the program that people use: KAKOI_PROBE=FILE kakoi.
type probe struct {
	file *os.File
	now  func() time.Time
}

const (
	// probePause lies between two measurements; shorter stalls between them do not matter to an eye.
	probePause = 5 * time.Millisecond
	// longStall is what is written down, of the stall or of the processor time.
	longStall = 20 * time.Millisecond
)

// Ready is the line that the probe's file gets when the window can be used.
const Ready = "ready"

func newProbe(path string) (*probe, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	return &probe{f, time.Now}, nil
}

// mark writes a line by itself.
func (p *probe) mark(line string) {
	if p != nil {
		fmt.Fprintln(p.file, line) // an event of a measurement: whoever measures waits for it and tells that it did not come
	}
}

// run measures until ctx ends. A line is "seconds since the start, milliseconds of the stall, milliseconds of processor time
// since the answer before".
func (p *probe) run(ctx context.Context) {
	defer p.file.Close()
	start := p.now()
	used := time.Duration(-1)
	for {
		asked := p.now()
		answer := make(chan time.Duration, 1)
		fyne.Do(func() { answer <- threadTime() })
		var at time.Duration
		select {
		case at = <-answer:
		case <-ctx.Done():
			return
		}
		stall, own := p.now().Sub(asked), at-used
		if used >= 0 && (stall > longStall || own > longStall) {
			if _, err := fmt.Fprintf(p.file, "%.3f\t%.1f\t%.1f\n", asked.Sub(start).Seconds(), float64(stall)/1e6, float64(own)/1e6); err != nil {
				return
			}
		}
		used = at
		select {
		case <-time.After(probePause):
		case <-ctx.Done():
			return
		}
	}
}

// threadTime is the processor time of the calling thread. The window's goroutine is locked to its own.
func threadTime() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t); err != nil {
		return 0
	}
	return time.Duration(t.Nano())
}
