package app_test

import (
	"context"
	"errors"
	"path/filepath"
	"sync"
	"testing"

	"kakoi/app"
	"kakoi/app/apptest"
	"kakoi/core"
	"kakoi/core/engine"
)

func TestEngineStartsOnceAndRetries(t *testing.T) {
	dir := t.TempDir()
	if err := apptest.Folders(dir); err != nil {
		t.Fatal(err)
	}
	starts, fail := 0, errors.New("no engine today")
	e := app.NewEngine(func(context.Context) (app.Client, error) {
		starts++
		if starts == 1 {
			return nil, fail
		}
		return &apptest.Client{}, nil
	})
	if _, err := e.Embedder(t.Context(), filepath.Join(dir, "multilingual-e5-small"), engine.ModelOptions{}, nil); !errors.Is(err, fail) {
		t.Fatalf("error is %v", err)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if _, err := e.Embedder(t.Context(), filepath.Join(dir, "multilingual-e5-small"), engine.ModelOptions{}, nil); err != nil {
				t.Error(err)
			}
			if _, err := e.Generator(t.Context(), filepath.Join(dir, "starter"), engine.ModelOptions{}, nil); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if starts != 2 {
		t.Errorf("%d starts, want 2", starts)
	}
	if err := e.Close(); err != nil {
		t.Error(err)
	}
	if _, err := e.Client(t.Context()); err == nil {
		t.Error("a closed engine starts")
	}
}

func TestEngineCloseGivesUpLoads(t *testing.T) {
	began := make(chan struct{})
	e := app.NewEngine(func(ctx context.Context) (app.Client, error) {
		close(began)
		<-ctx.Done()
		return nil, ctx.Err()
	})
	done := make(chan error, 1)
	go func() { _, err := e.Client(context.Background()); done <- err }()
	<-began
	if err := e.Close(); err != nil {
		t.Error(err)
	}
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v", err)
	}
}

// resident is a client whose chat models say when they are closed.
type resident struct {
	apptest.Client
	closed chan string
}

type residentModel struct {
	core.Generator
	dir    string
	closed chan string
}

func (r *resident) LoadGenerator(_ context.Context, dir string, _ engine.ModelOptions, _ core.Progress) (core.Generator, error) {
	return residentModel{dir: dir, closed: r.closed}, nil
}

func (m residentModel) Close() error { m.closed <- m.dir; return nil }

func TestReleaseClosesOtherModels(t *testing.T) {
	client := &resident{closed: make(chan string, 4)}
	e := app.NewEngine(func(context.Context) (app.Client, error) { return client, nil })
	for _, dir := range []string{"old", "new"} {
		if _, err := e.Generator(t.Context(), dir, engine.ModelOptions{}, nil); err != nil {
			t.Fatal(err)
		}
	}
	e.Release("new", "embedder")
	if dir := <-client.closed; dir != "old" {
		t.Errorf("closed %q", dir)
	}
	// It is loaded anew when it is asked for again.
	if _, err := e.Generator(t.Context(), "old", engine.ModelOptions{}, nil); err != nil {
		t.Fatal(err)
	}
	e.Release("old")
	if dir := <-client.closed; dir != "new" {
		t.Errorf("closed %q", dir)
	}
	if err := e.Close(); err != nil {
		t.Error(err)
	}
	e.Release()
}
