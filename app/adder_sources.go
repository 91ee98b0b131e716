package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"kakoi/core"
	"kakoi/index"
)

const (
	mostSources   = 4  // documents whose texts are compared with a new one's
	mostNamesakes = 64 // whose files are looked for: README.md may be there a thousand times
)

// sources knows the documents of all collections, by their contents and by their names.
type sources struct {
	byContents map[string][]index.Source // by Document.SHA256
	byName     map[string][]place
}

// place is where a document of the library was read from.
type place struct {
	index.Source
	path string
}

// sourcesOf are the documents that have what a file holds, or most of it: those with its very contents, and those of its name whose own
// files are gone. It was moved or copied, and its vectors are in the library already.
func (a *adder) sourcesOf(ctx context.Context, f prepared) ([]index.Source, error) {
	if a.known == nil {
		a.known = &sources{byContents: map[string][]index.Source{}, byName: map[string][]place{}}
		all, err := a.Store.Collections(ctx)
		if err != nil {
			return nil, fmt.Errorf("list collections: %w", err)
		}
		for _, c := range all {
			documents, err := a.Store.Documents(ctx, c.ID)
			if errors.Is(err, core.ErrCorrupt) {
				continue // this one comes out of its file all the same
			}
			if err != nil {
				return nil, fmt.Errorf("list documents of %q: %w", c.Name, err)
			}
			for _, d := range documents {
				a.known.add(c.ID, d)
			}
		}
	}
	var out []index.Source
	for _, s := range a.known.byContents[f.doc.SHA256] {
		if s != (index.Source{Collection: f.collection, Document: f.doc.ID}) && len(out) < mostSources {
			out = append(out, s)
		}
	}
	if len(out) > 0 || f.old.ID != "" { // an edited file has its own earlier version
		return out, nil
	}
	for i, p := range a.known.byName[f.doc.Name] {
		if len(out) == mostSources || i == mostNamesakes {
			break
		}
		if _, err := os.Lstat(p.path); errors.Is(err, fs.ErrNotExist) {
			out = append(out, p.Source)
		}
	}
	return out, nil
}

// add takes a document in that is whole.
func (s *sources) add(collection string, d core.Document) {
	if s == nil || d.State != core.DocumentReady || d.Chunks == 0 {
		return
	}
	from := index.Source{Collection: collection, Document: d.ID}
	s.byContents[d.SHA256] = append(s.byContents[d.SHA256], from)
	s.byName[d.Name] = append(s.byName[d.Name], place{from, d.Source})
}
