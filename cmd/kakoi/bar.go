package main

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"kakoi/app/amount"
	"kakoi/app/job"
	"kakoi/core"
)

// bar is one line of progress on a terminal's standard error, drawn over itself. Elsewhere it says once what a job waits for, and nothing else.
type bar struct {
	plain bool // no terminal
	told  bool // that it waits
	mu    sync.Mutex
	w     io.Writer
	text  func(key string, args ...any) string
	width int
	drawn bool
	last  time.Time
	stage string // last drawn
}

// newBar is nil (which is a bar that shows nothing) with --quiet.
func (c *call) newBar() *bar {
	if c.quiet {
		return nil
	}
	return &bar{w: c.Err, text: c.text, width: c.Tty.Width, plain: !c.Tty.Err}
}

// show draws a job's state; its end wipes the line.
func (b *bar) show(s job.State) {
	if b == nil {
		return
	}
	if s.Ended {
		b.clear()
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case !b.plain:
		b.draw(s)
	case s.Behind.Key != "" && !b.told:
		fmt.Fprintln(b.w, b.waiting(s))
		b.told = true
	}
}

// waiting says what a job waits for, and that it need not.
func (b *bar) waiting(s job.State) string {
	return b.text("cli.wait", strings.TrimSpace(b.text(s.Behind.Key)+" "+sanitize(s.Behind.Note, false)))
}

// progress is a core.Progress for work that no job samples.
func (b *bar) progress() core.Progress {
	if b == nil || b.plain {
		return nil
	}
	return func(u core.Update) {
		b.mu.Lock()
		defer b.mu.Unlock()
		if u.Stage == b.stage && time.Since(b.last) < 100*time.Millisecond {
			return
		}
		b.draw(job.State{Update: u})
	}
}

func (b *bar) draw(s job.State) {
	const cells = 24
	line := b.text("stage." + s.Stage)
	if s.Behind.Key != "" {
		line = b.waiting(s)
	}
	if s.Total > 0 {
		share := min(1, max(0, float64(s.Done)/float64(s.Total)))
		full := int(share * cells)
		line += fmt.Sprintf(" [%s%s] %3.0f%%", strings.Repeat("#", full), strings.Repeat(".", cells-full), share*100)
	}
	if s.Left > 0 {
		line += " " + b.text("cli.left", amount.Clock(s.Left))
	}
	if s.Note != "" {
		line += "  " + sanitize(s.Note, false)
	}
	fmt.Fprintf(b.w, "\r\x1b[K%s", shorten(line, b.width-1))
	b.drawn, b.last, b.stage = true, time.Now(), s.Stage
}

// clear wipes the line, so that something else can be printed.
func (b *bar) clear() {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.drawn {
		fmt.Fprint(b.w, "\r\x1b[K")
		b.drawn = false
	}
}
