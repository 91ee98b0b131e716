package app_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kakoi/app"
	"kakoi/app/settings"
	"kakoi/core"
)

// rerankerFolder is the tiny cross-encoder of core/bert's tests, with a change of its config.json.
func rerankerFolder(t *testing.T, change func(map[string]any)) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "cross")
	if err := os.CopyFS(dir, os.DirFS("../core/bert/testdata/rerank_xlmr")); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "config.json")
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(raw, &m); err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(m)
	}
	if raw, err = json.Marshal(m); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestReranker: a cross-encoder is imported, used, ordered by, turned off, and removed while it is in use.
func TestReranker(t *testing.T) {
	b := open(t, nil)
	ctx := t.Context()
	docs := t.TempDir()
	for name, text := range map[string]string{"short.txt": "休暇は三日です。", "long.txt": "夏の休暇は何日か。夏の休暇は七月から九月までの間に取り、冬の休暇は年末に取ります。"} {
		if err := os.WriteFile(filepath.Join(docs, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if s, err := b.library.Add(ctx, app.AddPlan{Paths: []string{docs}}, app.AddOptions{}); err != nil || s.Added != 2 {
		t.Fatalf("%+v, %v", s, err)
	}
	m, err := b.models.Import(ctx, rerankerFolder(t, nil), app.ImportOptions{Name: "cross"})
	if err != nil || m.Kind != app.KindReranker || m.InUse {
		t.Fatalf("imported %+v, %v", m, err)
	}
	if r, n, err := b.models.Reranker(ctx, nil); r != nil || n != 0 || err != nil {
		t.Errorf("reranker before it is used: %v %d %v", r, n, err)
	}
	before, err := b.library.Retrieve(ctx, "", "夏の休暇は何日ですか", 5)
	if err != nil || before.Reranked != nil {
		t.Fatalf("%+v, %v", before.Reranked, err)
	}
	if err := b.models.Use(ctx, "cross"); err != nil {
		t.Fatal(err)
	}
	if set := b.models.Settings.Get(); set.Reranker != "cross" || set.Rerank != 20 || set.Embedder != settings.StarterEmbedder || set.ChatModel != settings.StarterModel {
		t.Errorf("settings %+v", set)
	}
	r, err := b.library.Retrieve(ctx, "", "夏の休暇は何日ですか", 5)
	if err != nil || len(r.Reranked) != 2 || r.Reranked[0].Name != "short.txt" || r.Reranked[0].Rerank == 0 {
		t.Fatalf("reranked %+v, %v", r.Reranked, err)
	}
	passages, err := b.library.Search(ctx, "", "夏の休暇は何日ですか", 5)
	if err != nil || len(passages) == 0 || passages[0].Name != "short.txt" {
		t.Errorf("passages %+v, %v", passages, err)
	}
	if err := b.models.Configure(func(s *settings.Settings) { s.Rerank = 0 }); err != nil {
		t.Fatal(err)
	}
	if r, err := b.library.Retrieve(ctx, "", "夏の休暇は何日ですか", 5); err != nil || r.Reranked != nil {
		t.Errorf("turned off: %+v, %v", r.Reranked, err)
	}
	if _, err := b.models.Measure(ctx, "cross", nil); !errors.Is(err, core.ErrUnsupported) {
		t.Errorf("speed: %v", err)
	}
	if err := b.models.Remove(ctx, "cross"); err != nil {
		t.Fatal(err)
	}
	if set := b.models.Settings.Get(); set.Reranker != "" {
		t.Errorf("settings name %q after it was removed", set.Reranker)
	}
}

// TestRerankerFoldersRefused: what gives more than one score is refused with a hint, at the import.
func TestRerankerFoldersRefused(t *testing.T) {
	b := open(t, nil)
	dir := rerankerFolder(t, func(m map[string]any) { m["id2label"] = map[string]string{"0": "no", "1": "yes", "2": "perhaps"} })
	_, err := b.models.Import(t.Context(), dir, app.ImportOptions{Name: "classes"})
	var said *core.UserError
	if !errors.Is(err, core.ErrUnsupported) || !errors.As(err, &said) || !strings.HasPrefix(said.Key, "error.reranker.") {
		t.Errorf("imported a classifier: %v", err)
	}
}
