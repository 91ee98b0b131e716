package ui

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"kakoi/ui/place"
)

func TestStateSurvives(t *testing.T) {
	dir := t.TempDir()
	s, err := loadState(dir)
	if err != nil || s.Screen != place.Chat || s.Welcomed {
		t.Fatalf("a fresh state is %+v, %v", s, err)
	}
	s.Screen, s.Welcomed, s.Width = place.Models, true, 900
	s.Screens[place.Chat] = json.RawMessage(`{"split":0.3}`)
	if err := s.save(dir, nil); err != nil {
		t.Fatal(err)
	}
	got, err := loadState(dir)
	if err != nil || got.Screen != place.Models || !got.Welcomed || got.Width != 900 || string(got.Screens[place.Chat]) == "" {
		t.Fatalf("loaded %+v, %v", got, err)
	}
}

func TestBrokenStateIsFresh(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, stateFile), []byte(`{"width":`), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := loadState(dir)
	if err == nil || s.Width != freshState().Width {
		t.Fatalf("state %+v, error %v", s, err)
	}
	if err := os.WriteFile(filepath.Join(dir, stateFile), []byte(`{"width":1,"height":1e9}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if s, err = loadState(dir); err != nil || s.Width < 640 || s.Height > 6000 || s.Screens == nil {
		t.Fatalf("absurd sizes are kept: %+v, %v", s, err)
	}
}
