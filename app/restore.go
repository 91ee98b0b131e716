package app

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"kakoi/app/job"
	"kakoi/core"
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
	ends, left := 0, int64(0)
	header, count, size, err := b.read(ctx, path, "look", p, func(kind byte, payload []byte) error {
		switch kind {
		case frameValues:
			unpacked, err := unpackFrame(payload)
			l.bytes += int64(len(unpacked))
			if err != nil {
				return err
			}
			return eachValue(unpacked, func(key string, _ []byte) error { return index.CheckExported(key) })
		case frameKept, frameChanged:
			l.changed[ends] = kind == frameChanged
			ends++
		case frameFile:
			f, err := decodeFile(payload)
			if err == nil && left != 0 {
				err = errBadBackup
			}
			l.summary.Files++
			left = f.Size
			return err
		case frameBytes:
			unpacked, err := unpackFrame(payload)
			l.bytes += int64(len(unpacked))
			if left -= int64(len(unpacked)); left < 0 {
				err = errBadBackup
			}
			return err
		default:
			return errBadBackup
		}
		return nil
	})
	if err == nil && left != 0 {
		err = core.Explain(errBadBackup, "error.backup.damaged")
	}
	l.summary.File, l.summary.Bytes, l.summary.Made, l.summary.Program, l.summary.BackupCount = path, size, header.Made, header.Program, count
	l.summary.Seconds = time.Since(start).Seconds()
	return l, err
}

// read reads all frames of a file.
func (b *Backup) read(ctx context.Context, path, stage string, p core.Progress, fn func(kind byte, payload []byte) error) (BackupHeader, BackupCount, int64, error) {
	f, err := os.Open(path)
	var info os.FileInfo
	if err == nil {
		defer f.Close()
		info, err = f.Stat()
	}
	if err == nil && !info.Mode().IsRegular() {
		err = core.ErrUnsupported
	}
	if err != nil {
		return BackupHeader{}, BackupCount{}, 0, core.Explain(fmt.Errorf("open backup %s: %w", path, err), "error.backup.open", path)
	}
	header, count, _, err := frames(f, backupForm, func(n int64) {
		p.Report(core.Update{Stage: stage, Done: n, Total: info.Size()})
	}, func(kind byte, payload []byte) error { return errors.Join(ctx.Err(), fn(kind, payload)) })
	if err != nil {
		return header, count, 0, fmt.Errorf("read backup %s: %w", path, err)
	}
	return header, count, info.Size(), nil
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
	keep := Keep{Data: b.Data}
	dir, err := keep.Stage()
	if err != nil {
		return l.summary, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(noRoom(err), keep.Drop())
		}
	}()
	in, err := index.NewImporter(filepath.Join(dir, libraryDir), index.Options{})
	if err != nil {
		return l.summary, err
	}
	s := &stager{dir: dir, in: in, changed: l.changed}
	_, count, _, err := b.read(ctx, path, "restore", p, s.frame)
	if err == nil && count != l.summary.BackupCount {
		err = core.Explain(errBadBackup, "error.backup.damaged") // another file has its name by now
	}
	if err = errors.Join(err, s.close(), in.Close(ctx, err == nil)); err != nil {
		return l.summary, fmt.Errorf("restore: %w", err)
	}
	err = keep.Commit(Swap{Kind: SwapRestore, When: time.Now().UTC().Round(time.Second), Note: filepath.Base(path), Items: append([]string{libraryDir}, backedUp...)})
	l.summary.Seconds = time.Since(start).Seconds()
	return l.summary, err
}

// stager writes the frames of a backup into a folder.
type stager struct {
	dir     string
	in      *index.Importer
	changed map[int]bool
	ends    int
	file    *os.File
}

func (s *stager) frame(kind byte, payload []byte) error {
	switch kind {
	case frameValues:
		unpacked, err := unpackFrame(payload)
		if err != nil {
			return err
		}
		return eachValue(unpacked, func(key string, payload []byte) error {
			if s.changed[s.ends] && key[0] != 'c' && key[0] != 'r' { // it comes again
				return nil
			}
			return s.in.Put(key, payload)
		})
	case frameKept, frameChanged:
		s.ends++
		return nil
	case frameFile:
		if err := s.close(); err != nil {
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
		s.file, err = os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		return err
	case frameBytes:
		unpacked, err := unpackFrame(payload)
		if err == nil && s.file == nil {
			err = errBadBackup
		}
		if err == nil {
			_, err = s.file.Write(unpacked)
		}
		return err
	}
	return errBadBackup
}

func (s *stager) close() error {
	if s.file == nil {
		return nil
	}
	err := s.file.Close()
	s.file = nil
	return err
}

func decodeFile(payload []byte) (f backupFile, err error) {
	if json.Unmarshal(payload, &f) != nil || f.Size < 0 {
		return f, errBadBackup
	}
	_, err = itemOf(f.Path)
	return f, err
}
