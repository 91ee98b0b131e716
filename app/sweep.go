package app

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Sweep deletes what an import or a removal left in the models folder when it was killed: folders of gigabytes that nobody
// sees. It is for the opener of the data folder, before anything else runs.
func (m *Models) Sweep() error {
	entries, err := os.ReadDir(m.Dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("look for what is left of models: %w", err)
	}
	var errs []error
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".import-") || strings.HasPrefix(e.Name(), ".removed-") {
			errs = append(errs, os.RemoveAll(filepath.Join(m.Dir, e.Name())))
		}
	}
	return errors.Join(errs...)
}
