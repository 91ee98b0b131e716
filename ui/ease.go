package ui

import "time"

// ease runs what shows news not more often than once in a while: at once after a rest, else once when the time has come. Every change
// on the window draws all of it anew, and an add has news seventy times a second. It belongs to the window's goroutine.
type ease struct {
	every   time.Duration
	post    func(func())
	last    time.Time
	waiting bool
}

func (e *ease) run(show func()) {
	if e.waiting {
		return // it will show what is new by then
	}
	wait := e.every - time.Since(e.last)
	if wait <= 0 {
		e.last = time.Now()
		show()
		return
	}
	e.waiting = true
	time.AfterFunc(wait, func() {
		e.post(func() {
			e.waiting, e.last = false, time.Now()
			show()
		})
	})
}
