package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"sync"

	"kakoi/core"
	"kakoi/index"
)

const (
	mostSources   = 4  // documents whose texts are compared with a new one's
	mostNamesakes = 64 // whose files are looked for: README.md may be there a thousand times
)

// sources knows the documents of all collections, by their contents and by their names. Safe for concurrent use.
type sources struct {
	mu         sync.Mutex
	byContents map[string][]index.Source // by Document.SHA256
	byName     map[string][]place
	read       map[string]StaleDocument // by Document.SHA256, those of whose pages some were read from pictures
}

// place is where a document of the library was read from.
type place struct {
	index.Source
	path string
}

// findSources lists all collections.
func (l *Library) findSources(ctx context.Context) (*sources, error) {
	s := &sources{byContents: map[string][]index.Source{}, byName: map[string][]place{}, read: map[string]StaleDocument{}}
	all, err := l.Store.Collections(ctx)
	if err != nil {
		return nil, fmt.Errorf("list collections: %w", err)
	}
	for _, c := range all {
		documents, err := l.Store.Documents(ctx, c.ID)
		if errors.Is(err, core.ErrCorrupt) {
			continue // a file is read all the same
		}
		if err != nil {
			return nil, fmt.Errorf("list documents of %q: %w", c.Name, err)
		}
		for _, d := range documents {
			s.add(c, d)
		}
	}
	return s, nil
}

// add takes a document in that is whole.
func (s *sources) add(c core.Collection, d core.Document) {
	if s == nil || d.State != core.DocumentReady || d.Chunks == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	from := index.Source{Collection: c.ID, Document: d.ID}
	s.byContents[d.SHA256] = append(s.byContents[d.SHA256], from)
	s.byName[d.Name] = append(s.byName[d.Name], place{from, d.Source})
	if slices.ContainsFunc(d.Findings, func(f core.Finding) bool { return f.What == core.FindingOCR }) {
		s.read[d.SHA256] = StaleDocument{c, d}
	}
}

// readBefore is a document with the contents of doc whose pages were read from pictures: that takes minutes, and is not done again for a file
// that was moved.
func (s *sources) readBefore(doc core.Document) (StaleDocument, bool) {
	if s == nil {
		return StaleDocument{}, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	other, ok := s.read[doc.SHA256]
	return other, ok && doc.SHA256 != ""
}

// of are the documents that have what a file holds, or most of it: those with its very contents, and those of its name whose own files are
// gone. It was moved or copied, and its vectors are in the library already.
func (s *sources) of(f prepared) []index.Source {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []index.Source
	for _, s := range s.byContents[f.doc.SHA256] {
		if s != (index.Source{Collection: f.collection, Document: f.doc.ID}) && len(out) < mostSources {
			out = append(out, s)
		}
	}
	if len(out) > 0 || f.old.ID != "" { // an edited file has its own earlier version
		return out
	}
	for i, p := range s.byName[f.doc.Name] {
		if len(out) == mostSources || i == mostNamesakes {
			break
		}
		if _, err := os.Lstat(p.path); errors.Is(err, fs.ErrNotExist) {
			out = append(out, p.Source)
		}
	}
	return out
}
