package app_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"kakoi/app"
	"kakoi/app/job"
	"kakoi/core"
)

// waiting is a store with vectors that wait to be linked.
type waiting struct {
	app.Store

	mu    sync.Mutex
	left  int
	began chan struct{} // hears of each build
	gate  chan struct{} // a build links when it hears of it
}

func (w *waiting) GraphsWanted(context.Context, string) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.left, nil
}

func (w *waiting) BuildGraphs(ctx context.Context, _ string, p core.Progress) error {
	n, _ := w.GraphsWanted(ctx, "")
	p.Report(core.Update{Stage: "graph", Total: int64(n)})
	w.began <- struct{}{}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-w.gate:
	}
	p.Report(core.Update{Stage: "graph", Done: int64(n), Total: int64(n)})
	w.set(0)
	return nil
}

func (w *waiting) set(n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.left = n
}

// TestKeepGraphs: a collection that has grown large is linked without being asked, as a job that is seen and can be cancelled; a person who
// cancelled it is not asked again before a good deal more has come; what waits at the start is gone on with.
func TestKeepGraphs(t *testing.T) {
	w := &waiting{left: 200_000, began: make(chan struct{}), gate: make(chan struct{})}
	b := open(t, func(s app.Store) app.Store { w.Store = s; return w })
	b.library.Bus = &app.Bus{}
	if _, err := b.library.CreateCollection(t.Context(), "main"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var end sync.WaitGroup
	end.Go(func() { b.library.KeepGraphs(ctx) })
	<-w.began // at the start
	jobs := b.library.Jobs.Running()
	if len(jobs) != 1 || jobs[0].Name.Key != "job.graph" || jobs[0].Name.Note != "main" || jobs[0].State().Total != 200_000 {
		t.Fatalf("%d jobs", len(jobs))
	}
	jobs[0].Cancel()
	if err := jobs[0].Wait(t.Context()); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	w.set(210_000)
	b.library.Bus.Tell(app.TopicDocuments)
	select {
	case <-w.began:
		t.Fatal("begun again although it was cancelled")
	case <-time.After(300 * time.Millisecond):
	}
	w.set(300_000)
	b.library.Bus.Tell(app.TopicDocuments)
	<-w.began
	w.gate <- struct{}{}
	for len(b.library.Jobs.Running()) > 0 {
		time.Sleep(time.Millisecond)
	}
	if n, err := b.library.GraphsWanted(t.Context()); n != 0 || err != nil {
		t.Errorf("%d wait, %v", n, err)
	}
	cancel()
	end.Wait()
}

// TestBuildGraphsTellsOfIt: who asks hears how far it is, and how many were linked; nothing is started where nothing waits.
func TestBuildGraphsTellsOfIt(t *testing.T) {
	w := &waiting{left: 5000, began: make(chan struct{}, 2), gate: make(chan struct{}, 2)}
	b := open(t, func(s app.Store) app.Store { w.Store = s; return w })
	if _, err := b.store.EnsureCollection(t.Context(), "main"); err != nil {
		t.Fatal(err)
	}
	w.gate <- struct{}{}
	var last job.State
	if n, err := b.library.BuildGraphs(t.Context(), func(s job.State) { last = s }); err != nil || n != 5000 || !last.Ended || last.Done != 5000 {
		t.Errorf("%d, %v, %+v", n, err, last)
	}
	if n, err := b.library.BuildGraphs(t.Context(), nil); err != nil || n != 0 || len(w.began) != 1 {
		t.Errorf("%d, %v, %d builds", n, err, len(w.began))
	}
}
