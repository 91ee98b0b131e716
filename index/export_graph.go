package index

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"

	"kakoi/core"
	"kakoi/index/hnsw"
	"kakoi/index/store"
)

// exportGraphs gives the saved vector indexes of a collection. One that is damaged, or that changes all the while, is left out: it is made again of the vectors.
func (x *Index) exportGraphs(ctx context.Context, collection string, to GraphSink) error {
	places, err := x.graphPlaces(collection)
	if err != nil {
		return err
	}
	for _, at := range places {
		x.writing.Lock()
		l := x.live(collection)
		l.mu.RLock()
		g := l.graphs[at.Embedder]
		l.mu.RUnlock()
		if g != nil && g.changed > 0 { // what is in memory is newer
			x.graphSave(ctx, g)
		}
		x.writing.Unlock()
		for range 3 {
			whole, err := x.exportGraph(ctx, at, to)
			if err != nil {
				return err
			}
			if whole {
				break
			}
		}
	}
	return nil
}

// exportGraph gives the values of one snapshot, its header first. true: it was whole, or there is none.
func (x *Index) exportGraph(ctx context.Context, at hnsw.Place, to GraphSink) (bool, error) {
	header := graphHeaderKey(at)
	before, err := x.store.Get(header)
	if errors.Is(err, core.ErrNotFound) || errors.Is(err, core.ErrCorrupt) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	for _, prefix := range graphPrefixes(at) {
		if err := x.exportPrefix(ctx, prefix, to); errors.Is(err, core.ErrCorrupt) {
			return true, to.EndGraph(false)
		} else if err != nil {
			return false, err
		}
	}
	now, err := x.store.Get(header)
	if err != nil && !errors.Is(err, core.ErrNotFound) && !errors.Is(err, core.ErrCorrupt) {
		return false, err
	}
	_, changing := x.store.Get(graphMarkKey(at))
	whole := bytes.Equal(before, now) && errors.Is(changing, core.ErrNotFound)
	return whole, to.EndGraph(whole)
}

// exportPrefix gives all values of a prefix, in portions.
func (x *Index) exportPrefix(ctx context.Context, prefix string, to Sink) error {
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
				return errors.Join(ctx.Err(), to.Put(strings.Clone(key), payload))
			})
		})
		if errors.Is(err, errPast) {
			err = nil
		}
		if err != nil || !more {
			return err
		}
	}
}

// Keys of a snapshot, see package hnsw: its header, and the mark that is there while it changes.
func graphHeaderKey(at hnsw.Place) string {
	return store.Key{Kind: store.KindGraph, Collection: at.Collection, Document: at.Embedder}.String()
}

func graphMarkKey(at hnsw.Place) string {
	return store.Key{Kind: store.KindGraph, Collection: at.Collection, Document: at.Embedder, Number: 1}.String()
}

// graphPrefixes begin all keys of a snapshot.
func graphPrefixes(at hnsw.Place) []string {
	return []string{store.DocumentPrefix(store.KindGraph, at.Collection, at.Embedder), store.DocumentPrefix(store.KindCode, at.Collection, at.Embedder)}
}

// CheckCapsule says whether ExportOf gives such keys: core.ErrCorrupt otherwise.
func CheckCapsule(key string) error {
	k, err := store.ParseKey(key)
	if err != nil {
		return err
	}
	if k.Kind == store.KindCode || k.Kind == store.KindGraph && k.Document != "" {
		return nil
	}
	if err := CheckExported(key); err != nil {
		return fmt.Errorf("key %q in a capsule: %w", key, core.ErrCorrupt)
	}
	return nil
}
