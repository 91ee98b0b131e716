package app

import (
	"context"
	"fmt"

	"kakoi/app/job"
	"kakoi/core"
	"kakoi/core/ingest"
)

const refreshKind = "refresh"

// Refresh gives every document vectors of the embedder in use. The texts come from the library: the files may be gone. It is a
// job like Add: cancel keeps what is done, and what is left goes on with the next Refresh.
func (l *Library) Refresh(ctx context.Context, opt AddOptions) (Summary, error) {
	entry, err := l.Log.Begin(ctx, refreshKind, struct{}{})
	if err != nil {
		return Summary{}, fmt.Errorf("refresh vectors: %w", err)
	}
	a := &adder{Library: l, opt: opt, summary: Summary{Failed: []Failure{}}}
	return a.start(ctx, []job.Entry{entry}, job.Name{Key: "job.refresh"}, a.refresh)
}

// NeedsRefresh says whether a Refresh was begun and did not end well.
func (l *Library) NeedsRefresh(ctx context.Context) (bool, error) {
	entries, err := l.Log.Entries(ctx)
	if err != nil {
		return false, err
	}
	for _, e := range entries {
		if e.Kind == refreshKind && !e.Running {
			return true, nil
		}
	}
	return false, nil
}

func (a *adder) refresh(ctx context.Context, p core.Progress) error {
	a.p = p
	if err := a.needEmbedder(ctx); err != nil {
		return err
	}
	stale, err := a.Stale(ctx)
	if err != nil {
		return err
	}
	a.files = len(stale)
	for _, s := range stale {
		a.weigh.expectKnown(s.Document.Chunks)
	}
	return a.work(ctx, func(ctx context.Context, ready chan<- prepared) {
		for _, s := range stale {
			f := a.reload(ctx, s)
			select {
			case ready <- f:
			case <-ctx.Done():
				return
			}
		}
	})
}

// reload reads a document from the library as if it were read from its file.
func (a *adder) reload(ctx context.Context, s StaleDocument) prepared {
	d := s.Document
	f := prepared{file: ingest.File{Path: d.Source, Size: d.Size, ModTime: d.Modified, Kind: d.Kind}, doc: d, old: d, collection: s.Collection.ID}
	if f.pages, f.err = a.Store.Pages(ctx, s.Collection.ID, d.ID); f.err != nil {
		return f
	}
	f.chunks, f.err = a.Store.Chunks(ctx, s.Collection.ID, d.ID)
	return f
}
