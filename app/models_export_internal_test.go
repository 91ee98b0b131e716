package app

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"kakoi/core"
)

// folders makes folders below dir, each with a file that says which it is: "old", "new".
func folders(t *testing.T, dir string, names map[string]string) {
	t.Helper()
	for name, which := range names {
		if err := errors.Join(os.MkdirAll(filepath.Join(dir, name), 0o700), os.WriteFile(filepath.Join(dir, name, "config.json"), []byte(which), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
}

// TestExportedFolderIsSettled: whatever an export that was killed left, the next start and the next export leave the old folder or the new one, and nothing beside it.
func TestExportedFolderIsSettled(t *testing.T) {
	const from, aside = ".hub.partial-7", ".hub.partial-7-old"
	for name, c := range map[string]struct {
		before map[string]string
		want   string // "": no folder
	}{
		"while it was written, over nothing":       {map[string]string{from: "half"}, ""},
		"while it was written, over another":       {map[string]string{from: "half", "hub": "old"}, "old"},
		"exchanged":                                {map[string]string{from: "old", "hub": "new"}, "new"},
		"where folders cannot be exchanged: aside": {map[string]string{from: "new", aside: "old"}, "new"},
		"there, with its name":                     {map[string]string{aside: "old", "hub": "new"}, "new"},
		"there, the new one lost":                  {map[string]string{aside: "old"}, "old"},
		"before it was begun":                      {nil, ""},
	} {
		for _, by := range []string{"start", "export"} {
			dir, notes := t.TempDir(), t.TempDir()
			folders(t, dir, c.before)
			folders(t, dir, map[string]string{".hub.partial-mine": "somebody's", ".other.partial-7": "another's"})
			note := filepath.Join(notes, folderMovePrefix+"7.json")
			if err := writeSynced(note, folderMove{From: filepath.Join(dir, from), To: filepath.Join(dir, "hub")}); err != nil {
				t.Fatal(err)
			}
			var err error
			if by == "start" {
				err = errors.Join(sweepMoves(notes), sweepFolders(notes))
			} else {
				err = sweepBeside(filepath.Join(dir, "hub"))
			}
			if err != nil {
				t.Errorf("%s, %s: %v", name, by, err)
			}
			raw, _ := os.ReadFile(filepath.Join(dir, "hub", "config.json"))
			if string(raw) != c.want {
				t.Errorf("%s, %s: the folder is %q, want %q", name, by, raw, c.want)
			}
			left, _ := filepath.Glob(filepath.Join(dir, ".*"))
			if len(left) != 2 || strings.Contains(strings.Join(left, " "), from) {
				t.Errorf("%s, %s: left %v", name, by, left)
			}
			// The note goes with what it names; where nothing of that is there, the stick may come yet.
			if by == "start" && exists(note) != (c.before[from] == "" && c.before[aside] == "") {
				t.Errorf("%s: note there: %v", name, exists(note))
			}
		}
	}
}

// TestExportThatRunsIsLeftAlone: another's export to the same name is not swept away under its hands.
func TestExportThatRunsIsLeftAlone(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "hub")
	m, err := newFolderMove(t.TempDir(), dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := sweepBeside(dir); err != nil || !exists(m.From) {
		t.Fatalf("swept: %v, %v", err, exists(m.From))
	}
	if err := m.end(); err != nil || exists(m.From) || exists(m.note) {
		t.Errorf("ended: %v", err)
	}
}

// TestNotesWaitForTheStick: what an export left on a stick is cleared away when the stick is there again, though its folder was there without it.
func TestNotesWaitForTheStick(t *testing.T) {
	stick, notes := t.TempDir(), t.TempDir()
	m, err := newMove(notes, filepath.Join(stick, "a.kakoi-pack"), 2)
	if err != nil {
		t.Fatal(err)
	}
	if err := sweepMoves(notes); err != nil || !exists(m.note) {
		t.Fatalf("without the stick: %v, note there: %v", err, exists(m.note))
	}
	f, err := m.create(0)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if err := sweepMoves(notes); err != nil || exists(m.note) || slices.ContainsFunc(m.From, exists) {
		t.Errorf("with the stick: %v, %v", err, m.From)
	}
}

// TestNamesThatAreNotTaken: what a file system says to a name has a sentence, for packs, folders, capsules and backups alike.
func TestNamesThatAreNotTaken(t *testing.T) {
	long := filepath.Join(t.TempDir(), strings.Repeat("x", 300))
	_, err := openPart(long + ".part")
	var said *core.UserError
	if err = refusedPart(err, long); !errors.As(err, &said) || said.Key != "error.pack.filename" {
		t.Errorf("a capsule: %v", err)
	}
	if err := writable(long); !errors.As(err, &said) || said.Key != "error.pack.filename" {
		t.Errorf("a pack: %v", err)
	}
	none := func(string) (int64, error) { return 5 << 20, nil }
	if err := missingRoom(noRoom(unix.ENOSPC), none, long, 7<<20); !errors.As(err, &said) || said.Key != "error.backup.room" {
		t.Errorf("a disk that filled: %v", err)
	}
}
