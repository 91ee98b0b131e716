package app

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// TemporaryDir is the folder of a data folder for everything temporary.
func TemporaryDir(data string) string { return filepath.Join(data, "cache", "tmp") }

// engineKept are the folders in the engine's own folder (DATA/cache/engine) that hold compiled kernels; all else in it is temporary.
var engineKept = []string{"kakoi", "nv", "torch"}

// FreshTemporary empties the folder for what is temporary, which a killed process may have left full, and makes it where it is missing. From then on this process and
// those that it starts put temporary files there (TMPDIR), not into a folder that outlives the library or that others see. It is for the process that owns the
// data folder, before it opens anything else.
func FreshTemporary(data string) error {
	dir := TemporaryDir(data)
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("empty temporary folder: %w", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make temporary folder: %w", err)
	}
	own := filepath.Join(data, "cache", "engine")
	entries, err := os.ReadDir(own)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	for _, e := range entries {
		if !e.IsDir() || !slices.Contains(engineKept, e.Name()) {
			err = errors.Join(err, os.RemoveAll(filepath.Join(own, e.Name())))
		}
	}
	if err != nil {
		return fmt.Errorf("empty temporary folder: %w", err)
	}
	if err := os.Setenv("TMPDIR", dir); err != nil {
		return fmt.Errorf("use temporary folder: %w", err)
	}
	return nil
}
