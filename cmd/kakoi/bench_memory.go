package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// memory is what a process holds, in bytes: what only it has, and pages of files that are mapped (programs, libraries, models, tables
// of the store), which the system takes back when others need room.
type memory struct{ own, mapped int64 }

// heldBy reads /proc; zero where there is none, or no such process.
func heldBy(pid int) (m memory) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return memory{}
	}
	for line := range bytes.Lines(raw) {
		name, rest, _ := bytes.Cut(line, []byte(":"))
		fields := bytes.Fields(rest)
		if len(fields) == 0 {
			continue
		}
		n, _ := strconv.ParseInt(string(fields[0]), 10, 64)
		switch string(name) {
		case "RssAnon", "RssShmem":
			m.own += n << 10
		case "RssFile":
			m.mapped += n << 10
		}
	}
	return m
}

// childrenOf are the processes that a process has started and that run.
func childrenOf(pid int) (children []int) {
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, path := range tasks {
		raw, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		for _, word := range bytes.Fields(raw) {
			if n, err := strconv.Atoi(string(word)); err == nil {
				children = append(children, n)
			}
		}
	}
	return children
}

// peaks are the most that this process and those it has started held while they were looked at.
type peaks struct {
	program, engine memory // the parts each at their own highest
	both            int64  // own and mapped of both at one moment
}

// watchMemory looks every few milliseconds until stop.
func watchMemory() (stop func() peaks) {
	done, out := make(chan struct{}), make(chan peaks)
	go func() {
		var p peaks
		clock := time.NewTicker(20 * time.Millisecond)
		defer clock.Stop()
		for {
			self := heldBy(os.Getpid())
			var others memory
			for _, pid := range childrenOf(os.Getpid()) {
				m := heldBy(pid)
				others.own, others.mapped = others.own+m.own, others.mapped+m.mapped
			}
			p.program.own, p.program.mapped = max(p.program.own, self.own), max(p.program.mapped, self.mapped)
			p.engine.own, p.engine.mapped = max(p.engine.own, others.own), max(p.engine.mapped, others.mapped)
			p.both = max(p.both, self.own+self.mapped+others.own+others.mapped)
			select {
			case <-clock.C:
			case <-done:
				out <- p
				return
			}
		}
	}()
	return func() peaks { close(done); return <-out }
}

// figures adds the peaks, in MB.
func (p peaks) figures(to map[string]any) {
	mb := func(n int64) float64 { return float64(n) / 1e6 }
	to["peak_mb_program"], to["peak_mb_program_mapped_files"] = mb(p.program.own), mb(p.program.mapped)
	to["peak_mb_engine"], to["peak_mb_engine_mapped_files"] = mb(p.engine.own), mb(p.engine.mapped)
	to["peak_mb_both_with_mapped_files"] = mb(p.both)
}
