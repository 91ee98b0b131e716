package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"kakoi/core"
	"kakoi/core/lora"
	"kakoi/core/weights"
)

const generatorKind = "generator"

// knownGenerator is what a chat model was when it was last loaded.
type knownGenerator struct {
	Stamp string             `json:"stamp"` // of its files
	Info  core.GeneratorInfo `json:"info"`
}

// rememberGenerator notes what a chat model is, for KnownGenerator.
func (m *Models) rememberGenerator(ctx context.Context, name, dir string, info core.GeneratorInfo) error {
	stamp, err := stampOf(dir)
	if err != nil {
		return err
	}
	info.Bytes = 0 // of one load
	value, err := json.Marshal(knownGenerator{stamp, info})
	if err != nil {
		return fmt.Errorf("encode model %q: %w", name, err)
	}
	if old, err := m.Store.Record(ctx, generatorKind, name); err == nil && string(old) == string(value) {
		return nil
	}
	if err := m.Store.PutRecord(ctx, generatorKind, name, value); err != nil {
		return fmt.Errorf("remember model %q: %w", name, err)
	}
	m.Bus.Tell(TopicModels) // more is known of it: whether it has bounds on refusals, for one
	return nil
}

// KnownGenerator is a chat model as it was when it was last loaded, without loading it: core.ErrNotFound when it never was, or when its
// files have changed.
func (m *Models) KnownGenerator(ctx context.Context, name string) (core.GeneratorInfo, error) {
	dir, err := m.folder(name)
	if err != nil {
		return core.GeneratorInfo{}, err
	}
	raw, err := m.Store.Record(ctx, generatorKind, name)
	if err != nil {
		return core.GeneratorInfo{}, fmt.Errorf("look up model %q: %w", name, err)
	}
	stamp, err := stampOf(dir)
	if err != nil {
		return core.GeneratorInfo{}, err
	}
	var k knownGenerator
	if err := json.Unmarshal(raw, &k); err != nil || k.Stamp != stamp {
		return core.GeneratorInfo{}, fmt.Errorf("model %q has changed: %w", name, core.ErrNotFound)
	}
	return k.Info, nil
}

// contentID is what a chat model's adapters call it by, and the engine, without loading it: over the contents of its files. Large ones that were never
// loaded are read for it: stage "hash".
func (m *Models) contentID(ctx context.Context, model Model, p core.Progress) (string, error) {
	if info, err := m.KnownGenerator(ctx, model.Name); err == nil {
		return info.ID, nil
	}
	folder, err := weights.Open(model.Dir)
	if err != nil {
		return "", fmt.Errorf("open model %q: %w", model.Name, err)
	}
	id, known := folder.IDFrom(model.sums())
	if !known {
		id, err = folder.ID(ctx, p)
	}
	if err = errors.Join(err, folder.Close()); err != nil {
		return "", fmt.Errorf("read model %q: %w", model.Name, err)
	}
	return id, nil
}

// shape is what an adapter of a chat model has to fit.
func (m *Models) shape(name string) (lora.Model, error) {
	dir, err := m.folder(name)
	if err != nil {
		return lora.Model{}, err
	}
	return shapeOf(dir)
}

// shapeOf is shape of the model folder dir.
func shapeOf(dir string) (lora.Model, error) {
	name := filepath.Base(dir)
	raw, err := os.ReadFile(filepath.Join(dir, "config.json"))
	if err != nil {
		return lora.Model{}, fmt.Errorf("read config of model %q: %w", name, err)
	}
	var c struct {
		Layers int `json:"num_hidden_layers"`
		Hidden int `json:"hidden_size"`
		FFN    int `json:"intermediate_size"`
	}
	if err := json.Unmarshal(raw, &c); err != nil {
		return lora.Model{}, core.Explain(fmt.Errorf("parse config of model %q: %w: %w", name, core.ErrCorrupt, err), "error.model.config", dir)
	}
	return lora.ModelOf(c.Layers, c.Hidden, c.FFN), nil
}
