package app

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"

	"kakoi/core"
	"kakoi/core/rag"
)

// evidenceFor is what finds for a chat model where the answer stands; nil for models that read more, and where there is none. One that cannot be
// loaded costs no answer: the model is asked as without.
func (m *Models) evidenceFor(ctx context.Context, model core.GeneratorInfo, p core.Progress) core.Reranker {
	if !rag.Narrow(model) {
		return nil
	}
	r, err := m.Evidence(ctx, p)
	if err != nil {
		if ctx.Err() == nil {
			slog.Warn("the model that finds the sentence that answers cannot be loaded: the chat model is asked as without", "error", err)
		}
		return nil
	}
	if r == nil {
		return nil
	}
	if err := m.rememberEvidence(ctx, r.Info().ID); err != nil {
		slog.Warn("remember the model that finds the sentence that answers", "error", err)
	}
	return r
}

// evidenceID is the ID of an evidence model, as core.Evidence has it; "" of none.
func evidenceID(r core.Reranker) string {
	if r == nil {
		return ""
	}
	return r.Info().ID
}

// EvidenceID is core.Evidence.ID of what a chat model is asked from, which is loaded for that; "" of none.
func (m *Models) EvidenceID(ctx context.Context, model core.GeneratorInfo) string {
	return evidenceID(m.evidenceFor(ctx, model, nil))
}

// evidenceKind is the kind of the record of the evidence model's ID, under the name of its folder.
const evidenceKind = "evidence"

// knownID is the ID of the evidence model when it was last loaded.
type knownID struct {
	Stamp string `json:"stamp"` // of its files, and of its base's
	ID    string `json:"id"`
}

// evidenceStamp is that of the evidence model's files, and of its base's.
func (m *Models) evidenceStamp(dir string) (string, error) {
	own, err := stampOf(dir)
	if err != nil {
		return "", err
	}
	base, err := m.base(dir)
	if err != nil {
		return "", err
	}
	if base == "" {
		return own, nil
	}
	below, err := stampOf(base)
	return own + below, err
}

func (m *Models) rememberEvidence(ctx context.Context, id string) error {
	dir := m.evidence()
	if dir == "" { // turned off meanwhile
		return nil
	}
	stamp, err := m.evidenceStamp(dir)
	if err != nil {
		return err
	}
	value, err := json.Marshal(knownID{stamp, id})
	if err != nil {
		return err
	}
	if old, err := m.Store.Record(ctx, evidenceKind, evidenceKind); err == nil && string(old) == string(value) {
		return nil
	}
	if err := m.Store.PutRecord(context.WithoutCancel(ctx), evidenceKind, evidenceKind, value); err != nil {
		return err
	}
	m.Bus.Tell(TopicModels) // bounds of its answers are known now
	return nil
}

// knownEvidence is evidenceID of what a chat model is asked with, without loading it: "" also where it was never loaded.
func (m *Models) knownEvidence(ctx context.Context, model core.GeneratorInfo) string {
	dir := m.evidence()
	if dir == "" || !rag.Narrow(model) {
		return ""
	}
	raw, err := m.Store.Record(ctx, evidenceKind, evidenceKind)
	var k knownID
	if err == nil {
		err = json.Unmarshal(raw, &k)
	}
	stamp, serr := m.evidenceStamp(dir)
	if err = errors.Join(err, serr); err != nil {
		if !errors.Is(err, core.ErrNotFound) {
			slog.Warn("look up the model that finds the sentence that answers", "error", err)
		}
		return ""
	}
	if k.Stamp != stamp {
		return ""
	}
	return k.ID
}
