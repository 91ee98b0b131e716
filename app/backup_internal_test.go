package app

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"kakoi/core"
	"kakoi/resources"
)

// TestFullWhileWriting: what the kernel says of a full disk, or of a file that is too large for a file system, is told as that.
func TestFullWhileWriting(t *testing.T) {
	for _, kernel := range []error{syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG} {
		err := noRoom(fmt.Errorf("back up: %w", &fs.PathError{Op: "write", Path: "/usb/b.part", Err: kernel}))
		if sentence, hint := resources.ErrorText("en", err); !errors.Is(err, core.ErrNoSpace) || sentence == "" || hint == "" {
			t.Errorf("%v: %v, %q, %q", kernel, err, sentence, hint)
		}
	}
	if err := noRoom(fs.ErrPermission); errors.Is(err, core.ErrNoSpace) {
		t.Errorf("another error: %v", err)
	}
}

// TestPathsOfABackup: a file of a backup lands in its item of the data folder, or nowhere.
func TestPathsOfABackup(t *testing.T) {
	for path, fine := range map[string]bool{
		"settings.json": true, "adapters/a1/w.bin": true, "prompts/ja.tmpl": true, "library/MANIFEST": false, "models/x": false, "../x": false,
		"adapters/../../x": false, "/etc/passwd": false, "": false, "adapters/a\x00b": false, "undo/library": false,
		"adapters/../vault.json": false, "prompts/../library/000001.sst": false, "adapters/../adapters/a/b": false, "adapters//a": false,
	} {
		if _, err := itemOf(path); (err == nil) != fine {
			t.Errorf("%q: %v", path, err)
		}
	}
}

// TestPartOfABackup: one that a killed backup left is begun again, a link and anything else of that name is left alone.
func TestPartOfABackup(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "b.part")
	if err := os.WriteFile(path, []byte(backupMagic+"some frames"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := openPart(path, backupMagic)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := f.Stat(); err != nil || info.Size() != 0 {
		t.Errorf("begun again with %v, %v", info, err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(dir, "c.part")
	if err := os.WriteFile(other, []byte("a person's own notes"), 0o600); err != nil {
		t.Fatal(err)
	}
	if f, err := openPart(other, backupMagic); err == nil {
		t.Error("a file of another kind was begun again", f.Close())
	}
	if data, err := os.ReadFile(other); err != nil || string(data) != "a person's own notes" {
		t.Errorf("a file of another kind is now %q, %v", data, err)
	}
	target := filepath.Join(dir, "mine")
	if err := errors.Join(os.WriteFile(target, nil, 0o600), os.Symlink(target, path+"2")); err != nil {
		t.Fatal(err)
	}
	if f, err := openPart(path+"2", backupMagic); err == nil {
		t.Error("a link was followed", f.Close())
	}
}
