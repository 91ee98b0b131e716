package app

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// folderMove is an exported folder on its way to its name: it is written under a hidden name beside it. As with packs (move) a note in the models folder lets the
// next start clear that away, after this process was killed; and so does the next export to that name, from whichever data folder, for sticks that travel.
type folderMove struct {
	From string `json:"from"` // the hidden folder
	To   string `json:"to"`

	note string
	lock *os.File // of From, while the export runs
}

const (
	folderMovePrefix = ".export-folder-"

	asideName = "-old" // behind From's name: what was at To, where a file system cannot exchange two folders
)

// newFolderMove makes the hidden folder for dir.
func newFolderMove(notes, dir string) (m *folderMove, err error) {
	if err := os.MkdirAll(notes, 0o700); err != nil {
		return nil, err
	}
	if err := sweepBeside(dir); err != nil {
		return nil, err
	}
	stamp := strconv.FormatInt(time.Now().UnixNano(), 10)
	m = &folderMove{From: filepath.Join(filepath.Dir(dir), "."+filepath.Base(dir)+partialName+"-"+stamp), To: dir, note: filepath.Join(notes, folderMovePrefix+stamp+".json")}
	if err := writeSynced(m.note, m); err != nil {
		return nil, err
	}
	if err := os.Mkdir(m.From, 0o700); err != nil {
		return nil, errors.Join(err, os.Remove(m.note))
	}
	if m.lock, err = lockFolder(m.From); err != nil {
		return nil, errors.Join(err, m.end())
	}
	return m, nil
}

// lockFolder holds a folder for the export that writes it: unix.EWOULDBLOCK where another has it. Where the file system has no locks nothing is held.
func lockFolder(dir string) (*os.File, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); errors.Is(err, unix.EWOULDBLOCK) {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// end clears away what is left, when dir has its name as when it will not get it.
func (m *folderMove) end() error {
	err := settleFolder(m.From, m.To)
	if m.lock != nil {
		err = errors.Join(err, m.lock.Close())
	}
	if err != nil {
		return err // the next start tries again
	}
	return os.Remove(m.note)
}

// settleFolder ends what an export to dir began under the name from: where the folder from before stands aside and nothing has come to its place, the new one is
// whole and gets its name, or the old one has it again; the rest goes.
func settleFolder(from, dir string) error {
	if aside := from + asideName; exists(aside) && !exists(dir) {
		whole := from
		if !exists(from) {
			whole = aside
		}
		if err := os.Rename(whole, dir); err != nil {
			return fmt.Errorf("name exported folder: %w", err)
		}
	}
	return errors.Join(os.RemoveAll(from), os.RemoveAll(from+asideName))
}

// sweepFolders clears away what exports of folders that were killed left. A stick that is not there is waited for.
func sweepFolders(notes string) error {
	entries, err := os.ReadDir(notes)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("look for exports: %w", err)
	}
	var errs []error
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), folderMovePrefix) {
			continue
		}
		m := &folderMove{note: filepath.Join(notes, e.Name())}
		raw, err := os.ReadFile(m.note)
		if err != nil || json.Unmarshal(raw, m) != nil || !partialFolder(m.To).MatchString(filepath.Base(m.From)) {
			errs = append(errs, os.Remove(m.note)) // not written by this program
			continue
		}
		info, err := e.Info()
		if !exists(m.From) && !exists(m.From+asideName) && err == nil && time.Since(info.ModTime()) < moveDays*24*time.Hour {
			continue // the stick may come yet
		}
		errs = append(errs, m.end())
	}
	return errors.Join(errs...)
}

// partialFolder is how the hidden folders of exports to dir are called.
func partialFolder(dir string) *regexp.Regexp {
	return regexp.MustCompile(`^` + regexp.QuoteMeta("."+filepath.Base(dir)+partialName+"-") + `\d+(` + regexp.QuoteMeta(asideName) + `)?$`)
}

// sweepBeside clears away what killed exports to dir left beside it; one that runs holds its folder, and stays.
func sweepBeside(dir string) error {
	entries, err := os.ReadDir(filepath.Dir(dir))
	if err != nil {
		return err
	}
	name := partialFolder(dir)
	var errs []error
	for _, e := range entries {
		if !e.IsDir() || !name.MatchString(e.Name()) {
			continue
		}
		from := filepath.Join(filepath.Dir(dir), strings.TrimSuffix(e.Name(), asideName))
		lock, err := lockFolder(from)
		if errors.Is(err, unix.EWOULDBLOCK) {
			continue
		}
		errs = append(errs, settleFolder(from, dir))
		if err == nil {
			errs = append(errs, lock.Close())
		}
	}
	return errors.Join(errs...)
}
