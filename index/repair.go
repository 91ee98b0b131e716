package index

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"kakoi/core"
	"kakoi/core/vault"
	"kakoi/index/hnsw"
	"kakoi/index/store"
)

// Damage is what is wrong with the files of a library; Hole is one place of it.
type (
	Damage   = store.Damage
	Hole     = store.Hole
	Salvaged = store.Salvaged
)

// Inspect reads every byte of a library that is not open and changes nothing, see store.Inspect.
func Inspect(ctx context.Context, dir string, opt Options, p core.Progress) (Damage, error) {
	return store.Inspect(ctx, dir, opt.store(), p)
}

// Salvage makes a new library of all that can be read of a damaged one, see store.Salvage. Mend belongs behind it.
func Salvage(ctx context.Context, dir, into string, opt Options, p core.Progress) (Salvaged, error) {
	return store.Salvage(ctx, dir, into, opt.store(), p)
}

// Rekey copies a library that is not open into another folder under another key (nil: from or to plain), see store.Rekey.
func Rekey(ctx context.Context, dir, into string, from, to *vault.Key, p core.Progress) error {
	return store.Rekey(ctx, dir, into, store.Options{Key: from}, store.Options{Key: to}, p)
}

// Harmed is a document whose stored data are not whole.
type Harmed struct {
	Collection core.Collection
	Document   core.Document
	Pages      int // of it that can be read
	Lost       int // that cannot
}

// Mended is what Mend did.
type Mended struct {
	Problems    []Problem // as they were before
	Adopted     []Harmed  // documents whose entry was lost and is written again from what their texts say
	Harmed      []Harmed  // documents that are to be read again, the adopted ones that are not whole included
	Collections []string  // names that were made up, since the right ones are lost
	Records     []string  // "kind id" that could not be read and were taken out
	Nameless    int       // documents of which not even the name is left
}

// Mend puts right what can be put right without files and models: heads, counters, marks, leftovers, vector indexes. Documents that are not whole stay as they
// are, and are listed; Begin makes a new version of one, Lose gives it up. No add may be under way.
//
// The id of a collection follows from its name: one that lost its description gets its name back if it is among names.
func (x *Index) Mend(ctx context.Context, progress core.Progress, names ...string) (Mended, error) {
	return x.mend(ctx, progress, names, false)
}

// Ailing says what Mend would do, and changes nothing.
func (x *Index) Ailing(ctx context.Context, progress core.Progress, names ...string) (Mended, error) {
	return x.mend(ctx, progress, names, true)
}

func (x *Index) mend(ctx context.Context, progress core.Progress, names []string, dry bool) (Mended, error) {
	x.writing.Lock()
	defer x.writing.Unlock()
	v, err := x.verify(ctx, progress)
	if err != nil {
		return Mended{}, err
	}
	out := Mended{Problems: v.problems}
	if len(v.problems) == 0 {
		return out, nil
	}
	m := mender{names: names, x: x, v: v, out: &out, write: x.store.Bulk}
	steps := []func(context.Context) error{m.unreadable, m.collections, m.heads, m.marks, m.leftovers, m.graphs, m.counters}
	if dry {
		m.write = func(func(w *store.Writer) error) error { return nil }
		steps = steps[:3]
	} else {
		x.forgetLoaded()
	}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return out, fmt.Errorf("mend library: %w", err)
		}
	}
	return out, nil
}

// forgetLoaded drops what searches have loaded.
func (x *Index) forgetLoaded() {
	x.liveMu.Lock()
	defer x.liveMu.Unlock()
	for _, l := range x.lives {
		l.mu.Lock()
		l.dense, l.lexical = side[*denseDoc]{}, side[*lexicalDoc]{}
		l.graphDrop()
		l.mu.Unlock()
	}
}

type mender struct {
	names []string // of collections there may have been
	x     *Index
	v     *verifier
	out   *Mended
	write func(func(w *store.Writer) error) error
}

// unreadable takes out values that are of no use as they are and stand in the way of new ones. Parts of documents stay until the new
// version is there.
func (m *mender) unreadable(context.Context) error {
	for _, k := range m.v.unreadable {
		if k.Kind == store.KindRecord {
			m.out.Records = append(m.out.Records, k.Collection+" "+k.Document)
		}
	}
	return m.write(func(w *store.Writer) error {
		for _, k := range m.v.unreadable {
			switch k.Kind {
			case store.KindCollection, store.KindCounters, store.KindHead, store.KindName, store.KindWork, store.KindRecord:
				if err := w.Delete(k.String()); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// collections makes up the description of one that has documents and no description.
func (m *mender) collections(context.Context) error {
	missing := map[string]bool{}
	for k := range m.v.heads {
		missing[k.collection] = true
	}
	for k := range m.v.generations {
		missing[k.collection] = true
	}
	for k := range m.v.names {
		missing[k.collection] = true
	}
	for c := range missing {
		if m.v.collections[c].ID != "" {
			continue
		}
		made := core.Collection{ID: c, Name: "recovered-" + c, Created: time.Now().UTC().Round(0)}
		for _, name := range m.names {
			if collectionID(name, nil) == c {
				made.Name = name
			}
		}
		text, err := json.Marshal(made)
		if err == nil {
			err = m.write(func(w *store.Writer) error {
				return w.Put(store.Key{Kind: store.KindCollection, Collection: c}.String(), text)
			})
		}
		if err != nil {
			return err
		}
		m.v.collections[c] = made
		m.out.Collections = append(m.out.Collections, made.Name)
	}
	return nil
}

// heads writes those that are lost, from the descriptions of their generations, and lists what is not whole.
func (m *mender) heads(ctx context.Context) error {
	newest := map[docKey]generationKey{}
	for k := range m.v.generations {
		if _, known := m.v.heads[k.docKey]; known || m.state(k) != 0 || m.v.work[k.docKey][0] == workErase {
			continue
		}
		if k.gen > newest[k.docKey].gen {
			newest[k.docKey] = k
		}
	}
	for at, k := range newest {
		s := m.v.generations[k]
		if s.info == nil {
			if _, named := m.v.names[at]; !named {
				m.out.Nameless++
			}
			continue
		}
		doc := s.info.Document
		doc.ID, doc.State = k.document, core.DocumentReady
		h := head{Generation: k.gen, Chunks: s.info.Chunks, Embedder: s.info.Embedder, Dimension: s.info.Dimension}
		if err := m.adopt(at, h, doc); err != nil {
			return err
		}
		m.out.Adopted = append(m.out.Adopted, m.harmed(at))
		s.harmed = len(s.damage(true, h)) > 0
	}
	for at, doc := range m.v.names {
		if _, there := m.v.heads[at]; there || m.v.work[at][0] == workErase {
			continue
		}
		doc.State = core.DocumentReady // with nothing behind it: harmed
		if err := m.adopt(at, head{}, doc); err != nil {
			return err
		}
	}
	for at, h := range m.v.heads {
		doc := m.v.docs[at]
		s := m.v.generations[generationKey{at, h.Generation}]
		switch {
		case h.Gone:
		case h.Generation != 0 && (s == nil || s.harmed), h.Generation == 0 && doc.State == core.DocumentReady:
			m.out.Harmed = append(m.out.Harmed, m.harmed(at))
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	for _, list := range [][]Harmed{m.out.Adopted, m.out.Harmed} {
		slices.SortFunc(list, func(a, b Harmed) int {
			return cmp.Or(cmp.Compare(a.Collection.ID, b.Collection.ID), cmp.Compare(a.Document.Name, b.Document.Name), cmp.Compare(a.Document.ID, b.Document.ID))
		})
	}
	return nil
}

// adopt writes a head.
func (m *mender) adopt(at docKey, h head, doc core.Document) error {
	payload, err := h.encode(doc)
	if err == nil {
		err = m.write(func(w *store.Writer) error { return w.Put(headKey(at.collection, at.document), payload) })
	}
	if err == nil {
		m.v.heads[at], m.v.docs[at] = h, doc
	}
	return err
}

func (m *mender) harmed(at docKey) Harmed {
	out := Harmed{Collection: core.Collection{ID: at.collection}, Document: m.v.docs[at]}
	if all, err := m.x.Collections(context.Background()); err == nil {
		for _, one := range all {
			if one.ID == at.collection {
				out.Collection = one
			}
		}
	}
	if pages, lost, err := m.x.readable(context.Background(), at, m.v.heads[at].Generation, out.Document.Pages); err == nil {
		out.Pages, out.Lost = len(pages), lost
	}
	return out
}

// state is that of unfinished work, 0: none.
func (m *mender) state(k generationKey) byte { return m.v.work[k.docKey][k.gen] }

// marks takes away marks of unfinished work on what is in use: an older version of a mark may have come back.
func (m *mender) marks(context.Context) error {
	for at, h := range m.v.heads {
		if h.Gone || h.Generation == 0 || m.v.work[at][h.Generation] == 0 {
			continue
		}
		if err := m.x.store.Write(func(w *store.Writer) error { return w.Delete(workKey(at, h.Generation)) }); err != nil {
			return err
		}
		delete(m.x.work[at], h.Generation)
		if len(m.x.work[at]) == 0 {
			delete(m.x.work, at)
		}
	}
	return nil
}

// leftovers erases generations that belong to nothing, drafts that are damaged, and what an earlier removal left.
func (m *mender) leftovers(context.Context) error {
	touched := map[docKey]bool{}
	for at := range m.x.work {
		touched[at] = true
	}
	for k, s := range m.v.generations {
		h, known := m.v.heads[k.docKey]
		if known && !h.Gone && h.Generation == k.gen || m.state(k) == workDraft && !s.harmed {
			continue
		}
		if err := m.x.mark(k.docKey, k.gen, workErase, ""); err != nil {
			return err
		}
		touched[k.docKey] = true
	}
	for at, h := range m.v.heads {
		if h.Gone && m.v.work[at][0] != workErase {
			if err := m.x.mark(at, 0, workErase, ""); err != nil {
				return err
			}
			touched[at] = true
		}
	}
	return m.x.eraseMarked(slices.Collect(maps.Keys(touched))...)
}

// graphs takes vector indexes out that are damaged: they are made again (BuildGraphs).
func (m *mender) graphs(context.Context) error {
	gone := map[string]bool{}
	for _, p := range m.v.problems {
		if p.Remedy != RemedyGraph || gone[p.Collection] {
			continue
		}
		gone[p.Collection] = true
		places, err := m.x.graphPlaces(p.Collection)
		if err != nil && !errors.Is(err, core.ErrCorrupt) {
			return err
		}
		for _, at := range places {
			if err := hnsw.Erase(m.x.store, at); err != nil {
				return err
			}
		}
		if err := m.x.store.Erase(store.CollectionPrefix(store.KindGraph, p.Collection), store.CollectionPrefix(store.KindCode, p.Collection)); err != nil {
			return err
		}
	}
	return nil
}

func (m *mender) counters(ctx context.Context) error {
	for c := range m.v.collections {
		if _, err := m.x.recount(ctx, c); err != nil {
			return err
		}
	}
	return nil
}

// Readable gives the pages of a document's current version that can be read, and how many cannot.
func (x *Index) Readable(ctx context.Context, coll, id string) (pages []core.Page, lost int, err error) {
	coll, err = x.collection(coll)
	if err != nil {
		return nil, 0, err
	}
	s, err := x.stored(coll, id)
	if err == nil && !s.known {
		err = core.ErrNotFound
	}
	if err != nil {
		return nil, 0, notFound(err, id)
	}
	return x.readable(ctx, docKey{coll, id}, s.head.Generation, s.doc.Pages)
}

func (x *Index) readable(ctx context.Context, k docKey, generation uint32, n int) (pages []core.Page, lost int, err error) {
	for i := range n {
		if err := ctx.Err(); err != nil {
			return nil, 0, err
		}
		err := x.store.View(func(r *store.Reader) error {
			payload, err := r.GetLong(store.Key{Kind: store.KindPage, Collection: k.collection, Document: k.document, Generation: generation, Number: uint32(i)})
			if err != nil {
				return err
			}
			p, err := decodePage(payload)
			if err == nil {
				pages = append(pages, p)
			}
			return err
		})
		switch {
		case err == nil:
		case errors.Is(err, core.ErrCorrupt), errors.Is(err, core.ErrNotFound):
			lost++
		default:
			return nil, 0, fmt.Errorf("read what is left of %s: %w", k.document, err)
		}
	}
	return pages, lost, nil
}

// Lose gives a document up whose data are damaged and cannot be read again: it stays in the list as failed, with the reason, and what is left of its data is
// erased, so that the rest of its collection can be searched.
func (x *Index) Lose(ctx context.Context, coll, id, reason, hint string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	x.writing.Lock()
	defer x.writing.Unlock()
	coll, err := x.collection(coll)
	if err != nil {
		return err
	}
	k := docKey{coll, id}
	before, err := x.stored(coll, id)
	if err != nil || !before.known {
		return notFound(errors.Join(err, core.ErrNotFound), id)
	}
	doc := before.doc
	doc.State, doc.Reason, doc.Hint, doc.Pages, doc.Chunks = core.DocumentFailed, reason, hint, 0, 0
	err = x.store.Write(func(w *store.Writer) error {
		if before.head.Generation != 0 {
			if err := w.Put(workKey(k, before.head.Generation), []byte{workErase}); err != nil {
				return err
			}
		}
		return x.change(w, coll, before, head{}, doc)
	})
	if err != nil {
		return fmt.Errorf("give up %q: %w", doc.Name, err)
	}
	if before.head.Generation != 0 {
		x.setWork(k, before.head.Generation, workErase)
	}
	if err := x.refresh(k, head{}); err != nil {
		return err
	}
	if err := x.eraseMarked(k); err != nil && !errors.Is(err, core.ErrNoSpace) {
		return err
	}
	return nil
}

// RecordsIn are the kinds of records of which something may have lain in a hole, as far as the keys around it tell.
func RecordsIn(h Hole) (kinds []string) {
	for _, text := range []string{h.After, h.Before} {
		if k, err := store.ParseKey(text); err == nil && k.Kind == store.KindRecord && !slices.Contains(kinds, k.Collection) {
			kinds = append(kinds, k.Collection)
		}
	}
	return kinds
}
