package index

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"

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
	err := x.store.View(func(r *store.Reader) error {
		return r.Each(string(store.KindRecord)+"/", "", func(key string, payload []byte) error {
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
	total, done := 0, 0
	ids := make([][]string, len(collections))
	for i, c := range collections {
		if ids[i], err = x.headIDs(c.ID); err != nil {
			return fmt.Errorf("export %q: %w", c.Name, err)
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
			if err := x.exportDocument(ctx, docKey{c.ID, id}, to); err != nil {
				return x.named(fmt.Errorf("export document %s of %q: %w", id, c.Name, err), x.nameOf(c.ID, id))
			}
			done++
			progress.Report(core.Update{Stage: "backup", Done: int64(done), Total: int64(total)})
		}
	}
	return nil
}

// portion is how much of a document is read at a time: an erasure elsewhere waits for it.
const portion = 8 << 20

// exportDocument reads a generation bit by bit and looks in the end whether it still is the current one.
func (x *Index) exportDocument(ctx context.Context, k docKey, to Sink) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		headText, h, doc, err := x.headBytes(k)
		if errors.Is(err, core.ErrNotFound) {
			return nil
		}
		if err != nil {
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
		n := 0
		if h.Generation != 0 {
			for _, kind := range store.GenerationKinds {
				if n, err = x.exportKind(ctx, k, h.Generation, kind, n, to); err != nil {
					return err
				}
			}
		}
		now, _, _, err := x.headBytes(k)
		if err != nil && !errors.Is(err, core.ErrNotFound) {
			return err
		}
		whole := bytes.Equal(now, headText)
		if whole && h.Generation != 0 && n == 0 { // a damaged block hides keys
			return &documentError{k.document, "its text is missing"}
		}
		if err := to.EndDocument(doc, whole); err != nil || whole || now == nil {
			return err
		}
	}
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

// exportKind gives the values of one kind of a generation; n counts on.
func (x *Index) exportKind(ctx context.Context, k docKey, generation uint32, kind byte, n int, to Sink) (int, error) {
	prefix := store.GenerationPrefix(kind, k.collection, k.document, generation)
	from := prefix
	for {
		size, more := 0, false
		err := x.store.View(func(r *store.Reader) error {
			return r.Each(prefix, from, func(key string, payload []byte) error {
				if size > portion {
					from, more = key, true
					return errPast
				}
				size += len(payload)
				n++
				return errors.Join(ctx.Err(), to.Put(strings.Clone(key), payload))
			})
		})
		if errors.Is(err, errPast) {
			err = nil
		}
		if err != nil || !more {
			return n, err
		}
	}
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
	s, err := store.Open(dir, opt.Store)
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
