package index

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"

	"kakoi/core"
	"kakoi/index/store"
)

// Sample gives a passage from the middle of a document, its vector, and the embedder that this is of.
func (x *Index) Sample(ctx context.Context, coll, id string) (core.Chunk, core.Vector, string, error) {
	coll, err := x.collection(coll)
	if err != nil {
		return core.Chunk{}, nil, "", err
	}
	s, err := x.stored(coll, id)
	if err != nil {
		return core.Chunk{}, nil, "", err
	}
	chunks, err := x.Chunks(ctx, coll, id)
	if err == nil && (len(chunks) == 0 || len(chunks) != s.head.Chunks) {
		err = fmt.Errorf("document %s: %d of %d passages: %w", id, len(chunks), s.head.Chunks, core.ErrCorrupt)
	}
	if err != nil {
		return core.Chunk{}, nil, "", err
	}
	vectors, _, err := x.graphVectors(docKey{coll, id}, s.head)
	if err != nil {
		return core.Chunk{}, nil, "", err
	}
	at := len(chunks) / 2
	return chunks[at], vectors[at*s.head.Dimension : (at+1)*s.head.Dimension], s.head.Embedder, nil
}

// Exported gathers the values of one document as Export gives them, for whoever wants its pages back.
type Exported struct {
	Entry Entry
	pages []core.Page
	key   store.Key
	long  []byte
}

// Put takes one value; others than those of pages are passed over.
func (e *Exported) Put(key string, payload []byte) error {
	k, err := store.ParseKey(key)
	if err != nil {
		return err
	}
	if k.Kind != store.KindPage {
		return nil
	}
	if k.Part == 0 {
		e.key, e.long = k, slices.Clone(payload)
	} else {
		e.key.Part++
		if k != e.key {
			return fmt.Errorf("key %q: %w", key, core.ErrCorrupt)
		}
		e.long = append(e.long, payload...)
	}
	n, used := binary.Uvarint(e.long)
	if used <= 0 {
		return fmt.Errorf("value of %q: %w", key, core.ErrCorrupt)
	}
	if n > uint64(len(e.long)-used) {
		return nil
	}
	p, err := decodePage(e.long[used:])
	if err == nil {
		e.pages = append(e.pages, p)
	}
	return err
}

// Pages gives the pages, all of them: core.ErrCorrupt otherwise.
func (e *Exported) Pages() ([]core.Page, error) {
	if len(e.pages) != e.Entry.Document.Pages {
		return nil, fmt.Errorf("%d of %d pages: %w", len(e.pages), e.Entry.Document.Pages, core.ErrCorrupt)
	}
	return e.pages, nil
}
