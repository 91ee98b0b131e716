package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"kakoi/app/settings"
	"kakoi/core"
	"kakoi/core/lora"
	"kakoi/core/weights"
)

// KindEvidence is the model that finds the sentence that answers: a LoRA adapter of an embedder which makes a cross-encoder of it. It comes with the program; one that is
// chosen as reranker orders passages, too.
const KindEvidence ModelKind = "evidence"

// evidenceFile says in a folder of KindEvidence whose adapter it is.
const evidenceFile = "evidence.json"

// evidenceNote is evidence.json.
type evidenceNote struct {
	Base   string `json:"base"`   // name of the embedder, as its folder is called
	Format int    `json:"format"` // evidenceFormat
}

const evidenceFormat = 2 // since format 2 it reads stretches in their places, between marks

// readEvidence reads evidence.json of a folder: fs.ErrNotExist in a folder of another kind.
func readEvidence(dir string) (evidenceNote, error) {
	var note evidenceNote
	raw, err := os.ReadFile(filepath.Join(dir, evidenceFile))
	if err != nil {
		return note, fmt.Errorf("read %s of model %q: %w", evidenceFile, dir, err)
	}
	if err := json.Unmarshal(raw, &note); err != nil || !settings.ValidModelName(note.Base) {
		return note, core.Explain(fmt.Errorf("%s of model %q: base %q: %w", evidenceFile, dir, note.Base, errors.Join(core.ErrCorrupt, err)), "error.model.config", dir)
	}
	if note.Format != evidenceFormat {
		return note, core.Explain(fmt.Errorf("%s of model %q: format %d: %w", evidenceFile, dir, note.Format, core.ErrUnsupported), "error.model.config", dir)
	}
	return note, nil
}

// isEvidence says whether a folder holds such an adapter, and no model of its own.
func isEvidence(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, "config.json"))
	note, noteErr := os.Stat(filepath.Join(dir, evidenceFile))
	return errors.Is(err, fs.ErrNotExist) && noteErr == nil && note.Mode().IsRegular()
}

// base is the folder of the embedder whose adapter the folder dir is; "" when dir is a model of its own.
func (m *Models) base(dir string) (string, error) {
	if !isEvidence(dir) {
		return "", nil
	}
	note, err := readEvidence(dir)
	if err != nil {
		return "", err
	}
	return m.folder(note.Base)
}

// Evidence is the model that finds the sentence that answers; nil, without an error, where it is turned off, where it did not come with the program, or where its
// base is not among the embedders.
func (m *Models) Evidence(ctx context.Context, p core.Progress) (core.Reranker, error) {
	dir := m.evidence()
	if dir == "" {
		return nil, nil
	}
	r, err := m.reranker(ctx, dir, p)
	if err != nil {
		return nil, fmt.Errorf("load evidence model %q: %w", filepath.Base(dir), err)
	}
	return r, nil
}

// evidence is the folder of the model that Evidence loads; "" where it gives none.
func (m *Models) evidence() string {
	if m.Settings.Get().Evidence != settings.Evidences[0] {
		return ""
	}
	dir, err := m.folder(settings.EvidenceModel)
	if err != nil {
		return ""
	}
	if base, err := m.base(dir); err != nil && errors.Is(err, core.ErrNoModel) || err == nil && base == "" {
		return ""
	}
	return dir
}

// reranker loads the cross-encoder in dir, beside its base where it is an adapter.
func (m *Models) reranker(ctx context.Context, dir string, p core.Progress) (core.Reranker, error) {
	base, err := m.base(dir)
	if err != nil {
		return nil, err
	}
	opt := m.options()
	opt.Base = base
	return m.Engine.Reranker(ctx, dir, opt, p)
}

// verifyEvidence reads all of an adapter and gives its ID.
func (m *Models) verifyEvidence(model Model) (id string, err error) {
	if _, err := m.base(model.Dir); err != nil {
		return "", fmt.Errorf("check model %q: %w", model.Name, err)
	}
	parts, err := lora.ReadParts(model.Dir)
	if err != nil {
		return "", fmt.Errorf("check model %q: %w", model.Name, err)
	}
	return parts.ID(), nil
}

// evidenceDetails are those of the base, with the adapter's own parameters and files.
func (m *Models) evidenceDetails(model Model) (Details, error) {
	parts, err := lora.ReadParts(model.Dir)
	if err != nil {
		return Details{}, fmt.Errorf("look at model %q: %w", model.Name, err)
	}
	base, err := m.base(model.Dir)
	if err != nil {
		return Details{}, fmt.Errorf("look at model %q: %w", model.Name, err)
	}
	r, err := weights.Look(base, weights.Embedder)
	if err != nil {
		return Details{}, fmt.Errorf("look at model %q: %w", model.Name, err)
	}
	licences, err := licencesOf(model.Dir)
	if err != nil {
		return Details{}, err
	}
	d := detailsOf(r, 0, licences)
	d.Storage, d.Parameters, d.Tensors, d.Bytes = "LoRA", parts.Parameters(), 2*len(parts.Low)+len(parts.Whole), model.Bytes
	return d, eachFile(model.Dir, func(string, fs.FileInfo) error { d.Files++; return nil })
}

// unexported says that a model comes with the program only.
func unexported(name string) error {
	return core.Explain(fmt.Errorf("export model %q: %w", name, core.ErrUnsupported), "error.model.evidence", name)
}
