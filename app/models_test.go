package app_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kakoi/app"
	"kakoi/app/job"
	"kakoi/app/settings"
	"kakoi/core"
)

// starterFolder is the starter model as it lies in the tree.
func starterFolder(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../resources/starter")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestImportUseRemove(t *testing.T) {
	b := open(t, nil)
	ctx := t.Context()
	stages := map[string]bool{}
	var found app.Details
	m, err := b.models.Import(ctx, starterFolder(t), app.ImportOptions{Name: "mine", Listen: func(s job.State) { stages[s.Stage] = true }, Found: func(d app.Details) { found = d }})
	if err != nil {
		t.Fatal(err)
	}
	if m.Kind != app.KindChat || m.Bytes < 1<<20 || len(m.ID) != 16 || len(m.Files) < 3 || len(stages) == 0 {
		t.Errorf("imported %+v", m)
	}
	if found.Architecture != "gpt_neox" || found.Layers != 10 || found.Hidden != 512 || found.Parameters < 30e6 || found.Tensors < 100 || found.Vocab != 16384 || found.Tokenizer == "" {
		t.Errorf("found %+v", found)
	}
	listed, err := b.models.Details(ctx, m)
	if err != nil || listed.Parameters != found.Parameters || listed.MaxTokens != found.MaxTokens || listed.MaxTokens == 0 {
		t.Errorf("details %+v, %v, want those of the import: %+v", listed, err, found)
	}
	for _, f := range m.Files {
		info, err := os.Stat(filepath.Join(m.Dir, f.Name))
		if err != nil || info.Mode().Perm() != 0o600 || info.Size() != f.Bytes || len(f.SHA256) != 64 {
			t.Errorf("file %+v: %v", f, err)
		}
	}
	if _, err := b.models.Import(ctx, starterFolder(t), app.ImportOptions{Name: "mine"}); !errors.Is(err, core.ErrBusy) {
		t.Errorf("imported twice: %v", err)
	}
	if err := b.models.Use(ctx, "mine"); err != nil {
		t.Fatal(err)
	}
	if _, err := b.models.Removable(ctx, "mine"); !errors.Is(err, core.ErrBusy) {
		t.Errorf("model in use: %v", err)
	}
	if err := b.models.Use(ctx, settings.StarterModel); err != nil {
		t.Fatal(err)
	}
	again, err := b.models.Find(ctx, "mine")
	if err != nil || again.InUse || again.Bundled || again.ID != m.ID {
		t.Errorf("listed as %+v, %v", again, err)
	}
	done := b.models.Engine.Hold(again.Dir) // as a training on it does, whatever model answers
	wantError(t, b.models.Remove(ctx, "mine"), "error.model.held", core.ErrBusy)
	done()
	if _, err := b.models.Removable(ctx, "mine"); err != nil {
		t.Errorf("a model that nobody uses any more: %v", err)
	}
	if _, err := b.models.Verify(ctx, again, nil); err != nil {
		t.Errorf("verify: %v", err)
	}
	config := filepath.Join(m.Dir, "config.json")
	raw, err := os.ReadFile(config)
	if err == nil {
		err = os.WriteFile(config, append(raw, ' '), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.models.Verify(ctx, again, nil); !errors.Is(err, core.ErrCorrupt) {
		t.Errorf("a changed file: %v", err)
	}
	if err := b.models.Remove(ctx, "mine"); err != nil {
		t.Fatal(err)
	}
	if _, err := b.models.Find(ctx, "mine"); !errors.Is(err, core.ErrNoModel) {
		t.Errorf("still there: %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(b.dir, "models", "*")); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
	if err := b.models.Remove(ctx, settings.StarterModel); !errors.Is(err, core.ErrUnsupported) {
		t.Errorf("bundled model: %v", err)
	}
}

// copyOf copies the starter model's folder and changes it.
func copyOf(t *testing.T, change func(dir string) error) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "model")
	if err := os.CopyFS(dir, os.DirFS(starterFolder(t))); err != nil {
		t.Fatal(err)
	}
	if err := change(dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestImportConvertsSentencePiece(t *testing.T) {
	b := open(t, nil)
	dir := copyOf(t, func(dir string) error { return os.Remove(filepath.Join(dir, "tokenizer.json")) })
	m, err := b.models.Import(t.Context(), dir, app.ImportOptions{Name: "pieces"})
	if err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(filepath.Join(m.Dir, "tokenizer.json"))
	if err != nil || !strings.Contains(string(raw), "Unigram") {
		t.Errorf("tokenizer.json: %v", err)
	}
	if _, err := b.models.Verify(t.Context(), m, nil); err != nil {
		t.Errorf("verify: %v", err)
	}
}

func TestImportOfBrokenFolders(t *testing.T) {
	b := open(t, nil)
	config := func(text string) func(dir string) error {
		return func(dir string) error { return os.WriteFile(filepath.Join(dir, "config.json"), []byte(text), 0o600) }
	}
	for key, change := range map[string]func(dir string) error{
		"error.model.truncated":      func(dir string) error { return os.Truncate(filepath.Join(dir, "model.safetensors"), 1<<20) },
		"error.model.noweights":      func(dir string) error { return os.Remove(filepath.Join(dir, "model.safetensors")) },
		"error.model.noconfig":       func(dir string) error { return os.Remove(filepath.Join(dir, "config.json")) },
		"error.model.type":           config(`{"model_type":"llama"}`),
		"error.model.notype":         config(`{"hidden_size":64}`),
		"error.model.config":         config(`{`),
		"error.model.tensor.missing": config(`{"model_type":"gpt_neox","vocab_size":16384,"hidden_size":512,"num_hidden_layers":11,"num_attention_heads":8,"intermediate_size":2048,"tie_word_embeddings":true}`),
		"error.model.tokenizer.none": func(dir string) error {
			return errors.Join(os.Remove(filepath.Join(dir, "tokenizer.json")), os.Remove(filepath.Join(dir, "spiece.model")))
		},
		"error.model.file":   func(dir string) error { return errors.Join(os.RemoveAll(dir), os.WriteFile(dir, nil, 0o600)) },
		"error.model.folder": os.RemoveAll,
	} {
		t.Run(key, func(t *testing.T) {
			m, err := b.models.Import(t.Context(), copyOf(t, change), app.ImportOptions{Name: "broken"})
			var u *core.UserError
			if !errors.As(err, &u) || u.Key != key {
				t.Errorf("imported as %+v, %v", m, err)
			}
			if left, _ := os.ReadDir(filepath.Join(b.dir, "models")); len(left) != 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

func TestImportIsCancelled(t *testing.T) {
	b := open(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := b.models.Import(ctx, starterFolder(t), app.ImportOptions{Name: "mine"}); !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v", err)
	}
	if left, _ := os.ReadDir(filepath.Join(b.dir, "models")); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestCheckReadsEverything(t *testing.T) {
	b := open(t, nil)
	ctx := t.Context()
	m, err := b.models.Import(ctx, starterFolder(t), app.ImportOptions{Name: "mine"})
	if err != nil {
		t.Fatal(err)
	}
	stages := map[string]bool{}
	id, err := b.models.Check(ctx, "mine", func(s job.State) { stages[s.Stage] = true })
	if err != nil || len(id) != 16 || !stages["verify"] {
		t.Errorf("id %q, %v, stages %v", id, err, stages)
	}
	weights := filepath.Join(m.Dir, "model.safetensors")
	raw, err := os.ReadFile(weights)
	if err != nil {
		t.Fatal(err)
	}
	raw[len(raw)-1] ^= 1
	if err := os.WriteFile(weights, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := b.models.Check(ctx, "mine", nil); !errors.Is(err, core.ErrCorrupt) {
		t.Errorf("a changed bit: %v", err)
	}
}

// TestRecipeIsNoPartOfAModel: what lies in a model's recipe folder can be edited, and the model stays the one that is known; a copy has none of it.
func TestRecipeIsNoPartOfAModel(t *testing.T) {
	b := open(t, nil)
	recipe := filepath.Join(b.dir, "bundled", "starter", "recipe")
	if err := os.MkdirAll(recipe, 0o700); err != nil {
		t.Fatal(err)
	}
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(recipe, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("README.md", "How it was made.")
	if _, err := b.models.GeneratorNamed(t.Context(), "starter", nil); err != nil {
		t.Fatal(err)
	}
	before, err := b.models.KnownGenerator(t.Context(), "starter")
	if err != nil {
		t.Fatal(err)
	}
	write("README.md", "How it was really made.")
	write("words.json", `["a"]`)
	if now, err := b.models.KnownGenerator(t.Context(), "starter"); err != nil || now.ID != before.ID {
		t.Errorf("after an edit of the recipe: %+v, %v", now, err)
	}
	m, err := b.models.Import(t.Context(), starterFolder(t), app.ImportOptions{Name: "copy"})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range m.Files {
		if strings.HasPrefix(f.Name, "recipe") {
			t.Errorf("copied: %s", f.Name)
		}
	}
	if _, err := os.Stat(filepath.Join(m.Dir, "recipe")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the copy has a recipe: %v", err)
	}
}
