package ui

import (
	"context"
	"runtime/debug"
	"time"

	"kakoi/app/job"
)

// restAfter is how long nothing may have happened before memory is given back: long enough not to disturb a row of jobs.
const restAfter = 2 * time.Second

// giveBack hands memory that opening the window or a job has used back to the system, a moment after it: Go keeps it for minutes
// otherwise, and the readers and the first frames need several times what a window at rest does.
func (s *Shell) giveBack(ctx context.Context) {
	ended := make(chan struct{}, 1)
	stop := s.services.Jobs.Watch(func(running []*job.Job) {
		if len(running) == 0 {
			select {
			case ended <- struct{}{}:
			default: // told already
			}
		}
	})
	defer stop()
	ended <- struct{}{} // the start
	for {
		select {
		case <-ctx.Done():
			return
		case <-ended:
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(restAfter):
		}
		if len(s.services.Jobs.Running()) == 0 {
			debug.FreeOSMemory()
		}
	}
}
