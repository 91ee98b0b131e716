package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"kakoi/core"
	"kakoi/index"
)

// proof restores a backup into a folder of its own in the data folder, opens what came of it, reads every byte, counts, and searches for passages by their words and by
// their vectors. core.ErrCorrupt says that the backup is not what it should be.
func (b *Backup) proof(ctx context.Context, path string, p core.Progress) (s BackupSummary, err error) {
	l, err := b.look(ctx, path, p)
	if err != nil {
		return l.summary, err
	}
	if err := roomFor(b.Free, b.Data, l.bytes+l.bytes/4+index.OpenBytes); err != nil {
		return l.summary, err
	}
	base := filepath.Join(b.Data, provingDir)
	if err := os.RemoveAll(base); err != nil {
		return l.summary, fmt.Errorf("prove backup: %w", err)
	}
	if err := os.Mkdir(base, 0o700); err != nil {
		return l.summary, fmt.Errorf("prove backup: %w", err)
	}
	defer func() {
		if !exists(base) && err != nil { // a removal takes it away, which may hold what was removed
			err = core.Explain(fmt.Errorf("prove backup: %w: %w", core.ErrBusy, ctx.Err()), "error.backup.removed")
		}
		err = errors.Join(noRoom(err), os.RemoveAll(base))
	}()
	if err := b.fill(ctx, path, base, l, "prove", p); err != nil {
		return l.summary, err
	}
	x, err := index.Open(filepath.Join(base, libraryDir), b.options())
	if err != nil {
		return l.summary, err
	}
	defer func() { err = errors.Join(err, x.Close()) }()
	problems, err := x.Verify(ctx, p)
	if err != nil {
		return l.summary, err
	}
	if len(problems) > 0 {
		return l.summary, fmt.Errorf("restored: %d problems, the first: %w: %w", len(problems), core.ErrCorrupt, problems[0])
	}
	return l.summary, b.tryOut(ctx, x, l.summary.BackupCount)
}

// tryOut counts what was restored, and searches for some of it.
func (b *Backup) tryOut(ctx context.Context, x *index.Index, want BackupCount) error {
	all, err := x.Collections(ctx)
	if err != nil {
		return err
	}
	docs, chunks := 0, 0
	for _, c := range all {
		its, err := x.Documents(ctx, c.ID)
		if err != nil {
			return err
		}
		docs += len(its)
		var ready []core.Document
		for _, d := range its {
			chunks += d.Chunks
			if d.State == core.DocumentReady && d.Chunks > 0 {
				ready = append(ready, d)
			}
		}
		const samples = 5
		for i := range min(samples, len(ready)) {
			if err := finds(ctx, x, c.ID, ready[i*len(ready)/min(samples, len(ready))]); err != nil {
				return err
			}
		}
	}
	if len(all) != want.Collections || docs != want.Documents || chunks != want.Chunks {
		return fmt.Errorf("restored: %d collections, %d documents, %d passages, not %d, %d, %d: %w", len(all), docs, chunks, want.Collections, want.Documents, want.Chunks, core.ErrCorrupt)
	}
	return nil
}

// finds searches for a passage of a document by its vector, which nothing can be nearer to than itself, and by its words.
func finds(ctx context.Context, x *index.Index, collection string, doc core.Document) error {
	chunk, vector, embedder, err := x.Sample(ctx, collection, doc.ID)
	if err != nil {
		return err
	}
	r, err := x.Search(ctx, collection, index.Query{Text: chunk.Text, Vector: vector, Embedder: embedder, K: 10})
	if err != nil {
		return err
	}
	if len(r.Dense) == 0 || r.Dense[0].Dense < 0.99 {
		return fmt.Errorf("restored: passage %d of document %s is not found by its own vector: %w", chunk.Ordinal, doc.ID, core.ErrCorrupt)
	}
	return nil
}
