package index

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"kakoi/core"
	"kakoi/index/store"
)

// Stats gives the counters of a collection: one read, however large the library is.
func (x *Index) Stats(ctx context.Context, coll string) (Stats, error) {
	if err := ctx.Err(); err != nil {
		return Stats{}, err
	}
	coll, err := x.collection(coll)
	if err != nil {
		return Stats{}, err
	}
	s, err := x.stats(coll)
	return s, x.named(err, coll)
}

func (x *Index) stats(collection string) (Stats, error) {
	payload, err := x.store.Get(statsKey(collection))
	if err != nil {
		return Stats{}, fmt.Errorf("counters of collection %s: %w: %w", collection, core.ErrCorrupt, err)
	}
	s, err := decodeStats(payload)
	if err != nil {
		return s, fmt.Errorf("counters of collection %s: %w", collection, err)
	}
	return s, nil
}

func decodeStats(payload []byte) (Stats, error) {
	var s Stats
	if err := json.Unmarshal(payload, &s); err != nil {
		return s, fmt.Errorf("%w: %w", core.ErrCorrupt, err)
	}
	if s.Embedders == nil {
		s.Embedders = map[string]int{}
	}
	return s, nil
}

// Recount sets the counters of a collection to what its heads say. Only after damage that Verify has shown: searches refuse a
// collection whose heads are fewer than its counters tell, so that lost documents are noticed.
func (x *Index) Recount(ctx context.Context, coll string) (Stats, error) {
	x.writing.Lock()
	defer x.writing.Unlock()
	coll, err := x.collection(coll)
	if err != nil {
		return Stats{}, err
	}
	return x.recount(ctx, coll)
}

// recount leaves out heads that cannot be read: they are to be removed and added again.
func (x *Index) recount(ctx context.Context, collection string) (Stats, error) {
	s := Stats{Embedders: map[string]int{}}
	err := x.store.View(func(r *store.Reader) error {
		return r.Keys(store.CollectionPrefix(store.KindHead, collection), func(key string) error {
			k, err := store.ParseKey(key)
			if err != nil {
				return err
			}
			h, d, err := getHead(r, collection, k.Document)
			if err == nil {
				s.count(h, d, 1)
			} else if !errors.Is(err, core.ErrCorrupt) && !errors.Is(err, core.ErrNotFound) {
				return err
			}
			return ctx.Err()
		})
	})
	if err == nil {
		err = x.store.Write(func(w *store.Writer) error { return putStats(w, collection, s) })
	}
	if err != nil {
		return s, fmt.Errorf("count documents of collection %s: %w", collection, err)
	}
	return s, nil
}

// Files is how many files a library has open, and how many it may.
type Files = store.Files

// Files counts those of the library.
func (x *Index) Files() Files { return x.store.Files() }

// DiskBytes is the size of the library's tables on disk.
func (x *Index) DiskBytes() int64 { return x.store.Bytes() }
