package app_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"kakoi/app"
	"kakoi/app/job"
	"kakoi/app/settings"
	"kakoi/core"
)

// A daily backup is deleted by name, and no other file of its folder is.
func TestDeleteDailyBackup(t *testing.T) {
	data, usb := t.TempDir(), t.TempDir()
	set, err := settings.Open(filepath.Join(data, "settings.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := set.Update(func(s *settings.Settings) { s.BackupFolder = usb }); err != nil {
		t.Fatal(err)
	}
	const library = "0123abcd"
	if err := os.WriteFile(filepath.Join(data, "backups.json"), []byte(`{"library":"`+library+`","proved":{"kakoi-`+library+`-20261127-090000.kakoi-backup":{"bytes":1,"documents":3}}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	var paths []string
	for _, name := range []string{"kakoi-" + library + "-20261127-090000.kakoi-backup", "kakoi-" + library + "-20261126-090000.kakoi-backup", "kakoi-other-20261126-090000.kakoi-backup", "mine.kakoi-backup"} {
		paths = append(paths, filepath.Join(usb, name))
		if err := os.WriteFile(paths[len(paths)-1], []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	b := &app.Backups{Backup: &app.Backup{Data: data, Jobs: job.NewRunner()}, Settings: set}
	for _, path := range append(paths[2:], filepath.Join(usb, "..", filepath.Base(usb), filepath.Base(paths[1])+"x")) {
		if err := b.Delete(t.Context(), path); !errors.Is(err, core.ErrNotFound) {
			t.Errorf("%s: %v", path, err)
		}
	}
	if err := b.Delete(t.Context(), paths[0]); err != nil {
		t.Fatal(err)
	}
	st, err := b.Status(t.Context())
	if err != nil || len(st.Kept) != 1 || st.Kept[0].File != paths[1] {
		t.Errorf("kept %+v, %v", st.Kept, err)
	}
	for i, path := range paths {
		if _, err := os.Stat(path); (err == nil) != (i > 0) {
			t.Errorf("%s: %v", path, err)
		}
	}
}
