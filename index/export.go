package index

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"kakoi/core"
	"kakoi/index/store"
)

// Sink takes what Export gives, in this order: records, then collections, each with its documents. Payloads are valid during the call only.
type Sink interface {
	Put(key string, payload []byte) error
	// EndDocument ends the values of a document. whole is false when it was changed meanwhile: all that came since the end of the one before
	// counts for nothing, and comes again.
	EndDocument(doc core.Document, whole bool) error
}

// Export gives everything that a library is made of and that cannot be made again of the rest: records, collections, documents with
// their texts and vectors, but no vector index, no counter, nothing unfinished. The library stays in use: each document is as it was at one moment
// of the export, and so are all records together. Progress counts documents.
func (x *Index) Export(ctx context.Context, to Sink, progress core.Progress) error {
	return x.ExportOf(ctx, Selection{Stage: "backup"}, to, progress)
}

// Selection says what of a library is exported. The zero value is everything but vector indexes.
type Selection struct {
	Collections map[string]bool            // by id; nil: all
	Record      func(kind, id string) bool // nil: all
	Ready       bool                       // only documents that can be searched
	Graphs      bool                       // vector indexes, too: the Sink is a GraphSink
	Stage       string                     // of the progress
}

// GraphSink is a Sink that takes vector indexes, each behind the documents of its collection.
type GraphSink interface {
	Sink
	// EndGraph ends the values of a vector index. Where whole is false it was changed meanwhile: all that came since the end before counts for nothing, and does not
	// come again.
	EndGraph(whole bool) error
}

// ExportOf is Export of a part, with vector indexes where they are asked for.
func (x *Index) ExportOf(ctx context.Context, what Selection, to Sink, progress core.Progress) error {
	// A damaged block hides keys without an error: what is not seen would be missing in what may be the only copy.
	if err := x.store.Sound(ctx); err != nil {
		if errors.Is(err, core.ErrCorrupt) {
			err = core.Explain(err, "error.store.copy")
		}
		return fmt.Errorf("export library: %w", err)
	}
	err := x.store.View(func(r *store.Reader) error {
		return r.Each(string(store.KindRecord)+"/", "", func(key string, payload []byte) error {
			if what.Record != nil {
				if k, err := store.ParseKey(key); err != nil || !what.Record(k.Collection, k.Document) {
					return err
				}
			}
			return errors.Join(ctx.Err(), to.Put(key, payload))
		})
	})
	if err != nil {
		return fmt.Errorf("export records: %w", err)
	}
	collections, err := x.Collections(ctx)
	if err != nil {
		return err
	}
	if what.Collections != nil {
		collections = slices.DeleteFunc(collections, func(c core.Collection) bool { return !what.Collections[c.ID] })
	}
	total, done := 0, 0
	ids := make([][]string, len(collections))
	for i, c := range collections {
		x.writing.Lock() // heads and counters of one moment
		if ids[i], err = x.headIDs(c.ID); err == nil {
			_, _, err = x.heads(ctx, c.ID)
		}
		x.writing.Unlock()
		if err != nil {
			if _, gone := x.store.Get(store.Key{Kind: store.KindCollection, Collection: c.ID}.String()); errors.Is(gone, core.ErrNotFound) {
				ids[i] = nil // removed meanwhile
				continue
			}
			return x.named(fmt.Errorf("export %q: %w", c.Name, err), c.Name)
		}
		total += len(ids[i])
	}
	for i, c := range collections {
		key := store.Key{Kind: store.KindCollection, Collection: c.ID}.String()
		payload, err := x.store.Get(key)
		if errors.Is(err, core.ErrNotFound) { // removed meanwhile
			continue
		}
		if err == nil {
			err = to.Put(key, payload)
		}
		if err != nil {
			return fmt.Errorf("export %q: %w", c.Name, err)
		}
		for _, id := range ids[i] {
			if err := x.exportDocument(ctx, docKey{c.ID, id}, what.Ready, to); err != nil {
				return x.named(fmt.Errorf("export document %s of %q: %w", id, c.Name, err), x.nameOf(c.ID, id))
			}
			done++
			progress.Report(core.Update{Stage: what.Stage, Done: int64(done), Total: int64(total)})
		}
		if what.Graphs {
			if err := x.exportGraphs(ctx, c.ID, to.(GraphSink)); err != nil {
				return fmt.Errorf("export vector index of %q: %w", c.Name, err)
			}
		}
	}
	return nil
}

// portion is how much of a document is read at a time: an erasure elsewhere waits for it.
const portion = 8 << 20

// exportDocument reads a generation bit by bit and looks in the end whether it still is the current one.
func (x *Index) exportDocument(ctx context.Context, k docKey, ready bool, to Sink) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		headText, h, doc, err := x.headBytes(k)
		if errors.Is(err, core.ErrNotFound) {
			return nil
		}
		if err != nil || ready && h.Generation == 0 {
			return err
		}
		if err := to.Put(headKey(k.collection, k.document), headText); err != nil {
			return err
		}
		name, err := x.store.Get(nameKey(k.collection, k.document))
		if err == nil {
			err = to.Put(nameKey(k.collection, k.document), name)
		}
		if err != nil && !errors.Is(err, core.ErrNotFound) { // an earlier Kakoi wrote none
			return err
		}
		about, err := x.aboutBytes(k, h.Generation)
		if err != nil {
			return err
		}
		if h.Generation != 0 {
			for _, kind := range store.GenerationKinds {
				if err := x.exportKind(ctx, k, h.Generation, kind, to); err != nil {
					return err
				}
			}
		}
		damage, err := x.lookThrough(ctx, k, h)
		if err != nil {
			return err
		}
		now, _, _, err := x.headBytes(k)
		if err != nil && !errors.Is(err, core.ErrNotFound) {
			return err
		}
		aboutNow, err := x.aboutBytes(k, h.Generation) // segments are made anew under the same head
		if err != nil {
			return err
		}
		whole := bytes.Equal(now, headText) && bytes.Equal(about, aboutNow)
		if whole && len(damage) > 0 {
			return &documentError{k.document, errors.Join(damage...).Error()}
		}
		if err := to.EndDocument(doc, whole); err != nil || whole || now == nil {
			return err
		}
	}
}

// aboutBytes is the description of a generation as it is stored, nil where there is none.
func (x *Index) aboutBytes(k docKey, generation uint32) (text []byte, err error) {
	if generation == 0 {
		return nil, nil
	}
	err = x.store.View(func(r *store.Reader) error {
		text, err = r.GetLong(store.Key{Kind: store.KindInfo, Collection: k.collection, Document: k.document, Generation: generation})
		return err
	})
	if errors.Is(err, core.ErrNotFound) {
		err = nil
	}
	return text, err
}

// lookThrough says what a generation lacks: a damaged block hides keys without an error, and a backup of that would be a promise that nobody keeps.
func (x *Index) lookThrough(ctx context.Context, k docKey, h head) ([]error, error) {
	if h.Generation == 0 {
		return nil, nil
	}
	s := &seen{have: map[int]bool{}}
	v := &verifier{generations: map[generationKey]*seen{{k, h.Generation}: s}}
	for _, kind := range store.GenerationKinds {
		if err := x.walk(ctx, kind, v); err != nil {
			return nil, err
		}
	}
	return s.damage(true, h), nil
}

func (x *Index) headBytes(k docKey) (text []byte, h head, doc core.Document, err error) {
	text, err = x.store.Get(headKey(k.collection, k.document))
	if err != nil {
		return nil, h, doc, err
	}
	if h, err = decodeHead(text); err == nil && h.Gone {
		err = core.ErrNotFound
	}
	if err == nil {
		doc, err = h.document()
	}
	if err != nil {
		text = nil
	}
	return text, h, doc, err
}

// exportKind gives the values of one kind of a generation.
func (x *Index) exportKind(ctx context.Context, k docKey, generation uint32, kind byte, to Sink) error {
	return x.exportPrefix(ctx, store.GenerationPrefix(kind, k.collection, k.document, generation), to)
}

// OpenBytes is the room, in bytes, that a library needs beside what it holds.
const OpenBytes = store.DefaultReserve

// Importer fills a new library with what Export gave.
type Importer struct {
	store   *store.Store
	pending []pair
	size    int
}

type pair struct {
	key     string
	payload []byte
}

// NewImporter makes a library in a missing or empty folder; Close ends it.
func NewImporter(dir string, opt Options) (*Importer, error) {
	s, err := store.Open(dir, opt.store())
	if err != nil {
		return nil, err
	}
	return &Importer{store: s}, nil
}

// Put stores one value. core.ErrCorrupt for a key that Export does not give.
func (m *Importer) Put(key string, payload []byte) error {
	if err := CheckExported(key); err != nil {
		return err
	}
	m.pending = append(m.pending, pair{key, bytes.Clone(payload)})
	if m.size += len(key) + len(payload); m.size > portion {
		return m.flush()
	}
	return nil
}

// CheckExported says whether Export gives such keys: core.ErrCorrupt otherwise.
func CheckExported(key string) error {
	k, err := store.ParseKey(key)
	if err != nil {
		return err
	}
	switch k.Kind {
	case store.KindCollection, store.KindHead, store.KindName, store.KindInfo, store.KindPage, store.KindChunk, store.KindVector, store.KindLexical, store.KindRecord:
		return nil
	}
	return fmt.Errorf("key %q in a backup: %w", key, core.ErrCorrupt)
}

func (m *Importer) flush() error {
	err := m.store.Bulk(func(w *store.Writer) error {
		for _, p := range m.pending {
			if err := w.Put(p.key, p.payload); err != nil {
				return err
			}
		}
		return nil
	})
	m.pending, m.size = m.pending[:0], 0
	return err
}

// Close writes the counters, closes the library and makes its files outlast a power loss. Where well is false it only closes.
func (m *Importer) Close(ctx context.Context, well bool) error {
	if !well {
		return m.store.Close()
	}
	x := &Index{store: m.store, lives: map[string]*live{}, work: map[docKey]map[uint32]byte{}, drafts: map[docKey]*Draft{}}
	err := m.flush()
	if err == nil {
		var all []core.Collection
		all, err = x.Collections(ctx)
		for _, c := range all {
			if err == nil {
				_, err = x.recount(ctx, c.ID)
			}
		}
	}
	if err = errors.Join(err, m.store.Close()); err == nil {
		err = store.SyncFolder(m.store.Dir())
	}
	if err != nil {
		return fmt.Errorf("import library: %w", err)
	}
	return nil
}
