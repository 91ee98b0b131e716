package index

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"kakoi/core"
	"kakoi/index/store"
)

// Remains counts what the library still holds of a document, or of a whole collection: keys of the store with all their earlier
// versions, and entries of the search indexes in memory. All zero is nothing.
type Remains struct {
	Document int `json:"document"` // its head: name, path, state
	Texts    int `json:"texts"`    // pages, and what describes them
	Chunks   int `json:"chunks"`
	Vectors  int `json:"vectors"`
	Words    int `json:"words"`  // of the lexical search
	Memory   int `json:"memory"` // entries of loaded indexes and drafts
}

// Total is the sum of everything.
func (r Remains) Total() int {
	return r.Document + r.Texts + r.Chunks + r.Vectors + r.Words + r.Memory
}

// Plus adds two counts.
func (r Remains) Plus(o Remains) Remains {
	return Remains{r.Document + o.Document, r.Texts + o.Texts, r.Chunks + o.Chunks, r.Vectors + o.Vectors, r.Words + o.Words, r.Memory + o.Memory}
}

// Remains looks for what is left of a document after Remove, or, with document "", of a collection (by id) after RemoveCollection.
func (x *Index) Remains(ctx context.Context, collection, document string) (Remains, error) {
	var out Remains
	for _, part := range []struct {
		kind byte
		n    *int
	}{
		{store.KindHead, &out.Document}, {store.KindName, &out.Document}, {store.KindInfo, &out.Texts}, {store.KindPage, &out.Texts},
		{store.KindChunk, &out.Chunks}, {store.KindVector, &out.Vectors}, {store.KindLexical, &out.Words},
	} {
		if err := ctx.Err(); err != nil {
			return out, err
		}
		prefix := store.CollectionPrefix(part.kind, collection)
		if document != "" {
			prefix = store.DocumentPrefix(part.kind, collection, document)
		}
		n, err := x.store.Left(prefix)
		if err != nil {
			return out, fmt.Errorf("look for what is left of %s %s: %w", collection, document, err)
		}
		*part.n += n
	}
	out.Memory = x.inMemory(collection, document)
	return out, nil
}

func (x *Index) inMemory(collection, document string) (n int) {
	mine := func(id string) bool { return document == "" || id == document }
	x.writing.Lock()
	for k := range x.drafts {
		if k.collection == collection && mine(k.document) {
			n++
		}
	}
	x.writing.Unlock()
	x.liveMu.Lock()
	l := x.lives[collection]
	x.liveMu.Unlock()
	if l == nil {
		return n
	}
	l.mu.RLock()
	defer l.mu.RUnlock()
	for _, d := range l.dense.docs {
		if mine(d.id) {
			n++
		}
	}
	for _, g := range l.graphs {
		for _, d := range g.byNumber {
			if mine(d.id) {
				n++
			}
		}
	}
	for _, d := range l.lexical.docs {
		if mine(d.id) {
			n++
		}
	}
	for id := range l.signs {
		if mine(id) {
			n++
		}
	}
	return n
}

// RemoveCollection erases a collection with all its documents: when it returns, no file of the library holds any of their text
// or vectors. core.ErrNotFound. A crash in between leaves fewer documents, or an empty collection; the next call goes on.
func (x *Index) RemoveCollection(ctx context.Context, coll string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	x.writing.Lock()
	defer x.writing.Unlock()
	coll, err := x.collection(coll)
	if err != nil {
		return err
	}
	ids, err := x.headIDs(coll)
	if err != nil {
		return fmt.Errorf("remove collection %s: %w", coll, err)
	}
	if err := x.hideAll(coll, ids); err != nil {
		return fmt.Errorf("remove collection %s: %w", coll, err)
	}
	l := x.live(coll)
	l.mu.Lock()
	l.dense, l.lexical, l.signs = side[*denseDoc]{}, side[*lexicalDoc]{}, nil
	l.graphDrop()
	l.mu.Unlock()
	for k, d := range x.drafts {
		if k.collection == coll {
			d.end = fmt.Errorf("collection was removed: %w", core.ErrNotFound)
			delete(x.drafts, k)
		}
	}
	prefixes := []string{store.CollectionPrefix(store.KindHead, coll), store.CollectionPrefix(store.KindName, coll), store.CollectionPrefix(store.KindGraph, coll), store.CollectionPrefix(store.KindCode, coll)}
	for _, kind := range store.GenerationKinds {
		prefixes = append(prefixes, store.CollectionPrefix(kind, coll))
	}
	if err := x.store.Erase(prefixes...); err != nil {
		return fmt.Errorf("erase collection %s: %w", coll, err)
	}
	err = x.store.Bulk(func(w *store.Writer) error {
		for k, generations := range x.work {
			if k.collection != coll {
				continue
			}
			for generation := range generations {
				if err := w.Delete(workKey(k, generation)); err != nil {
					return err
				}
			}
		}
		return errors.Join(w.Delete(store.Key{Kind: store.KindCollection, Collection: coll}.String()), w.Delete(statsKey(coll)))
	})
	if err != nil {
		return fmt.Errorf("remove collection %s: %w", coll, err)
	}
	for k := range x.work {
		if k.collection == coll {
			delete(x.work, k)
		}
	}
	x.liveMu.Lock()
	delete(x.lives, coll)
	x.liveMu.Unlock()
	return nil
}

// headIDs lists all documents of a collection, those with damaged heads and interrupted removals included.
func (x *Index) headIDs(collection string) ([]string, error) {
	var ids []string
	err := x.store.View(func(r *store.Reader) error {
		return r.Keys(store.CollectionPrefix(store.KindHead, collection), func(key string) error {
			k, err := store.ParseKey(key)
			ids = append(ids, k.Document)
			return err
		})
	})
	for k := range x.work { // a draft whose head was not written
		if k.collection == collection {
			ids = append(ids, k.document)
		}
	}
	slices.SortFunc(ids, strings.Compare)
	return slices.Compact(ids), err
}

// hideAll marks all documents of a collection for erasure, a portion in each transaction, so that lists, searches and counters
// agree whenever a crash comes.
func (x *Index) hideAll(collection string, ids []string) error {
	const portion = 2000
	for len(ids) > 0 {
		some := ids[:min(portion, len(ids))]
		ids = ids[len(some):]
		stats, err := x.stats(collection)
		if err != nil {
			return err
		}
		before := make([]stored, len(some))
		for i, id := range some {
			if before[i], err = x.stored(collection, id); err != nil && !errors.Is(err, core.ErrCorrupt) {
				return err
			}
			if before[i].known {
				stats.count(before[i].head, before[i].doc, -1)
			}
		}
		err = x.store.Write(func(w *store.Writer) error {
			for _, id := range some {
				gone, err := head{Gone: true}.encode(core.Document{ID: id})
				if err == nil {
					err = errors.Join(w.Put(workKey(docKey{collection, id}, 0), []byte{workErase}), w.Put(headKey(collection, id), gone))
				}
				if err != nil {
					return err
				}
			}
			return putStats(w, collection, stats)
		})
		if err != nil {
			return err
		}
		for _, id := range some {
			x.setWork(docKey{collection, id}, 0, workErase)
		}
	}
	return nil
}
