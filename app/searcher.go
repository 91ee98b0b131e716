package app

import (
	"context"
	"fmt"

	"kakoi/core"
	"kakoi/index"
)

// Searcher is one collection as core/rag searches it.
type Searcher struct {
	Store      Store
	Collection string // Collection.ID
}

// Dense finds the k chunks nearest to a question, whose vector is of the embedder with that ID.
func (s Searcher) Dense(ctx context.Context, question string, v core.Vector, embedder string, k int) ([]core.Hit, error) {
	r, err := s.Store.Search(ctx, s.Collection, index.Query{Asked: question, Vector: v, Embedder: embedder, K: k})
	return r.Dense, err
}

// Lexical finds the k chunks that share most words with a text.
func (s Searcher) Lexical(ctx context.Context, text string, k int) ([]core.Hit, error) {
	r, err := s.Store.Search(ctx, s.Collection, index.Query{Text: text, K: k})
	return r.Lexical, err
}

// Around are the chunks of the same page within n of a chunk, without it, in reading order.
func (s Searcher) Around(ctx context.Context, c core.Chunk, n int) ([]core.Chunk, error) {
	chunks, err := s.Store.Chunks(ctx, s.Collection, c.Document)
	if err != nil {
		return nil, err
	}
	if c.Ordinal >= len(chunks) || chunks[c.Ordinal].Text != c.Text {
		return nil, fmt.Errorf("chunk %d of document %q has changed: %w", c.Ordinal, c.Document, core.ErrNotFound)
	}
	var out []core.Chunk
	for _, o := range chunks[max(0, c.Ordinal-n):min(len(chunks), c.Ordinal+n+1)] {
		if o.Ordinal != c.Ordinal && o.Page == c.Page {
			out = append(out, o)
		}
	}
	return out, nil
}

// PageText is the text of one page; core.ErrNotFound when it is gone.
func (s Searcher) PageText(ctx context.Context, document string, page int) (string, error) {
	pages, err := s.Store.Pages(ctx, s.Collection, document)
	if err != nil {
		return "", err
	}
	for _, p := range pages {
		if p.Number == page {
			return p.Text, nil
		}
	}
	return "", fmt.Errorf("page %d of document %q: %w", page, document, core.ErrNotFound)
}
