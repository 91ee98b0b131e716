package app

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"kakoi/app/job"
	"kakoi/app/settings"
	"kakoi/core"
)

// Backups makes a backup every day, keeps the newest, and proves each by restoring it beside the library and looking at what came of it. They lie in a folder that a
// person chose, best on another disk, or in the data folder; those in the data folder are deleted whenever something is removed for good, since its bytes are in them.
type Backups struct {
	*Backup
	Settings *settings.File
	Now      func() time.Time // nil: time.Now

	running sync.Mutex
}

const (
	backupsDir  = "backups"      // in the data folder, where no other was chosen
	provingDir  = "proving"      // what a backup is restored into to be proved; deleted afterwards, and at the start after a crash
	backupsName = "backups.json" // backupsState
	backupEnd_  = ".kakoi-backup"

	dayOfBackup   = 24 * time.Hour
	retryBackup   = time.Hour // after one that failed
	lookForBackup = 10 * time.Minute
)

// backupsState is what is remembered of daily backups. No document is named in it: it is a plain file.
type backupsState struct {
	Library string                `json:"library"` // part of the names of its backups: libraries may share a folder
	Since   time.Time             `json:"since"`   // when the first day began
	Tried   time.Time             `json:"tried"`
	Problem string                `json:"problem,omitempty"` // of the last try: ProblemSpace and others
	Proved  map[string]provedFile `json:"proved"`            // by the name of the file
}

type provedFile struct {
	Bytes     int64     `json:"bytes"`
	When      time.Time `json:"when"`
	Documents int       `json:"documents"`
	Problem   string    `json:"problem,omitempty"` // why it could not be restored: ProblemDamaged, ProblemForeign
}

// KeptBackup is a backup in the folder of daily ones.
type KeptBackup struct {
	File      string    `json:"file"`
	Made      time.Time `json:"made"`
	Bytes     int64     `json:"bytes"`
	Documents int       `json:"documents"`         // where it was proved
	Proved    time.Time `json:"proved"`            // zero: never
	Problem   string    `json:"problem,omitempty"` // why it is of no use, a key of a text: ProblemDamaged, ProblemForeign
}

// Good says that it was restored once and everything was there.
func (k KeptBackup) Good() bool { return !k.Proved.IsZero() && k.Problem == "" }

// BackupsStatus says how the daily backups stand.
type BackupsStatus struct {
	Daily   bool         `json:"daily"`
	Keep    int          `json:"keep"`
	Folder  string       `json:"folder"`
	Inside  bool         `json:"inside"`            // it is in the data folder: a removal deletes what is in it, and a broken disk takes both
	Next    time.Time    `json:"next"`              // when one is due; zero: never
	Problem string       `json:"problem,omitempty"` // why the last try failed, a key of a text: ProblemSpace and others
	Kept    []KeptBackup `json:"kept"`              // newest first
}

func (b *Backups) now() time.Time {
	if b.Now != nil {
		return b.Now()
	}
	return time.Now()
}

// Folder is where daily backups lie.
func (b *Backups) Folder() string {
	return cmp.Or(b.Settings.Get().BackupFolder, filepath.Join(b.Data, backupsDir))
}

func (b *Backups) inside() bool { return b.Settings.Get().BackupFolder == "" }

func (b *Backups) state() (s backupsState, err error) {
	if _, err := readJSON(filepath.Join(b.Data, backupsName), &s); err != nil {
		slog.Warn("what is known of backups cannot be read", "error", err)
		s = backupsState{}
	}
	if s.Proved == nil {
		s.Proved = map[string]provedFile{}
	}
	if s.Library != "" {
		if s.withoutTexts() {
			return s, b.write(s)
		}
		return s, nil
	}
	var id [4]byte
	rand.Read(id[:]) // never fails, see crypto/rand
	s.Library, s.Since = hex.EncodeToString(id[:]), b.now().UTC().Round(time.Second)
	return s, b.write(s)
}

func (b *Backups) write(s backupsState) error {
	return writeSynced(filepath.Join(b.Data, backupsName), s)
}

func (b *Backups) name(s backupsState, made time.Time) string {
	return "kakoi-" + s.Library + "-" + made.UTC().Format("20060102-150405") + backupEnd_
}

// kept lists this library's daily backups, newest first.
func (b *Backups) kept(s backupsState) ([]KeptBackup, error) {
	entries, err := os.ReadDir(b.Folder())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, core.Explain(fmt.Errorf("list backups: %w", err), "error.backup.folder", b.Folder())
	}
	var out []KeptBackup
	for _, e := range entries {
		text, ours := strings.CutPrefix(e.Name(), "kakoi-"+s.Library+"-")
		text, whole := strings.CutSuffix(text, backupEnd_)
		made, err := time.Parse("20060102-150405", text)
		if !ours || !whole || err != nil {
			continue
		}
		info, err := e.Info()
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		k := KeptBackup{File: filepath.Join(b.Folder(), e.Name()), Made: made, Bytes: info.Size()}
		if p, known := s.Proved[e.Name()]; known && p.Bytes == k.Bytes {
			k.Documents, k.Proved, k.Problem = p.Documents, p.When, p.Problem
		}
		out = append(out, k)
	}
	slices.SortFunc(out, func(a, b KeptBackup) int { return b.Made.Compare(a.Made) })
	return out, nil
}

// Status says how daily backups stand.
func (b *Backups) Status(context.Context) (BackupsStatus, error) {
	set := b.Settings.Get()
	out := BackupsStatus{Daily: set.BackupDaily, Keep: set.BackupKeep, Folder: b.Folder(), Inside: b.inside(), Kept: []KeptBackup{}}
	s, err := b.state()
	if err != nil {
		return out, err
	}
	kept, err := b.kept(s)
	if kept != nil {
		out.Kept = kept
	}
	out.Problem = s.Problem
	if out.Daily {
		out.Next = b.next(s, kept)
	}
	return out, err
}

// next is when a backup is due: a day after the last, or after the library was first used; after one that failed an hour later.
func (b *Backups) next(s backupsState, kept []KeptBackup) time.Time {
	next := s.Since.Add(dayOfBackup)
	if len(kept) > 0 {
		next = kept[0].Made.Add(dayOfBackup)
	}
	if again := s.Tried.Add(retryBackup); s.Problem != "" && again.After(next) {
		next = again
	}
	return next
}

// Due says whether a daily backup is to be made now: they are turned on, a day is over, and there is something in the library.
func (b *Backups) Due(ctx context.Context) bool {
	st, err := b.Status(ctx)
	return err == nil && st.Daily && !b.now().Before(st.Next) && b.Store.DiskBytes() > 0
}

// Make makes a backup in the folder of daily ones, as a job, proves it, and deletes those that are more than are kept. A backup that is found wrong is kept and named,
// and no earlier good one is deleted for it.
func (b *Backups) Make(ctx context.Context, listen func(job.State)) (KeptBackup, error) {
	if !b.running.TryLock() {
		return KeptBackup{}, core.Explain(fmt.Errorf("back up: %w", core.ErrBusy), "error.backup.running")
	}
	defer b.running.Unlock()
	s, err := b.state()
	if err != nil {
		return KeptBackup{}, err
	}
	var out KeptBackup
	j := b.Jobs.Start(ctx, job.Name{Key: "job.backup.daily"}, func(ctx context.Context, p core.Progress) (err error) {
		out, err = b.make(ctx, &s, p)
		return err
	}, listen)
	err = j.Wait(context.Background())
	if !errors.Is(err, context.Canceled) {
		s.Tried, s.Problem = b.now().UTC().Round(time.Second), ""
		if err != nil {
			s.Problem = triedProblem(err)
		} else if out.Problem != "" {
			s.Problem = out.Problem
		}
	}
	return out, errors.Join(err, b.write(s))
}

func (b *Backups) make(ctx context.Context, s *backupsState, p core.Progress) (KeptBackup, error) {
	if b.inside() {
		if err := os.MkdirAll(b.Folder(), 0o700); err != nil {
			return KeptBackup{}, fmt.Errorf("make folder of backups: %w", err)
		}
	} else if settings.Inside(b.Data, b.Folder()) { // by a link, or a file of settings that was restored or edited: a removal would not find it
		return KeptBackup{}, core.Explain(fmt.Errorf("folder of backups %s: %w", b.Folder(), core.ErrUsage), "error.backup.inside")
	} else if info, err := os.Stat(b.Folder()); err != nil || !info.IsDir() { // of a disk that is not there, say: nothing is made in its place
		return KeptBackup{}, core.Explain(fmt.Errorf("folder of backups: %w", cmp.Or(err, core.ErrNotFound)), "error.backup.folder", b.Folder())
	}
	var out BackupSummary
	var err error
	path := filepath.Join(b.Folder(), b.name(*s, b.now()))
	for range 3 {
		// A removal deletes the file while it grows, since it may hold what was removed: then it is made again of what is left.
		if out, err = b.save(ctx, path, p); !errors.Is(err, fs.ErrNotExist) || !b.inside() {
			break
		}
		if err := os.MkdirAll(b.Folder(), 0o700); err != nil {
			return KeptBackup{}, fmt.Errorf("make folder of backups: %w", err)
		}
	}
	if err != nil {
		return KeptBackup{}, err
	}
	made := KeptBackup{File: path, Made: out.Made, Bytes: out.Bytes}
	if made, err = b.prove(ctx, s, made, p); err != nil {
		return made, err
	}
	return made, b.thin(*s)
}

// thin deletes the oldest backups that are more than are kept, but never the newest good one.
func (b *Backups) thin(s backupsState) error {
	kept, err := b.kept(s)
	if err != nil {
		return err
	}
	good := slices.IndexFunc(kept, KeptBackup.Good)
	for i, k := range kept {
		if i < max(1, b.Settings.Get().BackupKeep) || i == good {
			continue
		}
		if err := os.Remove(k.File); err != nil {
			return fmt.Errorf("delete an old backup: %w", err)
		}
		delete(s.Proved, filepath.Base(k.File))
	}
	return nil
}

// Prove restores a backup, of the daily ones or any other, beside the library, as a job, and looks at what came of it. What is found wrong is in Problem.
func (b *Backups) Prove(ctx context.Context, path string, listen func(job.State)) (KeptBackup, error) {
	s, err := b.state()
	if err != nil {
		return KeptBackup{}, err
	}
	f, _, err := openRegular(path, "error.backup.open")
	if err != nil {
		return KeptBackup{}, fmt.Errorf("backup: %w", err)
	}
	info, err := f.Stat()
	if err = errors.Join(err, f.Close()); err != nil {
		return KeptBackup{}, core.Explain(fmt.Errorf("open backup %s: %w", path, err), "error.backup.open", path)
	}
	out := KeptBackup{File: path, Made: info.ModTime().UTC(), Bytes: info.Size()}
	j := b.Jobs.Start(ctx, job.Name{Key: "job.backup.prove", Note: filepath.Base(path)}, func(ctx context.Context, p core.Progress) (err error) {
		out, err = b.prove(ctx, &s, out, p)
		return err
	}, listen)
	if err := j.Wait(context.Background()); err != nil {
		return out, err
	}
	if filepath.Dir(path) == b.Folder() {
		err = b.write(s)
	}
	return out, err
}

// prove notes the result. An error is of what has nothing to do with the backup: cancelled, no room, a passphrase that is wanted.
func (b *Backups) prove(ctx context.Context, s *backupsState, k KeptBackup, p core.Progress) (KeptBackup, error) {
	found, err := b.proof(ctx, k.File, p)
	if err != nil && !errors.Is(err, core.ErrCorrupt) && !errors.Is(err, core.ErrUnsupported) {
		return k, err
	}
	k.Documents, k.Proved, k.Problem = found.Documents, b.now().UTC().Round(time.Second), ""
	if !found.Made.IsZero() {
		k.Made = found.Made
	}
	if err != nil {
		k.Problem = provedProblem(err)
		slog.Warn("a backup could not be restored", "file", k.File, "error", err)
	}
	s.Proved[filepath.Base(k.File)] = provedFile{k.Bytes, k.Proved, k.Documents, k.Problem}
	return k, nil
}

// Newest is the newest good backup of this library: core.ErrNotFound.
func (b *Backups) Newest() (KeptBackup, error) {
	s, err := b.state()
	if err != nil {
		return KeptBackup{}, err
	}
	kept, err := b.kept(s)
	if err != nil {
		return KeptBackup{}, err
	}
	if i := slices.IndexFunc(kept, KeptBackup.Good); i >= 0 {
		return kept[i], nil
	}
	return KeptBackup{}, fmt.Errorf("good backup: %w", core.ErrNotFound)
}

// KeepDaily makes backups when they are due and nothing else runs, until ctx ends.
func (b *Backups) KeepDaily(ctx context.Context) {
	for {
		if b.Due(ctx) && len(b.Jobs.Running()) == 0 {
			if _, err := b.Make(ctx, nil); err != nil && ctx.Err() == nil {
				slog.Warn("daily backup", "error", err)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(lookForBackup):
		}
	}
}

// Sweep deletes what a proof that was killed left. It is for the start.
func (b *Backups) Sweep() error { return os.RemoveAll(filepath.Join(b.Data, provingDir)) }

// forgetBackups deletes the daily backups in the data folder, those that grow or are being proved included: what is removed for good is in them. Others are
// the person's, who is told.
func (k Keep) forgetBackups() error {
	if k.Data == "" {
		return nil
	}
	for _, dir := range []string{backupsDir, provingDir} {
		if !exists(k.path(dir)) {
			continue
		}
		if err := os.RemoveAll(k.path(dir)); err != nil {
			return fmt.Errorf("delete backups in the data folder: %w", err)
		}
	}
	return syncPath(k.Data)
}
