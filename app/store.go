package app

import (
	"context"
	"errors"

	"kakoi/app/job"
	"kakoi/core"
	"kakoi/index"
)

// Store is what the use-cases need of the index. Collections are named by Collection.ID.
type Store interface {
	job.Records
	Record(ctx context.Context, kind, id string) ([]byte, error)
	RecordIDs(ctx context.Context, kind string) ([]string, error)
	EraseRecords(ctx context.Context, keys ...[2]string) error // each a kind and an id; without id all of the kind
	// DropRecords is EraseRecords where nothing is removed for good: their text is in a document by now, or was replaced by a person's edit. What is kept for
	// an undo stays.
	DropRecords(ctx context.Context, keys ...[2]string) error
	EnsureCollection(ctx context.Context, name string) (core.Collection, error)
	Collections(ctx context.Context) ([]core.Collection, error)
	Documents(ctx context.Context, collection string) ([]core.Document, error)
	Document(ctx context.Context, collection, id string) (core.Document, error)
	Pages(ctx context.Context, collection, id string) ([]core.Page, error)
	Chunks(ctx context.Context, collection, id string) ([]core.Chunk, error)
	Begin(ctx context.Context, collection string, doc core.Document, pages []core.Page, chunks []core.Chunk, embedder core.EmbedderInfo, sources ...index.Source) (Draft, error)
	Tidy(ctx context.Context) error
	PutFailed(ctx context.Context, collection string, doc core.Document) error
	Remove(ctx context.Context, collection, id string) error
	RemoveAll(ctx context.Context, collection string, ids []string) (int, error)
	RemoveCollection(ctx context.Context, collection string) error
	Remains(ctx context.Context, collection, id string) (index.Remains, error)
	Search(ctx context.Context, collection string, q index.Query) (index.Result, error)
	Stats(ctx context.Context, collection string) (index.Stats, error)
	Signs(ctx context.Context, collection string) ([]index.Signed, error)
	GraphsWanted(ctx context.Context, collection string) (int, error)
	BuildGraphs(ctx context.Context, collection string, p core.Progress) error
}

// Draft is a Document on its way into the Store, see index.Draft.
type Draft interface {
	Missing() []int
	PutVectors(ctx context.Context, ordinals []int, vectors []core.Vector) error
	CommitLate(ctx context.Context) (core.Document, error)
}

// Indexed is the Store on an index. What is removed for good may also be in what Keep keeps from before a restore or a repair: that goes first.
type Indexed struct {
	*index.Index
	Keep Keep // zero: nothing is kept
}

// Remove is index.Index.Remove.
func (x Indexed) Remove(ctx context.Context, collection, id string) error {
	if err := x.Keep.Forget(); err != nil {
		return err
	}
	return errors.Join(x.Index.Remove(ctx, collection, id), x.Keep.forgetBackups())
}

// RemoveAll is index.Index.RemoveAll.
func (x Indexed) RemoveAll(ctx context.Context, collection string, ids []string) (int, error) {
	if len(ids) > 0 {
		if err := x.Keep.Forget(); err != nil {
			return 0, err
		}
	}
	n, err := x.Index.RemoveAll(ctx, collection, ids)
	return n, errors.Join(err, x.Keep.forgetBackups())
}

// RemoveCollection is index.Index.RemoveCollection.
func (x Indexed) RemoveCollection(ctx context.Context, collection string) error {
	if err := x.Keep.Forget(); err != nil {
		return err
	}
	return errors.Join(x.Index.RemoveCollection(ctx, collection), x.Keep.forgetBackups())
}

// EraseRecords is index.Index.EraseRecords.
func (x Indexed) EraseRecords(ctx context.Context, keys ...[2]string) error {
	if len(keys) == 0 {
		return nil
	}
	if err := x.Keep.Forget(); err != nil {
		return err
	}
	return errors.Join(x.Index.EraseRecords(ctx, keys...), x.Keep.forgetBackups())
}

// DropRecords is index.Index.EraseRecords, and leaves what Keep keeps.
func (x Indexed) DropRecords(ctx context.Context, keys ...[2]string) error {
	return x.Index.EraseRecords(ctx, keys...)
}

// Begin is index.Index.Begin.
func (x Indexed) Begin(ctx context.Context, collection string, doc core.Document, pages []core.Page, chunks []core.Chunk, embedder core.EmbedderInfo, sources ...index.Source) (Draft, error) {
	d, err := x.Index.Begin(ctx, collection, doc, pages, chunks, embedder, sources...)
	if err != nil {
		return nil, err
	}
	return d, nil
}
