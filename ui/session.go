package ui

import (
	"context"
	"sync"
)

// session is the time in which the library is open. Work that a screen begins belongs to it.
type session struct {
	ctx    context.Context
	cancel context.CancelFunc
	work   sync.WaitGroup

	mu    sync.Mutex
	ended bool // nothing begins any more
}

func newSession(window context.Context) *session {
	s := &session{}
	s.ctx, s.cancel = context.WithCancel(window)
	return s
}

// begin runs work, unless the session has ended: it would find the library closed.
func (s *session) begin(work func(ctx context.Context)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.ended {
		s.work.Go(func() { work(s.ctx) })
	}
}

// end cancels what runs and waits for it.
func (s *session) end() {
	s.mu.Lock()
	s.ended = true
	s.mu.Unlock()
	s.cancel()
	s.work.Wait()
}

// Go runs work in a goroutine that the window waits for before the library closes; its context ends then.
func (s *Shell) Go(work func(ctx context.Context)) {
	s.mu.Lock()
	now := s.session
	s.mu.Unlock()
	now.begin(work)
}

// always runs work in a goroutine that the window waits for at its end, whether or not the library is open.
func (s *Shell) always(work func(ctx context.Context)) { s.work.Go(func() { work(s.ctx) }) }

// renew begins another session; the one before must have ended.
func (s *Shell) renew() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.session = newSession(s.ctx)
}
