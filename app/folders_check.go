package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"kakoi/core"
	"kakoi/core/ingest"
)

// Checked is what a check of a linked folder found and did.
type Checked struct {
	Folder  Folder          `json:"folder"`
	New     int             `json:"new"`     // files that were not in the library
	Changed int             `json:"changed"` // files that are not as they were read
	Away    int             `json:"away"`    // documents on drives that are not connected: nothing is known of them
	Moved   int             `json:"moved"`   // documents whose files are elsewhere in the library now: their old entries were removed
	Waiting int             `json:"waiting"` // files that are being written: they are looked at later
	Gone    []core.Document `json:"gone"`    // documents whose files are gone, and which are still in the library
	Removed int             `json:"removed"`
	Add     Summary         `json:"add"` // zero while there was nothing to add
}

// CheckOptions say what a check may do.
type CheckOptions struct {
	AddOptions
	Remove bool // also what is gone, as if the link said so

	calm time.Duration // files that changed within it are left for later
}

const (
	// fewPaths are added by name; for more the folder itself is added, which passes over what has not changed.
	fewPaths = 500
	// mostTried bounds what a folder remembers of files it has handed over, in bytes of its record.
	mostTried = 200 << 10
)

// Check compares a linked folder with the library by size and time, adds what is new or changed, and lists the documents whose
// files are gone. What was moved within the linked folders is a new document that takes over the vectors of the old one, which is removed
// unless the folder shows no file at all. What is gone is removed when the link, or opt, says so, unless the folder shows no file at all or
// could not be read whole: a drive that is not there empties no library.
func (f *Folders) Check(ctx context.Context, id string, opt CheckOptions) (Checked, error) {
	give, err := f.one.take(ctx)
	if err != nil {
		return Checked{}, err
	}
	defer give()
	folder, err := f.get(ctx, id)
	if err != nil {
		return Checked{}, err
	}
	out := Checked{Folder: folder, Gone: []core.Document{}}
	found, err := f.compare(ctx, folder)
	if err != nil {
		return out, f.failed(ctx, out.Folder, err)
	}
	found.wait(opt.calm)
	out.New, out.Changed, out.Gone, out.Away, out.Waiting = found.fresh, found.changed, found.gone, found.away, found.waiting
	if len(found.paths) > 0 {
		plan := AddPlan{Collection: folder.Collection, Paths: found.paths}
		if len(plan.Paths) > fewPaths && !found.leftOut && found.waiting == 0 { // the folder as a whole would bring those back
			plan.Paths = []string{folder.Path}
		}
		if out.Add, err = f.Library.Add(ctx, plan, opt.AddOptions); err != nil {
			return out, f.failed(ctx, folder, err)
		}
	}
	removes := (folder.Remove || opt.Remove) && found.whole
	if removes || len(out.Gone) != folder.Gone {
		if err := f.elsewhere(ctx, folder, out.Gone, opt); err != nil {
			return out, f.failed(ctx, folder, err)
		}
	}
	var away []core.Document
	gone := out.Gone
	if !found.empty {
		away, gone, err = f.moved(ctx, folder, out.Gone)
	}
	if err == nil {
		out.Moved, err = f.Library.RemoveAll(ctx, found.collection, away)
	}
	if out.Gone = gone; err == nil && removes {
		if out.Removed, err = f.Library.RemoveAll(ctx, found.collection, gone); err == nil {
			out.Gone = gone[len(gone):]
		}
	}
	if err != nil {
		return out, f.failed(ctx, folder, err)
	}
	tried, size := map[string]string{}, 0
	for _, all := range []map[string]string{found.tried, found.settled} {
		for path, now := range all {
			if size += len(path) + len(now) + 8; size < mostTried {
				tried[path] = now
			}
		}
	}
	out.Folder, err = f.update(ctx, id, func(one *Folder) {
		one.Checked, one.Problem, one.Hint, one.Gone, one.Tried = time.Now().UTC(), "", "", len(out.Gone), tried
		one.Away, one.Mounts = found.away, found.mounts
		if found.whole && !found.apart { // what stays out is known by its file
			for id := range one.Out {
				if !found.files[id] && folder.Out[id] {
					delete(one.Out, id)
				}
			}
		}
	})
	return out, err
}

// failed remembers why a check ended early.
func (f *Folders) failed(ctx context.Context, folder Folder, err error) error {
	if ctx.Err() != nil || errors.Is(err, context.Canceled) {
		return err
	}
	_, uerr := f.update(ctx, folder.ID, func(one *Folder) {
		one.Checked, one.Problem, one.Hint = time.Now().UTC(), err.Error(), ""
		if f.Explain != nil {
			one.Problem, one.Hint = f.Explain(err)
		}
	})
	return errors.Join(err, uerr)
}

// comparison is a folder against the library.
type comparison struct {
	collection core.Collection
	paths      []string
	fresh      int
	changed    int
	waiting    int
	recent     map[string]recent // of paths, those that changed a moment ago
	sizes      map[string]int64  // of paths
	gone       []core.Document
	whole      bool // every folder below was read, and there are files
	empty      bool // there is no file
	leftOut    bool // there are files that a person removed
	away       int
	apart      bool            // a drive is not connected
	mounts     []string        // to be remembered
	files      map[string]bool // by DocumentID, of those that stay out
	tried      map[string]string
	settled    map[string]string // of paths, those that do not change any more
}

func (f *Folders) compare(ctx context.Context, folder Folder) (comparison, error) {
	start := time.Now()
	out := comparison{tried: map[string]string{}, settled: map[string]string{}, gone: []core.Document{}, files: map[string]bool{}, recent: map[string]recent{}, sizes: map[string]int64{}}
	if _, err := os.Stat(folder.Path); err != nil {
		return out, fmt.Errorf("check folder: %w", missing(folder.Path, err))
	}
	files, problems, err := ingest.Walk(ctx, []string{folder.Path}, f.Library.Read)
	if err != nil {
		return out, fmt.Errorf("check folder: %w", err)
	}
	out.empty, out.whole = len(files) == 0, len(files) > 0 && len(problems) == 0
	if out.collection, err = f.Store.EnsureCollection(ctx, folder.Collection); err != nil {
		return out, fmt.Errorf("open collection %q: %w", folder.Collection, err)
	}
	documents, err := f.Store.Documents(ctx, out.collection.ID)
	if err != nil {
		return out, fmt.Errorf("list documents of %q: %w", folder.Collection, err)
	}
	byPath := make(map[string]core.Document, len(documents))
	for _, d := range documents {
		byPath[d.Source] = d
	}
	drives := f.drives(folder)
	out.apart = len(drives.before) > 0
	seen := make(map[string]bool, len(files))
	for _, file := range files {
		seen[file.Path] = true
		if len(folder.Out) > 0 {
			if id := core.DocumentID(file.Path); folder.Out[id] {
				out.files[id] = true
				drives.here(file.Path)
			}
		}
		old, known := byPath[file.Path]
		now := stamp(file.Size, file.ModTime)
		switch {
		case known && old.State == core.DocumentReady && old.Reason == "" && untouched(old, file):
			continue
		case folder.Tried[file.Path] == now:
			out.tried[file.Path] = now
			continue
		case !known && folder.Out[core.DocumentID(file.Path)]:
			out.leftOut = true
			continue
		case !known:
			out.fresh++
		default:
			out.changed++
		}
		out.paths, out.sizes[file.Path] = append(out.paths, file.Path), file.Size
		if age := start.Sub(file.ModTime); age < longestWait && age > -longestWait {
			out.recent[file.Path] = recent{age, known}
		}
		if start.Sub(file.ModTime) > settled {
			out.settled[file.Path] = now
		}
	}
	below := folder.Path + string(filepath.Separator)
	for _, d := range documents {
		if !strings.HasPrefix(d.Source, below) {
			continue
		}
		if seen[d.Source] {
			drives.here(d.Source)
			continue
		}
		if drives.away(d.Source) {
			out.away++
			continue
		}
		_, err := os.Lstat(d.Source)
		if errors.Is(err, syscall.ENOTDIR) { // it was in an archive, which is there
			_, err = ingest.Stat(d.Source)
		}
		if errors.Is(err, fs.ErrNotExist) {
			out.gone = append(out.gone, d)
		}
	}
	for _, path := range out.paths { // about to be documents
		drives.here(path)
	}
	out.mounts = drives.used(len(folder.Out) > 0)
	return out, nil
}

// recent is a file that changed a moment ago.
type recent struct {
	age   time.Duration
	known bool
}

// longestWait is how long ago a file may have changed for a check to leave it for later. A clock that is wrong does not count.
const longestWait = time.Minute

// wait leaves out the files that changed within calm: half of a file that is being copied is no document.
func (c *comparison) wait(calm time.Duration) {
	c.paths = slices.DeleteFunc(c.paths, func(path string) bool {
		r, is := c.recent[path]
		if !is || r.age >= calm || calm <= 0 {
			return false
		}
		c.waiting++
		delete(c.settled, path)
		if r.known {
			c.changed--
		} else {
			c.fresh--
		}
		return true
	})
}

// stamp tells one state of a file from another.
func stamp(size int64, modified time.Time) string {
	return fmt.Sprintf("%d %d", size, modified.UnixNano())
}
