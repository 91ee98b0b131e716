package app

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"kakoi/app/job"
	"kakoi/core"
	"kakoi/core/vault"
	"kakoi/index"
)

// Look reads a backup from its beginning to its end, holds it against its checksums and says what is in it. Nothing is changed. core.ErrUnsupported for what is
// no backup, or one of a later Kakoi; core.ErrCorrupt for a damaged one.
func (b *Backup) Look(ctx context.Context, path string, p core.Progress) (BackupSummary, error) {
	l, err := b.look(ctx, path, p)
	return l.summary, err
}

// looked is what the first reading of a backup found.
type looked struct {
	summary BackupSummary
	changed map[int]bool // documents that came again, by the number of their end
	bytes   int64        // unpacked
}

func (b *Backup) look(ctx context.Context, path string, p core.Progress) (l looked, err error) {
	start := time.Now()
	l.changed = map[int]bool{}
	ends, files := 0, fileCount{}
	header, count, size, err := b.read(ctx, path, "look", p, func(kind byte, payload []byte) error {
		switch kind {
		case frameValues:
			l.bytes += int64(len(payload))
			return eachValue(payload, func(key string, _ []byte) error { return index.CheckExported(key) })
		case frameKept, frameChanged:
			l.changed[ends] = kind == frameChanged
			ends++
		case frameFile:
			l.summary.Files++
			_, err := files.begin(payload)
			return err
		case frameBytes:
			l.bytes += int64(len(payload))
			return files.bytes(len(payload))
		default:
			return errBadBackup
		}
		return nil
	})
	if err == nil && !files.whole() {
		err = core.Explain(errBadBackup, "error.backup.damaged")
	}
	if err == nil {
		l.summary.Sealed, err = isSealed(path)
	}
	l.summary.File, l.summary.Bytes, l.summary.Made, l.summary.Program, l.summary.BackupCount = path, size, header.Made, header.Program, count
	l.summary.Seconds = time.Since(start).Seconds()
	return l, err
}

// read reads all frames of a file.
func (b *Backup) read(ctx context.Context, path, stage string, p core.Progress, fn func(kind byte, payload []byte) error) (BackupHeader, BackupCount, int64, error) {
	f, size, err := openRegular(path, "error.backup.open")
	if err != nil {
		return BackupHeader{}, BackupCount{}, 0, fmt.Errorf("backup: %w", err)
	}
	defer f.Close()
	counted := &counter{r: f}
	in, done, err := b.unseal(counted, f)
	if err != nil {
		return BackupHeader{}, BackupCount{}, 0, fmt.Errorf("read backup %s: %w", path, backupForm.explain(err))
	}
	defer done()
	header, count, _, err := frames(in, backupForm, func(int64) {
		p.Report(core.Update{Stage: stage, Done: min(counted.n.Load(), size), Total: size})
	}, func(kind byte, payload []byte) error { return errors.Join(ctx.Err(), fn(kind, payload)) })
	if err != nil {
		return header, count, 0, fmt.Errorf("read backup %s: %w", path, err)
	}
	return header, count, size, nil
}

// unseal gives what is in a backup, which may be sealed: with this library's key where it is of this library, else with Passphrase. core.ErrEncrypted where there is none;
// vault.ErrPassphrase. f begins at its beginning.
func (b *Backup) unseal(r io.Reader, f io.Seeker) (io.Reader, func(), error) {
	nothing := func() {}
	head, err := sealedHead(r, sealedBackup)
	if errors.Is(err, errForeign) { // one that is not sealed, or none
		_, err := f.Seek(0, io.SeekStart)
		return r, nothing, err
	}
	if err != nil {
		return nil, nothing, err
	}
	if own, there, err := vault.Load(b.Data); err == nil && there && b.Key != nil && bytes.Equal(own.ID, head.ID) {
		in, err := unseal(r, b.Key)
		return in, nothing, err
	}
	if len(b.Passphrase) == 0 {
		return nil, nothing, core.Explain(fmt.Errorf("backup: %w", core.ErrEncrypted), "error.backup.sealed")
	}
	key, err := head.Open(b.Passphrase)
	if err != nil {
		return nil, nothing, err
	}
	in, err := unseal(r, key)
	return in, key.Close, err
}

// isSealed says whether a backup is encrypted, by its first line.
func isSealed(path string) (bool, error) {
	f, _, err := openRegular(path, "error.backup.open")
	if err != nil {
		return false, fmt.Errorf("backup: %w", err)
	}
	defer f.Close()
	_, err = sealedHead(f, sealedBackup)
	if errors.Is(err, errForeign) {
		return false, nil
	}
	return err == nil, err
}

// adopt gives the header and the key of a sealed backup where the data folder has neither a library nor a passphrase of its own: what is restored there is encrypted as it
// was, and opens with the same passphrase. nil otherwise: a library that is there stays as it is, encrypted or not.
func (b *Backup) adopt(path string) (vault.Header, *vault.Key, error) {
	if b.Key != nil || len(b.Passphrase) == 0 || exists(filepath.Join(b.Data, libraryDir)) || exists(filepath.Join(b.Data, vault.Name)) {
		return vault.Header{}, nil, nil
	}
	f, _, err := openRegular(path, "error.backup.open")
	if err != nil {
		return vault.Header{}, nil, fmt.Errorf("backup: %w", err)
	}
	defer f.Close()
	head, err := sealedHead(f, sealedBackup)
	if errors.Is(err, errForeign) {
		return head, nil, nil
	}
	if err != nil {
		return head, nil, backupForm.explain(err)
	}
	key, err := head.Open(b.Passphrase)
	return head, key, err
}

// eachValue takes a block of values apart.
func eachValue(block []byte, fn func(key string, payload []byte) error) error {
	next := func() ([]byte, bool) {
		n, used := binary.Uvarint(block)
		if used <= 0 || n > uint64(len(block)-used) {
			return nil, false
		}
		out := block[used : used+int(n)]
		block = block[used+int(n):]
		return out, true
	}
	for len(block) > 0 {
		key, ok := next()
		var payload []byte
		if ok {
			payload, ok = next()
		}
		if !ok {
			return errBadBackup
		}
		if err := fn(string(key), payload); err != nil {
			return err
		}
	}
	return nil
}

// Stage reads a backup into the data folder, as a job, beside what is there, which stays as it is: Keep.Finish exchanges them, at once where the library is not open,
// else when Kakoi is opened the next time. A backup that is damaged, foreign or of a later Kakoi changes nothing, nor does a job that is
// cancelled or killed.
func (b *Backup) Stage(ctx context.Context, path string, listen func(job.State)) (BackupSummary, error) {
	var out BackupSummary
	j := b.Jobs.Start(ctx, job.Name{Key: "job.restore", Note: filepath.Base(path)}, func(ctx context.Context, p core.Progress) (err error) {
		out, err = b.stage(ctx, path, p)
		return err
	}, listen)
	err := j.Wait(context.Background())
	return out, err
}

func (b *Backup) stage(ctx context.Context, path string, p core.Progress) (out BackupSummary, err error) {
	start := time.Now()
	l, err := b.look(ctx, path, p)
	if err != nil {
		return l.summary, err
	}
	// The new library lies beside the old one, and its tables are packed about as the backup is.
	if err := roomFor(b.Free, b.Data, l.bytes+l.bytes/4+index.OpenBytes); err != nil {
		return l.summary, err
	}
	into := *b
	head, key, err := b.adopt(path)
	if err != nil {
		return l.summary, err
	}
	if key != nil {
		defer key.Close()
		into.Key = key
	}
	keep := Keep{Data: b.Data, Key: into.Key}
	dir, err := keep.Stage()
	if err != nil {
		return l.summary, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(noRoom(err), keep.Drop())
		}
	}()
	if err := into.fill(ctx, path, dir, l, "restore", p); err != nil {
		return l.summary, fmt.Errorf("restore: %w", err)
	}
	items := append([]string{libraryDir}, backedUp...)
	if key != nil {
		if err := head.Save(dir); err != nil {
			return l.summary, fmt.Errorf("restore: %w", err)
		}
		items = append(items, vault.Name, vault.CopyName)
	}
	err = keep.Commit(Swap{Kind: SwapRestore, When: time.Now().UTC().Round(time.Second), Note: filepath.Base(path), Items: items})
	l.summary.Seconds = time.Since(start).Seconds()
	return l.summary, err
}

// fill writes what is in a backup, which was looked at, into an empty folder.
func (b *Backup) fill(ctx context.Context, path, dir string, l looked, stage string, p core.Progress) error {
	in, err := index.NewImporter(filepath.Join(dir, libraryDir), b.options())
	if err != nil {
		return err
	}
	s := &stager{dir: dir, key: b.Key, in: in, changed: l.changed}
	_, count, _, err := b.read(ctx, path, stage, p, s.frame)
	if err == nil && count != l.summary.BackupCount {
		err = core.Explain(errBadBackup, "error.backup.damaged") // another file has its name by now
	}
	return errors.Join(err, s.close(err == nil), in.Close(ctx, err == nil))
}

// stager writes the frames of a backup into a folder.
type stager struct {
	dir     string
	key     *vault.Key
	in      *index.Importer
	changed map[int]bool
	ends    int
	file    *vault.Writer
}

func (s *stager) frame(kind byte, payload []byte) error {
	switch kind {
	case frameValues:
		return eachValue(payload, func(key string, payload []byte) error {
			if s.changed[s.ends] && key[0] != 'c' && key[0] != 'r' { // it comes again
				return nil
			}
			return s.in.Put(key, payload)
		})
	case frameKept, frameChanged:
		s.ends++
		return nil
	case frameFile:
		if err := s.close(true); err != nil {
			return err
		}
		f, err := decodeFile(payload)
		if err != nil {
			return err
		}
		path := filepath.Join(s.dir, filepath.FromSlash(f.Path))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		if exists(path) {
			return errBadBackup
		}
		key := s.key
		if f.Path == settingsName { // it is read before anybody types a passphrase
			key = nil
		}
		s.file, err = key.Create(path)
		return err
	case frameBytes:
		if s.file == nil {
			return errBadBackup
		}
		_, err := s.file.Write(payload)
		return err
	}
	return errBadBackup
}

// close ends a file; well says whether everything of it is there.
func (s *stager) close(well bool) error {
	if s.file == nil {
		return nil
	}
	var err error
	if well {
		err = s.file.Commit()
	}
	err = errors.Join(err, s.file.Close())
	s.file = nil
	return err
}

// fileCount holds the bytes of files against the sizes that they begin with.
type fileCount struct{ left int64 }

// begin is the frame of a file's beginning; the one before it must have ended.
func (c *fileCount) begin(payload []byte) (backupFile, error) {
	f, err := decodeFile(payload)
	if err == nil && !c.whole() {
		err = errBadBackup
	}
	c.left = f.Size
	return f, err
}

// bytes is a frame of bytes of it.
func (c *fileCount) bytes(n int) error {
	if c.left -= int64(n); c.left < 0 {
		return errBadBackup
	}
	return nil
}

// whole says whether no file is under way.
func (c *fileCount) whole() bool { return c.left == 0 }

func decodeFile(payload []byte) (f backupFile, err error) {
	if json.Unmarshal(payload, &f) != nil || f.Size < 0 {
		return f, errBadBackup
	}
	_, err = itemOf(f.Path)
	return f, err
}
