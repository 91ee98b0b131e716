package index

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"kakoi/core"
	"kakoi/index/hnsw"
	"kakoi/index/store"
)

// Entry is the head of a document as Export gives it.
type Entry struct {
	Collection string // id
	Document   core.Document
	Generation uint32
	Chunks     int
	Embedder   string // EmbedderInfo.ID
	Dimension  int
}

// EntryOf reads the value of a document's head; false for any other key. core.ErrCorrupt.
func EntryOf(key string, payload []byte) (Entry, bool, error) {
	k, err := store.ParseKey(key)
	if err != nil || k.Kind != store.KindHead {
		return Entry{}, false, err
	}
	h, err := decodeHead(payload)
	if err != nil {
		return Entry{}, false, err
	}
	doc, err := h.document()
	if err == nil && doc.ID != k.Document {
		err = fmt.Errorf("head of %q is that of %q: %w", k.Document, doc.ID, core.ErrCorrupt)
	}
	return Entry{k.Collection, doc, h.Generation, h.Chunks, h.Embedder, h.Dimension}, true, err
}

// CollectionOf reads the value of a collection; false for any other key. core.ErrCorrupt.
func CollectionOf(key string, payload []byte) (c core.Collection, ok bool, err error) {
	k, err := store.ParseKey(key)
	if err != nil || k.Kind != store.KindCollection {
		return c, false, err
	}
	if err := json.Unmarshal(payload, &c); err != nil || c.ID != k.Collection {
		return c, false, fmt.Errorf("collection %q: %w", key, core.ErrCorrupt)
	}
	return c, true, nil
}

// RecordOf takes the key of a record apart; false for any other key.
func RecordOf(key string) (kind, id string, ok bool) {
	k, err := store.ParseKey(key)
	return k.Collection, k.Document, err == nil && k.Kind == store.KindRecord
}

// GraphOf says which embedder's vector index of which collection a key belongs to; false for any other key.
func GraphOf(key string) (collection, embedder string, ok bool) {
	k, err := store.ParseKey(key)
	return k.Collection, k.Document, err == nil && (k.Kind == store.KindGraph || k.Kind == store.KindCode)
}

// Arrival is a document on its way into an open library.
type Arrival struct {
	From     Entry
	Document core.Document // as it is to be here: its ID, Name and Source may be others
}

// Intake takes what ExportOf gave into a library that is open and stays in use. Nothing of it is seen before Commit, which makes all of it count at once: a crash
// before leaves the library as it was, a crash after leaves it with everything (Open ends it). Not safe for concurrent use; Drop or Commit ends it.
type Intake struct {
	x       *Index
	id      string
	into    map[string]core.Collection // by the id of the collection it came from
	made    map[string]bool            // ids of collections that are not there yet
	docs    map[Source]*arriving
	graphs  map[string]bool // ids of collections it came from, whose vector index is taken
	whole   []byte          // of the description that is being put together
	pending []pair
	size    int
	writing chan error // of the portion that is being written while the next is gathered; nil: none is
	ended   bool
}

type arriving struct {
	Arrival
	key docKey
	gen uint32
}

var intakeKey = store.Key{Kind: store.KindMeta, Collection: "intake"}.String() // there: what is staged counts

const stagedPrefix = string(store.KindStaged) + "/"

// NewIntake begins one. into names the collection for each collection that documents come from; it is made with them where there is none. Vector indexes of
// the collections in graphs are taken, too, which is right only where all their documents come and the collection here has none. core.ErrBusy while another one runs.
func (x *Index) NewIntake(ctx context.Context, into map[string]string, arrivals []Arrival, graphs map[string]bool) (*Intake, error) {
	x.writing.Lock()
	defer x.writing.Unlock()
	if x.intake {
		return nil, fmt.Errorf("another import: %w", core.ErrBusy)
	}
	var b [8]byte
	rand.Read(b[:]) // never fails, see crypto/rand
	t := &Intake{x: x, id: hex.EncodeToString(b[:]), into: map[string]core.Collection{}, made: map[string]bool{}, docs: map[Source]*arriving{}, graphs: graphs}
	all, err := x.Collections(ctx)
	if err != nil {
		return nil, err
	}
	byName, taken := map[string]core.Collection{}, map[string]bool{}
	for _, c := range all {
		byName[c.Name], taken[c.ID] = c, true
	}
	for from, name := range into {
		c, there := byName[name]
		if !there {
			c = core.Collection{ID: collectionID(name, taken), Name: name, Created: time.Now().UTC().Round(0)}
			byName[name], taken[c.ID], t.made[c.ID] = c, true, true
		}
		t.into[from] = c
	}
	for _, a := range arrivals {
		c, known := t.into[a.From.Collection]
		if !known {
			return nil, fmt.Errorf("document of collection %s: %w", a.From.Collection, core.ErrUsage)
		}
		k := docKey{c.ID, a.Document.ID}
		gen := a.From.Generation
		if s, err := x.stored(k.collection, k.document); err != nil {
			return nil, err
		} else if s.known {
			gen = max(gen, s.head.Generation+1)
		}
		for old := range x.work[k] {
			gen = max(gen, old+1)
		}
		if gen != a.From.Generation {
			delete(t.graphs, a.From.Collection) // it names generations
		}
		t.docs[Source{a.From.Collection, a.From.Document.ID}] = &arriving{a, k, gen}
	}
	// What a crash leaves of them is erased by the next Open.
	err = x.store.Bulk(func(w *store.Writer) error {
		for _, d := range t.docs {
			if err := errors.Join(ctx.Err(), w.Put(workKey(d.key, d.gen), []byte{workText})); err != nil {
				return err
			}
		}
		return nil
	})
	for _, d := range t.docs {
		x.setWork(d.key, d.gen, workText)
	}
	for id := range t.made {
		for _, c := range t.into {
			if c.ID == id && err == nil {
				var text []byte
				if text, err = json.Marshal(c); err == nil {
					err = t.stage(store.Key{Kind: store.KindCollection, Collection: id}.String(), text)
				}
			}
		}
	}
	x.intake = true
	if err != nil {
		return nil, errors.Join(fmt.Errorf("begin import: %w", err), t.drop())
	}
	return t, nil
}

// Put takes one value of the documents and vector indexes that come; others are passed over.
func (t *Intake) Put(key string, payload []byte) error {
	k, err := store.ParseKey(key)
	if err != nil {
		return err
	}
	if k.Kind == store.KindGraph || k.Kind == store.KindCode {
		return t.putGraph(k, payload)
	}
	d := t.docs[Source{k.Collection, k.Document}]
	if d == nil || k.Kind == store.KindRecord || k.Kind == store.KindCollection {
		return nil
	}
	k.Collection, k.Document = d.key.collection, d.key.document
	switch k.Kind {
	case store.KindHead:
		h, err := decodeHead(payload)
		if err != nil {
			return err
		}
		h.Generation = d.gen
		if payload, err = h.encode(d.Document); err != nil {
			return err
		}
		name, err := json.Marshal(core.Document{ID: d.Document.ID, Name: d.Document.Name, Source: d.Document.Source, Kind: d.Document.Kind})
		if err != nil {
			return err
		}
		return errors.Join(t.stage(k.String(), payload), t.stage(nameKey(k.Collection, k.Document), name))
	case store.KindName:
		return nil // written with the head
	}
	if k.Generation != d.From.Generation {
		return fmt.Errorf("key %q: %w", key, core.ErrCorrupt)
	}
	k.Generation = d.gen
	if k.Kind == store.KindInfo && d.Document.ID != d.From.Document.ID {
		return t.putInfo(k, payload, d)
	}
	return t.put(k.String(), payload)
}

// putInfo writes the description of a generation with the document as it is here. It may come in several parts.
func (t *Intake) putInfo(k store.Key, payload []byte, d *arriving) error {
	if k.Part == 0 {
		t.whole = nil
	}
	t.whole = append(t.whole, payload...)
	n, used := binary.Uvarint(t.whole)
	if used <= 0 || n > uint64(len(t.whole)-used) {
		return nil // more comes; what never ends is missed when the document is read
	}
	i, err := decodeInfo(t.whole[used : used+int(n)])
	if err != nil {
		return err
	}
	i.Document.ID, i.Document.Name, i.Document.Source = d.Document.ID, d.Document.Name, d.Document.Source
	text, err := json.Marshal(i)
	if err != nil {
		return err
	}
	if err := t.flush(); err != nil {
		return err
	}
	k.Part = 0
	return t.x.store.Bulk(func(w *store.Writer) error { return w.PutLong(k, text) })
}

func (t *Intake) putGraph(k store.Key, payload []byte) error {
	if !t.graphs[k.Collection] || k.Document == "" {
		return nil
	}
	k.Collection = t.into[k.Collection].ID
	if k.Kind == store.KindGraph && k.Generation == 0 {
		if k.Number != 0 { // the mark
			return nil
		}
		list, err := json.Marshal([]string{k.Document})
		if err != nil {
			return err
		}
		// Staged before anything else of it is written: what a crash leaves is found by it.
		return errors.Join(t.flush(), t.stage(k.String(), payload), t.stage(graphListKey(k.Collection), list), t.flush())
	}
	return t.put(k.String(), payload)
}

// Record makes a record come with the rest, over one of that kind and id.
func (t *Intake) Record(kind, id string, payload []byte) error {
	return t.stage(recordKey(kind, id), payload)
}

func (t *Intake) stage(key string, payload []byte) error {
	return t.put(store.Key{Kind: store.KindStaged, Collection: t.id, Document: key}.String(), payload)
}

func (t *Intake) put(key string, payload []byte) error {
	t.pending = append(t.pending, pair{key, bytes.Clone(payload)})
	if t.size += len(key) + len(payload); t.size > portion {
		return t.hand()
	}
	return nil
}

// hand has what is pending written while the caller goes on, after what was handed before.
func (t *Intake) hand() error {
	err := t.wait()
	some := t.pending
	t.pending, t.size = make([]pair, 0, len(some)), 0
	if err != nil || len(some) == 0 {
		return err
	}
	done := make(chan error, 1)
	t.writing = done
	go func() {
		done <- t.x.store.Bulk(func(w *store.Writer) error {
			for _, p := range some {
				if err := w.Put(p.key, p.payload); err != nil {
					return err
				}
			}
			return nil
		})
	}()
	return nil
}

// wait is over when what was handed is on the disk.
func (t *Intake) wait() error {
	if t.writing == nil {
		return nil
	}
	err := <-t.writing
	t.writing = nil
	return err
}

// flush has everything on the disk when it returns.
func (t *Intake) flush() error { return errors.Join(t.hand(), t.wait()) }

// Commit makes all of it count. core.ErrBusy, and nothing of it, where one of the documents is there by now.
func (t *Intake) Commit(ctx context.Context) error {
	x := t.x
	err := t.flush()
	x.writing.Lock()
	defer x.writing.Unlock()
	if err == nil {
		err = errors.Join(ctx.Err(), t.free(ctx))
	}
	if err == nil {
		err = x.store.Write(func(w *store.Writer) error { return w.Put(intakeKey, []byte(t.id)) })
	}
	if err != nil {
		return errors.Join(fmt.Errorf("end import: %w", err), t.drop())
	}
	t.ended, x.intake = true, false
	for _, d := range t.docs {
		delete(x.work[d.key], d.gen)
		if len(x.work[d.key]) == 0 {
			delete(x.work, d.key)
		}
	}
	touched, err := x.applyIntake()
	for id := range touched {
		l := x.live(id)
		l.mu.Lock()
		l.dense, l.lexical, l.signs = side[*denseDoc]{}, side[*lexicalDoc]{}, nil
		l.graphDrop()
		l.mu.Unlock()
	}
	if err != nil {
		return fmt.Errorf("end import: %w", err)
	}
	return nil
}

// free looks whether everything still has its place, and gives up drafts of documents that come whole.
func (t *Intake) free(ctx context.Context) error {
	changed := fmt.Errorf("the library has changed meanwhile: %w", core.ErrBusy)
	for _, c := range t.into {
		_, err := t.x.store.Get(store.Key{Kind: store.KindCollection, Collection: c.ID}.String())
		if errors.Is(err, core.ErrNotFound) != t.made[c.ID] {
			return changed
		}
		if err != nil && !errors.Is(err, core.ErrNotFound) {
			return err
		}
	}
	for _, d := range t.docs {
		s, err := t.x.stored(d.key.collection, d.key.document)
		if err = errors.Join(ctx.Err(), err); err != nil {
			return err
		}
		if s.head.Generation != 0 || t.x.work[d.key][0] == workErase {
			return changed
		}
		for gen, state := range t.x.work[d.key] {
			if gen == d.gen || state != workDraft {
				continue
			}
			t.x.endDraft(d.key, changed)
			if err := t.x.mark(d.key, gen, workErase, ""); err != nil {
				return err
			}
		}
	}
	return nil
}

// Drop ends an intake that is not to be; after Commit it does nothing.
func (t *Intake) Drop() error {
	t.x.writing.Lock()
	defer t.x.writing.Unlock()
	return t.drop()
}

// drop erases what was written. What cannot be erased now is erased by the next Open.
func (t *Intake) drop() error {
	if t.ended {
		return nil
	}
	x := t.x
	_ = t.wait() // nothing of it may come after the erasure; what became of it does not matter any more
	t.ended, x.intake = true, false
	var prefixes []string
	var keys []docKey
	for id := range t.made {
		if _, err := x.store.Get(store.Key{Kind: store.KindCollection, Collection: id}.String()); !errors.Is(err, core.ErrNotFound) {
			delete(t.made, id) // somebody has made it meanwhile
			continue
		}
		for _, kind := range store.GenerationKinds {
			prefixes = append(prefixes, store.CollectionPrefix(kind, id))
		}
	}
	var marks []string
	for _, d := range t.docs {
		marks = append(marks, workKey(d.key, d.gen))
		if t.made[d.key.collection] {
			delete(x.work, d.key)
			continue
		}
		x.setWork(d.key, d.gen, workErase)
		keys = append(keys, d.key)
	}
	err := x.eraseStaged(false, prefixes)
	for len(keys) > 0 && err == nil {
		n := min(erasePortion, len(keys))
		err = x.eraseMarked(keys[:n]...)
		keys = keys[n:]
	}
	if err == nil {
		err = x.store.Bulk(func(w *store.Writer) error {
			for _, m := range marks {
				if err := w.Delete(m); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if errors.Is(err, core.ErrNoSpace) {
		err = nil
	}
	return err
}

// recoverIntake ends what a crash interrupted: everything of an import counts, or nothing. It comes before recover, which erases what has no end.
func (x *Index) recoverIntake() error {
	_, err := x.store.Get(intakeKey)
	if err == nil {
		_, err = x.applyIntake()
	} else if errors.Is(err, core.ErrNotFound) {
		n := 0
		err = x.store.View(func(r *store.Reader) error {
			return r.Keys(stagedPrefix, func(string) error { n++; return errPast })
		})
		if errors.Is(err, errPast) {
			err = nil
		}
		if n > 0 && err == nil {
			if err = x.eraseStaged(false, nil); errors.Is(err, core.ErrNoSpace) { // hidden all the same
				err = nil
			}
		}
	}
	if err != nil {
		return fmt.Errorf("end an import: %w", err)
	}
	return nil
}

// applyIntake gives what is staged its place, as often as it takes, and says which collections it was of.
func (x *Index) applyIntake() (map[string]bool, error) {
	ctx := context.Background() // it has been said that it counts
	touched := map[string]bool{}
	for from, more := stagedPrefix, true; more; {
		var some []pair
		size := 0
		more = false
		err := x.store.View(func(r *store.Reader) error {
			return r.Each(stagedPrefix, from, func(key string, payload []byte) error {
				if size > portion {
					from, more = key, true
					return errPast
				}
				k, err := store.ParseKey(key)
				if err != nil {
					return err
				}
				some = append(some, pair{k.Document, bytes.Clone(payload)})
				size += len(payload)
				return nil
			})
		})
		if err != nil && !errors.Is(err, errPast) {
			return touched, err
		}
		err = x.store.Bulk(func(w *store.Writer) error {
			for _, p := range some {
				k, err := store.ParseKey(p.key)
				if err != nil {
					return err
				}
				if k.Kind == store.KindCollection || k.Kind == store.KindHead {
					touched[k.Collection] = true
				}
				if k.Kind == store.KindHead {
					h, err := decodeHead(p.payload)
					if err == nil {
						err = w.Delete(workKey(docKey{k.Collection, k.Document}, h.Generation))
					}
					if err != nil {
						return err
					}
				}
				if err := w.Put(p.key, p.payload); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return touched, err
		}
	}
	for c := range touched {
		if _, err := x.recount(ctx, c); err != nil {
			return touched, err
		}
	}
	return touched, x.eraseStaged(true, nil)
}

// eraseStaged takes what is staged out of the files, with the vector indexes that came with it where it does not count.
func (x *Index) eraseStaged(counts bool, prefixes []string) error {
	prefixes = append(prefixes, stagedPrefix)
	if !counts {
		err := x.store.View(func(r *store.Reader) error {
			return r.Keys(stagedPrefix, func(key string) error {
				k, err := store.ParseKey(key)
				if err != nil {
					return err
				}
				if k, err = store.ParseKey(k.Document); err == nil && k.Kind == store.KindGraph && k.Document != "" {
					prefixes = append(prefixes, graphPrefixes(hnsw.Place{Collection: k.Collection, Embedder: k.Document})...)
				}
				return err
			})
		})
		if err != nil {
			return err
		}
	}
	if err := x.store.Erase(prefixes...); err != nil || !counts {
		return err
	}
	return x.store.Write(func(w *store.Writer) error { return w.Delete(intakeKey) })
}
