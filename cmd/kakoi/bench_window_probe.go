package main

import (
	"bytes"
	"fmt"
	"os"
	"strings"
)

// stalls is how long the window's goroutine did not answer in some stretch of time, in milliseconds (see KAKOI_PROBE in ui).
type stalls struct {
	worst     stall
	own       float64 // the most processor time between two answers
	over50    int     // stalls of more than 50 ms
	ownOver50 int
}

// stall is one of them: by the clock, and of that computing, ready without a processor, and in the display's drawing. What is
// missing to the sum was spent waiting for a lock or for Go's scheduler.
type stall struct{ wall, own, queue, swap float64 }

// written is how much the window's probe has written until now.
func (w *benchedWindow) written() (int, error) {
	info, err := os.Stat(w.probe)
	if err != nil {
		return 0, fmt.Errorf("read the probe: %w", err)
	}
	return int(info.Size()), nil
}

// linesSince are the probe's whole lines after the first from bytes.
func (w *benchedWindow) linesSince(from int) ([]string, error) {
	raw, err := os.ReadFile(w.probe)
	if err != nil {
		return nil, fmt.Errorf("read the probe: %w", err)
	}
	raw = raw[from:]
	return strings.Split(string(raw[:bytes.LastIndexByte(raw, '\n')+1]), "\n"), nil
}

// stallsSince sums up what the probe wrote after the first from bytes.
func (w *benchedWindow) stallsSince(from int) (stalls, error) {
	var s stalls
	lines, err := w.linesSince(from)
	if err != nil {
		return s, err
	}
	for _, line := range lines {
		s.count(line)
	}
	return s, nil
}

// count takes a line of the probe: seconds since its start, then the stall. Lines that tell of something else are passed over.
func (s *stalls) count(line string) {
	var at float64
	var one stall
	if n, err := fmt.Sscanf(line, "%f\t%f\t%f\t%f\t%f", &at, &one.wall, &one.own, &one.queue, &one.swap); err != nil || n != 5 {
		return
	}
	if one.wall > s.worst.wall {
		s.worst = one
	}
	s.own = max(s.own, one.own)
	if one.wall > 50 {
		s.over50++
	}
	if one.own > 50 {
		s.ownOver50++
	}
}

// add joins two stretches.
func (s *stalls) add(other stalls) {
	if other.worst.wall > s.worst.wall {
		s.worst = other.worst
	}
	s.own = max(s.own, other.own)
	s.over50 += other.over50
	s.ownOver50 += other.ownOver50
}

// tell adds the figures of what was going on meanwhile.
func (s *stalls) tell(during string, figures map[string]any) {
	for name, value := range map[string]any{
		"stall_worst_milliseconds": s.worst.wall, "stall_worst_own_milliseconds": s.worst.own, "stall_worst_without_processor_milliseconds": s.worst.queue,
		"stall_worst_drawing_milliseconds": s.worst.swap, "stalls_over_50_milliseconds": s.over50,
		"own_worst_milliseconds": s.own, "own_over_50_milliseconds": s.ownOver50,
	} {
		figures[during+"_"+name] = value
	}
}
