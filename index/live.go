package index

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"kakoi/core"
	"kakoi/index/store"
)

// live is what searches of one collection read. Both sides are empty until their first search.
type live struct {
	mu      sync.RWMutex
	dense   side[*denseDoc]
	graphed bool              // graphs is what it should be
	graphs  map[string]*graph // by embedder: those too large to look at every vector. What is not in them is in dense
	lexical side[*lexicalDoc]
	signs   map[string]signed // of documents, by id; filled by Signs
}

// side is one kind of index over the ready documents of a collection, in the order of their ids.
type side[D entry] struct {
	loaded bool
	docs   []D
}

type entry interface{ key() string }

func (d *denseDoc) key() string   { return d.id }
func (d *lexicalDoc) key() string { return d.id }

// denseDoc is the vectors of one document. [chunks, dimension] float32, row after row.
type denseDoc struct {
	id        string
	gen       uint32
	embedder  string
	dimension int
	chunks    int
	vectors   []float32
}

type lexicalDoc struct {
	id       string
	gen      uint32
	chunks   int
	length   float64 // terms of all chunks
	segments []segment
	script   scripts
}

func (x *Index) live(collection string) *live {
	x.liveMu.Lock()
	defer x.liveMu.Unlock()
	l := x.lives[collection]
	if l == nil {
		l = &live{}
		x.lives[collection] = l
	}
	return l
}

// set puts a document into the order, or takes it out.
func (s *side[D]) set(id string, d D, there bool) {
	if !s.loaded {
		return
	}
	at, had := slices.BinarySearchFunc(s.docs, id, func(d D, id string) int { return strings.Compare(d.key(), id) })
	switch {
	case there && had:
		s.docs[at] = d
	case there:
		s.docs = slices.Insert(s.docs, at, d)
	case had:
		s.docs = slices.Delete(s.docs, at, at+1)
	}
}

// refresh brings what is loaded up to date with a document's head; Generation 0: the document is gone. The caller
// holds x.writing and has not yet erased anything.
func (x *Index) refresh(k docKey, h head) error {
	l := x.live(k.collection)
	l.mu.RLock()
	dense, lexical := l.dense.loaded, l.lexical.loaded
	into := l.graphs[h.Embedder]
	l.mu.RUnlock()
	var dd *denseDoc
	var gd *graphDoc
	var ld *lexicalDoc
	if h.Generation != 0 && (dense || lexical || into != nil) {
		err := x.store.View(func(r *store.Reader) error {
			prefix := func(kind byte) string {
				return store.GenerationPrefix(kind, k.collection, k.document, h.Generation)
			}
			if dense && into == nil {
				a := denseLoader{heads: map[string]head{k.document: h}}
				if err := errors.Join(r.EachLong(prefix(store.KindVector), "", a.add), a.finish()); err != nil {
					return err
				}
				dd = a.docs[k.document]
			}
			if lexical {
				a := lexicalLoader{heads: map[string]head{k.document: h}}
				if err := errors.Join(r.EachLong(prefix(store.KindLexical), "", a.add), a.finish()); err != nil {
					return err
				}
				ld = a.docs[k.document]
			}
			return nil
		})
		if err == nil && ld != nil && ld.old() {
			ld, err = x.reform(context.Background(), k, h.Generation)
		}
		if err == nil && into != nil {
			gd, err = x.graphAdd(context.Background(), l, into, k, h)
		}
		if err != nil {
			// Better no index than a wrong one: the next search loads, and names what is damaged.
			l.mu.Lock()
			l.dense, l.lexical = side[*denseDoc]{}, side[*lexicalDoc]{}
			l.graphDrop()
			l.mu.Unlock()
			return err
		}
	}
	if gd == nil {
		into = nil
	}
	l.mu.Lock()
	l.dense.set(k.document, dd, dd != nil)
	l.lexical.set(k.document, ld, ld != nil)
	l.graphSet(k.document, into, gd)
	delete(l.signs, k.document)
	l.mu.Unlock()
	for _, g := range l.graphs {
		x.graphCare(context.Background(), g)
	}
	return nil
}

// ready makes sure that the wanted sides are loaded.
func (x *Index) ready(ctx context.Context, collection string, dense, lexical bool) (*live, error) {
	l := x.live(collection)
	l.mu.RLock()
	fine := (!dense || l.dense.loaded) && (!lexical || l.lexical.loaded)
	l.mu.RUnlock()
	if fine {
		return l, nil
	}
	x.writing.Lock() // no Commit between reading the store and publishing
	defer x.writing.Unlock()
	l.mu.RLock()
	dense, lexical = dense && !l.dense.loaded, lexical && !l.lexical.loaded
	l.mu.RUnlock()
	var dd []*denseDoc
	var ld []*lexicalDoc
	if dense || lexical {
		heads, order, err := x.heads(ctx, collection)
		if err != nil {
			return nil, err
		}
		if dense {
			if err := x.openGraphs(ctx, l, collection, heads, order); err != nil {
				return nil, err
			}
			rest := slices.DeleteFunc(slices.Clone(order), func(id string) bool {
				g := l.graphs[heads[id].Embedder]
				return g != nil && g.docs[id] != nil
			})
			if dd, err = x.loadDense(ctx, collection, heads, rest); err != nil {
				return nil, err
			}
		}
		if lexical {
			if ld, err = x.loadLexical(ctx, collection, heads, order); err != nil {
				return nil, err
			}
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if dense {
		l.dense = side[*denseDoc]{loaded: true, docs: dd}
	}
	if lexical {
		l.lexical = side[*lexicalDoc]{loaded: true, docs: ld}
	}
	return l, nil
}

// heads reads the heads of all documents that have a current version, and their ids in order.
func (x *Index) heads(ctx context.Context, collection string) (map[string]head, []string, error) {
	heads := map[string]head{}
	var order []string
	n := 0
	err := x.store.View(func(r *store.Reader) error {
		return r.Each(store.CollectionPrefix(store.KindHead, collection), "", func(key string, payload []byte) error {
			k, err := store.ParseKey(key)
			if err != nil {
				return err
			}
			h, err := decodeHead(payload)
			if err != nil {
				return fmt.Errorf("%q: %w", key, err)
			}
			if h.Gone {
				return nil
			}
			n++
			if h.Generation != 0 {
				h.json = nil
				heads[k.Document] = h
				order = append(order, k.Document)
			}
			return ctx.Err()
		})
	})
	if err != nil {
		return nil, nil, x.named(fmt.Errorf("read heads: %w", err), collection)
	}
	s, err := x.stats(collection)
	if err == nil && s.Documents != n { // a damaged block hides keys without an error
		err = fmt.Errorf("%d of %d heads: %w", n, s.Documents, core.ErrCorrupt)
	}
	if err != nil {
		return nil, nil, x.named(err, collection)
	}
	slices.Sort(order)
	return heads, order, nil
}

// errPast ends a scan that has left its range.
var errPast = errors.New("past the range")

// scan reads all values of a kind in a collection, in ranges of documents side by side. start makes the receiver of a range.
func (x *Index) scan(ctx context.Context, collection string, kind byte, order []string, start func(worker int, ids []string) func(store.Key, []byte) error) error {
	ranges := split(len(order))
	failed := make([]error, len(ranges))
	err := parallel(ctx, ranges, func(w, from, to int) {
		if from == to {
			return
		}
		add := start(w, order[from:to])
		failed[w] = x.store.View(func(r *store.Reader) error {
			prefix := store.CollectionPrefix(kind, collection)
			err := r.EachLong(prefix, store.DocumentPrefix(kind, collection, order[from]), func(k store.Key, payload []byte) error {
				if to < len(order) && strings.Compare(k.Document, order[to]) >= 0 {
					return errPast
				}
				if err := add(k, payload); err != nil {
					return err
				}
				return ctx.Err()
			})
			if errors.Is(err, errPast) {
				return nil
			}
			return err
		})
	})
	return errors.Join(err, errors.Join(failed...))
}

// damaged names the document of an error by what its key or loader says.
func (x *Index) damaged(collection string, err error) error {
	if !errors.Is(err, core.ErrCorrupt) {
		return err
	}
	name := collection
	var value *store.DamagedError
	var doc *documentError
	id := ""
	if errors.As(err, &value) {
		if k, parse := store.ParseKey(value.Key); parse == nil {
			id = k.Document
		}
	} else if errors.As(err, &doc) {
		id = doc.id
	}
	if id != "" {
		name = x.nameOf(collection, id)
	}
	return x.named(err, name)
}

// nameOf is the document's name, or its id when the head is damaged too.
func (x *Index) nameOf(collection, id string) string {
	s, err := x.stored(collection, id)
	if err != nil || !s.known {
		return id
	}
	return s.doc.Name
}

// documentError says which document's data are wrong.
type documentError struct {
	id     string
	reason string
}

func (e *documentError) Error() string { return fmt.Sprintf("document %s: %s", e.id, e.reason) }
func (e *documentError) Unwrap() error { return core.ErrCorrupt }

// lexicalLoader gathers segments per document.
type lexicalLoader struct {
	heads map[string]head
	docs  map[string]*lexicalDoc
}

func (a *lexicalLoader) add(k store.Key, payload []byte) error {
	h := a.heads[k.Document]
	if h.Generation != k.Generation || h.Generation == 0 {
		return nil // a draft, or on its way out
	}
	s, err := decodeSegment(payload) // which keeps it: a long value belongs to its receiver
	if err != nil {
		return fmt.Errorf("%s: %w", k.String(), err)
	}
	if a.docs == nil {
		a.docs = map[string]*lexicalDoc{}
	}
	d := a.docs[k.Document]
	if d == nil {
		d = &lexicalDoc{id: k.Document, gen: k.Generation}
		a.docs[k.Document] = d
	}
	if s.first != d.chunks {
		return &documentError{k.Document, fmt.Sprintf("lexical segment starts at chunk %d, not %d", s.first, d.chunks)}
	}
	d.segments = append(d.segments, s)
	d.chunks += len(s.lengths)
	for _, l := range s.lengths {
		d.length += float64(l)
	}
	return nil
}

func (a *lexicalLoader) finish() error {
	for id, h := range a.heads {
		have := 0
		if d := a.docs[id]; d != nil {
			have = d.chunks
		}
		if have != h.Chunks {
			return &documentError{id, fmt.Sprintf("%d of %d chunks in lexical segments", have, h.Chunks)}
		}
	}
	return nil
}

func (x *Index) loadLexical(ctx context.Context, collection string, heads map[string]head, order []string) ([]*lexicalDoc, error) {
	loaders := make([]*lexicalLoader, len(split(len(order))))
	err := x.scan(ctx, collection, store.KindLexical, order, func(w int, ids []string) func(store.Key, []byte) error {
		loaders[w] = &lexicalLoader{heads: pick(heads, ids)}
		return loaders[w].add
	})
	docs := make([]*lexicalDoc, 0, len(order))
	for _, a := range loaders {
		if a == nil || err != nil {
			continue
		}
		err = a.finish()
		docs = slices.AppendSeq(docs, maps.Values(a.docs))
	}
	if err != nil {
		return nil, x.damaged(collection, fmt.Errorf("load lexical index: %w", err))
	}
	for i, d := range docs {
		if !d.old() {
			continue
		}
		if docs[i], err = x.reform(ctx, docKey{collection, d.id}, d.gen); err != nil {
			return nil, x.damaged(collection, fmt.Errorf("make lexical index anew: %w", err))
		}
	}
	slices.SortFunc(docs, func(a, b *lexicalDoc) int { return strings.Compare(a.id, b.id) })
	return docs, nil
}

// old says whether a segment is of another form than today's.
func (d *lexicalDoc) old() bool {
	return slices.ContainsFunc(d.segments, func(s segment) bool { return s.old })
}

func pick(heads map[string]head, ids []string) map[string]head {
	out := make(map[string]head, len(ids))
	for _, id := range ids {
		out[id] = heads[id]
	}
	return out
}
