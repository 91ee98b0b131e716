package index

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"kakoi/core"
	"kakoi/index/store"
)

// erasePortion is how many documents go with one rewrite of the tables, which compares every key with each of their prefixes.
const erasePortion = 250

// RemoveAll erases documents as Remove does, many with one rewrite of the tables; those that are not there are passed over. It says how
// many are gone, also beside an error: the rest are still there, but for a portion that is hidden already and erased by the next Open.
func (x *Index) RemoveAll(ctx context.Context, coll string, ids []string) (n int, err error) {
	x.writing.Lock()
	defer x.writing.Unlock()
	if coll, err = x.collection(coll); err != nil {
		return 0, err
	}
	for some := range slices.Chunk(slices.Clone(ids), erasePortion) {
		if err := ctx.Err(); err != nil {
			return n, err
		}
		some = slices.DeleteFunc(some, func(id string) bool {
			s, err := x.stored(coll, id)
			return err == nil && !s.known
		})
		if err := x.removePortion(ctx, coll, some); err != nil {
			return n, fmt.Errorf("remove %d documents: %w", len(some), err)
		}
		n += len(some)
	}
	return n, nil
}

func (x *Index) removePortion(ctx context.Context, coll string, ids []string) error {
	keys := make([]docKey, len(ids))
	damaged := false
	for i, id := range ids {
		keys[i] = docKey{coll, id}
		_, err := x.stored(coll, id)
		damaged = damaged || errors.Is(err, core.ErrCorrupt)
	}
	if err := x.hideAll(coll, ids); err != nil {
		return err
	}
	for _, k := range keys {
		x.endDraft(k, fmt.Errorf("document %s was removed: %w", k.document, core.ErrNotFound))
		if err := x.refresh(k, head{}); err != nil {
			return err
		}
	}
	if damaged { // what it was counted as is not known
		if _, err := x.recount(ctx, coll); err != nil {
			return err
		}
	}
	return x.eraseMarked(keys...)
}

// marked are the prefixes of what is marked for erasure of a document, the generations that have marks, and those whose codes are to be
// forgotten: nil for all.
func (x *Index) marked(k docKey) (prefixes []string, done, which []uint32) {
	if x.work[k][0] == workErase {
		prefixes = append(prefixes, store.DocumentPrefix(store.KindHead, k.collection, k.document), store.DocumentPrefix(store.KindName, k.collection, k.document))
		for _, kind := range store.GenerationKinds {
			prefixes = append(prefixes, store.DocumentPrefix(kind, k.collection, k.document))
		}
		for generation := range x.work[k] {
			done = append(done, generation)
		}
		return prefixes, done, nil
	}
	for generation, state := range x.work[k] {
		if state != workErase {
			continue
		}
		done = append(done, generation)
		for _, kind := range store.GenerationKinds {
			prefixes = append(prefixes, store.GenerationPrefix(kind, k.collection, k.document, generation))
		}
	}
	return prefixes, done, done
}
