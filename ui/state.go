package ui

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"fyne.io/fyne/v2"

	"kakoi/ui/place"
)

// state is how the window was left. It is kept in DATA/window.json; without it, or with a broken one, everything is as new. Where a
// passphrase keeps the library, what could tell of it is kept in DATA/window.sealed instead, under the library's key.
type state struct {
	Width    float32 `json:"width"`
	Height   float32 `json:"height"`
	Welcomed bool    `json:"welcomed"`
	arranged
}

// arranged is the part of state that could tell of what is in the library.
type arranged struct {
	Screen     place.Screen                     `json:"screen,omitempty"`
	Collection string                           `json:"collection,omitempty"`
	Folder     string                           `json:"folder,omitempty"` // last one chosen in a dialog
	Screens    map[place.Screen]json.RawMessage `json:"screens,omitempty"`
}

const (
	stateFile  = "window.json"
	sealedFile = "window.sealed"
)

func freshState() state {
	return state{Width: 1180, Height: 760, arranged: freshArranged()}
}

func freshArranged() arranged {
	return arranged{Screen: place.Chat, Screens: map[place.Screen]json.RawMessage{}}
}

func loadState(dir string) (state, error) {
	s := freshState()
	raw, err := os.ReadFile(filepath.Join(dir, stateFile))
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return s, fmt.Errorf("read window state: %w", err)
	}
	if err := json.Unmarshal(raw, &s); err != nil {
		return freshState(), fmt.Errorf("parse window state: %w", err)
	}
	s.Width, s.Height = min(max(s.Width, 640), 8000), min(max(s.Height, 420), 6000)
	if s.Screens == nil {
		s.Screens = map[place.Screen]json.RawMessage{}
	}
	return s, nil
}

// sealer seals what is kept, and opens it again.
type sealer interface {
	Seal(plain []byte) ([]byte, error)
	Unseal(sealed []byte) ([]byte, error)
}

// unseal takes over what a sealed file says; without one nothing changes.
func (s *state) unseal(dir string, by sealer) error {
	raw, err := os.ReadFile(filepath.Join(dir, sealedFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	a := freshArranged()
	if err == nil {
		raw, err = by.Unseal(raw)
	}
	if err == nil {
		err = json.Unmarshal(raw, &a)
	}
	if err != nil {
		return fmt.Errorf("read window state: %w", err)
	}
	if a.Screens == nil {
		a.Screens = map[place.Screen]json.RawMessage{}
	}
	s.arranged = a
	return nil
}

// save keeps the state; by is nil where no passphrase keeps the library.
func (s state) save(dir string, by sealer) error {
	if by == nil {
		if err := writeState(dir, stateFile, s); err != nil {
			return err
		}
		if err := os.Remove(filepath.Join(dir, sealedFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove window state: %w", err)
		}
		return nil
	}
	raw, err := json.Marshal(s.arranged)
	if err != nil {
		return fmt.Errorf("encode window state: %w", err)
	}
	sealed, err := by.Seal(raw)
	if err != nil {
		return fmt.Errorf("seal window state: %w", err)
	}
	if err := replaceFile(dir, sealedFile, sealed); err != nil {
		return err
	}
	s.arranged = arranged{}
	return writeState(dir, stateFile, s)
}

// saveSize keeps what can be kept while the library is locked.
func (s state) saveSize(dir string) error {
	s.arranged = arranged{}
	return writeState(dir, stateFile, s)
}

func writeState(dir, name string, s state) error {
	raw, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return fmt.Errorf("encode window state: %w", err)
	}
	return replaceFile(dir, name, append(raw, '\n'))
}

func replaceFile(dir, name string, raw []byte) error {
	tmp := filepath.Join(dir, name+".new")
	if err := os.WriteFile(tmp, raw, 0o600); err != nil {
		return fmt.Errorf("write window state: %w", err)
	}
	if err := os.Rename(tmp, filepath.Join(dir, name)); err != nil {
		return fmt.Errorf("write window state: %w", err)
	}
	return nil
}

func (s state) size() fyne.Size { return fyne.NewSize(s.Width, s.Height) }
