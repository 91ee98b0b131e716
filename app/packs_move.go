package app

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"kakoi/app/pack"
	"kakoi/core"
)

// move is a pack on its way to its names: parts are written under hidden names beside them, and get their own when all are whole. A note in the models folder lets the next
// start of Kakoi finish that, or clear it away, after this process was killed. Parts are recognised by what they say, whatever they are called: so from the
// moment the first one has its name the whole pack can be read, and until then what was there before.
type move struct {
	From  []string `json:"from"`
	To    []string `json:"to"`
	Old   []string `json:"old,omitempty"` // go when all have their names
	Ready bool     `json:"ready"`         // all are whole

	note  string
	path  string
	ended bool
}

const (
	movePrefix  = ".export-"
	partialName = ".partial"

	// moveDays is how long a note waits for a stick that is not there.
	moveDays = 30
)

// hiddenName is how a part is called until all are whole.
func hiddenName(to string) string {
	return filepath.Join(filepath.Dir(to), "."+filepath.Base(to)+partialName)
}

// newMove begins the way of a pack of so many parts to path.
func newMove(notes, path string, parts int) (*move, error) {
	m := &move{To: pack.Names(path, parts), path: path}
	for _, to := range m.To {
		m.From = append(m.From, hiddenName(to))
	}
	if err := os.MkdirAll(notes, 0o700); err != nil {
		return nil, fmt.Errorf("export pack: %w", err)
	}
	f, err := os.CreateTemp(notes, movePrefix+"*.json")
	if err != nil {
		return nil, fmt.Errorf("export pack: %w", err)
	}
	m.note = f.Name()
	if err := errors.Join(f.Close(), m.save()); err != nil {
		return nil, fmt.Errorf("export pack: %w", err)
	}
	return m, nil
}

func (m *move) save() error { return writeSynced(m.note, m) }

// create opens the hidden file of a part (from 0).
func (m *move) create(part int) (io.WriteCloser, error) {
	// What a killed export left under this name is ours: nobody else calls files so.
	if err := os.Remove(m.From[part]); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, refusedName(err, m.To[part])
	}
	f, err := os.OpenFile(m.From[part], os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o600)
	if err != nil {
		return nil, refusedName(fmt.Errorf("write part %d: %w", part+1, err), m.To[part])
	}
	return syncedFile{f}, nil
}

// taken is one of the names that a file has already; "": none.
func (m *move) taken() string {
	for _, to := range m.To {
		if exists(to) {
			return to
		}
	}
	return ""
}

// syncedFile is on the disk when it is closed.
type syncedFile struct{ *os.File }

func (f syncedFile) Close() error { return errors.Join(f.Sync(), f.File.Close()) }

// end gives all parts their names. Without replace a file that has come there meanwhile stays, and the pack does not come.
func (m *move) end(replace bool) error {
	old := packsAt(m.path)
	if there := m.taken(); len(old) == 0 && there != "" {
		old = []string{there}
	}
	if len(old) > 0 && !replace {
		return core.Explain(fmt.Errorf("%s: %w", old[0], errors.Join(core.ErrBusy, fs.ErrExist)), "error.pack.exists", old[0])
	}
	for _, name := range old {
		if !slices.Contains(m.To, name) && (name == m.path || pack.Is(name)) {
			m.Old = append(m.Old, name)
		}
	}
	m.Ready = true
	if err := m.save(); err != nil {
		m.Ready = false
		return err
	}
	return m.finish()
}

// finish is what the note asks for; it may have been begun before.
func (m *move) finish() error {
	for i, from := range m.From {
		if err := os.Rename(from, m.To[i]); err != nil && !(errors.Is(err, fs.ErrNotExist) && exists(m.To[i])) {
			return fmt.Errorf("name part %d: %w", i+1, err)
		}
	}
	for _, name := range m.Old {
		if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove the pack from before: %w", err)
		}
	}
	_ = syncPath(filepath.Dir(m.path)) // some file systems cannot
	m.ended = true
	return os.Remove(m.note)
}

// abandon clears away what was written, unless the parts have their names, or are about to get them.
func (m *move) abandon() error {
	if m.ended || m.Ready {
		return nil
	}
	var errs []error
	for _, from := range m.From {
		if err := os.Remove(from); err != nil && exists(from) {
			errs = append(errs, err)
		}
	}
	m.ended = true
	return errors.Join(append(errs, os.Remove(m.note))...)
}

// sweepMoves finishes or clears away what exports that were killed left. A stick that is not there is waited for.
func sweepMoves(notes string) error {
	entries, err := os.ReadDir(notes)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("look for exports: %w", err)
	}
	var errs []error
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".new-") { // of writeSynced
			errs = append(errs, os.Remove(filepath.Join(notes, e.Name())))
		}
		if !strings.HasPrefix(e.Name(), movePrefix) || strings.HasPrefix(e.Name(), folderMovePrefix) {
			continue
		}
		m := &move{note: filepath.Join(notes, e.Name())}
		raw, err := os.ReadFile(m.note)
		if err != nil || json.Unmarshal(raw, m) != nil || len(m.From) == 0 || len(m.From) != len(m.To) {
			errs = append(errs, os.Remove(m.note)) // one that was just begun: nothing was written yet
			continue
		}
		m.path = m.To[0]
		info, err := e.Info()
		switch {
		case !slices.ContainsFunc(m.From, exists) && !slices.ContainsFunc(m.To, exists) && (err != nil || time.Since(info.ModTime()) < moveDays*24*time.Hour):
			// The stick may come yet: its folder may be there without it.
		case !m.Ready:
			errs = append(errs, m.abandon())
		case slices.ContainsFunc(m.From, exists) || slices.ContainsFunc(m.Old, exists):
			errs = append(errs, m.finish())
		default:
			errs = append(errs, os.Remove(m.note))
		}
	}
	return errors.Join(errs...)
}
