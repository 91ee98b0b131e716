package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"kakoi/core"
)

// waitingID is the record, among the texts of a document's pages, of a newer version of its file that has no text yet: a text was replaced by a scan. The
// library keeps the old text, with the reason beside it, until text recognition has read the new file.
const waitingID = "0"

// waitingFile is that record.
type waitingFile struct {
	Waiting core.Document `json:"waiting"` // as it was read: with the pages that are pictures
}

// await remembers a file without text that was read in the place of a document whose text is kept.
func (l *Library) await(ctx context.Context, collection string, doc core.Document) error {
	if len(UnreadPages(doc)) == 0 {
		return nil
	}
	if old, err := l.Store.Document(ctx, collection, doc.ID); err != nil || old.State != core.DocumentReady {
		return err // one without any text tells of its pages itself
	}
	raw, err := json.Marshal(waitingFile{doc})
	if err != nil {
		return fmt.Errorf("encode what is read of %q: %w", doc.Name, err)
	}
	if err := l.Store.PutRecord(ctx, ocrTexts(collection, doc.ID), waitingID, raw); err != nil {
		return fmt.Errorf("remember the pages of %q: %w", doc.Name, err)
	}
	return nil
}

// Waiting are the newer versions of documents whose old text is kept until text recognition reads them. docs are those of the collection
// (Collection.ID).
func (l *Library) Waiting(ctx context.Context, collection string, docs []core.Document) ([]core.Document, error) {
	var found []core.Document
	for _, d := range docs {
		if d.State != core.DocumentReady || d.Reason == "" {
			continue
		}
		raw, err := l.Store.Record(ctx, ocrTexts(collection, d.ID), waitingID)
		if errors.Is(err, core.ErrNotFound) {
			continue
		}
		var w waitingFile
		if err == nil {
			if err = json.Unmarshal(raw, &w); err != nil {
				err = errors.Join(core.ErrCorrupt, err)
			}
		}
		if err != nil {
			return nil, fmt.Errorf("read what waits in the place of %q: %w", d.Name, err)
		}
		if w.Waiting.ID == d.ID {
			found = append(found, w.Waiting)
		}
	}
	return found, nil
}

// withWaiting puts the newer versions in the place of the documents.
func withWaiting(docs, waiting []core.Document) []core.Document {
	out := slices.Clone(docs)
	for i, d := range out {
		if at := slices.IndexFunc(waiting, func(w core.Document) bool { return w.ID == d.ID }); at >= 0 {
			out[i] = waiting[at]
		}
	}
	return out
}
