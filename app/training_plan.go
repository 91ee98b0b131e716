package app

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"kakoi/core"
)

// planVersion of a plan's file. One of a later version is refused.
const planVersion = 1

// TrainingPlan is a training before it begins: the wizard's state, and the file of `kakoi train --plan-file`.
type TrainingPlan struct {
	Version    int                `json:"version"`
	Name       string             `json:"name,omitempty"`
	Model      string             `json:"model"`                 // name; "": the chat model in use
	ModelID    string             `json:"model_id,omitempty"`    // as it was when the plan was made
	Dataset    string             `json:"dataset"`               // as Datasets.Find takes it
	DatasetSum string             `json:"dataset_sum,omitempty"` // hash of the rows as they were when the plan was made
	Settings   core.TrainSettings `json:"settings"`
	Build      *DatasetPlan       `json:"build,omitempty"` // how the dataset was built, where the plan began there
	Plan       core.TrainPlan     `json:"plan"`            // what the training will need; zero before Training.Plan
	// Warnings are keys of the translations, each with KEY.hint: what has changed since the dataset's prompts were built. Training.Plan
	// sets them.
	Warnings []string `json:"warnings,omitempty"`
}

// Plan says what a training will need and do, without beginning it. The base model is loaded for that, and stays so.
//
// Errors: those of Create, and of the trainer (settings that cannot be, a card that is too small).
func (t *Training) Plan(ctx context.Context, plan TrainingPlan, p core.Progress) (TrainingPlan, error) {
	r, data, err := t.prepare(ctx, plan)
	if err != nil {
		return plan, err
	}
	defer t.Models.hold(r.Model)()
	tr, base, err := t.trainer(ctx, r.Model, p)
	if err != nil {
		return plan, err
	}
	if plan.ModelID != "" && plan.ModelID != base.ID {
		return plan, otherModel(r.Model, plan.ModelID, base.ID)
	}
	if err := os.MkdirAll(t.Dir, 0o700); err != nil {
		return plan, fmt.Errorf("make runs folder: %w", err)
	}
	planned, err := tr.PlanTraining(ctx, core.TrainRequest{Dir: t.Dir, Rows: trainRows(data.train), Held: trainRows(data.held), Settings: plan.Settings})
	if err != nil {
		return plan, fmt.Errorf("plan training on %q: %w", r.DatasetName, err)
	}
	plan.Version, plan.Model, plan.ModelID, plan.Dataset, plan.DatasetSum, plan.Plan = planVersion, r.Model, base.ID, r.Dataset, r.DatasetSum, planned
	t.timeOf(ctx, &plan)
	set, err := t.Datasets.Find(ctx, r.Dataset)
	if err != nil {
		return plan, err
	}
	plan.Warnings = t.Datasets.Stale(ctx, set, r.Model)
	return plan, nil
}

// timeOf puts the speed of the newest run like it in place of a plan's computed time.
func (t *Training) timeOf(ctx context.Context, plan *TrainingPlan) {
	runs, _, err := t.List(ctx)
	if err != nil {
		return
	}
	p := &plan.Plan
	for _, r := range runs {
		s, pace := r.Settings, cmp.Or(r.Pace, r.Tokens) // earlier versions noted the last step's only
		if r.ModelID != plan.ModelID || r.Plan.Compute != p.Compute || r.Plan.Recompute != p.Recompute || r.Plan.Batch != p.Batch || !slices.Equal(s.Targets, plan.Settings.Targets) ||
			s.LossOn != plan.Settings.LossOn || s.Packing != plan.Settings.Packing || pace <= 0 || r.Step < 2 || p.EpochStep <= 0 || p.Rows <= 0 {
			continue
		}
		// An evaluation goes forward only, which is a third of a step.
		epochs := float64(p.Steps) / float64(p.EpochStep)
		each := float64(p.Tokens) * (1 + float64(p.Held)/float64(p.Rows)/3) / pace
		p.Seconds, p.SecondsFrom = epochs*each, core.SecondsMeasured
		return
	}
}

func otherModel(name, was, is string) error {
	return core.Explain(fmt.Errorf("model %q is %s, was %s: %w", name, is, was, core.ErrNoModel), "error.training.base", name)
}

// SavePlan writes a plan's file, over an earlier one.
func SavePlan(path string, p TrainingPlan) error {
	p.Version = planVersion
	raw, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		return fmt.Errorf("encode plan: %w", err)
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".plan-*")
	if err != nil {
		return core.Explain(fmt.Errorf("write plan: %w", err), "error.training.planwrite", path)
	}
	defer os.Remove(f.Name()) // a no-op after the rename
	_, err = f.Write(append(raw, '\n'))
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return core.Explain(fmt.Errorf("write plan: %w", err), "error.training.planwrite", path)
	}
	return nil
}

// LoadPlan reads a plan's file.
func LoadPlan(path string) (TrainingPlan, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return TrainingPlan{}, core.Explain(fmt.Errorf("read plan: %w", err), "error.training.planfile", path)
	}
	var p TrainingPlan
	if err := json.Unmarshal(raw, &p); err != nil || p.Version < 1 {
		return TrainingPlan{}, core.Explain(fmt.Errorf("parse plan %s: %w", path, errors.Join(core.ErrCorrupt, err)), "error.training.planbroken", path)
	}
	if p.Version > planVersion {
		return TrainingPlan{}, core.Explain(fmt.Errorf("plan of version %d: %w", p.Version, core.ErrUnsupported), "error.training.planlater", path)
	}
	return p, nil
}
