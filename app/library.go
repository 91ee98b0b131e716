package app

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"kakoi/app/job"
	"kakoi/app/settings"
	"kakoi/core"
	"kakoi/core/ingest"
	"kakoi/core/rag"
)

// DefaultCollection is where documents go when no collection is named.
const DefaultCollection = "main"

// Library adds, lists, removes and finds documents.
type Library struct {
	Store    Store
	Models   *Models
	Settings *settings.File
	Jobs     *job.Runner
	Log      *job.Log
	Read     ingest.Options
	Bus      *Bus // hears of documents added and removed; nil is allowed

	ProgramPath string // folders that Tesseract is looked for in; "": those of PATH

	forget    []func(source string) int // drop what is kept of a removed document; "" is all
	tesseract tesseract
}

// Collection finds a collection by name. Without a name it is DefaultCollection, or, while that has no documents, the only
// collection that has some.
func (l *Library) Collection(ctx context.Context, name string) (core.Collection, error) {
	all, err := l.Store.Collections(ctx)
	if err != nil {
		return core.Collection{}, fmt.Errorf("list collections: %w", err)
	}
	wanted := name
	if name == "" {
		wanted = DefaultCollection
	}
	var found core.Collection
	var filled []core.Collection
	for _, c := range all {
		if c.Name == wanted {
			found = c
		}
		if name == "" {
			stats, err := l.Store.Stats(ctx, c.ID)
			if err != nil {
				return core.Collection{}, fmt.Errorf("look at collection %q: %w", c.Name, err)
			}
			if stats.Documents > 0 {
				filled = append(filled, c)
			}
		}
	}
	switch {
	case name != "" && found.ID == "":
		return core.Collection{}, core.Explain(fmt.Errorf("collection %q: %w", name, core.ErrNotFound), "error.library.collection", name)
	case name != "" || slices.Contains(filled, found) || len(filled) == 0 && found.ID != "":
		return found, nil
	case len(filled) == 1:
		return filled[0], nil
	case len(filled) == 0:
		return core.Collection{}, core.Explain(fmt.Errorf("library: %w", core.ErrEmpty), "error.library.empty")
	}
	names := make([]string, len(filled))
	for i, c := range filled {
		names[i] = c.Name
	}
	return core.Collection{}, core.Explain(fmt.Errorf("several collections: %w", core.ErrUsage), "error.library.which", strings.Join(names, ", "))
}

// CreateCollection makes an empty collection; one of that name that is there already is as good.
func (l *Library) CreateCollection(ctx context.Context, name string) (core.Collection, error) {
	name = strings.TrimSpace(name)
	if name == "" || len(name) > 200 || strings.ContainsFunc(name, unicode.IsControl) {
		return core.Collection{}, core.Explain(fmt.Errorf("collection %q: %w", name, core.ErrUsage), "error.library.name")
	}
	c, err := l.Store.EnsureCollection(ctx, name)
	if err != nil {
		return c, fmt.Errorf("create collection: %w", err)
	}
	l.Bus.Tell(TopicDocuments)
	return c, nil
}

// List returns a collection's documents by name.
func (l *Library) List(ctx context.Context, collection string) ([]core.Document, error) {
	c, err := l.Collection(ctx, collection)
	if err != nil {
		return nil, err
	}
	docs, err := l.Store.Documents(ctx, c.ID)
	if err != nil {
		return nil, fmt.Errorf("list documents of %q: %w", c.Name, err)
	}
	slices.SortFunc(docs, func(a, b core.Document) int {
		if c := strings.Compare(a.Name, b.Name); c != 0 {
			return c
		}
		return strings.Compare(a.Source, b.Source)
	})
	return docs, nil
}

// Find finds the one document a person means: by id or its beginning (4 digits or more), path, or file name. Names that other systems
// wrote may be in another form of Unicode than what is typed: が as one character or as two.
func (l *Library) Find(ctx context.Context, collection, which string) (core.Collection, core.Document, error) {
	c, err := l.Collection(ctx, collection)
	if err != nil {
		return c, core.Document{}, err
	}
	docs, err := l.Store.Documents(ctx, c.ID)
	if err != nil {
		return c, core.Document{}, fmt.Errorf("list documents of %q: %w", c.Name, err)
	}
	for _, matches := range []func(core.Document) bool{
		func(d core.Document) bool { return d.ID == which || d.Source == which },
		func(d core.Document) bool { return d.Name == filepath.Base(which) && d.Source == filepath.Clean(which) },
		func(d core.Document) bool { return d.Name == which },
		func(d core.Document) bool {
			return norm.NFC.String(d.Source) == norm.NFC.String(which) || norm.NFC.String(d.Name) == norm.NFC.String(which)
		},
		func(d core.Document) bool { return len(which) >= 4 && strings.HasPrefix(d.ID, which) },
	} {
		var found []core.Document
		for _, d := range docs {
			if matches(d) {
				found = append(found, d)
			}
		}
		switch len(found) {
		case 0:
			continue
		case 1:
			return c, found[0], nil
		}
		return c, core.Document{}, core.Explain(fmt.Errorf("document %q: %d match: %w", which, len(found), core.ErrUsage), "error.library.ambiguous", which, len(found))
	}
	return c, core.Document{}, core.Explain(fmt.Errorf("document %q: %w", which, core.ErrNotFound), "error.library.document", which)
}

// Remove erases a document: its text and vectors are gone from the library's files when it returns.
func (l *Library) Remove(ctx context.Context, c core.Collection, doc core.Document) error {
	if err := l.forgetOCR(ctx, c.ID, doc.ID); err != nil { // first: nothing would find it once the document is gone
		return err
	}
	if err := l.Store.Remove(ctx, c.ID, doc.ID); err != nil {
		return fmt.Errorf("remove document %q: %w", doc.ID, err)
	}
	l.forgetPages(doc.Source)
	l.Bus.Tell(TopicDocuments)
	return nil
}

// RemoveAll erases documents of a collection as Remove does, all in one go; it says how many are not there any more, also beside an error.
func (l *Library) RemoveAll(ctx context.Context, c core.Collection, docs []core.Document) (int, error) {
	ids := make([]string, len(docs))
	for i, d := range docs {
		ids[i] = d.ID
	}
	if err := l.forgetOCR(ctx, c.ID, ids...); err != nil { // first: nothing would find it once the documents are gone
		return 0, err
	}
	_, err := l.Store.RemoveAll(ctx, c.ID, ids)
	gone := slices.Clone(docs)
	if err != nil {
		err = fmt.Errorf("remove %d documents: %w", len(docs), err)
		gone = slices.DeleteFunc(gone, func(d core.Document) bool {
			_, left := l.Store.Document(context.WithoutCancel(ctx), c.ID, d.ID)
			return !errors.Is(left, core.ErrNotFound)
		})
	}
	for _, d := range gone {
		l.forgetPages(d.Source)
	}
	l.Bus.Tell(TopicDocuments)
	return len(gone), err
}

// Unlock remembers a password for protected PDFs, in memory, until the program ends; those that are read from now on are tried with it.
func (l *Library) Unlock(password string) {
	if l.Read.Passwords != nil && password != "" {
		l.Read.Passwords.Add(password)
	}
}

// forgetPages drops what is kept of a document, or of all with source "", and says how many pictures there were.
func (l *Library) forgetPages(source string) (n int) {
	for _, forget := range l.forget {
		n += forget(source)
	}
	return n
}

// Search finds passages in a collection by meaning and by words, best first, at most top.
func (l *Library) Search(ctx context.Context, collection, query string, top int) ([]core.Passage, error) {
	return l.SearchAround(ctx, collection, query, top, 0)
}

// SearchAround is Search with so many chunks of the page before and behind each hit.
func (l *Library) SearchAround(ctx context.Context, collection, query string, top, neighbours int) ([]core.Passage, error) {
	if strings.TrimSpace(query) == "" {
		return nil, core.Explain(fmt.Errorf("search: %w", core.ErrUsage), "error.search.empty")
	}
	c, err := l.Collection(ctx, collection)
	if err != nil {
		return nil, err
	}
	defer l.Models.holdEmbedder()()
	embedder, err := l.Models.Embedder(ctx, nil)
	if err != nil {
		return nil, err
	}
	opt := rag.Recommended()
	opt.Neighbours = neighbours
	opt.Passages, opt.Candidates = top, max(opt.Candidates, 2*top)
	asker := rag.Asker{Search: Searcher{Store: l.Store, Collection: c.ID}, Embedder: embedder}
	if asker.Reranker, opt.Rerank, err = l.Models.Reranker(ctx, nil); err != nil {
		return nil, err
	}
	passages, err := asker.Passages(ctx, query, opt)
	if err != nil {
		return nil, fmt.Errorf("search %q: %w", c.Name, err)
	}
	return passages, nil
}

// errorsIsAny tells whether err is one of the sentinels.
func errorsIsAny(err error, sentinels ...error) bool {
	for _, s := range sentinels {
		if errors.Is(err, s) {
			return true
		}
	}
	return false
}
