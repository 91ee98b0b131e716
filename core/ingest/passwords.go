package ingest

import (
	"context"
	"errors"
	"slices"
	"sync"

	"kakoi/core"
)

// Passwords are those of protected files. They are kept in memory as long as the program runs, and nowhere else. It is safe for concurrent use;
// a nil one knows none.
type Passwords struct {
	// Ask asks a person for the password of a file; again says that the last one was wrong. ok is false when they do not know it. nil: nobody
	// is there to be asked. One question is asked at a time.
	Ask func(ctx context.Context, file string, again bool) (password string, ok bool)

	mu     sync.Mutex
	known  []string
	asking sync.Mutex
}

const (
	mostPasswords = 50 // kept
	mostAsked     = 3  // times for one file
)

// Add remembers a password, which is tried on every protected file.
func (p *Passwords) Add(password string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if i := slices.Index(p.known, password); i >= 0 {
		p.known = slices.Delete(p.known, i, i+1)
	}
	p.known = slices.Insert(p.known, 0, password)
	p.known = p.known[:min(len(p.known), mostPasswords)]
}

// silent are the same passwords without anybody to ask.
func (p *Passwords) silent() *Passwords {
	if p == nil {
		return nil
	}
	return &Passwords{known: p.list()}
}

func (p *Passwords) list() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.known)
}

// try opens a file without a password, then with those that are known, then with those that a person gives. open answers
// core.ErrEncrypted to a wrong one.
func (p *Passwords) try(ctx context.Context, file string, open func(password string) error) error {
	err := open("")
	if p == nil || !errors.Is(err, core.ErrEncrypted) {
		return err
	}
	tried := map[string]bool{"": true}
	knownOne := func() bool {
		for _, password := range p.list() {
			if tried[password] {
				continue
			}
			tried[password] = true
			if err = open(password); !errors.Is(err, core.ErrEncrypted) {
				return true
			}
		}
		return false
	}
	if knownOne() || p.Ask == nil {
		return err
	}
	p.asking.Lock()
	defer p.asking.Unlock()
	if knownOne() { // given for another file meanwhile
		return err
	}
	for i := range mostAsked {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		password, ok := p.Ask(ctx, file, i > 0)
		if !ok {
			return err
		}
		if err = open(password); err == nil {
			p.Add(password)
		}
		if !errors.Is(err, core.ErrEncrypted) {
			return err
		}
	}
	return err
}
