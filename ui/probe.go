package ui

import (
	"context"
	"fmt"
	"os"
	"time"

	"fyne.io/fyne/v2"
)

// probe measures how long the window's goroutine does not answer: it hands in an empty piece of work, waits until it was
// run, and writes down every record. It is part of the program so that the figure is of the program that people use:
// KAKOI_PROBE=FILE kakoi.
type probe struct {
	file *os.File
	now  func() time.Time
}

// probePause lies between two measurements; shorter stalls between them do not matter to an eye.
const probePause = 5 * time.Millisecond

// Ready is the line that the probe's file gets when the window can be used.
const Ready = "ready"

// mark writes a line by itself.
func (p *probe) mark(line string) {
	if p != nil {
		fmt.Fprintln(p.file, line) // an event of a measurement: whoever measures waits for it and tells that it did not come
	}
}

func newProbe(path string) (*probe, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	return &probe{f, time.Now}, nil
}

// run measures until ctx ends. A line is "seconds since the start, milliseconds of the stall, worst so far", for stalls of
// over 20 ms and for every new worst one.
func (p *probe) run(ctx context.Context) {
	defer p.file.Close()
	start := p.now()
	var worst time.Duration
	for {
		asked := p.now()
		ran := make(chan struct{})
		fyne.Do(func() { close(ran) })
		select {
		case <-ran:
		case <-ctx.Done():
			return
		}
		stall := p.now().Sub(asked)
		if stall > worst || stall > 20*time.Millisecond {
			worst = max(worst, stall)
			if err := p.write(start, asked, stall, worst); err != nil {
				return
			}
		}
		select {
		case <-time.After(probePause):
		case <-ctx.Done():
			return
		}
	}
}

func (p *probe) write(start, asked time.Time, stall, worst time.Duration) error {
	_, err := fmt.Fprintf(p.file, "%.3f\t%.1f\t%.1f\n", asked.Sub(start).Seconds(), float64(stall)/1e6, float64(worst)/1e6)
	return err
}
