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

// state is how the window was left. It is kept in DATA/window.json; without it, or with a broken one, everything is as new.
type state struct {
	Width      float32                          `json:"width"`
	Height     float32                          `json:"height"`
	Screen     place.Screen                     `json:"screen"`
	Collection string                           `json:"collection"`
	Welcomed   bool                             `json:"welcomed"`
	Folder     string                           `json:"folder"` // last one chosen in a dialog
	Screens    map[place.Screen]json.RawMessage `json:"screens,omitempty"`
}

const stateFile = "window.json"

func freshState() state {
	return state{Width: 1180, Height: 760, Screen: place.Chat, Screens: map[place.Screen]json.RawMessage{}}
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

func (s state) save(dir string) error {
	raw, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return fmt.Errorf("encode window state: %w", err)
	}
	tmp := filepath.Join(dir, stateFile+".new")
	if err := os.WriteFile(tmp, append(raw, '\n'), 0o600); err != nil {
		return fmt.Errorf("write window state: %w", err)
	}
	if err := os.Rename(tmp, filepath.Join(dir, stateFile)); err != nil {
		return fmt.Errorf("write window state: %w", err)
	}
	return nil
}

func (s state) size() fyne.Size { return fyne.NewSize(s.Width, s.Height) }
