//go:build x11

package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"

	"golang.org/x/sys/unix"
)

const (
	// backNice is how far the window process's other threads give way to the one that draws.
	backNice = 4
	// moreProcs is how many goroutines more than there are processors may run at once while a window is open. The window's goroutine
	// needs one of these places each time it comes back from the display, and would wait up to 10 ms for it while two
	// others compute; the kernel, which knows priorities, gives it a processor sooner than that.
	moreProcs = 2
)

// windowFirst lets the thread that calls it, the window's, go before all others of this process. It must be locked to its
// goroutine: Go then starts every further thread from one of the others, and a thread has the priority of the one that started it.
// What the display's driver starts from the window's thread keeps the window's priority.
func windowFirst() error {
	runtime.GOMAXPROCS(max(4, runtime.NumCPU()+moreProcs))
	own := unix.Gettid()
	nice, err := niceOf(own)
	if err != nil {
		return fmt.Errorf("priority of the window's thread: %w", err)
	}
	nice = min(nice+backNice, 19)
	lowered := map[int]bool{}
	for again := true; again; { // a thread that was not lowered yet may have started another one
		again = false
		tasks, err := os.ReadDir("/proc/self/task")
		if err != nil {
			return fmt.Errorf("threads of this process: %w", err)
		}
		for _, task := range tasks {
			tid, err := strconv.Atoi(task.Name())
			if err != nil || tid == own || lowered[tid] {
				continue
			}
			lowered[tid], again = true, true
			if err := unix.Setpriority(unix.PRIO_PROCESS, tid, nice); err != nil && err != unix.ESRCH {
				return fmt.Errorf("priority of a thread: %w", err)
			}
		}
	}
	return nil
}

// niceOf is how far a thread gives way, -20 to 19; the system call writes it as 20 less that (getpriority(2)).
func niceOf(tid int) (int, error) {
	kernel, err := unix.Getpriority(unix.PRIO_PROCESS, tid)
	return 20 - kernel, err
}
