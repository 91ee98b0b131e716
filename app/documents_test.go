package app_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kakoi/app"
	"kakoi/app/job"
	"kakoi/core"
	"kakoi/index"
	"kakoi/resources"
)

func TestEraseProvesIt(t *testing.T) {
	b := open(t, nil)
	if _, err := b.add(b.files(3, 5)); err != nil {
		t.Fatal(err)
	}
	c, doc, err := b.library.Find(t.Context(), "", "doc01.txt")
	if err != nil {
		t.Fatal(err)
	}
	e, err := b.library.Erase(t.Context(), c, doc)
	if err != nil || !e.Gone() || e.Before.Chunks == 0 || e.Before.Vectors == 0 || e.Name != "doc01.txt" {
		t.Errorf("%+v, %v", e, err)
	}
	if docs, err := b.library.List(t.Context(), ""); err != nil || len(docs) != 2 {
		t.Errorf("left are %v, %v", docs, err)
	}
}

// sticky is a store whose removals leave something.
type sticky struct{ app.Store }

func (s sticky) Remains(_ context.Context, collection, id string) (index.Remains, error) {
	return index.Remains{Chunks: 2}, nil
}

func TestEraseSaysWhatIsLeft(t *testing.T) {
	b := open(t, func(s app.Store) app.Store { return sticky{s} })
	if _, err := b.add(b.files(1, 5)); err != nil {
		t.Fatal(err)
	}
	c, doc, err := b.library.Find(t.Context(), "", "doc00.txt")
	if err != nil {
		t.Fatal(err)
	}
	e, err := b.library.Erase(t.Context(), c, doc)
	if !errors.Is(err, core.ErrCorrupt) || e.Gone() {
		t.Errorf("%+v, %v", e, err)
	}
}

func TestRemoveCollection(t *testing.T) {
	b := open(t, nil)
	dir := b.files(4, 5)
	if _, err := b.library.Add(t.Context(), app.AddPlan{Collection: "old", Paths: []string{dir}}, app.AddOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.store.EnsureCollection(t.Context(), "kept"); err != nil {
		t.Fatal(err)
	}
	// An add into it that did not end has nothing left to go on with.
	if _, err := b.library.Log.Begin(t.Context(), "add", app.AddPlan{Collection: "old", Paths: []string{"/a"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.library.RemoveCollection(t.Context(), "old"); !errors.Is(err, core.ErrBusy) {
		t.Errorf("removed while an add runs: %v", err)
	}
	b.library.Log = job.NewLog(b.store) // as after a restart
	e, err := b.library.RemoveCollection(t.Context(), "old")
	if err != nil || e.Documents != 4 || !e.Gone() || e.Before.Document < 4 {
		t.Errorf("%+v, %v", e, err)
	}
	if all, err := b.store.Collections(t.Context()); err != nil || len(all) != 1 || all[0].Name != "kept" {
		t.Errorf("collections %v, %v", all, err)
	}
	if entries, _, err := b.library.Unfinished(t.Context()); err != nil || len(entries) != 0 {
		t.Errorf("unfinished %v, %v", entries, err)
	}
	if _, err := b.library.RemoveCollection(t.Context(), "old"); !errors.Is(err, core.ErrNotFound) {
		t.Errorf("removed twice: %v", err)
	}
}

func TestSamplesAreAddedOnce(t *testing.T) {
	b := open(t, nil)
	dir := filepath.Join(b.dir, "samples")
	samples := os.DirFS(b.files(3, 4))
	s, err := b.library.AddSamples(t.Context(), samples, dir, app.AddPlan{}, app.AddOptions{})
	if err != nil || s.Added != 3 || s.Collection != app.SampleCollection {
		t.Fatalf("%+v, %v", s, err)
	}
	s, err = b.library.AddSamples(t.Context(), samples, dir, app.AddPlan{}, app.AddOptions{})
	if err != nil || s.Unchanged != 3 {
		t.Errorf("again: %+v, %v", s, err)
	}
	names := 0
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for range entries {
		names++
	}
	if names != 3 {
		t.Errorf("%d files written", names)
	}
	if _, err := resources.Samples.Open("."); err != nil {
		t.Error(err)
	}
}

func TestDiscard(t *testing.T) {
	b := open(t, nil)
	entry, err := b.library.Log.Begin(t.Context(), "add", app.AddPlan{Collection: "main", Paths: []string{"/a"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.library.Discard(t.Context(), entry.ID); !errors.Is(err, core.ErrBusy) {
		t.Errorf("discarded while it runs: %v", err)
	}
	b.library.Log = job.NewLog(b.store)
	if err := b.library.Discard(t.Context(), entry.ID); err != nil {
		t.Fatal(err)
	}
	if entries, _, err := b.library.Unfinished(t.Context()); err != nil || len(entries) != 0 {
		t.Errorf("unfinished %v, %v", entries, err)
	}
	if err := b.library.Discard(t.Context(), entry.ID); !errors.Is(err, core.ErrNotFound) {
		t.Errorf("discarded twice: %v", err)
	}
}

func TestRetrieve(t *testing.T) {
	b := open(t, nil)
	if _, err := b.add(b.files(5, 8)); err != nil {
		t.Fatal(err)
	}
	r, err := b.library.Retrieve(t.Context(), "", "line 3 of document 2", 4)
	if err != nil || len(r.Dense) != 4 || len(r.Fused) != 4 || len(r.Lexical) == 0 {
		t.Fatalf("%+v, %v", r, err)
	}
	for i, h := range r.Dense {
		if h.DenseRank != i+1 {
			t.Errorf("dense hit %d has rank %d", i, h.DenseRank)
		}
	}
	for i, h := range r.Lexical {
		if h.LexicalRank != i+1 {
			t.Errorf("lexical hit %d has rank %d", i, h.LexicalRank)
		}
	}
	if _, err := b.library.Retrieve(t.Context(), "", " ", 4); !errors.Is(err, core.ErrUsage) {
		t.Errorf("without a query: %v", err)
	}
}

// TestManyPaths: what 5,000 dropped files are called does not fit one record.
func TestManyPaths(t *testing.T) {
	b := open(t, nil)
	log := slog.Default()
	slog.SetDefault(slog.New(slog.DiscardHandler))
	defer slog.SetDefault(log)
	var paths []string
	for i := range 5000 {
		paths = append(paths, filepath.Join("/nowhere", strings.Repeat("長い名前", 15), fmt.Sprint(i)+".txt"))
	}
	s, err := b.library.Add(t.Context(), app.AddPlan{Paths: paths}, app.AddOptions{})
	if err != nil || len(s.Failed) != len(paths) {
		t.Fatalf("%d failed, %v", len(s.Failed), err)
	}
	if entries, _, err := b.library.Unfinished(t.Context()); err != nil || len(entries) != 0 {
		t.Errorf("unfinished %d, %v", len(entries), err)
	}
}

// TestCounts: pages and passages are told while they come, and the sums agree with the summary.
func TestCounts(t *testing.T) {
	b := open(t, nil)
	dir := b.files(6, 40)
	if err := os.WriteFile(filepath.Join(dir, "bad.pdf"), []byte("no pdf"), 0o600); err != nil {
		t.Fatal(err)
	}
	var last app.AddCount
	calls := 0
	var state job.State
	s, err := b.library.Add(t.Context(), app.AddPlan{Paths: []string{dir}}, app.AddOptions{
		Count:  func(c app.AddCount) { last = c; calls++ },
		Listen: func(s job.State) { state = s },
	})
	if err != nil || s.Pages != 6 {
		t.Fatalf("%+v, %v", s, err)
	}
	if last.Files != 7 || last.Of != 7 || last.Failed != 1 || last.Pages != s.Pages || last.Chunks != s.Chunks || last.Embedded != s.Embedded || calls < 7 {
		t.Errorf("%+v after %d calls, summary %+v", last, calls, s)
	}
	if state.Done != state.Total {
		t.Errorf("ended at %d of %d", state.Done, state.Total)
	}
}

// TestErasedPagesAreNotKept: what was drawn of a document is dropped with it.
func TestErasedPagesAreNotKept(t *testing.T) {
	b, pages, _, doc := shelf(t)
	if v, err := pages.View(t.Context(), app.PageQuery{Document: doc.ID, Page: 1, DPI: 72}); err != nil || v.Picture == nil {
		t.Fatalf("%+v, %v", v, err)
	}
	c, err := b.library.Collection(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	if e, err := b.library.Erase(t.Context(), c, doc); err != nil || e.Pictures != 1 {
		t.Errorf("%+v, %v", e, err)
	}
}
