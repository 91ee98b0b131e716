package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"kakoi/core"
	"kakoi/core/vault"
	"kakoi/index"
)

// VaultPlan is what is to be said before a data folder is encrypted, since it goes for good.
type VaultPlan struct {
	Undo    bool `json:"undo"`    // what is kept from before the last restore or repair is deleted
	Backups int  `json:"backups"` // backups in the data folder that are not encrypted, and are deleted
}

// Plan says what Set will delete. Backups elsewhere are other people's: they stay as they are, readable by everybody.
func (v *Vault) Plan() (VaultPlan, error) {
	_, undo, err := (Keep{Data: v.Data}).Undoable()
	backups, berr := plainBackups(v.Data)
	return VaultPlan{Undo: undo, Backups: len(backups)}, errors.Join(err, berr)
}

// Set encrypts a data folder that has no passphrase; pass is cleared. The library is closed meanwhile, and copied beside itself under a new key; one exchange, which a kill
// leaves undone or goes on with at the next opening, puts it and the passphrase in place. Then the other files are encrypted one by one, at the next opening where
// that was interrupted, and the old library, what was kept to undo, and plain backups in the data folder are deleted. What a disk keeps of deleted files is beyond
// this program. Afterwards the library is open again.
//
// core.ErrUsage when there is a passphrase or pass is empty; core.ErrBusy while work runs; core.ErrCorrupt for a library that needs a repair first; core.ErrNoSpace. After an error, or the end of ctx
// before the exchange, everything is as it was.
func (v *Vault) Set(ctx context.Context, pass []byte, p core.Progress) error {
	defer clear(pass)
	return v.move(ctx, VaultNone, func() error {
		h, k, err := vault.New(pass, v.params())
		if err != nil {
			return err
		}
		done, err := v.set(ctx, h, k, p)
		if !done {
			k.Close()
			return err
		}
		v.mu.Lock()
		v.header, v.key = h, k
		v.mu.Unlock()
		return err
	})
}

// Remove decrypts a data folder and takes its passphrase away; pass is cleared. It works as Set does, and is taken back at the next unlocking where it was interrupted
// before its exchange. vault.ErrPassphrase besides the errors of Set.
func (v *Vault) Remove(ctx context.Context, pass []byte, p core.Progress) error {
	defer clear(pass)
	if v.State() == VaultNone {
		return core.Explain(fmt.Errorf("remove passphrase: %w", core.ErrUsage), "error.vault.none")
	}
	v.mu.Lock()
	h := v.header
	v.mu.Unlock()
	k, err := open(h, pass)
	if err != nil {
		return err
	}
	defer k.Close()
	return v.move(ctx, v.State(), func() error {
		done, err := v.remove(ctx, k, p)
		if !done {
			return err
		}
		v.mu.Lock()
		v.header = vault.Header{}
		v.key.Close()
		v.key = nil
		v.mu.Unlock()
		return err
	})
}

// move closes the library, has the data folder changed and opens it again, under whatever key it has then.
func (v *Vault) move(ctx context.Context, from VaultState, change func() error) error {
	v.work.Lock()
	defer v.work.Unlock()
	switch from {
	case VaultNone, VaultLocked, VaultUnlocked:
	default:
		return core.Explain(fmt.Errorf("vault is %s: %w", from, core.ErrBusy), "error.vault.moving")
	}
	if v.busy() {
		return core.Explain(fmt.Errorf("vault: work runs: %w", core.ErrBusy), "error.vault.busy")
	}
	if !v.turn(VaultMoving, from) {
		if v.State() != VaultNone {
			return core.Explain(fmt.Errorf("vault is %s: %w", v.State(), core.ErrUsage), "error.vault.there")
		}
		return core.Explain(fmt.Errorf("vault is %s: %w", v.State(), core.ErrUsage), "error.vault.none")
	}
	var err error
	if from != VaultLocked && v.Close != nil {
		err = v.Close()
	}
	if err == nil {
		err = change()
	}
	v.mu.Lock()
	back := VaultNone
	switch {
	case v.key != nil:
		back = VaultUnlocked
	case len(v.header.ID) > 0:
		back = VaultLocked
	}
	v.mu.Unlock()
	if back != VaultLocked && v.Open != nil {
		// Whatever happened to ctx: the library was open.
		if oerr := v.Open(context.WithoutCancel(ctx), v.Key()); oerr != nil {
			err = errors.Join(err, oerr)
			if back == VaultUnlocked {
				back = VaultLocked
				v.mu.Lock()
				v.key.Close()
				v.key = nil
				v.mu.Unlock()
			}
		}
	}
	v.turn(back, VaultMoving)
	return err
}

// set does what Set says, with the library closed. done says that the exchange goes forward from now on, whatever err is.
func (v *Vault) set(ctx context.Context, h vault.Header, k *vault.Key, p core.Progress) (done bool, err error) {
	keep := Keep{Data: v.Data}
	dir, err := v.stage(ctx, keep, nil, k, p)
	if err == nil {
		err = h.Save(dir)
	}
	if err == nil {
		err = writeFileSynced(filepath.Join(dir, SealingMark), Sealed{}.MarkText(SealingOn))
	}
	if err == nil {
		err = ctx.Err()
	}
	if err == nil {
		err = keep.Commit(v.swap())
	}
	if err != nil {
		return false, errors.Join(noRoom(err), keep.Drop())
	}
	if _, _, err := keep.Finish(); err != nil {
		return true, err
	}
	return true, EndSealing(context.WithoutCancel(ctx), v.Data, k, p)
}

// EndSealing ends an encryption of files that was begun, for whoever has the key and is about to open a data folder; without a key it does nothing. A decryption that did not
// come to its exchange is taken back by it.
func EndSealing(ctx context.Context, data string, k *vault.Key, p core.Progress) error {
	s := Sealed{Data: data}
	if _, there, err := s.Waiting(); err != nil || !there || k == nil {
		return err
	}
	backups, err := plainBackups(data)
	if err != nil {
		return fmt.Errorf("look for backups: %w", err)
	}
	for _, path := range backups {
		if err := os.Remove(path); err != nil {
			return fmt.Errorf("delete plain backup: %w", err)
		}
	}
	return s.EncryptFiles(ctx, k, p)
}

// swap is the exchange of a library and of what says that it is encrypted.
func (v *Vault) swap() Swap {
	return Swap{Kind: SwapVault, When: time.Now().UTC().Round(time.Second), Items: []string{libraryDir, vault.Name, vault.CopyName, SealingMark}}
}

// stage copies the library under another key into the folder of what is to come.
func (v *Vault) stage(ctx context.Context, keep Keep, from, to *vault.Key, p core.Progress) (dir string, err error) {
	bytes, err := diskBytes(ctx, filepath.Join(v.Data, libraryDir))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", err
	}
	if err := roomFor(nil, v.Data, bytes+bytes/4+index.OpenBytes); err != nil {
		return "", err
	}
	if dir, err = keep.Stage(); err != nil {
		return "", err
	}
	if !exists(filepath.Join(v.Data, libraryDir)) {
		return dir, nil
	}
	return dir, index.Rekey(ctx, filepath.Join(v.Data, libraryDir), filepath.Join(dir, libraryDir), from, to, p)
}

// remove does what Remove says, with the library closed; done as in set.
func (v *Vault) remove(ctx context.Context, k *vault.Key, p core.Progress) (done bool, err error) {
	keep := Keep{Data: v.Data, Key: k}
	sealed := Sealed{Data: v.Data}
	_, err = v.stage(ctx, keep, k, nil, p)
	if err == nil {
		err = sealed.DecryptFiles(ctx, k, p)
	}
	if err == nil {
		err = ctx.Err()
	}
	if err == nil {
		err = keep.Commit(v.swap())
	}
	if err != nil {
		err = errors.Join(noRoom(err), keep.Drop())
		return false, errors.Join(err, EndSealing(context.WithoutCancel(ctx), v.Data, k, nil))
	}
	_, _, err = keep.Finish()
	return true, err
}

// writeFileSynced writes a plain file that appears whole.
func writeFileSynced(path string, text []byte) error {
	var plain *vault.Key
	return plain.WriteFile(path, text)
}
