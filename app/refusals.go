package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"

	"kakoi/app/record"
	"kakoi/app/settings"
	"kakoi/core"
	"kakoi/core/calibrate"
	"kakoi/core/rag"
)

// ParseRefusal reads how a model is to refuse as a person writes it; "" stays "".
func ParseRefusal(text string) (calibrate.Mode, error) {
	f, _ := settings.FieldOf("refusal")
	var s settings.Settings
	if text == "" {
		return "", nil
	}
	if err := f.Set(&s, text); err != nil {
		return "", err
	}
	return calibrate.Mode(s.Refusal), nil
}

// lane is Adapters.lane with the bounds of the refusals of whoever answers, from evidence of that ID where there is some.
func (c *Chat) lane(ctx context.Context, model core.GeneratorInfo, evidence, which string) (rag.Lane, record.Adapter, error) {
	l, x, err := c.Adapters.lane(ctx, model, which)
	if err != nil {
		return l, x, err
	}
	if l.Adapter != "" {
		l.Bounds = x.Refusal.With(evidence)
		return l, x, nil
	}
	l.Bounds = c.Models.Bounds(ctx, model, evidence)
	return l, x, nil
}

// refusalKind is the kind of the records of bounds found here; the id is boundsID.
const refusalKind = "refusal"

// boundsID is the model's ID, and that of the evidence that it answers from.
func boundsID(model, evidence string) string {
	if evidence == "" {
		return model
	}
	return model + "." + evidence
}

// Bounds are those of a chat model's refusals, where it answers from evidence of that ID ("": from none): found in this library, or come with the model; nil
// where there are none.
func (m *Models) Bounds(ctx context.Context, model core.GeneratorInfo, evidence string) *calibrate.Record {
	raw, err := m.Store.Record(ctx, refusalKind, boundsID(model.ID, evidence))
	var r *calibrate.Record
	if err == nil {
		r, err = calibrate.Parse(raw)
	}
	if errors.Is(err, core.ErrNotFound) {
		var dir string
		if dir, err = m.folder(model.Name); err == nil {
			r, err = calibrate.Read(dir)
		}
	}
	if err != nil {
		if !errors.Is(err, core.ErrNotFound) {
			slog.Warn("bounds of refusals that cannot be read", "model", model.Name, "error", err)
		}
		return nil
	}
	if r.Model != model.ID || r.Adapter != "" {
		slog.Warn("bounds of refusals of another model", "model", model.Name, "id", model.ID, "of", r.Model)
		return nil
	}
	return r.With(evidence) // a model that comes with bounds for answers from evidence has none without, and the other way round
}

// KnownBounds is Bounds, with the evidence that the model answers from, without loading either: nil also when one was never loaded.
func (m *Models) KnownBounds(ctx context.Context, name string) *calibrate.Record {
	info, err := m.KnownGenerator(ctx, name)
	if err != nil {
		return nil
	}
	return m.Bounds(ctx, info, m.knownEvidence(ctx, info))
}

// keepBounds remembers bounds found here.
func (m *Models) keepBounds(ctx context.Context, r *calibrate.Record) error {
	raw, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("encode bounds of refusals: %w", err)
	}
	if err := m.Store.PutRecord(context.WithoutCancel(ctx), refusalKind, boundsID(r.Model, r.Evidence), raw); err != nil {
		return fmt.Errorf("keep bounds of refusals: %w", err)
	}
	return nil
}

// DropBounds forgets the bounds found here of a model and the evidence that it answers from; those that came with it hold again. false: there were none.
func (m *Models) DropBounds(ctx context.Context, model core.GeneratorInfo, evidence string) (bool, error) {
	id := boundsID(model.ID, evidence)
	if _, err := m.Store.Record(ctx, refusalKind, id); errors.Is(err, core.ErrNotFound) {
		return false, nil
	}
	if err := m.Store.DeleteRecord(context.WithoutCancel(ctx), refusalKind, id); err != nil {
		return false, fmt.Errorf("forget bounds of refusals: %w", err)
	}
	m.Bus.Tell(TopicModels)
	return true, nil
}

// Refusal is the mode that is set, and whether it does something for the model in use: it, or the adapter it answers with, has bounds, and
// the preset leaves refusing to them. A model that was never loaded is not known to have any.
func (c *Chat) Refusal(ctx context.Context) (mode calibrate.Mode, works bool) {
	set := c.Settings.Get()
	mode = calibrate.Mode(set.Refusal)
	if set.Preset == settings.TECHLab {
		return mode, false
	}
	info, err := c.Models.KnownGenerator(ctx, set.ChatModel)
	if err != nil {
		return mode, false
	}
	l, _, err := c.lane(ctx, info, c.Models.knownEvidence(ctx, info), "")
	return mode, err == nil && l.Bounds != nil
}

// SetRefusal sets the mode.
func (c *Chat) SetRefusal(mode calibrate.Mode) error {
	return c.Models.Configure(func(s *settings.Settings) { s.Refusal = string(mode) })
}
