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

// collection gives the id of a collection named by its id or its name.
func (x *Index) collection(coll string) (string, error) {
	_, err := x.store.Get(store.Key{Kind: store.KindCollection, Collection: coll}.String())
	if !errors.Is(err, core.ErrNotFound) {
		return coll, err
	}
	all, err := x.Collections(context.Background())
	if err != nil {
		return "", err
	}
	for _, c := range all {
		if c.Name == coll {
			return c.ID, nil
		}
	}
	return "", core.Explain(fmt.Errorf("collection %q: %w", coll, core.ErrNotFound), "error.store.collection", coll)
}

// named adds the sentence for damaged data, with the document's name.
func (x *Index) named(err error, name string) error {
	var said *core.UserError
	if errors.Is(err, core.ErrCorrupt) && !errors.As(err, &said) {
		return core.Explain(err, "error.store.damaged", name)
	}
	return err
}

func notFound(err error, id string) error {
	if errors.Is(err, core.ErrNotFound) {
		return core.Explain(fmt.Errorf("document %q: %w", id, err), "error.store.document", id)
	}
	return err
}

// Documents lists a collection, by name and then source.
func (x *Index) Documents(ctx context.Context, coll string) ([]core.Document, error) {
	coll, err := x.collection(coll)
	if err != nil {
		return nil, err
	}
	var all []core.Document
	err = x.store.View(func(r *store.Reader) error {
		return r.Each(store.CollectionPrefix(store.KindHead, coll), "", func(key string, payload []byte) error {
			h, err := decodeHead(payload)
			if err != nil || h.Gone {
				return err
			}
			d, err := h.document()
			if err != nil {
				return fmt.Errorf("%q: %w", key, err)
			}
			all = append(all, d)
			return ctx.Err()
		})
	})
	if err != nil {
		return nil, x.named(fmt.Errorf("list documents: %w", err), coll)
	}
	slices.SortFunc(all, func(a, b core.Document) int {
		return strings.Compare(a.Name+"\x00"+a.Source+"\x00"+a.ID, b.Name+"\x00"+b.Source+"\x00"+b.ID)
	})
	return all, nil
}

// read runs fn over a document that is there, in one snapshot.
func (x *Index) read(coll, id string, fn func(r *store.Reader, k docKey, h head, d core.Document) error) error {
	coll, err := x.collection(coll)
	if err != nil {
		return err
	}
	name := id
	err = x.store.View(func(r *store.Reader) error {
		h, d, err := getHead(r, coll, id)
		if err != nil {
			return notFound(err, id)
		}
		name = d.Name
		return fn(r, docKey{coll, id}, h, d)
	})
	if err != nil {
		return x.named(fmt.Errorf("read document %s: %w", id, err), name)
	}
	return nil
}

// Document gives one document: core.ErrNotFound.
func (x *Index) Document(ctx context.Context, coll, id string) (doc core.Document, err error) {
	err = x.read(coll, id, func(_ *store.Reader, _ docKey, _ head, d core.Document) error {
		doc = d
		return ctx.Err()
	})
	return doc, err
}

// Pages gives the pages of a document's current version; none while it is pending or failed.
func (x *Index) Pages(ctx context.Context, coll, id string) (pages []core.Page, err error) {
	err = x.read(coll, id, func(r *store.Reader, k docKey, h head, d core.Document) error {
		if h.Generation == 0 {
			return nil
		}
		prefix := store.GenerationPrefix(store.KindPage, k.collection, k.document, h.Generation)
		err := r.EachLong(prefix, "", func(_ store.Key, payload []byte) error {
			p, err := decodePage(payload)
			pages = append(pages, p)
			return errors.Join(err, ctx.Err())
		})
		if err == nil && len(pages) != d.Pages {
			err = fmt.Errorf("%d of %d pages: %w", len(pages), d.Pages, core.ErrCorrupt)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return pages, nil
}

// Chunks gives the chunks of a document's current version; none while it is pending or failed.
func (x *Index) Chunks(ctx context.Context, coll, id string) (chunks []core.Chunk, err error) {
	err = x.read(coll, id, func(r *store.Reader, k docKey, h head, _ core.Document) error {
		if h.Generation == 0 {
			return nil
		}
		err := eachChunk(r, k, h.Generation, func(c core.Chunk) error {
			chunks = append(chunks, c)
			return ctx.Err()
		})
		if err == nil && len(chunks) != h.Chunks {
			err = fmt.Errorf("%d of %d chunks: %w", len(chunks), h.Chunks, core.ErrCorrupt)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return chunks, nil
}

// PutFailed records that a file could not be read. A version that was read before stays searchable and ready, with
// the reason beside it; an interrupted draft is given up.
func (x *Index) PutFailed(ctx context.Context, coll string, doc core.Document) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	x.writing.Lock()
	defer x.writing.Unlock()
	coll, err := x.collection(coll)
	if err != nil {
		return err
	}
	if doc.ID == "" {
		doc.ID = core.DocumentID(doc.Source)
	}
	k := docKey{coll, doc.ID}
	before, err := x.stored(coll, doc.ID)
	if err != nil {
		return fmt.Errorf("record failure of %q: %w", doc.Name, err)
	}
	after := before.head
	if before.head.Generation != 0 {
		reason, hint := doc.Reason, doc.Hint
		doc = before.doc
		doc.Reason, doc.Hint = reason, hint
	} else {
		doc.State, doc.Pages, doc.Chunks = core.DocumentFailed, 0, 0
	}
	err = x.store.Write(func(w *store.Writer) error {
		for generation, state := range x.work[k] {
			if state == workDraft {
				if err := w.Put(workKey(k, generation), []byte{workErase}); err != nil {
					return err
				}
			}
		}
		return x.change(w, coll, before, after, doc)
	})
	if err != nil {
		return fmt.Errorf("record failure of %q: %w", doc.Name, err)
	}
	x.endDraft(k, fmt.Errorf("draft of %q was given up: %w", doc.Name, core.ErrBusy))
	if err := x.eraseMarked(k); err != nil && !errors.Is(err, core.ErrNoSpace) {
		return err
	}
	return nil
}

// endDraft marks every draft of a document for erasure, in memory.
func (x *Index) endDraft(k docKey, why error) {
	if d := x.drafts[k]; d != nil {
		d.end = why
		delete(x.drafts, k)
	}
	for generation, state := range x.work[k] {
		if state == workDraft {
			x.work[k][generation] = workErase
		}
	}
}

// Remove erases a document: when it returns, no file of the library holds its text or its vectors. core.ErrNotFound.
// After another error the document is gone from lists and searches, and the next Open erases it.
func (x *Index) Remove(ctx context.Context, coll, id string) error {
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
	if errors.Is(err, core.ErrCorrupt) {
		return x.removeDamaged(ctx, k)
	}
	if err != nil {
		return fmt.Errorf("remove document %s: %w", id, err)
	}
	if !before.known {
		return notFound(core.ErrNotFound, id)
	}
	err = x.store.Write(func(w *store.Writer) error {
		if err := w.Put(workKey(k, 0), []byte{workErase}); err != nil {
			return err
		}
		// The head is overwritten, not deleted: Badger drops only prefixes that still have a living key.
		return x.change(w, coll, before, head{Gone: true}, core.Document{ID: id})
	})
	if err != nil {
		return fmt.Errorf("remove %q: %w", before.doc.Name, err)
	}
	x.setWork(k, 0, workErase)
	x.endDraft(k, fmt.Errorf("document %q was removed: %w", before.doc.Name, core.ErrNotFound))
	if err := x.refresh(k, head{}); err != nil {
		return err
	}
	return x.eraseMarked(k)
}

// removeDamaged erases a document whose head cannot be read, and counts the others anew.
func (x *Index) removeDamaged(ctx context.Context, k docKey) error {
	gone, err := head{Gone: true}.encode(core.Document{ID: k.document})
	if err != nil {
		return err
	}
	err = x.store.Write(func(w *store.Writer) error {
		return errors.Join(w.Put(workKey(k, 0), []byte{workErase}), w.Put(headKey(k.collection, k.document), gone))
	})
	if err != nil {
		return fmt.Errorf("remove document %s: %w", k.document, err)
	}
	x.setWork(k, 0, workErase)
	x.endDraft(k, fmt.Errorf("document %s was removed: %w", k.document, core.ErrNotFound))
	if err := x.refresh(k, head{}); err != nil {
		return err
	}
	if _, err := x.recount(ctx, k.collection); err != nil {
		return err
	}
	return x.eraseMarked(k)
}
