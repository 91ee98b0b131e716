package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"kakoi/app/job"
	"kakoi/core"
	"kakoi/index"
)

// Erasure is the proof that something was removed: how much of it there was, and how much was found when the store was read
// again afterwards.
type Erasure struct {
	Collection string        `json:"collection"`
	Name       string        `json:"name,omitempty"` // of the document; "" is the whole collection
	Documents  int           `json:"documents"`
	Before     index.Remains `json:"before"`
	After      index.Remains `json:"after"`
	Pictures   int           `json:"pictures"` // of pages that were kept to be shown, and dropped
	Seconds    float64       `json:"seconds"`
}

// Gone says that nothing was found.
func (e Erasure) Gone() bool { return e.After.Total() == 0 }

// Erase removes a document and proves it: the store's files are read again, earlier versions of every key included, and
// so are the search indexes in memory. core.ErrCorrupt when something is left.
func (l *Library) Erase(ctx context.Context, c core.Collection, doc core.Document) (Erasure, error) {
	e := Erasure{Collection: c.Name, Name: doc.Name, Documents: 1}
	err := l.prove(ctx, &e, c.ID, doc.ID, func() error {
		e.Pictures = l.forgetPages(doc.Source)
		return l.Remove(ctx, c, doc)
	})
	return e, err
}

// RemoveCollection removes a collection by name with all its documents, and proves it as Erase does. An add into it that is under
// way must have ended.
func (l *Library) RemoveCollection(ctx context.Context, name string) (Erasure, error) {
	c, err := l.Collection(ctx, name)
	if err != nil {
		return Erasure{}, err
	}
	entries, plans, err := l.resting(ctx, c.Name)
	if err != nil {
		return Erasure{}, err
	}
	stats, err := l.Store.Stats(ctx, c.ID)
	if err != nil && !errors.Is(err, core.ErrCorrupt) {
		return Erasure{}, fmt.Errorf("look at collection %q: %w", c.Name, err)
	}
	e := Erasure{Collection: c.Name, Documents: stats.Documents}
	err = l.prove(ctx, &e, c.ID, "", func() error {
		docs, err := l.Store.Documents(ctx, c.ID)
		if err != nil && !errors.Is(err, core.ErrCorrupt) {
			return err
		}
		ids := make([]string, len(docs))
		for i, d := range docs {
			ids[i] = d.ID
		}
		if err := l.forgetOCR(ctx, c.ID, ids...); err != nil {
			return err
		}
		err = l.Store.RemoveCollection(ctx, c.ID)
		e.Pictures = l.forgetPages("") // after it: nothing is drawn of what is gone
		return err
	})
	for i, plan := range plans {
		if err == nil && plan.Collection == c.Name { // nothing to go on with
			err = l.Log.Forget(ctx, entries[i])
		}
	}
	l.Bus.Tell(TopicDocuments)
	return e, err
}

// resting are the unfinished adds; core.ErrBusy when one into a collection is under way.
func (l *Library) resting(ctx context.Context, collection string) ([]job.Entry, []AddPlan, error) {
	entries, plans, err := l.Unfinished(ctx)
	if err != nil {
		return nil, nil, err
	}
	for i, plan := range plans {
		if plan.Collection == collection && entries[i].Running {
			return nil, nil, core.Explain(fmt.Errorf("remove collection %q: %w", collection, core.ErrBusy), "error.library.adding", collection)
		}
	}
	return entries, plans, nil
}

func (l *Library) prove(ctx context.Context, e *Erasure, collection, document string, remove func() error) error {
	start := time.Now()
	var err error
	if e.Before, err = l.Store.Remains(ctx, collection, document); err != nil {
		return err
	}
	if err := remove(); err != nil {
		return fmt.Errorf("remove: %w", err)
	}
	if e.After, err = l.Store.Remains(context.WithoutCancel(ctx), collection, document); err != nil {
		return err
	}
	e.Seconds = time.Since(start).Seconds()
	if !e.Gone() {
		return core.Explain(fmt.Errorf("after the removal %+v is left: %w", e.After, core.ErrCorrupt), "error.library.left", e.After.Total())
	}
	return nil
}
