package ui

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"fyne.io/fyne/v2"
	"golang.org/x/sys/unix"
)

// probe measures how long the window's goroutine does not answer: it hands in an empty piece of work, waits until it was
// run, and writes down what took long and where the time went: computing, waiting for a processor that another program or thread
// has, or waiting for the display to draw. It is part of the program so that the figure is of the program that people use:
// KAKOI_PROBE=FILE kakoi.
type probe struct {
	file     *os.File
	now      func() time.Time
	swapping func() time.Duration
	open     sync.Once
	waits    *os.File // schedstat of the window's thread, open until the process ends; nil: unknown
}

const (
	// probePause lies between two measurements; shorter stalls between them do not matter to an eye.
	probePause = 5 * time.Millisecond
	// longStall is what is written down, of the stall or of the processor time.
	longStall = 8 * time.Millisecond
)

// Ready is the line that the probe's file gets when the window can be used.
const Ready = "ready"

// Heard begins the line that the probe's file gets when the window has heard of a change; the app.Topic follows.
const Heard = "heard "

func newProbe(path string, swapping func() time.Duration) (*probe, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	return &probe{file: f, now: time.Now, swapping: swapping}, nil
}

// mark writes a line by itself.
func (p *probe) mark(line string) {
	if p != nil {
		fmt.Fprintln(p.file, line) // an event of a measurement: whoever measures waits for it and tells that it did not come
	}
}

// moment is how far the window's goroutine was in each thing when it ran a piece of work.
type moment struct {
	at    time.Time
	own   time.Duration // processor time
	queue time.Duration // ready to run, without a processor
	swap  time.Duration // the display drew
}

// run measures until ctx ends. A line is "seconds since the start", and in milliseconds "the stall", and since the answer before "own
// processor time", "time without a processor" and "time in the display's drawing". What is then missing to the stall was spent in
// waiting for a lock or a place of Go's scheduler.
func (p *probe) run(ctx context.Context) {
	defer p.file.Close()
	start := p.now()
	var before moment
	for {
		asked := p.now()
		answer := make(chan moment, 1)
		fyne.Do(func() { answer <- p.moment() })
		var m moment
		select {
		case m = <-answer:
		case <-ctx.Done():
			return
		}
		stall := m.at.Sub(asked)
		if !before.at.IsZero() && (stall > longStall || m.own-before.own > longStall) {
			_, err := fmt.Fprintf(p.file, "%.3f\t%.1f\t%.1f\t%.1f\t%.1f\n", asked.Sub(start).Seconds(), milliseconds(stall),
				milliseconds(m.own-before.own), milliseconds(m.queue-before.queue), milliseconds(m.swap-before.swap))
			if err != nil {
				return
			}
		}
		before = m
		select {
		case <-time.After(probePause):
		case <-ctx.Done():
			return
		}
	}
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// moment is taken on the window's goroutine.
func (p *probe) moment() moment {
	m := moment{at: p.now(), own: threadTime()}
	p.open.Do(func() {
		var err error
		if p.waits, err = os.Open("/proc/thread-self/schedstat"); err != nil {
			slog.Warn("the probe does not see waiting for a processor", "error", err) // a kernel without it
		}
	})
	if p.waits != nil {
		var raw [64]byte
		n, _ := p.waits.ReadAt(raw[:], 0) // io.EOF: it is shorter
		m.queue = queued(string(raw[:n]))
	}
	if p.swapping != nil {
		m.swap = p.swapping()
	}
	return m
}

// queued is the second figure of a schedstat file: nanoseconds in which a thread was ready and had no processor
// (Documentation/scheduler/sched-stats.rst of Linux).
func queued(schedstat string) time.Duration {
	fields := strings.Fields(schedstat)
	if len(fields) < 2 {
		return 0
	}
	n, err := strconv.ParseInt(fields[1], 10, 64)
	if err != nil {
		return 0
	}
	return time.Duration(n)
}

// threadTime is the processor time of the calling thread. The window's goroutine is locked to its own.
func threadTime() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t); err != nil {
		return 0
	}
	return time.Duration(t.Nano())
}
