package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"kakoi/app/job"
	"kakoi/app/record"
	"kakoi/app/settings"
	"kakoi/core"
	"kakoi/core/vault"
	"kakoi/index"
)

// Capsule carries collections, or everything, from one library to another in one encrypted file: documents with their texts, passages and vectors, vector indexes,
// conversations, corrections, datasets, exams, runs that came to their end, and adapters. What is taken in needs no embedder and no building. (For settings, prompts
// and links to folders there is Backup.)
type Capsule struct {
	Data     string // data folder
	Store    CapsuleStore
	Jobs     *job.Runner
	Settings *settings.File
	Models   *Models
	Bus      *Bus // hears of what comes in; nil is allowed
	Version  string
	Key      *vault.Key                      // of the library that is open; nil: it is not encrypted
	Free     func(dir string) (int64, error) // free bytes, nil: asks the file system
	Params   vault.Params                    // of capsules' passphrases; zero: as they are measured
}

// CapsuleStore is the library as a capsule sees it.
type CapsuleStore interface {
	record.Store
	ExportOf(ctx context.Context, what index.Selection, to index.Sink, p core.Progress) error
	NewIntake(ctx context.Context, into map[string]string, arrivals []index.Arrival, graphs map[string]bool) (*index.Intake, error)
	Collections(ctx context.Context) ([]core.Collection, error)
	Documents(ctx context.Context, collection string) ([]core.Document, error)
	Stats(ctx context.Context, collection string) (index.Stats, error)
	DiskBytes() int64
}

// CapsuleExport says what goes into a capsule.
type CapsuleExport struct {
	Collections []string        // names; nil: everything
	Passphrase  []byte          // that opens it; not empty
	Replace     bool            // a file of that name; core.ErrExists otherwise
	Listen      func(job.State) // stages "lock", "capsule"
}

const capsuleMagic = "kakoi capsule contents\n"

var capsuleForm = frameForm{capsuleMagic, 1, "error.capsule.foreign", "error.capsule.damaged", "error.capsule.newer"}

// leastPassphrase is how short a capsule's passphrase may be, in characters: it leaves the house.
const leastPassphrase = 8

// CapsuleSummary is what an export came to.
type CapsuleSummary struct {
	File    string    `json:"file"`
	Bytes   int64     `json:"bytes"` // of it
	Made    time.Time `json:"made"`
	Program string    `json:"program"`
	Whole   bool      `json:"whole"` // it is of everything
	BackupCount
	Seconds float64 `json:"seconds"`
}

// Export writes a capsule as a job, while the library stays in use. The file appears when it is whole, and nothing of it is ever on the disk unencrypted.
// core.ErrUsage for a short passphrase or a place in the data folder, core.ErrNotFound for a collection that is not there, core.ErrEmpty, core.ErrNoSpace.
func (c *Capsule) Export(ctx context.Context, path string, opt CapsuleExport) (CapsuleSummary, error) {
	var out CapsuleSummary
	if len([]rune(string(opt.Passphrase))) < leastPassphrase {
		return out, core.Explain(fmt.Errorf("capsule: short passphrase: %w", core.ErrUsage), "error.capsule.short", leastPassphrase)
	}
	if err := placeOutside(c.Data, path, opt.Replace, capsulePlace); err != nil {
		return out, err
	}
	j := c.Jobs.Start(ctx, job.Name{Key: "job.capsule.export", Note: filepath.Base(path)}, func(ctx context.Context, p core.Progress) (err error) {
		out, err = c.export(ctx, path, opt, p)
		return err
	}, opt.Listen)
	return out, j.Wait(context.Background())
}

// placeWords are the keys of what is said about the place of a file that is to be written.
type placeWords struct{ folder, inside, isFolder, exists string }

var (
	backupPlace  = placeWords{"error.backup.folder", "error.backup.inside", "error.backup.isfolder", "error.backup.exists"}
	capsulePlace = placeWords{"error.backup.folder", "error.capsule.inside", "error.backup.isfolder", "error.capsule.exists"}
)

// placeOutside says whether a file can be written: its folder is there and not in the data folder, and nothing of its name is there, unless it may be replaced.
func placeOutside(data, path string, replace bool, said placeWords) error {
	dir := filepath.Dir(path)
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return core.Explain(fmt.Errorf("write %s: %w", path, err), said.folder, dir)
	}
	if data, err = filepath.EvalSymlinks(data); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if real == data || strings.HasPrefix(real, data+string(filepath.Separator)) {
		return core.Explain(fmt.Errorf("write %s: %w", path, core.ErrUsage), said.inside)
	}
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return core.Explain(fmt.Errorf("write %s: %w", path, core.ErrUsage), said.isFolder, path)
	case err == nil && !info.Mode().IsRegular(): // it would be replaced by a file
		return fmt.Errorf("write: %w", notRegular(path, info))
	case err == nil && !replace:
		return core.Explain(fmt.Errorf("write %s: %w", path, fs.ErrExist), said.exists, path)
	}
	return nil
}

// appear gives a file that is whole its name; where it may replace nothing, also not what came there meanwhile.
func appear(part, path string, replace bool) error {
	if replace {
		return os.Rename(part, path)
	}
	err := unix.Renameat2(unix.AT_FDCWD, part, unix.AT_FDCWD, path, unix.RENAME_NOREPLACE)
	switch {
	case errors.Is(err, unix.EEXIST):
		return core.Explain(fmt.Errorf("%s: %w", path, fs.ErrExist), capsulePlace.exists, path)
	case errors.Is(err, unix.EINVAL), errors.Is(err, unix.ENOSYS): // file systems of sticks
		return os.Rename(part, path)
	}
	return err
}

// chosen are the collections of an export, by id, and their names; nil for everything.
func (c *Capsule) chosen(ctx context.Context, names []string) (map[string]bool, []string, error) {
	if names == nil {
		return nil, nil, nil
	}
	all, err := c.Store.Collections(ctx)
	if err != nil {
		return nil, nil, err
	}
	ids := map[string]bool{}
	for _, name := range names {
		i := slices.IndexFunc(all, func(one core.Collection) bool { return one.Name == name })
		if i < 0 {
			return nil, nil, core.Explain(fmt.Errorf("collection %q: %w", name, core.ErrNotFound), "error.library.collection", name)
		}
		ids[all[i].ID] = true
	}
	return ids, names, nil
}

func (c *Capsule) export(ctx context.Context, path string, opt CapsuleExport, p core.Progress) (out CapsuleSummary, err error) {
	start := time.Now()
	ids, names, err := c.chosen(ctx, opt.Collections)
	if err != nil {
		return out, err
	}
	belongs, err := record.Book{Store: c.Store}.Belong(ctx, names, DefaultCollection)
	if err != nil {
		return out, err
	}
	files, size, err := c.adapterFiles(belongs.IDs(record.KindAdapter))
	if err != nil {
		return out, err
	}
	need, err := c.share(ctx, ids)
	if err != nil {
		return out, err
	}
	need += size + 8<<20
	if err := roomFor(c.Free, filepath.Dir(path), need); err != nil {
		return out, err
	}
	p.Report(core.Update{Stage: "lock"})
	params := c.Params
	if params == (vault.Params{}) {
		params = vault.Measure(time.Second)
	}
	head, key, err := vault.New(opt.Passphrase, params)
	if err != nil {
		return out, err
	}
	defer key.Close()
	f, err := openPart(path+".part", sealedCapsule)
	if err != nil {
		return out, fmt.Errorf("write capsule: %w", refusedPart(err, path))
	}
	defer func() {
		if err != nil {
			err = missingRoom(errors.Join(noRoom(err), os.Remove(f.Name())), c.Free, path, need)
		}
	}()
	header := BackupHeader{Version: capsuleForm.version, Program: c.Version, Made: time.Now().UTC().Round(time.Second), Whole: names == nil, Embedder: c.Settings.Get().Embedder}
	if info, err := c.Models.KnownEmbedder(ctx); err == nil {
		header.EmbedderID = info.ID
	}
	count, err := c.write(ctx, f, head, key, header, index.Selection{Collections: ids, Record: belongs.Has, Ready: true, Graphs: true, Stage: "capsule"}, files, p)
	if err = errors.Join(err, f.Sync()); err == nil {
		var info fs.FileInfo
		if info, err = f.Stat(); err == nil {
			out.Bytes = info.Size()
		}
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return out, fmt.Errorf("write capsule: %w", err)
	}
	if count.Documents+count.Conversations+count.Datasets+count.Adapters == 0 {
		return out, core.Explain(fmt.Errorf("write capsule: %w", core.ErrEmpty), "error.capsule.empty")
	}
	if err := appear(f.Name(), path, opt.Replace); err != nil {
		return out, fmt.Errorf("write capsule: %w", err)
	}
	if err := syncPath(filepath.Dir(path)); err != nil {
		slog.Warn("sync folder of a capsule", "error", err) // some file systems cannot
	}
	return CapsuleSummary{
		File: path, Bytes: out.Bytes, Made: header.Made, Program: header.Program, Whole: header.Whole, BackupCount: count, Seconds: time.Since(start).Seconds(),
	}, nil
}

// write writes all frames of a capsule under a key.
func (c *Capsule) write(ctx context.Context, to io.Writer, head vault.Header, key *vault.Key, header BackupHeader, what index.Selection, files []backupFile, p core.Progress) (BackupCount, error) {
	sealed, err := seal(to, sealedCapsule, head, key)
	if err != nil {
		return BackupCount{}, err
	}
	w, err := newFrameWriter(sealed, capsuleMagic)
	if err != nil {
		return BackupCount{}, err
	}
	s := &backupSink{w: w, ctx: ctx, key: c.Key}
	err = w.json(frameHeader, header)
	if err == nil {
		err = c.Store.ExportOf(ctx, what, s, p)
	}
	if err == nil {
		err = s.flush()
	}
	for _, file := range files {
		if err == nil {
			err = s.file(c.Data, file)
		}
	}
	s.count.Adapters = adaptersIn(files)
	if err == nil {
		err = w.end(s.count)
	}
	if err == nil {
		err = sealed.Close()
	}
	return s.count, err
}

// share is about how many bytes of the library's tables are of some collections (nil: all).
func (c *Capsule) share(ctx context.Context, ids map[string]bool) (int64, error) {
	all, err := c.Store.Collections(ctx)
	if err != nil || ids == nil {
		return c.Store.DiskBytes(), err
	}
	chunks, its := 1, 1
	for _, one := range all {
		s, err := c.Store.Stats(ctx, one.ID)
		if err != nil {
			return 0, err
		}
		chunks += s.Chunks
		if ids[one.ID] {
			its += s.Chunks
		}
	}
	return int64(float64(c.Store.DiskBytes()) * float64(its) / float64(chunks)), nil
}

// adapterFiles are the files of some adapters, as paths below the data folder, and their bytes.
func (c *Capsule) adapterFiles(ids map[string]bool) (files []backupFile, size int64, err error) {
	for _, id := range slices.Sorted(maps.Keys(ids)) {
		its, n, err := filesBelow(c.Data, adaptersDir+"/"+id)
		if err != nil {
			return nil, 0, err
		}
		files, size = append(files, its...), size+n
	}
	return files, size, nil
}
