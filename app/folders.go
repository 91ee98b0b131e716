package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"kakoi/core"
)

// Folder is a folder whose documents the library follows.
type Folder struct {
	ID         string    `json:"id"` // core.DocumentID of its path
	Path       string    `json:"path"`
	Collection string    `json:"collection"` // name
	Watch      bool      `json:"watch"`      // looked at without being asked, see Folders.Watch
	Remove     bool      `json:"remove"`     // documents whose files are gone are removed without being asked for
	Linked     time.Time `json:"linked"`
	Checked    time.Time `json:"checked"`           // zero: never
	Problem    string    `json:"problem,omitempty"` // of the last check, as a person reads it
	Hint       string    `json:"hint,omitempty"`
	Gone       int       `json:"gone"` // documents without a file at the last check
	Away       int       `json:"away"` // documents on drives that were not connected then: they are not gone

	// Mounts are the drives at or below Path that checks have found connected, with documents or files that stay out on them.
	Mounts []string `json:"mounts,omitempty"`

	// Tried are files that a check handed to an add and that the library does not have as they are: they failed, or had only a
	// new time. They are not tried again until they change.
	Tried map[string]string `json:"tried,omitempty"`
	// Out are the ids of documents that a person removed: their files stay out until they are added by name. Of what was erased
	// the names are gone too.
	Out map[string]bool `json:"out,omitempty"`
}

// Folders links folders with collections.
type Folders struct {
	Store   Store
	Library *Library
	Bus     *Bus                                // hears of links and checks; nil is allowed
	Explain func(error) (sentence, hint string) // what is remembered of a check that failed
	Mounts  func(dir string) []string           // where drives are connected at or below a folder; nil asks the system
	Settle  time.Duration                       // from a change in a watched folder to the look at it; 0: two seconds

	writing sync.Mutex // records
	one     turn       // of checks, one after the other
}

const folderKind = "folder"

// maxOut bounds the documents that stay out of a folder: its record has to fit.
const maxOut = 25_000

// Link links a folder. Linking it again with the same collection changes Watch and Remove, also of a folder that is not there now.
// Nothing is added yet: see Check.
func (f *Folders) Link(ctx context.Context, folder Folder) (Folder, error) {
	path, err := filepath.Abs(folder.Path)
	if err != nil {
		return Folder{}, fmt.Errorf("link folder %q: %w", folder.Path, err)
	}
	if folder.Collection == "" {
		folder.Collection = DefaultCollection
	}
	f.writing.Lock()
	defer f.writing.Unlock()
	id := core.DocumentID(path)
	now, err := f.get(ctx, id)
	switch {
	case errors.Is(err, core.ErrNotFound):
		info, err := os.Stat(path) // one that is linked may be away
		switch {
		case err != nil:
			return Folder{}, fmt.Errorf("link folder: %w", missing(path, err))
		case !info.IsDir():
			return Folder{}, core.Explain(fmt.Errorf("link %q: %w", path, core.ErrUsage), "error.folder.notfolder", path)
		}
		now = Folder{ID: id, Path: path, Collection: folder.Collection, Linked: time.Now().UTC()}
	case err != nil:
		return Folder{}, err
	case now.Collection != folder.Collection:
		return now, core.Explain(fmt.Errorf("link %q: %w", path, core.ErrUsage), "error.folder.linked", path, now.Collection)
	}
	now.Watch, now.Remove = folder.Watch, folder.Remove
	if err := f.put(ctx, now); err != nil {
		return Folder{}, err
	}
	return now, nil
}

// List gives the linked folders, by path.
func (f *Folders) List(ctx context.Context) ([]Folder, error) {
	values, err := f.Store.Records(ctx, folderKind)
	if err != nil {
		return nil, fmt.Errorf("list folders: %w", err)
	}
	var all []Folder
	for _, value := range values {
		var one Folder
		if err := json.Unmarshal(value, &one); err == nil { // others are of another version
			all = append(all, one)
		}
	}
	slices.SortFunc(all, func(a, b Folder) int { return strings.Compare(a.Path, b.Path) })
	return all, nil
}

// Find finds a linked folder by its path or id: core.ErrNotFound.
func (f *Folders) Find(ctx context.Context, which string) (Folder, error) {
	all, err := f.List(ctx)
	if err != nil {
		return Folder{}, err
	}
	for _, one := range all {
		if one.ID == which || one.Path == filepath.Clean(which) {
			return one, nil
		}
	}
	return Folder{}, core.Explain(fmt.Errorf("folder %q: %w", which, core.ErrNotFound), "error.folder.unknown", which)
}

// Unlink forgets a folder; its documents stay.
func (f *Folders) Unlink(ctx context.Context, id string) error {
	f.writing.Lock()
	defer f.writing.Unlock()
	if _, err := f.get(ctx, id); err != nil {
		return err
	}
	if err := f.Store.EraseRecords(ctx, [2]string{folderKind, id}); err != nil {
		return fmt.Errorf("unlink folder %s: %w", id, err)
	}
	f.Bus.Tell(TopicFolders)
	return nil
}

// UnlinkCollection unlinks the folders of a collection that is going to be removed: a check would make it anew. core.ErrBusy while
// something is added to it, as the removal itself.
func (f *Folders) UnlinkCollection(ctx context.Context, collection string) (int, error) {
	if _, _, err := f.Library.resting(ctx, collection); err != nil {
		return 0, err
	}
	all, err := f.List(ctx)
	if err != nil {
		return 0, err
	}
	n := 0
	for _, one := range all {
		if one.Collection != collection {
			continue
		}
		if err := f.Unlink(ctx, one.ID); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// LeaveOut says that documents are removed by a person: a linked folder that holds their files does not bring them back. It comes
// before the removal, so that no check falls in between.
func (f *Folders) LeaveOut(ctx context.Context, collection string, docs ...core.Document) error {
	all, err := f.List(ctx)
	if err != nil {
		return err
	}
	for _, one := range all {
		var out []string
		for _, d := range docs {
			if one.Collection == collection && strings.HasPrefix(d.Source, one.Path+string(filepath.Separator)) {
				out = append(out, d.ID)
			}
		}
		if len(out) == 0 {
			continue
		}
		if len(one.Out)+len(out) > maxOut {
			return core.Explain(fmt.Errorf("leave %d documents out of %q: %w", len(one.Out)+len(out), one.Path, core.ErrTooLarge), "error.folder.out", one.Path)
		}
		_, err := f.update(ctx, one.ID, func(now *Folder) {
			if now.Out == nil {
				now.Out = map[string]bool{}
			}
			for _, doc := range out {
				now.Out[doc] = true
			}
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (f *Folders) get(ctx context.Context, id string) (Folder, error) {
	value, err := f.Store.Record(ctx, folderKind, id)
	if errors.Is(err, core.ErrNotFound) {
		return Folder{}, core.Explain(fmt.Errorf("folder %s: %w", id, err), "error.folder.unknown", id)
	}
	if err != nil {
		return Folder{}, fmt.Errorf("read folder %s: %w", id, err)
	}
	var one Folder
	if err := json.Unmarshal(value, &one); err != nil {
		return Folder{}, fmt.Errorf("read folder %s: %w: %w", id, core.ErrCorrupt, err)
	}
	return one, nil
}

func (f *Folders) put(ctx context.Context, one Folder) error {
	value, err := json.Marshal(one)
	if err != nil {
		return fmt.Errorf("encode folder %s: %w", one.ID, err)
	}
	if err := f.Store.PutRecord(ctx, folderKind, one.ID, value); err != nil {
		return fmt.Errorf("remember folder %s: %w", one.ID, err)
	}
	f.Bus.Tell(TopicFolders)
	return nil
}

// update changes a folder that is still linked.
func (f *Folders) update(ctx context.Context, id string, change func(*Folder)) (Folder, error) {
	f.writing.Lock()
	defer f.writing.Unlock()
	one, err := f.get(ctx, id)
	if err != nil {
		return one, err
	}
	change(&one)
	return one, f.put(ctx, one)
}

// turn is a lock that is not waited for beyond a ctx.
type turn struct {
	once sync.Once
	free chan struct{}
}

func (t *turn) take(ctx context.Context) (give func(), err error) {
	t.once.Do(func() { t.free = make(chan struct{}, 1) })
	select {
	case t.free <- struct{}{}:
		return func() { <-t.free }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func missing(path string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return core.Explain(err, "error.folder.missing", path)
	}
	return err
}
