package app_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kakoi/app"
	"kakoi/app/settings"
	"kakoi/core"
)

// shelf fills a collection with short documents, which every splitter leaves as they are, and long ones.
func (b *bench) shelf(short, tall int) {
	b.Helper()
	dir := filepath.Join(b.dir, "docs")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		b.Fatal(err)
	}
	for i := range short + tall {
		text := fmt.Sprintf("文書%dは短いものです。", i)
		if i >= short {
			text = strings.Replace(long(12), "部署", fmt.Sprintf("部署%d-", i), -1)
		}
		b.write(fmt.Sprintf("%s/%02d.txt", dir, i), text)
	}
	if _, err := b.add(dir); err != nil {
		b.Fatal(err)
	}
}

// state is what a person sees of all documents.
func (b *bench) state() string {
	b.Helper()
	docs, err := b.library.List(b.Context(), "")
	if err != nil {
		b.Fatal(err)
	}
	var out []string
	for _, d := range docs {
		out = append(out, fmt.Sprint(d.Name, d.Chunks, d.Split, d.Embedder, d.State))
	}
	return strings.Join(out, "\n")
}

// TestResplit: a plan says exactly what is then embedded, and changes nothing; what stays the same keeps its vectors.
func TestResplit(t *testing.T) {
	b := open(t, nil)
	if plan, err := b.library.PlanResplit(t.Context(), "techlab", nil); err != nil || plan != (app.RefreshPlan{}) {
		t.Fatalf("of an empty library: %+v, %v", plan, err)
	}
	b.shelf(5, 3)
	before := b.state()
	plan, err := b.library.PlanResplit(t.Context(), "techlab", nil)
	if err != nil || plan.Documents != 8 || plan.New == 0 || plan.New >= plan.Chunks || plan.Rate <= 0 || plan.Time <= 0 || plan.Bytes < int64(plan.Chunks*128) {
		t.Fatalf("%+v, %v", plan, err)
	}
	if b.state() != before || b.library.Settings.Get().Splitter != "recommended" {
		t.Error("the plan changed something")
	}
	seen := b.client.Embedded()
	s, err := b.library.Resplit(t.Context(), "techlab", app.AddOptions{})
	if err != nil || s.Updated != 8 || s.Chunks != plan.Chunks || s.Embedded != plan.New || b.client.Embedded()-seen != plan.New {
		t.Errorf("planned %+v, done %+v with %d texts, %v", plan, s, b.client.Embedded()-seen, err)
	}
	if b.library.Settings.Get().Splitter != "techlab" || b.state() == before {
		t.Error("nothing changed")
	}
	if plan, err := b.library.PlanResplit(t.Context(), "techlab", nil); err != nil || plan.Documents != 0 {
		t.Errorf("planned again: %+v, %v", plan, err)
	}
	if s, err := b.add(filepath.Join(b.dir, "docs")); err != nil || s.Unchanged != 8 {
		t.Errorf("added again: %+v, %v", s, err)
	}
	if found, err := b.library.Search(t.Context(), "", "部署6-3の担当者", 5); err != nil || len(found) == 0 {
		t.Errorf("found %v, %v", found, err)
	}
	if _, err := b.library.Resplit(t.Context(), "none", app.AddOptions{}); !errors.Is(err, core.ErrUsage) {
		t.Errorf("a splitter that is not there: %v", err)
	}
}

// TestResplitGoesOn: after a stop the rest is stale, a Refresh goes on with it, and nothing is embedded twice.
func TestResplitGoesOn(t *testing.T) {
	b := open(t, nil)
	b.shelf(0, 8)
	plan, err := b.library.PlanResplit(t.Context(), "techlab", nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	calls := 0
	b.client.Before = func([]string) error {
		if calls++; calls == 3 {
			cancel()
		}
		return nil
	}
	first, err := b.library.Resplit(ctx, "techlab", app.AddOptions{})
	b.client.Before = nil
	if !errors.Is(err, context.Canceled) || !first.Cancelled || first.Updated == 0 || first.Updated == 8 {
		t.Fatalf("stopped: %+v, %v", first, err)
	}
	stale, err := b.library.Stale(t.Context())
	if err != nil || len(stale) != 8-first.Updated {
		t.Errorf("stale are %d after %d, %v", len(stale), first.Updated, err)
	}
	if s, err := b.library.Status(t.Context()); err != nil || s.Stale != len(stale) {
		t.Errorf("status says %d stale, %v", s.Stale, err)
	}
	// The setting may be changed by hand meanwhile: what was begun is ended as it was begun.
	if err := b.library.Settings.Update(func(s *settings.Settings) { s.Splitter = "recommended" }); err != nil {
		t.Fatal(err)
	}
	second, err := b.library.Refresh(t.Context(), app.AddOptions{})
	if err != nil || first.Updated+second.Updated != 8 || first.Embedded+second.Embedded != plan.New {
		t.Errorf("planned %+v, done %+v and %+v, %v", plan, first, second, err)
	}
	if b.library.Settings.Get().Splitter != "techlab" {
		t.Error("the setting is not that of the documents")
	}
	if needs, err := b.library.NeedsRefresh(t.Context()); err != nil || needs {
		t.Errorf("needs more: %v, %v", needs, err)
	}
	if stale, err := b.library.Stale(t.Context()); err != nil || len(stale) != 0 {
		t.Errorf("stale are %d, %v", len(stale), err)
	}
}
