//go:build x11

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"kakoi/app"
	"kakoi/core/vault"
	"kakoi/ui"
)

// guarded is the passphrase of a window's library, as the window needs it: app.Vault.
type guarded struct {
	*app.Vault
	lib *opening
}

var _ ui.Vault = guarded{}

// Protected says whether a passphrase keeps the library.
func (g guarded) Protected() bool { return g.State() != app.VaultNone }

// Locked says whether the passphrase has yet to be typed.
func (g guarded) Locked() bool { return g.State() == app.VaultLocked }

// Strength judges a passphrase for a hint.
func (g guarded) Strength(pass []byte) string {
	_, word := app.VaultStrength(pass)
	return word
}

// Loses says what Set deletes.
func (g guarded) Loses() (undo bool, backups int, err error) {
	p, err := g.Plan()
	return p.Undo, p.Backups, err
}

// OnClose has f called before the library closes.
func (g guarded) OnClose(f func()) {
	g.lib.mu.Lock()
	defer g.lib.mu.Unlock()
	g.lib.onClose = f
}

// Seal encrypts under the library's key; os.ErrClosed while that is not there.
func (g guarded) Seal(plain []byte) ([]byte, error) {
	key, err := g.open()
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	w, err := key.Seal(&out)
	if err != nil {
		return nil, err
	}
	_, err = w.Write(plain)
	if err = errors.Join(err, w.Close()); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// Unseal reads what Seal wrote.
func (g guarded) Unseal(sealed []byte) ([]byte, error) {
	key, err := g.open()
	if err != nil {
		return nil, err
	}
	r, err := key.Unseal(bytes.NewReader(sealed))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

func (g guarded) open() (*vault.Key, error) {
	key := g.Key()
	if key == nil {
		return nil, fmt.Errorf("the library's key: %w", os.ErrClosed)
	}
	return key, nil
}

// quietTime is how long no job must have run before a locked library is closed: the steps of a training follow each other with pauses.
const quietTime = 10 * time.Second

// busy says whether work goes on in the library that a lock, or an encryption, must not end.
type busy struct {
	mu   sync.Mutex
	last time.Time // a job ran then, as far as was looked
}

// now looks at the jobs of an open library; patient counts those that ran just now.
func (b *busy) now(h *host, patient bool) bool {
	if h == nil {
		return false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(h.library.Jobs.Running()) > 0 {
		b.last = time.Now()
		return true
	}
	return patient && time.Since(b.last) < quietTime
}
