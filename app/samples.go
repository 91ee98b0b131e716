package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"kakoi/core"
)

// SampleCollection is the collection that AddSamples fills when none is named.
const SampleCollection = "samples"

// AddSamples writes the sample documents into dir, over earlier versions of them, and adds them. plan.Paths is set here.
func (l *Library) AddSamples(ctx context.Context, samples fs.FS, dir string, plan AddPlan, opt AddOptions) (Summary, error) {
	if err := writeFiles(samples, dir); err != nil {
		if errors.Is(err, fs.ErrPermission) {
			err = core.Explain(err, "error.library.samples", dir)
		}
		return Summary{}, fmt.Errorf("write sample documents: %w", err)
	}
	if plan.Collection == "" {
		plan.Collection = SampleCollection
	}
	plan.Paths = []string{dir}
	return l.Add(ctx, plan, opt)
}

// writeFiles copies the files of a folder; those that are there with the same contents keep their times, so that they count
// as unchanged.
func writeFiles(from fs.FS, dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	entries, err := fs.ReadDir(from, ".")
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.IsDir() {
			continue
		}
		raw, err := fs.ReadFile(from, e.Name())
		if err != nil {
			return err
		}
		path := filepath.Join(dir, e.Name())
		if have, err := os.ReadFile(path); err == nil && bytes.Equal(have, raw) {
			continue
		}
		if err := os.WriteFile(path, raw, 0o600); err != nil {
			return err
		}
	}
	return nil
}
