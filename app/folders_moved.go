package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"

	"kakoi/core"
	"kakoi/core/ingest"
)

// moved splits documents whose files are gone: those that came into the library under another name or in another place since the folder was last
// checked, and the rest. The former are not lost to anybody: all of their text is there, at the file's new place.
func (f *Folders) moved(ctx context.Context, folder Folder, gone []core.Document) (away, rest []core.Document, err error) {
	if len(gone) == 0 {
		return nil, gone, nil
	}
	wanted := map[string]bool{} // by SHA256
	for _, d := range gone {
		wanted[d.SHA256] = true
	}
	since := folder.Checked
	if since.IsZero() {
		since = folder.Linked
	}
	arrived := map[string]core.DocumentState{}
	all, err := f.Store.Collections(ctx)
	if err != nil {
		return nil, gone, fmt.Errorf("list collections: %w", err)
	}
	for _, c := range all {
		documents, err := f.Store.Documents(ctx, c.ID)
		if errors.Is(err, core.ErrCorrupt) {
			continue
		}
		if err != nil {
			return nil, gone, fmt.Errorf("list documents of %q: %w", c.Name, err)
		}
		for _, d := range documents {
			if !wanted[d.SHA256] || !d.Added.After(since) || arrived[d.SHA256] == core.DocumentReady {
				continue
			}
			if _, err := ingest.Stat(d.Source); err == nil {
				arrived[d.SHA256] = d.State
			}
		}
	}
	for _, d := range gone {
		if state := arrived[d.SHA256]; d.SHA256 != "" && (state == core.DocumentReady || state == core.DocumentFailed && d.State == state) {
			away = append(away, d)
		} else {
			rest = append(rest, d)
		}
	}
	return away, rest, nil
}

// elsewhere adds files of other linked folders that may be what is gone from this one, by their kind and size. Were it removed first, it would
// have to be embedded anew there.
func (f *Folders) elsewhere(ctx context.Context, folder Folder, gone []core.Document, opt CheckOptions) error {
	type shape struct {
		kind string
		size int64
	}
	wanted := map[shape]bool{}
	for _, d := range gone {
		if d.State == core.DocumentReady {
			wanted[shape{d.Kind, d.Size}] = true
		}
	}
	if len(wanted) == 0 {
		return nil
	}
	all, err := f.List(ctx)
	if err != nil {
		return err
	}
	for _, other := range all {
		if other.ID == folder.ID {
			continue
		}
		if _, err := os.Stat(other.Path); err != nil {
			continue // it is away
		}
		found, err := f.compare(ctx, other)
		if err := ctx.Err(); err != nil {
			return err
		}
		if err != nil { // told when that folder is checked
			slog.Warn("look for moved files", "path", other.Path, "error", err)
			continue
		}
		found.wait(opt.calm)
		paths := slices.DeleteFunc(found.paths, func(path string) bool {
			return !wanted[shape{ingest.Kind(path), found.sizes[path]}]
		})
		if len(paths) == 0 {
			continue
		}
		if _, err := f.Library.Add(ctx, AddPlan{Collection: other.Collection, Paths: paths}, opt.AddOptions); err != nil {
			return fmt.Errorf("follow moved files to %q: %w", other.Path, err)
		}
	}
	return nil
}
