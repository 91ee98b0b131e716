package index

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"kakoi/core"
	"kakoi/core/vault"
	"kakoi/index/store"
)

// Options say whether a library is encrypted; Store is for tests, and right when it is zero.
type Options struct {
	Key   *vault.Key // nil: not encrypted
	Store store.Options
}

func (o Options) store() store.Options {
	if o.Key != nil {
		o.Store.Key = o.Key
	}
	return o.Store
}

// Index is an open library. Safe for concurrent use; the opener closes it.
type Index struct {
	store *store.Store

	writing sync.Mutex                 // everything that changes the library
	drafts  map[docKey]*Draft          // the newest draft of a document; older ones are stale
	work    map[docKey]map[uint32]byte // what is unfinished: generation -> workXxx; generation 0 is the whole document

	intake bool // an import is under way

	late       []docKey // committed, with an earlier generation that is still to be erased
	lateChunks int

	liveMu sync.Mutex
	lives  map[string]*live // by collection
}

type docKey struct{ collection, document string }

// States of unfinished work, first byte of a KindWork value.
const (
	workText  = 'd' // draft whose text is being written: worth nothing after a crash
	workDraft = 'D' // draft with all its text: Begin goes on with it; the fingerprint follows
	workErase = 'e' // to be erased
)

// Open opens or creates the library in dir and finishes what a crash interrupted. core.ErrBusy when another
// process has it, core.ErrNoSpace, core.ErrCorrupt, core.ErrUnsupported, core.ErrEncrypted when Options.Key is not the library's.
func Open(dir string, opt Options) (*Index, error) {
	s, err := store.Open(dir, opt.store())
	if err != nil {
		return nil, err
	}
	x := &Index{
		store: s, drafts: map[docKey]*Draft{}, work: map[docKey]map[uint32]byte{}, lives: map[string]*live{},
	}
	if err := errors.Join(x.recoverIntake(), x.recover(), x.graphRecover()); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return x, nil
}

// recover reads the unfinished work, erases what is worth nothing and keeps the drafts.
func (x *Index) recover() error {
	err := x.store.View(func(r *store.Reader) error {
		return r.Each("w/", "", func(key string, payload []byte) error {
			k, err := store.ParseKey(key)
			if err != nil || len(payload) == 0 {
				return errors.Join(err, core.ErrCorrupt)
			}
			state := payload[0]
			if state == workText {
				state = workErase
			}
			x.setWork(docKey{k.Collection, k.Document}, k.Generation, state)
			return nil
		})
	})
	if err != nil {
		return fmt.Errorf("read unfinished work: %w", err)
	}
	for some := range slices.Chunk(slices.Collect(maps.Keys(x.work)), erasePortion) {
		// Without space nothing can be erased now; it stays hidden and is tried again at the next Open.
		if err := x.eraseMarked(some...); err != nil && !errors.Is(err, core.ErrNoSpace) {
			return err
		}
	}
	return nil
}

func (x *Index) setWork(k docKey, generation uint32, state byte) {
	if x.work[k] == nil {
		x.work[k] = map[uint32]byte{}
	}
	x.work[k][generation] = state
}

// eraseMarked erases the generations of documents (or all of them) that are marked so, in one rewrite of the tables, and then the marks.
func (x *Index) eraseMarked(keys ...docKey) error {
	var prefixes []string
	done := map[docKey][]uint32{}
	codes := map[string]map[string][]uint32{} // by collection
	for _, k := range keys {
		its, generations, which := x.marked(k)
		if len(generations) == 0 {
			continue
		}
		if codes[k.collection] == nil {
			codes[k.collection] = map[string][]uint32{}
		}
		codes[k.collection][k.document] = which
		done[k] = generations
		prefixes = append(prefixes, its...)
	}
	if len(done) == 0 {
		return nil
	}
	for collection, gone := range codes {
		if err := x.graphForget(collection, gone); err != nil {
			return fmt.Errorf("erase %d documents, %s first: %w", len(done), keys[0].document, err)
		}
	}
	if err := x.store.Erase(prefixes...); err != nil {
		return fmt.Errorf("erase %d documents, %s first: %w", len(done), keys[0].document, err)
	}
	err := x.store.Write(func(w *store.Writer) error {
		for k, generations := range done {
			for _, generation := range generations {
				if err := w.Delete(workKey(k, generation)); err != nil {
					return err
				}
			}
		}
		return nil
	})
	// Without space for it the marks stay and the next Open erases nothing a second time.
	if err != nil && !errors.Is(err, core.ErrNoSpace) {
		return fmt.Errorf("erase %d documents, %s first: %w", len(done), keys[0].document, err)
	}
	for k, generations := range done {
		for _, generation := range generations {
			delete(x.work[k], generation)
		}
		if len(x.work[k]) == 0 {
			delete(x.work, k)
		}
	}
	return nil
}

func workKey(k docKey, generation uint32) string {
	return store.Key{Kind: store.KindWork, Collection: k.collection, Document: k.document, Generation: generation}.String()
}

// Close releases the folder; the second call does nothing. Drafts stay for the next Begin.
func (x *Index) Close() error {
	x.writing.Lock()
	defer x.writing.Unlock()
	late := x.eraseLate()
	if errors.Is(late, os.ErrClosed) { // the second call
		late = nil
	}
	x.liveMu.Lock()
	defer x.liveMu.Unlock()
	for _, l := range x.lives {
		l.mu.Lock()
		for _, g := range l.graphs {
			if g.changed > 0 {
				x.graphSave(context.Background(), g)
			}
		}
		l.graphDrop()
		l.dense = side[*denseDoc]{}
		l.mu.Unlock()
	}
	return errors.Join(late, x.store.Close())
}

// EnsureCollection gives the collection of that name, making it when there is none.
func (x *Index) EnsureCollection(ctx context.Context, name string) (core.Collection, error) {
	name = strings.TrimSpace(name)
	if name == "" {
		return core.Collection{}, fmt.Errorf("collection without a name: %w", core.ErrUsage)
	}
	x.writing.Lock()
	defer x.writing.Unlock()
	all, err := x.Collections(ctx)
	if err != nil {
		return core.Collection{}, err
	}
	taken := map[string]bool{}
	for _, c := range all {
		if c.Name == name {
			return c, nil
		}
		taken[c.ID] = true
	}
	id := collectionID(name, taken)
	c := core.Collection{ID: id, Name: name, Created: time.Now().UTC().Round(0)}
	text, err := json.Marshal(c)
	if err != nil {
		return core.Collection{}, err
	}
	err = x.store.Write(func(w *store.Writer) error {
		if err := putStats(w, id, Stats{Embedders: map[string]int{}}); err != nil {
			return err
		}
		return w.Put(store.Key{Kind: store.KindCollection, Collection: id}.String(), text)
	})
	if err != nil {
		return core.Collection{}, fmt.Errorf("create collection %q: %w", name, err)
	}
	return c, nil
}

// collectionID is what a name gives, unless another collection has it.
func collectionID(name string, taken map[string]bool) string {
	sum := sha256.Sum256([]byte(name))
	id := hex.EncodeToString(sum[:4])
	for taken[id] {
		sum = sha256.Sum256(sum[:])
		id = hex.EncodeToString(sum[:4])
	}
	return id
}

// Collections lists all, by name.
func (x *Index) Collections(ctx context.Context) ([]core.Collection, error) {
	var all []core.Collection
	err := x.store.View(func(r *store.Reader) error {
		return r.Each("c/", "", func(key string, payload []byte) error {
			var c core.Collection
			if err := json.Unmarshal(payload, &c); err != nil {
				return fmt.Errorf("collection %q: %w: %w", key, core.ErrCorrupt, err)
			}
			all = append(all, c)
			return ctx.Err()
		})
	})
	if err != nil {
		return nil, fmt.Errorf("list collections: %w", err)
	}
	slices.SortFunc(all, func(a, b core.Collection) int { return strings.Compare(a.Name, b.Name) })
	return all, nil
}
