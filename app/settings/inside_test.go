package settings_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"kakoi/app/settings"
	"kakoi/core"
)

// TestBackupsOutside: the folder of daily backups is not one in the data folder, by whatever way it is named.
func TestBackupsOutside(t *testing.T) {
	base := t.TempDir()
	data, link := filepath.Join(base, "data"), filepath.Join(base, "link")
	if err := errors.Join(os.MkdirAll(filepath.Join(data, "backups"), 0o700), os.Symlink(data, link)); err != nil {
		t.Fatal(err)
	}
	f, err := settings.Open(filepath.Join(data, "settings.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, folder := range []string{data, filepath.Join(data, "mine"), filepath.Join(data, "backups"), filepath.Join(link, "a", "b"), filepath.Join(base, "none", "..", "data", "x")} {
		if err := f.Update(func(s *settings.Settings) { s.BackupFolder = folder }); !errors.Is(err, core.ErrUsage) || f.Get().BackupFolder != "" {
			t.Errorf("%s: %v", folder, err)
		}
	}
	for _, folder := range []string{base, data + "2", filepath.Join(base, "not", "there")} {
		if err := f.Update(func(s *settings.Settings) { s.BackupFolder = folder }); err != nil || f.Get().BackupFolder != folder {
			t.Errorf("%s: %v", folder, err)
		}
	}
}
