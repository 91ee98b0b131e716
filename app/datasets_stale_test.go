package app_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/fstest"

	"kakoi/app"
	"kakoi/app/settings"
	"kakoi/core/rag"
)

// TestStaleDatasets: whatever makes the chat's prompts others than those of a dataset is told with it, until it is as it was.
func TestStaleDatasets(t *testing.T) {
	k := newSchool(t, nil)
	s, err := k.Build(t.Context(), app.DatasetPlan{Rows: 8}, app.DatasetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	told := func(what string, want ...string) {
		t.Helper()
		now, err := k.Find(t.Context(), s.ID)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, w := range now.Warnings {
			if !slices.Contains(s.Warnings, w) {
				got = append(got, w)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: told %q, want %q", what, got, want)
		}
	}
	told("nothing has changed")

	for name, config := range map[string]string{"other": `{"model_type":"gpt_neox","num_hidden_layers":2}`, "finder": `{"model_type":"bert"}`} {
		folder := filepath.Join(k.dir, "bundled", name)
		if err := os.MkdirAll(folder, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, "config.json"), []byte(config), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	set := func(change func(*settings.Settings)) {
		t.Helper()
		if err := k.Chat.Settings.Update(change); err != nil {
			t.Fatal(err)
		}
	}
	before := k.Chat.Settings.Get()
	set(func(s *settings.Settings) { s.ChatModel = "other" })
	told("another model, never loaded", "dataset.warn.model")
	if _, err := k.models.GeneratorNamed(t.Context(), "other", nil); err != nil {
		t.Fatal(err)
	}
	told("another model", "dataset.warn.model")
	if got := k.Stale(t.Context(), s, "starter"); len(got) != 0 {
		t.Errorf("for the model it was made for: %q", got)
	}
	set(func(s *settings.Settings) { s.ChatModel, s.Embedder = before.ChatModel, "finder" })
	if _, err := k.models.Embedder(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	told("another embedder", "dataset.warn.embedder")
	set(func(s *settings.Settings) { s.Embedder, s.Top = before.Embedder, 1 })
	told("fewer passages", "dataset.warn.asking")
	set(func(s *settings.Settings) { s.Top, s.Temperature = before.Top, 0.5 })
	told("another temperature is no other prompt")
	set(func(s *settings.Settings) { s.Neighbours = before.Neighbours + 1 })
	told("more around the passages", "dataset.warn.asking")
	set(func(s *settings.Settings) { s.Neighbours = before.Neighbours })
	edited := fstest.MapFS{"ja.tmpl": {Data: []byte("{context}\n質問:{question}\n答え:")}}
	shipped := k.Chat.Prompts
	k.Chat.Prompts = append([]fs.FS{edited}, shipped...)
	told("another template", "dataset.warn.asking")
	k.Chat.Prompts = shipped
	told("all as it was")

	// One of before the search found other passages in mixed collections: it has the sum of now, and is told of nevertheless.
	older, err := k.Find(t.Context(), s.ID)
	if err != nil {
		t.Fatal(err)
	}
	if older.Finding != rag.Finding {
		t.Errorf("made with the search %d", older.Finding)
	}
	older.Finding = 0
	if got := k.Stale(t.Context(), older, ""); !slices.Equal(got, []string{"dataset.warn.finding"}) {
		t.Errorf("of an earlier search: told %q", got)
	}
}
