package ui

import (
	"context"
	"runtime/debug"
	"time"

	"kakoi/app/job"
)

// restAfter is how long nothing may have happened before memory is given back: soon, but not between the jobs of a row; and once
// more when the database has put its tables in order.
var restAfter = []time.Duration{2 * time.Second, 18 * time.Second}

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
	for next := 0; ; {
		var rest <-chan time.Time
		if next < len(restAfter) {
			rest = time.After(restAfter[next])
		}
		select {
		case <-ctx.Done():
			return
		case <-ended:
			next = 0
		case <-rest:
			next++
			if len(s.services.Jobs.Running()) == 0 {
				debug.FreeOSMemory()
			}
		}
	}
}
