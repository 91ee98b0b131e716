package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"kakoi/app/job"
	"kakoi/app/record"
	"kakoi/app/settings"
	"kakoi/core"
	"kakoi/core/engine"
	"kakoi/core/weights"
)

// ModelKind says what a model is for.
type ModelKind string

const (
	KindChat     ModelKind = "chat"
	KindEmbedder ModelKind = "embedder"
	KindReranker ModelKind = "reranker" // a cross-encoder; none need be in use
)

// Model is one model folder.
type Model struct {
	Name     string          `json:"name"`
	Kind     ModelKind       `json:"kind"`
	Dir      string          `json:"dir"`
	Bytes    int64           `json:"bytes"`
	InUse    bool            `json:"in_use"`
	Bundled  bool            `json:"bundled"`      // came with the program
	ID       string          `json:"id,omitempty"` // over the files' contents, once they were hashed
	Imported time.Time       `json:"imported,omitzero"`
	Files    []File          `json:"files,omitempty"`
	FourBit  int64           `json:"four_bit,omitempty"` // bytes of its 4-bit form, where there is one beside the full one
	Unkept   *record.Failure `json:"unkept,omitempty"`   // why there is none, where there should be
}

// File is one file of an imported model, as it was when it was copied.
type File struct {
	Name   string `json:"name"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// Models imports, lists, chooses, removes and loads models.
type Models struct {
	Bundled  string // folder of the models that came with the program
	Dir      string // folder of the imported ones
	Store    Store
	Settings *settings.File
	Jobs     *job.Runner
	Engine   *Engine
	Bus      *Bus // hears of imports, removals and choices; nil is allowed
}

const (
	modelKind    = "model"
	embedderKind = "embedder"
)

// List returns all models, chat models first, by name. A folder that is no model is left out.
func (m *Models) List(ctx context.Context) ([]Model, error) {
	records, err := m.Store.Records(ctx, modelKind)
	if err != nil {
		return nil, fmt.Errorf("list models: %w", err)
	}
	var models []Model
	seen := map[string]bool{}
	for _, place := range []struct {
		dir     string
		bundled bool
	}{{m.Bundled, true}, {m.Dir, false}} {
		entries, err := os.ReadDir(place.dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("list models: %w", err)
		}
		for _, e := range entries {
			name := e.Name()
			if !settings.ValidModelName(name) || seen[name] {
				continue
			}
			dir := filepath.Join(place.dir, name)
			kind, err := kindOf(dir)
			if err != nil {
				continue
			}
			model := Model{}
			if raw, ok := records[name]; ok && !place.bundled {
				if err := json.Unmarshal(raw, &model); err != nil {
					model = Model{}
				}
			}
			model.Name, model.Kind, model.Dir, model.Bundled = name, kind, dir, place.bundled
			if model.Bytes, err = folderBytes(dir); err != nil {
				return nil, fmt.Errorf("measure model %q: %w", name, err)
			}
			if model.FourBit, err = folderBytes(filepath.Join(dir, weights.Cache4Bit)); err != nil {
				model.FourBit = 0 // most have none
			}
			if model.FourBit > 0 {
				model.Unkept = nil // it was made later
			}
			model.InUse = m.inUse(model)
			seen[name] = true
			models = append(models, model)
		}
	}
	slices.SortFunc(models, func(a, b Model) int {
		if c := strings.Compare(string(a.Kind), string(b.Kind)); c != 0 {
			return c
		}
		return strings.Compare(a.Name, b.Name)
	})
	return models, nil
}

func (m *Models) inUse(model Model) bool {
	set := m.Settings.Get()
	return model.Kind == KindChat && model.Name == set.ChatModel || model.Kind == KindEmbedder && model.Name == set.Embedder ||
		(model.Kind == KindReranker || model.Kind == KindEvidence) && model.Name == set.Reranker || model.Kind == KindEvidence && model.Dir == m.evidence()
}

// Find returns the model called name.
func (m *Models) Find(ctx context.Context, name string) (Model, error) {
	models, err := m.List(ctx)
	if err != nil {
		return Model{}, err
	}
	for _, model := range models {
		if model.Name == name {
			return model, nil
		}
	}
	return Model{}, m.missing(name)
}

func (m *Models) missing(name string) error {
	return core.Explain(fmt.Errorf("model %q: %w", name, core.ErrNoModel), "error.model.unknown", name)
}

// folder is where the model called name lies.
func (m *Models) folder(name string) (string, error) {
	for _, dir := range []string{m.Bundled, m.Dir} {
		dir = filepath.Join(dir, name)
		if info, err := os.Stat(filepath.Join(dir, "config.json")); err == nil && info.Mode().IsRegular() || isEvidence(dir) {
			return dir, nil
		}
	}
	return "", m.missing(name)
}

// Use puts a model to work: one of KindEvidence for finding the sentence that answers; UseReranker makes it order passages, too. After a change of the embedder documents are
// found by words only until Library.Refresh.
func (m *Models) Use(ctx context.Context, name string) error {
	model, err := m.Find(ctx, name)
	if err != nil {
		return err
	}
	err = m.Settings.Update(func(s *settings.Settings) {
		switch model.Kind {
		case KindEmbedder:
			s.Embedder = name
		case KindReranker:
			orderBy(s, name)
		case KindEvidence:
			s.Evidence = settings.Evidences[0]
		default:
			s.ChatModel = name
		}
	})
	if err != nil {
		return fmt.Errorf("use model %q: %w", name, err)
	}
	m.releaseOthers()
	m.Bus.Tell(TopicModels)
	return nil
}

// orderBy makes a model the reranker; "": none.
func orderBy(s *settings.Settings, name string) {
	s.Reranker = name
	if s.Rerank == 0 && name != "" {
		s.Rerank = settings.Default().Rerank
	}
}

// UseReranker has a model order passages, a cross-encoder or the one of KindEvidence; "" is none.
func (m *Models) UseReranker(ctx context.Context, name string) error {
	if name != "" {
		model, err := m.Find(ctx, name)
		if err != nil {
			return err
		}
		if model.Kind != KindReranker && model.Kind != KindEvidence {
			return core.Explain(fmt.Errorf("order passages by model %q: %w", name, core.ErrUnsupported), "error.reranker.kind", name)
		}
	}
	if err := m.Settings.Update(func(s *settings.Settings) { orderBy(s, name) }); err != nil {
		return fmt.Errorf("order passages by model %q: %w", name, err)
	}
	m.releaseOthers()
	m.Bus.Tell(TopicModels)
	return nil
}

// releaseOthers gives back the memory of all models but those in use, the named ones and those that are held.
func (m *Models) releaseOthers(names ...string) {
	set := m.Settings.Get()
	var keep []string
	for _, name := range append([]string{set.ChatModel, set.Embedder, set.Reranker}, names...) {
		if dir, err := m.folder(name); err == nil {
			keep = append(keep, dir)
		}
	}
	if dir := m.evidence(); dir != "" {
		keep = append(keep, dir)
	}
	m.Engine.Release(keep...)
}

// Removable says why a model cannot be removed, if so.
func (m *Models) Removable(ctx context.Context, name string) (Model, error) {
	model, err := m.Find(ctx, name)
	switch {
	case err != nil:
		return model, err
	case model.Bundled:
		return model, core.Explain(fmt.Errorf("remove model %q: %w", name, core.ErrUnsupported), "error.model.bundled", name)
	case model.InUse && model.Kind != KindReranker: // without a reranker everything works
		return model, core.Explain(fmt.Errorf("remove model %q: %w", name, core.ErrBusy), "error.model.inuse", name)
	case m.Engine.Held(model.Dir): // a run would lose its base, and its adapter the tokenizer
		return model, core.Explain(fmt.Errorf("remove model %q: held: %w", name, core.ErrBusy), "error.model.held", name)
	}
	return model, nil
}

// Remove deletes an imported model that is not in use.
func (m *Models) Remove(ctx context.Context, name string) error {
	model, err := m.Removable(ctx, name)
	if err != nil {
		return err
	}
	if model.InUse {
		if err := m.Settings.Update(func(s *settings.Settings) { s.Reranker = "" }); err != nil {
			return fmt.Errorf("remove model %q: %w", name, err)
		}
		m.releaseOthers()
	}
	// Renamed first: what a crash leaves behind is no half model.
	gone := filepath.Join(m.Dir, ".removed-"+name)
	if err := os.RemoveAll(gone); err != nil {
		return fmt.Errorf("remove model %q: %w", name, err)
	}
	if err := os.Rename(model.Dir, gone); err != nil {
		return fmt.Errorf("remove model %q: %w", name, err)
	}
	if err := m.Store.DeleteRecord(ctx, modelKind, name); err != nil && !errors.Is(err, core.ErrNotFound) {
		return fmt.Errorf("forget model %q: %w", name, err)
	}
	if err := m.Store.DeleteRecord(ctx, speedKind, name); err != nil && !errors.Is(err, core.ErrNotFound) {
		return fmt.Errorf("forget speed of model %q: %w", name, err)
	}
	// The note of hashes that package weights keeps beside a large folder.
	if err := os.Remove(filepath.Join(m.Dir, "."+name+".sha256.json")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove model %q: %w", name, err)
	}
	m.Bus.Tell(TopicModels)
	if err := os.RemoveAll(gone); err != nil {
		return fmt.Errorf("remove model %q: %w", name, err)
	}
	return nil
}

func (m *Models) options() engine.ModelOptions {
	set := m.Settings.Get()
	return engine.ModelOptions{Device: set.Device, DType: set.DType, Threads: set.Threads, Keep4Bit: true}
}

// Warm begins to load both models, for a question that is about to be asked. Errors come when they are used.
func (m *Models) Warm() {
	m.WarmEmbedder()
	if dir, err := m.folder(m.Settings.Get().ChatModel); err == nil {
		m.Engine.warm(func(ctx context.Context) { _, _ = m.Engine.Generator(ctx, dir, m.options(), nil) })
	}
}

// WarmEmbedder begins to load the embedder.
func (m *Models) WarmEmbedder() {
	if dir, err := m.folder(m.Settings.Get().Embedder); err == nil {
		m.Engine.warm(func(ctx context.Context) { _, _ = m.Engine.Embedder(ctx, dir, m.options(), nil) })
	}
}

// Generator is the chat model in use.
func (m *Models) Generator(ctx context.Context, p core.Progress) (core.Generator, error) {
	return m.GeneratorNamed(ctx, "", p)
}

// GeneratorNamed is the chat model called name, whether it is in use or not; "" is the one in use. A caller that needs it for more
// than one call holds it (hold), since Use gives back what is not in use.
func (m *Models) GeneratorNamed(ctx context.Context, name string, p core.Progress) (core.Generator, error) {
	if name == "" {
		name = m.Settings.Get().ChatModel
	}
	dir, err := m.folder(name)
	if err != nil {
		return nil, err
	}
	if kind, err := kindOf(dir); err == nil && kind != KindChat {
		return nil, core.Explain(fmt.Errorf("model %q answers no questions: %w", name, core.ErrNoModel), "error.model.nochat", name)
	}
	g, err := m.Engine.Generator(ctx, dir, m.options(), p)
	if err != nil {
		return nil, fmt.Errorf("load chat model %q: %w", name, err)
	}
	if err := m.rememberGenerator(ctx, name, dir, g.Info()); err != nil {
		return nil, err
	}
	return g, nil
}

// hold keeps the model called name ("": the chat model in use) in memory until done is called, whatever is chosen or set meanwhile.
func (m *Models) hold(name string) (done func()) {
	if name == "" {
		name = m.Settings.Get().ChatModel
	}
	dir, err := m.folder(name)
	if err != nil {
		return func() {} // who uses it will hear of that
	}
	return m.Engine.Hold(dir)
}

// holdEmbedder is hold for the embedder in use.
func (m *Models) holdEmbedder() (done func()) { return m.hold(m.Settings.Get().Embedder) }

// Embedder is the embedder in use. What it is gets remembered, see KnownEmbedder.
func (m *Models) Embedder(ctx context.Context, p core.Progress) (core.Embedder, error) {
	name := m.Settings.Get().Embedder
	dir, err := m.folder(name)
	if err != nil {
		return nil, err
	}
	e, err := m.Engine.Embedder(ctx, dir, m.options(), p)
	if err != nil {
		return nil, fmt.Errorf("load embedder %q: %w", name, err)
	}
	if err := m.remember(ctx, name, dir, e.Info()); err != nil {
		return nil, err
	}
	return e, nil
}

// Reranker is the reranker in use and how many passages it orders; nil and 0 where none is in use, or it is turned off.
func (m *Models) Reranker(ctx context.Context, p core.Progress) (core.Reranker, int, error) {
	set := m.Settings.Get()
	if set.Reranker == "" || set.Rerank == 0 {
		return nil, 0, nil
	}
	dir, err := m.folder(set.Reranker)
	if err != nil {
		return nil, 0, err
	}
	r, err := m.reranker(ctx, dir, p)
	if err != nil {
		return nil, 0, fmt.Errorf("load reranker %q: %w", set.Reranker, err)
	}
	return r, set.Rerank, nil
}

// known is what an embedder was when it was last loaded.
type known struct {
	Stamp string            `json:"stamp"` // of its files
	Info  core.EmbedderInfo `json:"info"`
}

func (m *Models) remember(ctx context.Context, name, dir string, info core.EmbedderInfo) error {
	stamp, err := stampOf(dir)
	if err != nil {
		return err
	}
	value, err := json.Marshal(known{stamp, info})
	if err != nil {
		return fmt.Errorf("encode embedder %q: %w", name, err)
	}
	if old, err := m.Store.Record(ctx, embedderKind, name); err == nil && string(old) == string(value) {
		return nil
	}
	if err := m.Store.PutRecord(ctx, embedderKind, name, value); err != nil {
		return fmt.Errorf("remember embedder %q: %w", name, err)
	}
	return nil
}

// KnownEmbedder is the embedder in use as it was when last loaded, without loading it: core.ErrNotFound when
// it never was, or when its files have changed.
func (m *Models) KnownEmbedder(ctx context.Context) (core.EmbedderInfo, error) {
	name := m.Settings.Get().Embedder
	dir, err := m.folder(name)
	if err != nil {
		return core.EmbedderInfo{}, err
	}
	raw, err := m.Store.Record(ctx, embedderKind, name)
	if err != nil {
		return core.EmbedderInfo{}, fmt.Errorf("look up embedder %q: %w", name, err)
	}
	stamp, err := stampOf(dir)
	if err != nil {
		return core.EmbedderInfo{}, err
	}
	var k known
	if err := json.Unmarshal(raw, &k); err != nil || k.Stamp != stamp {
		return core.EmbedderInfo{}, fmt.Errorf("embedder %q has changed: %w", name, core.ErrNotFound)
	}
	return k.Info, nil
}

// Verify reads all files of a model and gives the ID over their contents: core.ErrCorrupt when an imported one is not
// what was copied.
func (m *Models) Verify(ctx context.Context, model Model, p core.Progress) (id string, err error) {
	for _, f := range model.Files {
		sum, err := sumFile(ctx, filepath.Join(model.Dir, f.Name), p)
		if err != nil {
			return "", fmt.Errorf("check model %q: %w", model.Name, err)
		}
		if sum != f.SHA256 {
			return "", core.Explain(fmt.Errorf("model %q: file %q has changed: %w", model.Name, f.Name, core.ErrCorrupt), "error.model.changed", model.Name, f.Name)
		}
	}
	if model.Kind == KindEvidence {
		return m.verifyEvidence(model)
	}
	if !model.Bundled {
		_ = note(model) // one that was lost, as in a copy of the data folder
	}
	folder, err := weights.Open(model.Dir)
	if err != nil {
		return "", fmt.Errorf("open model %q: %w", model.Name, err)
	}
	id, err = folder.ID(ctx, p)
	if err = errors.Join(err, folder.Close()); err != nil {
		return "", fmt.Errorf("check model %q: %w", model.Name, err)
	}
	return id, nil
}
