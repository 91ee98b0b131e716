package index

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"

	"kakoi/core"
	"kakoi/index/store"
)

// reform makes the lexical segments of a document's generation anew from its texts: they were written before terms were what they are today. The
// new ones are stored in their place; where there is no room for them, the next start makes them again. The caller holds x.writing.
func (x *Index) reform(ctx context.Context, k docKey, generation uint32) (*lexicalDoc, error) {
	var of info
	var pages []core.Page
	var chunks []core.Chunk
	err := x.store.View(func(r *store.Reader) error {
		var err error
		if of, err = getInfo(r, k, generation); err != nil {
			return err
		}
		err = r.EachLong(store.GenerationPrefix(store.KindPage, k.collection, k.document, generation), "", func(_ store.Key, payload []byte) error {
			p, err := decodePage(payload)
			pages = append(pages, p)
			return errors.Join(err, ctx.Err())
		})
		if err != nil {
			return err
		}
		return eachChunk(r, k, generation, func(c core.Chunk) error {
			chunks = append(chunks, c)
			return ctx.Err()
		})
	})
	if err != nil {
		return nil, err
	}
	segments, err := buildSegments(ctx, chunks, titlesOf(of.Document, pages, chunks))
	if err != nil {
		return nil, err
	}
	a := lexicalLoader{heads: map[string]head{k.document: {Generation: generation, Chunks: len(chunks)}}}
	key := store.Key{Kind: store.KindLexical, Collection: k.collection, Document: k.document, Generation: generation}
	for i, s := range segments {
		key.Number = uint32(i)
		if err := a.add(key, s); err != nil {
			return nil, err
		}
	}
	if err := a.finish(); err != nil {
		return nil, err
	}
	if err := x.replaceSegments(k, generation, of, segments); err != nil {
		slog.Warn("store lexical segments anew", "document", of.Document.Name, "error", err)
	}
	if a.docs[k.document] == nil {
		return &lexicalDoc{id: k.document, gen: generation}, nil
	}
	return a.docs[k.document], nil
}

// maxReform is how many bytes of segments are replaced, in one transaction: segments of two forms do not continue each other. Those of a longer
// document are made again at every start, until it is added again: 3,000 chunks take about a tenth of a second.
const maxReform = 1200 << 10

// replaceSegments stores segments, and their number, in place of those of another form.
func (x *Index) replaceSegments(k docKey, generation uint32, of info, segments [][]byte) error {
	size := 0
	for _, s := range segments {
		size += len(s)
	}
	if size > maxReform {
		return nil
	}
	var before []string
	err := x.store.View(func(r *store.Reader) error {
		return r.Keys(store.GenerationPrefix(store.KindLexical, k.collection, k.document, generation), func(key string) error {
			before = append(before, key)
			return nil
		})
	})
	if err != nil {
		return err
	}
	of.Segments = len(segments)
	text, err := json.Marshal(of)
	if err != nil {
		return err
	}
	at := func(kind byte, n int) store.Key {
		return store.Key{Kind: kind, Collection: k.collection, Document: k.document, Generation: generation, Number: uint32(n)}
	}
	return x.store.Write(func(w *store.Writer) error {
		for _, key := range before {
			if err := w.Delete(key); err != nil {
				return err
			}
		}
		for i, s := range segments {
			if err := w.PutLong(at(store.KindLexical, i), s); err != nil {
				return err
			}
		}
		return w.PutLong(at(store.KindInfo, 0), text)
	})
}
