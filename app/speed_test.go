package app_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"kakoi/app"
	"kakoi/app/job"
	"kakoi/app/settings"
	"kakoi/core"
)

func TestMeasure(t *testing.T) {
	b := open(t, nil)
	ctx := t.Context()
	if _, ok, err := b.models.Speed(ctx, settings.StarterModel); ok || err != nil {
		t.Errorf("a speed before it was measured, %v", err)
	}
	stages := map[string]bool{}
	s, err := b.models.Measure(ctx, settings.StarterModel, func(s job.State) { stages[s.Stage] = true })
	if err != nil || s.Prefill <= 0 || s.Decode <= 0 || s.Device != "cpu" || s.Embeds != 0 || !stages["speed"] {
		t.Errorf("chat model: %+v, %v, stages %v", s, err, stages)
	}
	kept, ok, err := b.models.Speed(ctx, settings.StarterModel)
	if err != nil || !ok || kept != s {
		t.Errorf("remembered %+v, %v, want %+v", kept, err, s)
	}
	if s, err := b.models.Measure(ctx, settings.StarterEmbedder, nil); err != nil || s.Embeds <= 0 || s.Decode != 0 {
		t.Errorf("embedder: %+v, %v", s, err)
	}
	if _, err := b.models.Measure(ctx, "nobody", nil); !errors.Is(err, core.ErrNoModel) {
		t.Errorf("no model: %v", err)
	}
}

func TestSpeedGoesWithItsModel(t *testing.T) {
	b := open(t, nil)
	ctx := t.Context()
	b.otherEmbedder("other")
	if _, err := b.models.Measure(ctx, "other", nil); err != nil {
		t.Fatal(err)
	}
	if err := b.models.Remove(ctx, "other"); err != nil {
		t.Fatal(err)
	}
	if _, ok, err := b.models.Speed(ctx, "other"); ok || err != nil {
		t.Errorf("the speed of a removed model is kept, %v", err)
	}
}

func TestPlanRefresh(t *testing.T) {
	b := open(t, nil)
	ctx := t.Context()
	b.otherEmbedder("other")
	empty, err := b.library.PlanRefresh(ctx, "other", nil)
	if err != nil || empty.Documents != 0 || empty.Time != 0 {
		t.Errorf("an empty library: %+v, %v", empty, err)
	}
	if _, err := b.add(b.files(3, 40)); err != nil {
		t.Fatal(err)
	}
	same, err := b.library.PlanRefresh(ctx, settings.StarterEmbedder, nil)
	if err != nil || same.Documents != 0 || same.Chunks != 0 {
		t.Errorf("the embedder in use: %+v, %v", same, err)
	}
	plan, err := b.library.PlanRefresh(ctx, "other", nil)
	if err != nil {
		t.Fatal(err)
	}
	_, chunks, err := b.library.Size(ctx)
	if err != nil || plan.Documents != 3 || plan.Chunks != chunks || plan.Rate <= 0 || plan.Time <= 0 {
		t.Errorf("another embedder: %+v, %v, want 3 documents and %d chunks", plan, err, chunks)
	}
	if stale, err := b.library.Stale(ctx); err != nil || len(stale) != 0 {
		t.Errorf("the plan has changed %d documents, %v", len(stale), err)
	}
	if err := b.models.Use(ctx, "other"); err != nil {
		t.Fatal(err)
	}
	before := b.client.Embedded()
	if _, err := b.library.Refresh(ctx, app.AddOptions{}); err != nil {
		t.Fatal(err)
	}
	if n := b.client.Embedded() - before; n > plan.Chunks || n == 0 {
		t.Errorf("embedded %d, planned %d", n, plan.Chunks)
	}
}

// otherEmbedder puts an embedder into the folder of imported models.
func (b *bench) otherEmbedder(name string) {
	b.Helper()
	dir := filepath.Join(b.dir, "models", name)
	err := os.MkdirAll(dir, 0o700)
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "config.json"), []byte(`{"model_type":"bert"}`), 0o600)
	}
	if err != nil {
		b.Fatal(err)
	}
}
