package lock

import (
	"context"
	"errors"
	"time"

	"kakoi/core/vault"
	"kakoi/resources"
)

// host is what the model needs of the window.
type host interface {
	Text(key string, args ...any) string
	Lang() string
	Post(f func())
	Go(work func(ctx context.Context))
}

// patience is how many wrong passphrases in a row may come without a wait: everybody mistypes.
const patience = 3

// waitAfter is how long the field rests after so many wrong passphrases in a row. It is for a hand at this keyboard; whoever has a copy of
// the disk is held up by what a passphrase costs to try, not by this.
func waitAfter(wrong int) time.Duration {
	if wrong < patience {
		return 0
	}
	return min(time.Second<<(wrong-patience+1), 30*time.Second)
}

// model is the lock screen without widgets. All of it belongs to the window's goroutine.
type model struct {
	host    host
	open    func(ctx context.Context, pass []byte) error
	now     func() time.Time
	changed func() // redraws
	refused func() // the passphrase was wrong: the field has the keyboard again
	opened  func()
	broken  func(err error) bool // nil is allowed

	busy   bool
	wrong  int // in a row
	until  time.Time
	failed error  // of the last attempt; nil: none
	behind bool   // work goes on while the screen is locked
	caps   bool   // caps lock
	ending string // the window ends: what it says meanwhile
}

// waits is how long until the next attempt, in whole seconds, at least 1 while there is anything left.
func (m *model) waits() int {
	left := m.until.Sub(m.now())
	if left <= 0 {
		return 0
	}
	return int((left + time.Second - 1) / time.Second)
}

// ready says whether an attempt can be made.
func (m *model) ready() bool { return !m.busy && m.waits() == 0 && m.ending == "" }

// try tries a passphrase, which it zeroes. It takes about a second, on purpose.
func (m *model) try(pass []byte) {
	if !m.ready() || len(pass) == 0 {
		clear(pass)
		return
	}
	m.busy, m.failed = true, nil
	m.changed()
	m.host.Go(func(ctx context.Context) {
		err := m.open(ctx, pass)
		clear(pass)
		m.host.Post(func() { m.tried(err) })
	})
}

func (m *model) tried(err error) {
	m.busy = false
	switch {
	case err == nil:
		m.wrong, m.failed = 0, nil
		m.opened()
		return
	case errors.Is(err, context.Canceled): // the window ends
	case !errors.Is(err, vault.ErrPassphrase): // the disk, say: no wait for that
		if m.broken != nil && m.broken(err) {
			return
		}
		m.failed = err
	default:
		m.failed = err
		m.wrong++
		if wait := waitAfter(m.wrong); wait > 0 {
			m.until = m.now().Add(wait)
			m.count()
		}
	}
	m.changed()
	m.refused()
}

// count redraws each second until the wait is over.
func (m *model) count() {
	m.host.Go(func(ctx context.Context) {
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for over := false; !over; {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			done := make(chan bool, 1)
			m.host.Post(func() {
				m.changed()
				done <- m.waits() == 0
			})
			select {
			case over = <-done:
			case <-ctx.Done():
				return
			}
		}
	})
}

// warns says whether what stands below the field is the word on the caps lock.
func (m *model) warns() bool {
	return m.caps && m.ending == "" && !m.busy && m.waits() == 0 && m.failed == nil
}

// says is what stands below the field, and whether it is something that went wrong.
func (m *model) says() (text string, bad bool) {
	switch n := m.waits(); {
	case m.ending != "":
		return m.ending, false
	case m.busy:
		return m.host.Text("lock.opening"), false
	case n > 0:
		return resources.WithHint(m.host.Text("lock.wrong"), m.host.Text("lock.wait", n)), true
	case errors.Is(m.failed, vault.ErrPassphrase):
		return m.host.Text("lock.wrong"), true
	case m.failed != nil:
		return resources.ErrorLine(m.host.Lang(), m.failed), true
	case m.caps:
		return m.host.Text("lock.caps"), false
	case m.behind:
		return m.host.Text("lock.behind"), false
	}
	return "", false
}
