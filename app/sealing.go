package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"kakoi/core"
	"kakoi/core/vault"
)

// SealingMark is the file of the data folder that says that its files are on their way to being encrypted, or back.
const SealingMark = "sealing.json"

// Directions of SealingMark.
const (
	SealingOn  = "encrypted"
	SealingOff = "plain"
)

// Sealed brings the files of a data folder under a key, and from under it: adapters, runs, prompt templates, logs, and what a repair had to tell. What is not among them and why
// is in docs/decisions. All of it is for the process that owns the folder, before anything else in it is open.
//
// Each file is exchanged as a whole, and one that is as it should be is left alone: a call that was interrupted is finished by another one.
type Sealed struct{ Data string }

// sealing is the contents of SealingMark.
type sealing struct {
	To string `json:"to"`
}

// MarkText is the contents of SealingMark for a direction.
func (Sealed) MarkText(to string) []byte {
	text, _ := json.Marshal(sealing{to}) // a text in a struct
	return append(text, '\n')
}

// Waiting says whether there is a mark, and which way it points.
func (s Sealed) Waiting() (to string, there bool, err error) {
	text, err := os.ReadFile(filepath.Join(s.Data, SealingMark))
	if errors.Is(err, fs.ErrNotExist) {
		return "", false, nil
	}
	var m sealing
	if err == nil {
		err = json.Unmarshal(text, &m)
	}
	if err != nil {
		return "", false, fmt.Errorf("read %s: %w", SealingMark, err)
	}
	return m.To, true, nil
}

// EncryptFiles encrypts what is plain, and removes the mark in the end. Stage "encrypt" reports bytes. After the end of ctx, as after a kill, some files are
// encrypted and some are not, and the mark stays. Errors: vault.ErrOther for a file under another key.
func (s Sealed) EncryptFiles(ctx context.Context, key *vault.Key, p core.Progress) error {
	if key == nil {
		return fmt.Errorf("encrypt files without a key: %w", core.ErrUsage)
	}
	if err := s.mark(SealingOn); err != nil {
		return err
	}
	err := s.each(ctx, "encrypt", p, func(f sealedFile) error {
		sealed, err := vault.Encrypted(f.path)
		if err != nil || sealed {
			return errors.Join(err, s.opens(key, f, sealed))
		}
		if f.appended {
			text, err := os.ReadFile(f.path)
			if err != nil {
				return err
			}
			return replaceAppended(key, f.path, text)
		}
		return rekey(ctx, f.path, nil, key)
	})
	if err != nil {
		return fmt.Errorf("encrypt files: %w", err)
	}
	if err := os.Remove(filepath.Join(s.Data, SealingMark)); err != nil {
		return fmt.Errorf("encrypt files: %w", err)
	}
	return syncPath(s.Data)
}

// DecryptFiles makes what is encrypted plain. Stage "decrypt" reports bytes. The mark stays: the library and its key are to be exchanged yet, and until then EncryptFiles goes
// back.
func (s Sealed) DecryptFiles(ctx context.Context, key *vault.Key, p core.Progress) error {
	if key == nil {
		return fmt.Errorf("decrypt files without a key: %w", core.ErrUsage)
	}
	if err := s.mark(SealingOff); err != nil {
		return err
	}
	err := s.each(ctx, "decrypt", p, func(f sealedFile) error {
		sealed, err := vault.Encrypted(f.path)
		if err != nil || !sealed {
			return err
		}
		if f.appended {
			text, err := key.ReadAppended(f.path)
			if err != nil {
				return err
			}
			return (*vault.Key)(nil).WriteFile(f.path, text)
		}
		return rekey(ctx, f.path, key, nil)
	})
	if err != nil {
		return fmt.Errorf("decrypt files: %w", err)
	}
	return nil
}

// opens says whether an encrypted file is under the key.
func (s Sealed) opens(key *vault.Key, f sealedFile, sealed bool) error {
	if !sealed {
		return nil
	}
	var err error
	if f.appended {
		_, err = key.ReadAppended(f.path)
	} else {
		var r *vault.Reader
		if r, err = key.Open(f.path); err == nil {
			err = r.Close()
		}
	}
	if errors.Is(err, core.ErrCorrupt) {
		return nil // it was damaged before: whoever reads it says so
	}
	return err
}

func (s Sealed) mark(to string) error {
	if now, there, err := s.Waiting(); err == nil && there && now == to {
		return nil
	}
	if err := (*vault.Key)(nil).WriteFile(filepath.Join(s.Data, SealingMark), s.MarkText(to)); err != nil {
		return fmt.Errorf("mark files: %w", err)
	}
	return nil
}

// sealedFile is a file that is encrypted where the data folder is.
type sealedFile struct {
	path     string
	size     int64
	appended bool
}

// sealedFolders are the folders of the data folder whose files, at any depth, are encrypted. Those of logs are appended to.
var sealedFolders = []string{"adapters", "runs", "prompts", logsDir}

const logsDir = "logs"

// sealedSingles are single files.
var sealedSingles = []string{noticeName}

// files are those there are. What a killed process left half written is deleted: it may be a plain copy.
func (s Sealed) files() ([]sealedFile, error) {
	var all []sealedFile
	for _, dir := range sealedFolders {
		err := filepath.WalkDir(filepath.Join(s.Data, dir), func(path string, d fs.DirEntry, err error) error {
			switch {
			case errors.Is(err, fs.ErrNotExist):
				return nil
			case err != nil:
				return err
			case strings.HasPrefix(d.Name(), ".") || strings.HasSuffix(d.Name(), ".part") || strings.HasSuffix(d.Name(), ".new"):
				if err := os.RemoveAll(path); err != nil {
					return err
				}
				if d.IsDir() {
					return fs.SkipDir
				}
				return nil
			case !d.Type().IsRegular():
				return nil
			}
			info, err := d.Info()
			if err != nil {
				return err
			}
			all = append(all, sealedFile{path, info.Size(), dir == logsDir})
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	if err := vault.Sweep(s.Data); err != nil {
		return nil, err
	}
	for _, name := range sealedSingles {
		path := filepath.Join(s.Data, name)
		if info, err := os.Stat(path); err == nil {
			all = append(all, sealedFile{path: path, size: info.Size()})
		} else if !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	return all, nil
}

func (s Sealed) each(ctx context.Context, stage string, p core.Progress, do func(sealedFile) error) error {
	all, err := s.files()
	if err != nil {
		return err
	}
	var done, total int64
	for _, f := range all {
		total += f.size
	}
	for _, f := range all {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := do(f); err != nil {
			return fmt.Errorf("%s: %w", f.path, err)
		}
		done += f.size
		p.Report(core.Update{Stage: stage, Done: done, Total: total, Note: filepath.Base(f.path)})
	}
	return nil
}

// rekey exchanges a file by one of the same text under another key.
func rekey(ctx context.Context, path string, from, to *vault.Key) (err error) {
	return copyBetween(ctx, to, path, from, path, func(int64) {})
}

// replaceAppended exchanges a plain file by an appended one of the same text.
func replaceAppended(key *vault.Key, path string, text []byte) error {
	fresh := filepath.Join(filepath.Dir(path), ".new-"+filepath.Base(path))
	if err := os.Remove(fresh); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	w, err := key.Append(fresh)
	if err != nil {
		return err
	}
	_, err = w.Write(text)
	if err = errors.Join(err, w.Close()); err == nil {
		err = syncPath(fresh)
	}
	if err == nil {
		err = os.Rename(fresh, path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(fresh))
	}
	return syncPath(filepath.Dir(path))
}
