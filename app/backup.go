package app

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"kakoi/app/job"
	"kakoi/core"
	"kakoi/core/vault"
	"kakoi/index"
)

// Backup writes everything a person made into one file, and brings it back. In it are the library (collections, documents with their texts and
// vectors, conversations, corrections, datasets, runs, exams), the adapters, the settings and the prompt templates. Not in it: models and runs'
// checkpoints (gigabytes that can be imported or made again), vector indexes, caches, logs, and no file from outside of the data folder.
type Backup struct {
	Data    string // data folder
	Store   Exporter
	Jobs    *job.Runner
	Version string                          // of the program
	Free    func(dir string) (int64, error) // free bytes, nil: asks the file system

	Key        *vault.Key // of the library; nil: it is not encrypted, nor are its backups
	Passphrase []byte     // opens a backup of another encrypted library
}

// options are those of a library that a backup is restored into.
func (b *Backup) options() index.Options { return Keep{Data: b.Data, Key: b.Key}.options() }

// Exporter is the library as a backup reads it.
type Exporter interface {
	Export(ctx context.Context, to index.Sink, p core.Progress) error
	DiskBytes() int64
}

// backedUp are the items of the data folder beside the library that are in a backup.
var backedUp = []string{adaptersDir, "prompts", settingsName}

const adaptersDir = "adapters"

// BackupSummary is what a backup or a restore came to.
type BackupSummary struct {
	File    string    `json:"file"`
	Bytes   int64     `json:"bytes"` // of it
	Made    time.Time `json:"made"`
	Program string    `json:"program"`
	Sealed  bool      `json:"sealed"` // it is encrypted
	BackupCount
	Files   int     `json:"files"` // of adapters, prompts, settings
	Seconds float64 `json:"seconds"`
}

// Save writes a backup as a job, while the library stays in use. The file appears when it is whole; one of that name is replaced only if replace says so: core.ErrExists
// otherwise. core.ErrNoSpace, core.ErrUsage for a place inside the data folder.
func (b *Backup) Save(ctx context.Context, path string, replace bool, listen func(job.State)) (BackupSummary, error) {
	var out BackupSummary
	if err := placeOutside(b.Data, path, replace, backupPlace); err != nil {
		return out, err
	}
	j := b.Jobs.Start(ctx, job.Name{Key: "job.backup", Note: filepath.Base(path)}, func(ctx context.Context, p core.Progress) (err error) {
		out, err = b.save(ctx, path, p)
		return err
	}, listen)
	err := j.Wait(context.Background())
	return out, err
}

// save writes beside the file's place and gives it its name in the end.
func (b *Backup) save(ctx context.Context, path string, p core.Progress) (out BackupSummary, err error) {
	start := time.Now()
	files, size, err := b.files()
	if err != nil {
		return out, err
	}
	// Texts shrink, so this is enough: what the tables have on the disk is packed as well, and a little less than what is read of them.
	need := b.Store.DiskBytes() + size + 8<<20
	if err := roomFor(b.Free, filepath.Dir(path), need); err != nil {
		return out, err
	}
	f, err := openPart(path+".part", backupMagic, sealedBackup)
	if err != nil {
		return out, fmt.Errorf("back up: %w", refusedPart(err, path))
	}
	defer func() {
		if err != nil {
			err = missingRoom(errors.Join(noRoom(err), os.Remove(f.Name())), b.Free, path, need)
		}
	}()
	sealed, err := b.seal(f)
	if err != nil {
		return out, errors.Join(err, f.Close())
	}
	w, err := newFrameWriter(sealed, backupMagic)
	if err != nil {
		return out, errors.Join(err, f.Close())
	}
	header := BackupHeader{Version: backupVersion, Program: b.Version, Made: time.Now().UTC().Round(time.Second)}
	s := &backupSink{w: w, ctx: ctx, key: b.Key}
	err = w.json(frameHeader, header)
	if err == nil {
		err = b.Store.Export(ctx, s, p)
	}
	if err == nil {
		err = s.flush()
	}
	for _, file := range files {
		if err == nil {
			err = s.file(b.Data, file)
		}
	}
	s.count.Adapters = adaptersIn(files)
	if err == nil {
		err = w.end(s.count)
	}
	if err == nil {
		err = sealed.Close()
	}
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return out, fmt.Errorf("back up: %w", err)
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return out, fmt.Errorf("back up: %w", err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return out, fmt.Errorf("back up: %w", err)
	}
	if err := syncPath(filepath.Dir(path)); err != nil {
		slog.Warn("sync folder of a backup", "error", err) // some file systems cannot
	}
	return BackupSummary{
		File: path, Bytes: info.Size(), Made: header.Made, Program: header.Program, Sealed: b.Key != nil, BackupCount: s.count, Files: len(files), Seconds: time.Since(start).Seconds(),
	}, nil
}

// seal is where a backup is written: as it is, or, of an encrypted library, under the library's key, with the header by which the passphrase alone opens it elsewhere.
func (b *Backup) seal(f *os.File) (io.WriteCloser, error) {
	if b.Key == nil {
		return nothingAtEnd{f}, nil
	}
	head, there, err := vault.Load(b.Data)
	if err == nil && !there {
		err = fmt.Errorf("header of the library's key: %w", core.ErrNotFound)
	}
	if err != nil {
		return nil, err
	}
	return seal(f, sealedBackup, head, b.Key)
}

type nothingAtEnd struct{ io.Writer }

func (nothingAtEnd) Close() error { return nil }

// openPart makes the file in which a backup or a capsule grows. One that a killed one left, which begins with one of the lines, is begun again; anything else of
// that name stays what it is.
func openPart(path string, lines ...string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	begin := make([]byte, 64)
	n, err := io.ReadFull(f, begin)
	ours := slices.ContainsFunc(lines, func(line string) bool {
		m := min(n, len(line))
		return string(begin[:m]) == line[:m]
	})
	if n > 0 && !ours {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, fs.ErrExist), f.Close())
	}
	if err == nil || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = f.Truncate(0)
	}
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// roomFor refuses a job that a disk has no room for, before it begins. ask gives the free bytes of a folder; nil asks the file system.
func roomFor(ask func(dir string) (int64, error), dir string, need int64) error {
	have, err := freeIn(ask, dir)
	if err != nil {
		return err
	}
	if have < need {
		return core.Explain(fmt.Errorf("%d MB free, %d MB needed: %w", have>>20, need>>20, core.ErrNoSpace), "error.backup.room", need>>20+1, dir, have>>20)
	}
	return nil
}

// freeIn asks for the free bytes of a folder's disk; nil: the file system.
func freeIn(ask func(dir string) (int64, error), dir string) (int64, error) {
	if ask == nil {
		ask = freeBytes
	}
	have, err := ask(dir)
	if err != nil {
		return 0, fmt.Errorf("ask for free space: %w", err)
	}
	return have, nil
}

func freeBytes(dir string) (int64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, err
	}
	return int64(st.Bavail) * st.Bsize, nil
}

// noRoom gives an error of a full disk its sentence.
func noRoom(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EFBIG) {
		return core.Explain(fmt.Errorf("%w: %w", core.ErrNoSpace, err), "error.backup.full")
	}
	return err
}

// missingRoom says how much is missing where something else has filled the disk while a file was written, or that FAT takes no file so large; what was written of it
// is cleared away.
func missingRoom(err error, ask func(dir string) (int64, error), path string, need int64) error {
	if errors.Is(err, syscall.EFBIG) && onFAT(filepath.Dir(path)) {
		return core.Explain(fmt.Errorf("%w: %w", core.ErrTooLarge, err), "error.backup.large")
	}
	if errors.Is(err, core.ErrNoSpace) {
		if short := roomFor(ask, filepath.Dir(path), need); short != nil {
			return errors.Join(short, err)
		}
	}
	return err
}

// refusedPart says why a file cannot be begun.
func refusedPart(err error, path string) error {
	if noName(err) {
		return refusedName(err, path)
	}
	return core.Explain(err, "error.backup.folder", filepath.Dir(path))
}

// files lists what is taken beside the library, as paths below the data folder, and its bytes.
func (b *Backup) files() (files []backupFile, size int64, err error) {
	for _, item := range backedUp {
		its, n, err := filesBelow(b.Data, item)
		if err != nil {
			return nil, 0, err
		}
		files, size = append(files, its...), size+n
	}
	return files, size, nil
}

// filesBelow lists the files of an item of the data folder, as paths below that, and their bytes.
func filesBelow(data, item string) (files []backupFile, size int64, err error) {
	err = filepath.WalkDir(filepath.Join(data, filepath.FromSlash(item)), func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		if d.IsDir() && strings.HasPrefix(d.Name(), ".") { // on its way in or out
			return filepath.SkipDir
		}
		if !d.Type().IsRegular() || strings.HasPrefix(d.Name(), ".") {
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(data, path)
		files = append(files, backupFile{filepath.ToSlash(rel), info.Size()})
		size += info.Size()
		return err
	})
	if err != nil {
		return nil, 0, fmt.Errorf("look for %s: %w", item, err)
	}
	return files, size, nil
}

func adaptersIn(files []backupFile) int {
	ids := map[string]bool{}
	for _, f := range files {
		if parts := strings.Split(f.Path, "/"); parts[0] == "adapters" && len(parts) > 2 {
			ids[parts[1]] = true
		}
	}
	return len(ids)
}

// backupSink writes what the library exports.
type backupSink struct {
	w     *frameWriter
	ctx   context.Context
	key   *vault.Key // that files of the data folder are under; nil: under none
	buf   []byte
	dense bool // buf is of values that hardly shrink
	count BackupCount
}

// blockBytes is how much is packed at once.
const blockBytes = 1 << 20

// Put writes one value of the library.
func (s *backupSink) Put(key string, payload []byte) error {
	dense := strings.IndexByte("vqg", key[0]) >= 0
	if dense != s.dense {
		if err := s.flush(); err != nil {
			return err
		}
	}
	s.dense = dense
	s.buf = binary.AppendUvarint(s.buf, uint64(len(key)))
	s.buf = append(s.buf, key...)
	s.buf = binary.AppendUvarint(s.buf, uint64(len(payload)))
	s.buf = append(s.buf, payload...)
	switch {
	case strings.HasPrefix(key, "c/"):
		s.count.Collections++
	case strings.HasPrefix(key, "r/conversation/"):
		s.count.Conversations++
	case strings.HasPrefix(key, "r/dataset/"):
		s.count.Datasets++
	case strings.HasPrefix(key, "r/correction/"):
		s.count.Corrections++
	case strings.HasPrefix(key, "r/exam/"):
		s.count.Exams++
	case strings.HasPrefix(key, "r/run/"):
		s.count.Runs++
	}
	if len(s.buf) < blockBytes {
		return nil
	}
	return s.flush()
}

// EndDocument ends a document's values.
func (s *backupSink) EndDocument(doc core.Document, whole bool) error {
	if err := s.flush(); err != nil {
		return err
	}
	if !whole {
		return s.w.frame(frameChanged, nil)
	}
	s.count.Documents++
	s.count.Chunks += doc.Chunks
	return s.w.frame(frameKept, nil)
}

// EndGraph ends a vector index's values.
func (s *backupSink) EndGraph(whole bool) error {
	if err := s.flush(); err != nil {
		return err
	}
	if !whole {
		return s.w.frame(frameNoGraph, nil)
	}
	s.count.Graphs++
	return s.w.frame(frameGraph, nil)
}

func (s *backupSink) flush() error {
	if len(s.buf) == 0 {
		return nil
	}
	buf := s.buf
	s.buf = s.buf[:0]
	if s.dense {
		return s.w.asIs(frameValues, buf)
	}
	return s.w.packed(frameValues, buf)
}

// file writes a file; one that is gone meanwhile is left out, one that grew is cut.
func (s *backupSink) file(data string, f backupFile) error {
	in, err := s.key.OpenAny(filepath.Join(data, filepath.FromSlash(f.Path)))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer in.Close()
	f.Size = in.Size()
	if err := s.w.json(frameFile, f); err != nil {
		return err
	}
	block := make([]byte, blockBytes)
	for left := f.Size; left > 0; {
		if err := s.ctx.Err(); err != nil {
			return err
		}
		n, err := io.ReadFull(in, block[:min(left, int64(len(block)))])
		if err != nil {
			return fmt.Errorf("read %s: %w", f.Path, err)
		}
		left -= int64(n)
		if err := s.w.packed(frameBytes, block[:n]); err != nil {
			return err
		}
	}
	return nil
}

// itemOf is the item of the data folder that a file of a backup belongs to: core.ErrCorrupt where it is none.
func itemOf(path string) (string, error) {
	item, _, _ := strings.Cut(path, "/")
	if !slices.Contains(backedUp, item) || !filepath.IsLocal(filepath.FromSlash(path)) || filepath.ToSlash(filepath.Clean(path)) != path || strings.ContainsRune(path, 0) {
		return "", fmt.Errorf("file %q in a backup: %w", path, core.ErrCorrupt)
	}
	return item, nil
}
