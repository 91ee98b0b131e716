package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"kakoi/app/job"
	"kakoi/core"
)

// ungraphed are the collections whose vectors are looked through one by one although there are very many, and how many wait.
func (l *Library) ungraphed(ctx context.Context) (map[core.Collection]int, error) {
	all, err := l.Store.Collections(ctx)
	if err != nil {
		return nil, fmt.Errorf("list collections: %w", err)
	}
	out := map[core.Collection]int{}
	for _, c := range all {
		n, err := l.Store.GraphsWanted(ctx, c.ID)
		if err != nil {
			return nil, fmt.Errorf("look at the vector index of %q: %w", c.Name, err)
		}
		if n > 0 {
			out[c] = n
		}
	}
	return out, nil
}

// GraphsWanted counts the vectors that BuildGraphs would link, in all collections.
func (l *Library) GraphsWanted(ctx context.Context) (n int, err error) {
	waiting, err := l.ungraphed(ctx)
	for _, w := range waiting {
		n += w
	}
	return n, err
}

// BuildGraphs makes searches of collections that have become large fast, as a job for each; done is how many vectors were linked. Searches
// are answered meanwhile. When it is cancelled, what is linked stays, and the next call goes on. Nothing happens where nothing waits.
func (l *Library) BuildGraphs(ctx context.Context, listen func(job.State)) (done int, err error) {
	waiting, err := l.ungraphed(ctx)
	if err != nil {
		return 0, err
	}
	for c, n := range waiting {
		j := l.Jobs.Start(ctx, job.Name{Key: "job.graph", Note: c.Name}, func(ctx context.Context, p core.Progress) error {
			return l.Store.BuildGraphs(ctx, c.ID, p)
		}, listen)
		if err := j.Wait(context.Background()); err != nil { // a cancelled job ends soon, and in order
			return done, fmt.Errorf("make the vector index of %q: %w", c.Name, err)
		}
		done += n
	}
	return done, nil
}

// KeepGraphs calls BuildGraphs now, and whenever documents have been added and nothing else is running, until ctx ends. After a person has
// cancelled it, it waits until a good deal more has been added, or the next start.
func (l *Library) KeepGraphs(ctx context.Context) {
	added := make(chan struct{}, 1)
	added <- struct{}{}
	defer l.Bus.Subscribe(func(t Topic) {
		if t == TopicDocuments {
			select {
			case added <- struct{}{}:
			default:
			}
		}
	})()
	refused := 0 // vectors that waited when it was cancelled
	for {
		select {
		case <-ctx.Done():
			return
		case <-added:
		}
		for len(l.Jobs.Running()) > 0 {
			select {
			case <-ctx.Done():
				return
			case <-time.After(time.Second):
			}
		}
		n, err := l.GraphsWanted(ctx)
		if err == nil && n > refused+refused/4 {
			_, err = l.BuildGraphs(ctx, nil)
			refused = 0
			if errors.Is(err, context.Canceled) && ctx.Err() == nil {
				refused, err = n, nil
			}
		}
		if err != nil && ctx.Err() == nil {
			slog.Warn("vector index", "error", err)
		}
	}
}
