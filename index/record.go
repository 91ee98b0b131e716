package index

import (
	"context"
	"fmt"

	"kakoi/index/store"
)

// PutRecord stores a small value of package app (a job, a setting) under a kind and an id; on disk when it returns.
// core.ErrTooLarge above store.MaxPayload.
func (x *Index) PutRecord(ctx context.Context, kind, id string, value []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := x.store.Write(func(w *store.Writer) error { return w.Put(recordKey(kind, id), value) }); err != nil {
		return fmt.Errorf("put record %s %q: %w", kind, id, err)
	}
	return nil
}

// Record gives one record: core.ErrNotFound.
func (x *Index) Record(ctx context.Context, kind, id string) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	value, err := x.store.Get(recordKey(kind, id))
	if err != nil {
		return nil, fmt.Errorf("record %s %q: %w", kind, id, err)
	}
	return value, nil
}

// Records gives all records of a kind by id.
func (x *Index) Records(ctx context.Context, kind string) (map[string][]byte, error) {
	all := map[string][]byte{}
	err := x.store.View(func(r *store.Reader) error {
		return r.Each(store.CollectionPrefix(store.KindRecord, kind), "", func(key string, payload []byte) error {
			k, err := store.ParseKey(key)
			if err != nil {
				return err
			}
			all[k.Document] = append([]byte{}, payload...)
			return ctx.Err()
		})
	})
	if err != nil {
		return nil, fmt.Errorf("records %s: %w", kind, err)
	}
	return all, nil
}

// DeleteRecord removes a record; one that is not there is no error. Its bytes leave the files with the next compaction of
// their table, not at once.
func (x *Index) DeleteRecord(ctx context.Context, kind, id string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := x.store.Write(func(w *store.Writer) error { return w.Delete(recordKey(kind, id)) }); err != nil {
		return fmt.Errorf("delete record %s %q: %w", kind, id, err)
	}
	return nil
}

// RecordIDs lists the ids of a kind without reading values.
func (x *Index) RecordIDs(ctx context.Context, kind string) ([]string, error) {
	var ids []string
	err := x.store.View(func(r *store.Reader) error {
		return r.Keys(store.CollectionPrefix(store.KindRecord, kind), func(key string) error {
			k, err := store.ParseKey(key)
			if err != nil {
				return err
			}
			ids = append(ids, k.Document)
			return ctx.Err()
		})
	})
	if err != nil {
		return nil, fmt.Errorf("records %s: %w", kind, err)
	}
	return ids, nil
}

// EraseRecords drops records, each a kind and an id, so that no file of the library holds their bytes any more, those of earlier values
// included; with an empty id, all of the kind. What is not there is passed over. Readers and writers wait meanwhile, about 0.1 s.
func (x *Index) EraseRecords(ctx context.Context, keys ...[2]string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	var prefixes []string
	for _, k := range keys {
		prefix := store.CollectionPrefix(store.KindRecord, k[0])
		if k[1] != "" {
			prefix = recordKey(k[0], k[1])
		}
		prefixes = append(prefixes, prefix)
	}
	if len(prefixes) == 0 {
		return nil
	}
	if err := x.store.Erase(prefixes...); err != nil {
		return fmt.Errorf("erase records: %w", err)
	}
	return nil
}

func recordKey(kind, id string) string {
	return store.Key{Kind: store.KindRecord, Collection: kind, Document: id}.String()
}
