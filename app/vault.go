package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"kakoi/core"
	"kakoi/core/vault"
)

// VaultState says whether a data folder has a passphrase, and whether it was typed.
type VaultState string

// States of a Vault.
const (
	VaultNone     VaultState = "none"     // no passphrase: nothing is encrypted
	VaultLocked   VaultState = "locked"   // nothing of the library is open, and the key is not in memory
	VaultLocking  VaultState = "locking"  // to be locked: work that was begun goes on behind the lock, nothing new begins
	VaultUnlocked VaultState = "unlocked" // open
	VaultMoving   VaultState = "moving"   // being encrypted, or decrypted
)

// Vault is the lock of a data folder, for the process that owns it: its passphrase, its key, and whether the library is open. What opens and closes the
// library is given to it. Safe for concurrent use.
//
// Lock lets work that was begun (a training, documents being added) go on until it is done, or cancelled by whoever began it; until then the library stays open behind the lock, and
// so does the key. Then the library is closed and the key forgotten. What Go's memory still holds of a key's copies goes when its pages are used again.
type Vault struct {
	Data   string
	Open   func(ctx context.Context, key *vault.Key) error // opens the library, with nil where there is no passphrase
	Close  func() error                                    // closes it
	Busy   func() bool                                     // whether work runs that must not be stopped; nil: never
	Params vault.Params                                    // of new passphrases; zero: measured

	mu        sync.Mutex
	state     VaultState
	header    vault.Header
	key       *vault.Key
	listeners map[*func(VaultState)]bool

	work sync.Mutex // held by what opens, closes or moves
}

// NewVault ends an exchange of the data folder that was interrupted, deletes files that were left half written, and looks whether it has a passphrase: the state is VaultNone or VaultLocked then, and nothing is open.
// core.ErrCorrupt for a damaged header.
func NewVault(data string) (*Vault, error) {
	if _, _, err := (Keep{Data: data}).Finish(); err != nil {
		return nil, fmt.Errorf("prepare data folder: %w", err)
	}
	// A header that a crash left half written is wrapped under a passphrase that never counted.
	if err := vault.Sweep(data); err != nil {
		slog.Warn("sweep data folder", "error", err)
	}
	v := &Vault{Data: data, state: VaultNone, listeners: map[*func(VaultState)]bool{}}
	h, there, err := vault.Load(data)
	if err != nil {
		return nil, err
	}
	if there {
		v.header, v.state = h, VaultLocked
		if err := vault.Mend(data); err != nil {
			slog.Warn("mend vault header", "error", err)
		}
	}
	return v, nil
}

// NewVaultView is a Vault for a process that does not own the data folder, to look at: nothing is changed.
func NewVaultView(data string) (*Vault, error) {
	h, there, err := vault.Load(data)
	v := &Vault{Data: data, state: VaultNone, header: h, listeners: map[*func(VaultState)]bool{}}
	if there {
		v.state = VaultLocked
	}
	return v, err
}

// State is the state now.
func (v *Vault) State() VaultState {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.state
}

// Key is the key while the library is open; nil without a passphrase, or when it is locked.
func (v *Vault) Key() *vault.Key {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.key
}

// HasRecovery says whether there is a recovery key.
func (v *Vault) HasRecovery() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.header.HasRecovery()
}

// Watch calls hear with each new state, from the goroutine of the change, until cancel. hear must return at once.
func (v *Vault) Watch(hear func(VaultState)) (cancel func()) {
	v.mu.Lock()
	defer v.mu.Unlock()
	l := &hear
	v.listeners[l] = true
	return func() {
		v.mu.Lock()
		defer v.mu.Unlock()
		delete(v.listeners, l)
	}
}

// turn changes the state, if it is one of those, and tells of it.
func (v *Vault) turn(to VaultState, from ...VaultState) bool {
	v.mu.Lock()
	is := false
	for _, f := range from {
		is = is || v.state == f
	}
	var hear []func(VaultState)
	if is && v.state != to {
		v.state = to
		for l := range v.listeners {
			hear = append(hear, *l)
		}
	}
	v.mu.Unlock()
	for _, h := range hear {
		h(to)
	}
	return is
}

// Locked is the error of whatever needs an open library while it is not; nil while it is.
func (v *Vault) Locked() error {
	switch v.State() {
	case VaultNone, VaultUnlocked:
		return nil
	case VaultMoving:
		return core.Explain(fmt.Errorf("vault: %w", core.ErrBusy), "error.vault.moving")
	}
	return core.Explain(fmt.Errorf("vault: %w", core.ErrEncrypted), "error.vault.locked")
}

// open unwraps the key by a passphrase, or by a recovery code if it is one.
func open(h vault.Header, pass []byte) (*vault.Key, error) {
	k, err := h.Open(pass)
	if errors.Is(err, vault.ErrPassphrase) && h.HasRecovery() {
		if k, rerr := h.OpenRecovery(string(pass)); rerr == nil {
			return k, nil
		}
	}
	return k, err
}

// Check says whether a passphrase, or the recovery key, is right: vault.ErrPassphrase.
func (v *Vault) Check(pass []byte) error {
	v.mu.Lock()
	h := v.header
	v.mu.Unlock()
	k, err := open(h, pass)
	k.Close()
	return err
}

// Unlock opens the library with the passphrase, or the recovery key; pass is cleared. vault.ErrPassphrase; errors of Open leave it locked. It takes about a second.
func (v *Vault) Unlock(ctx context.Context, pass []byte) error {
	defer clear(pass)
	if v.turn(VaultUnlocked, VaultUnlocked) {
		return v.Check(pass)
	}
	if v.State() == VaultLocking {
		if err := v.Check(pass); err != nil {
			return err
		}
		if v.turn(VaultUnlocked, VaultLocking) {
			return nil
		}
	}
	v.work.Lock()
	defer v.work.Unlock()
	v.mu.Lock()
	h, state := v.header, v.state
	v.mu.Unlock()
	if state != VaultLocked {
		return nil // somebody else did
	}
	k, err := open(h, pass)
	if err != nil {
		return err
	}
	if err := v.enter(ctx, k); err != nil {
		k.Close()
		return err
	}
	v.turn(VaultUnlocked, VaultLocked)
	return nil
}

// enter opens the library with a key.
func (v *Vault) enter(ctx context.Context, k *vault.Key) error {
	if v.Open != nil {
		if err := v.Open(ctx, k); err != nil {
			return err
		}
	}
	v.mu.Lock()
	v.key = k
	v.mu.Unlock()
	return nil
}

// leave closes the library and forgets the key.
func (v *Vault) leave() (err error) {
	if v.Close != nil {
		err = v.Close()
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.key.Close()
	v.key = nil
	return err
}

// busyEvery is how often a Lock looks whether work is done.
const busyEvery = 100 * time.Millisecond

// Lock locks at once for whoever comes, and closes the library when the work that was begun is done. An Unlock meanwhile, or the end of ctx, ends the wait: then
// the library is open as before. Without a passphrase it is a core.ErrUsage.
func (v *Vault) Lock(ctx context.Context) error {
	if !v.turn(VaultLocking, VaultUnlocked, VaultLocking) {
		if v.State() == VaultLocked {
			return nil
		}
		return core.Explain(fmt.Errorf("lock: %w", core.ErrUsage), "error.vault.none")
	}
	for v.busy() {
		select {
		case <-time.After(busyEvery):
		case <-ctx.Done():
			v.turn(VaultUnlocked, VaultLocking)
			return ctx.Err()
		}
		if v.State() != VaultLocking {
			return nil
		}
	}
	v.work.Lock()
	defer v.work.Unlock()
	if v.State() != VaultLocking {
		return nil
	}
	// From here on an Unlock opens anew.
	v.turn(VaultLocked, VaultLocking)
	return v.leave()
}

func (v *Vault) busy() bool { return v.Busy != nil && v.Busy() }

func (v *Vault) params() vault.Params {
	if v.Params != (vault.Params{}) {
		return v.Params
	}
	return vault.Measure(time.Second)
}

// Change gives the data folder another passphrase; both are cleared. Nothing is written anew but the header: whoever copied the old one, and knows
// the old passphrase, has the key. vault.ErrPassphrase, core.ErrUsage for an empty new one.
func (v *Vault) Change(ctx context.Context, old, fresh []byte) error {
	defer clear(old)
	defer clear(fresh)
	return v.rewrite(ctx, old, func(h vault.Header, k *vault.Key) (vault.Header, error) { return h.Rewrap(k, fresh, v.params()) })
}

// AddRecovery makes a recovery key, which opens the library as the passphrase does, and takes an earlier one's place; pass is cleared. It is given once and is nowhere else.
func (v *Vault) AddRecovery(ctx context.Context, pass []byte) (code string, err error) {
	defer clear(pass)
	err = v.rewrite(ctx, pass, func(h vault.Header, k *vault.Key) (vault.Header, error) {
		h, c, err := h.AddRecovery(k)
		code = c
		return h, err
	})
	if err != nil {
		return "", err
	}
	return code, nil
}

// RemoveRecovery makes the recovery key useless; pass is cleared.
func (v *Vault) RemoveRecovery(ctx context.Context, pass []byte) error {
	defer clear(pass)
	return v.rewrite(ctx, pass, func(h vault.Header, _ *vault.Key) (vault.Header, error) { return h.RemoveRecovery(), nil })
}

// rewrite changes the header of whoever knows the passphrase.
func (v *Vault) rewrite(ctx context.Context, pass []byte, change func(vault.Header, *vault.Key) (vault.Header, error)) error {
	v.work.Lock()
	defer v.work.Unlock()
	v.mu.Lock()
	h, state := v.header, v.state
	v.mu.Unlock()
	if state == VaultNone {
		return core.Explain(fmt.Errorf("change passphrase: %w", core.ErrUsage), "error.vault.none")
	}
	k, err := open(h, pass)
	if err != nil {
		return err
	}
	defer k.Close()
	if h, err = change(h, k); err == nil {
		err = ctx.Err()
	}
	if err == nil {
		err = h.Save(v.Data)
	}
	if err != nil {
		return err
	}
	v.mu.Lock()
	v.header = h
	v.mu.Unlock()
	return nil
}

// plainBackups are the daily backups in the data folder that are not encrypted.
func plainBackups(data string) ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(data, backupsDir))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	var out []string
	for _, e := range entries {
		path := filepath.Join(data, backupsDir, e.Name())
		if !e.Type().IsRegular() {
			continue
		}
		f, err := os.Open(path)
		if err != nil {
			return out, err
		}
		head := make([]byte, len(backupMagic))
		n, _ := io.ReadFull(f, head)
		if _ = f.Close(); string(head[:n]) == backupMagic {
			out = append(out, path)
		}
	}
	return out, err
}
