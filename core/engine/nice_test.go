package engine_test

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"

	"kakoi/core/engine"
)

// niceOf is how far each thread of a process gives way.
func niceOf(t *testing.T, pid int) []int {
	t.Helper()
	tasks, err := os.ReadDir(filepath.Join("/proc", strconv.Itoa(pid), "task"))
	if err != nil {
		t.Fatal(err)
	}
	var all []int
	for _, task := range tasks {
		tid, err := strconv.Atoi(task.Name())
		if err != nil {
			t.Fatal(err)
		}
		kernel, err := unix.Getpriority(unix.PRIO_PROCESS, tid)
		if err != nil {
			continue // it has ended
		}
		all = append(all, 20-kernel) // the system call's own way of writing it, getpriority(2)
	}
	return all
}

func TestEngineGivesWay(t *testing.T) {
	own := niceOf(t, os.Getpid())[0]
	c, _ := start(t, func(p *engine.Params) { p.Nice = 7 })
	lower := min(own+7, 19)
	for _, nice := range niceOf(t, pid(t, c)) {
		if nice != lower {
			t.Errorf("a thread of the engine has nice %d, want %d", nice, lower)
		}
	}
	if attr, err := unix.SchedGetAttr(pid(t, c), 0); err != nil || attr.Policy != unix.SCHED_BATCH {
		t.Errorf("the engine is scheduled as %+v (%v), want SCHED_BATCH", attr, err)
	}
	for _, nice := range niceOf(t, os.Getpid()) {
		if nice != own && nice != lower { // lower is the one that waits for the engine
			t.Errorf("a thread of this process has nice %d, want %d", nice, own)
		}
	}
	plain, _ := start(t, nil)
	for _, nice := range niceOf(t, pid(t, plain)) {
		if nice != own {
			t.Errorf("a thread of the plain engine has nice %d, want %d", nice, own)
		}
	}
}
