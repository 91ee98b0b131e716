package app

import (
	"context"
	"fmt"

	"kakoi/core"
)

// Discard gives an unfinished add up: it is not gone on with. What it has added stays. core.ErrBusy while it runs, core.ErrNotFound.
func (l *Library) Discard(ctx context.Context, id string) error {
	entries, err := l.Log.Entries(ctx)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.ID != id {
			continue
		}
		if e.Running {
			return core.Explain(fmt.Errorf("discard job %s: %w", id, core.ErrBusy), "error.library.running")
		}
		if err := l.Log.Forget(ctx, e); err != nil {
			return err
		}
		l.Bus.Tell(TopicDocuments)
		return nil
	}
	return fmt.Errorf("discard job %s: %w", id, core.ErrNotFound)
}
