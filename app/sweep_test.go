package app_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"kakoi/app"
)

func TestSweep(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{".import-123/1_Pooling", ".removed-old", "kept", ".kept.sha256.json"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	m := app.Models{Dir: dir}
	if err := m.Sweep(); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var left []string
	for _, e := range entries {
		left = append(left, e.Name())
	}
	if !slices.Equal(left, []string{".kept.sha256.json", "kept"}) {
		t.Errorf("left: %q", left)
	}
	m.Dir = filepath.Join(dir, "none")
	if err := m.Sweep(); err != nil {
		t.Errorf("no folder: %v", err)
	}
}
