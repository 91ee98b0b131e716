package ui

import (
	"context"
	"fmt"
	"log/slog"
)

// Run shows the window until it is closed or ctx ends. It returns what kept the data folder from opening or closing well.
func Run(ctx context.Context, p Params) error {
	s := newShell(ctx, p)
	s.window.Resize(s.state.size())
	locked := s.p.Vault != nil && s.p.Vault.Locked()
	if locked {
		s.showLock()
	} else {
		s.window.SetContent(s.frame.build())
	}
	stop := context.AfterFunc(s.ctx, func() { s.Post(s.quit) })
	defer stop()
	if p.Probe != "" {
		watch, err := newProbe(p.Probe, p.Swapping)
		if err != nil {
			return fmt.Errorf("start the probe: %w", err)
		}
		s.probe = watch
		s.always(watch.run)
	}
	if !locked {
		s.Go(s.open)
	}
	s.always(s.news)
	if s.p.Vault != nil && s.p.Display.Idle != nil {
		s.always(s.watchIdle)
	}
	s.window.ShowAndRun()
	return s.stop()
}

// news follows what comes from outside the window: a second start, which brings it to the front, and notices.
func (s *Shell) news(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.p.Raise:
			s.Post(func() {
				s.window.Show()
				s.window.RequestFocus()
			})
		case key := <-s.p.Notices:
			s.tell(s.Text(key))
		}
	}
}

// tell shows a note, after the unlocking where the window is locked. It may be called from any goroutine.
func (s *Shell) tell(text string) {
	s.Post(func() {
		if s.locked() {
			s.lock.later = append(s.lock.later, text)
			return
		}
		s.Toast(text)
	})
}

// open opens the data folder beside the first frame, then shows the screens.
func (s *Shell) open(ctx context.Context) {
	services, err := s.p.Open(ctx)
	s.opened = services // stop, which waits for this goroutine, closes it whether or not it was shown
	s.Post(func() {
		if ctx.Err() != nil {
			return // closed meanwhile
		}
		if err != nil {
			s.failed = err
			s.frame.showFailure(err)
			return
		}
		s.services = services
		s.start()
		s.Post(func() { s.probe.mark(Ready) })
	})
}

// stop cancels what runs, waits for it, and closes the data folder.
func (s *Shell) stop() error {
	s.cancel()
	s.work.Wait()
	s.session.work.Wait()
	var err error
	if by := s.sealer(); by == nil {
		err = s.state.save(s.p.Data, nil)
	} else if s.locked() || s.services == nil { // what else there is to keep was kept when it was locked
		err = s.state.saveSize(s.p.Data)
	} else {
		err = s.state.save(s.p.Data, by)
	}
	if err != nil {
		slog.Warn("window state", "error", err)
	}
	s.unsubscribe()
	if s.opened == nil {
		return s.failed
	}
	if err := s.opened.Close(); err != nil {
		return fmt.Errorf("close the library: %w", err)
	}
	return nil
}

// asked is called when a person closes the window.
func (s *Shell) asked() {
	s.again = false
	s.end()
}

// end ends the window, unless a person says that jobs are to go on.
func (s *Shell) end() {
	switch {
	case s.leaving != nil || s.ctx.Err() != nil: // it is asked already, or it is ending
	case s.services == nil || len(s.services.Jobs.Running()) == 0:
		s.leave()
	default:
		s.leaving = s.ask(question(s, "ui.quit", false, s.leave))
		s.leaving.OnClosed = func() { s.leaving = nil }
	}
}

// Restart ends the window and starts it again. Jobs that run are asked about as at any end.
func (s *Shell) Restart() {
	s.again = true
	s.end()
}

// leave says that things are being put in order, and ends once they are.
func (s *Shell) leave() {
	if s.again && s.p.Restart != nil {
		s.p.Restart()
	}
	s.remember()
	if s.locked() {
		s.lock.cover.Ending(s.Text("ui.closing"))
	} else {
		s.frame.showClosing()
	}
	s.cancel() // quit follows
}

func (s *Shell) quit() {
	s.remember()
	s.app.Quit()
}

// remember takes down how the window is arranged.
func (s *Shell) remember() {
	if size := s.window.Canvas().Size(); size.Width > 0 {
		s.state.Width, s.state.Height = size.Width, size.Height
	}
	if s.locked() {
		return // the rest was taken down when it was locked
	}
	s.state.Screen, s.state.Collection = s.current, s.collection
	for _, e := range s.entries {
		if k, ok := e.screen.(keeper); ok {
			s.state.Screens[e.name] = k.State()
		}
	}
}
