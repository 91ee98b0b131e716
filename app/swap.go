package app

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"kakoi/core"
	"kakoi/core/vault"
	"kakoi/index"
)

// Folders and files of the data folder that take part when its contents are exchanged, as a restore and a repair do.
const (
	incomingDir  = "incoming"      // what is to take the place of what is there; counts for nothing until it holds swapName
	undoDir      = "undo"          // what was there before
	swapName     = "swap.json"     // in incomingDir and undoDir: a swap
	pendingName  = "repair.json"   // asks the next opening for a repair of the files
	libraryDir   = "library"       //
	settingsName = "settings.json" //
)

// Swap says what took the place of what.
type Swap struct {
	Kind  string    `json:"kind"` // SwapRestore, SwapRepair, SwapUndo, SwapVault
	When  time.Time `json:"when"`
	Note  string    `json:"note"`  // of a restore: the file's name
	Items []string  `json:"items"` // of the data folder, that are exchanged; those that the new has not are gone afterwards
}

// Kinds of Swap.
const (
	SwapRestore = "restore"
	SwapRepair  = "repair"
	SwapUndo    = "undo"
	SwapVault   = "vault" // encrypted, or not any more: what was there before is not kept
)

// Keep exchanges the contents of a data folder in a way that outlasts a kill and a power loss at any moment, and keeps what was there, so that
// it can be undone. All of it is for the process that owns the folder, while the library is not open; Stage alone is for any time.
type Keep struct {
	Data string
	Key  *vault.Key // of what names documents; nil: it is plain
}

// options are those of the library.
func (k Keep) options() index.Options { return index.Options{Key: k.Key} }

func (k Keep) path(parts ...string) string {
	return filepath.Join(append([]string{k.Data}, parts...)...)
}

// Stage makes an empty folder for what is to come in. What an earlier one was left half filled with is deleted. core.ErrBusy when a whole one waits for
// the next opening.
func (k Keep) Stage() (dir string, err error) {
	if _, waits, err := k.Waiting(); err != nil || waits {
		return "", errors.Join(err, core.Explain(fmt.Errorf("stage: %w", core.ErrBusy), "error.swap.waits"))
	}
	dir = k.path(incomingDir)
	if err := os.RemoveAll(dir); err != nil {
		return "", fmt.Errorf("stage: %w", err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return "", fmt.Errorf("stage: %w", err)
	}
	return dir, nil
}

// Drop deletes what was staged, whole or not.
func (k Keep) Drop() error {
	// Without its list it counts for nothing, however far the rest gets.
	if err := removeFile(k.path(incomingDir, swapName)); err != nil {
		return err
	}
	if err := syncPath(k.path(incomingDir)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return removeFile(k.path(incomingDir))
}

// Commit makes what was staged whole: from now on Finish exchanges it. Its files are on the disk before.
func (k Keep) Commit(s Swap) error {
	if err := syncTree(k.path(incomingDir)); err != nil {
		return fmt.Errorf("stage: %w", err)
	}
	if err := os.RemoveAll(k.path(undoDir)); err != nil {
		return fmt.Errorf("drop what was kept before: %w", err)
	}
	if err := writeSynced(k.path(incomingDir, swapName), s); err != nil {
		return fmt.Errorf("stage: %w", err)
	}
	return nil
}

// Waiting says whether something whole waits to be exchanged.
func (k Keep) Waiting() (Swap, bool, error) { return readSwap(k.path(incomingDir, swapName)) }

// Undoable says what was there before the last exchange, if it is still kept.
func (k Keep) Undoable() (Swap, bool, error) { return readSwap(k.path(undoDir, swapName)) }

// Holding says whether anything is kept, or waits.
func (k Keep) Holding() (bool, error) {
	_, kept, err := k.Undoable()
	_, waits, werr := k.Waiting()
	return kept || waits, errors.Join(err, werr)
}

func readSwap(path string) (s Swap, there bool, err error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return s, false, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &s)
	}
	if err != nil {
		return s, false, fmt.Errorf("read %s: %w", path, err)
	}
	return s, true, nil
}

// Finish exchanges what waits, or goes on with an exchange that was interrupted, and deletes what was only half staged. Each step can be repeated: of
// an item the old one leaves first, then the new one comes. did is false when nothing waited.
func (k Keep) Finish() (s Swap, did bool, err error) {
	s, waits, err := k.Waiting()
	if err != nil {
		return s, false, err
	}
	if !waits {
		return s, false, errors.Join(removeFile(k.path(incomingDir)), k.clearUndo())
	}
	if err := os.MkdirAll(k.path(undoDir), 0o700); err != nil {
		return s, false, fmt.Errorf("exchange: %w", err)
	}
	for _, item := range s.Items {
		fresh, old, kept, left := k.path(incomingDir, item), k.path(item), k.path(undoDir, item), k.path(incomingDir, item+leftMark)
		if !exists(left) { // without the mark a new item, where there was no old one, would leave too
			if exists(old) {
				if err := renameFile(old, kept); err != nil {
					return s, false, fmt.Errorf("exchange %s: %w", item, err)
				}
			}
			if err := errors.Join(syncPath(k.path(undoDir)), syncPath(k.Data), writeSynced(left, s.Kind)); err != nil {
				return s, false, fmt.Errorf("exchange %s: %w", item, err)
			}
		}
		if exists(fresh) {
			if err := renameFile(fresh, old); err != nil {
				return s, false, fmt.Errorf("exchange %s: %w", item, err)
			}
		}
	}
	if err := syncPath(k.Data); err != nil {
		return s, false, fmt.Errorf("exchange: %w", err)
	}
	if err := writeSynced(k.path(undoDir, swapName), s); err != nil {
		return s, false, fmt.Errorf("exchange: %w", err)
	}
	if err := k.Drop(); err != nil {
		return s, false, fmt.Errorf("exchange: %w", err)
	}
	return s, true, errors.Join(syncPath(k.Data), k.clearUndo())
}

// clearUndo deletes what is not to be kept: what was there before a SwapVault, and what is left of something that was being deleted.
func (k Keep) clearUndo() error {
	s, there, err := k.Undoable()
	if err != nil || there && s.Kind != SwapVault || !exists(k.path(undoDir)) {
		return nil // one that cannot be read is told of by whoever wants it
	}
	if err := removeFile(k.path(undoDir)); err != nil {
		return fmt.Errorf("delete what was there before: %w", err)
	}
	return syncPath(k.Data)
}

// rename and remove are the steps of an exchange that others see; a test stops between them.
var (
	renameFile = os.Rename
	removeFile = os.RemoveAll
)

// leftMark ends the name of a file in incomingDir that says that the old item has left.
const leftMark = ".left"

// Undo makes what was there before wait for its return; Finish brings it back, and keeps what is there now. core.ErrNotFound when nothing is kept.
func (k Keep) Undo() error {
	s, there, err := k.Undoable()
	if err != nil {
		return err
	}
	if !there {
		return core.Explain(fmt.Errorf("undo: %w", core.ErrNotFound), "error.swap.nothing")
	}
	if _, waits, err := k.Waiting(); err != nil || waits {
		return errors.Join(err, core.Explain(fmt.Errorf("undo: %w", core.ErrBusy), "error.swap.waits"))
	}
	if err := os.RemoveAll(k.path(incomingDir)); err != nil {
		return fmt.Errorf("undo: %w", err)
	}
	back := Swap{Kind: SwapUndo, When: time.Now().UTC().Round(time.Second), Note: s.Note, Items: s.Items}
	if err := writeSynced(k.path(undoDir, swapName), back); err != nil {
		return fmt.Errorf("undo: %w", err)
	}
	if err := os.Rename(k.path(undoDir), k.path(incomingDir)); err != nil {
		return fmt.Errorf("undo: %w", err)
	}
	return syncPath(k.Data)
}

// Forget deletes what is kept from before the last exchange. Everything that is removed for good calls it: its bytes may be there. core.ErrBusy while something
// waits for the next opening, which would bring it back.
func (k Keep) Forget() error {
	if k.Data == "" {
		return nil
	}
	if _, waits, err := k.Waiting(); err != nil || waits {
		return errors.Join(err, core.Explain(fmt.Errorf("delete what is kept: %w", core.ErrBusy), "error.swap.waits"))
	}
	if err := k.forgetNames(); err != nil {
		return err
	}
	if err := k.forgetBackups(); err != nil {
		return err
	}
	if !exists(k.path(undoDir)) {
		return nil
	}
	if err := os.RemoveAll(k.path(undoDir)); err != nil {
		return fmt.Errorf("delete what was kept: %w", err)
	}
	return syncPath(k.Data)
}

// AskRepair makes the next opening repair the files of the library before it opens it; WantsRepair says whether it was asked for.
func (k Keep) AskRepair() error {
	return writeSynced(k.path(pendingName), map[string]time.Time{"asked": time.Now().UTC()})
}

// WantsRepair says whether AskRepair was called.
func (k Keep) WantsRepair() bool { return exists(k.path(pendingName)) }

// RepairDone takes the wish of AskRepair back.
func (k Keep) RepairDone() error {
	if err := os.Remove(k.path(pendingName)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// writeSynced writes v as JSON under a name that appears with all of it, on the disk.
func writeSynced(path string, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = renameFile(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return syncPath(filepath.Dir(path))
}

// syncTree makes all files and folders below dir outlast a power loss.
func syncTree(dir string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() && !d.Type().IsRegular() {
			return err
		}
		return syncPath(path)
	})
}

func syncPath(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
