package app

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"kakoi/app/job"
	"kakoi/app/record"
	"kakoi/core"
	"kakoi/core/vault"
)

// RowSource is where a training's rows come from: Datasets.
type RowSource interface {
	Find(ctx context.Context, which string) (record.Dataset, error)
	Training(ctx context.Context, id string) (train, held []core.Row, err error)
	Stale(ctx context.Context, s record.Dataset, model string) []string
}

// Training trains adapters of chat models on datasets, in Runs that outlive the program and the engine.
type Training struct {
	Dir      string // each run has a folder below it
	Store    Store
	Models   *Models
	Datasets RowSource
	Adapters *Adapters
	Jobs     *job.Runner
	Key      *vault.Key                                 // of the files in Dir; nil: they are plain
	Bus      *Bus                                       // hears of runs begun, ended and removed, and of each checkpoint; nil is allowed
	Version  string                                     // of this program, for the lineage
	Fonts    string                                     // folder of the fonts of the pictures
	Text     func(lang, key string, args ...any) string // translations, for the pictures

	mu      sync.Mutex
	running map[string]*sitting
}

// TrainingPreset are the settings of a preset: "techlab" or "recommended", whatever their case and spaces.
func TrainingPreset(name string) (core.TrainSettings, error) {
	switch strings.ToLower(strings.NewReplacer(" ", "", "-", "", "_", "").Replace(name)) {
	case "techlab":
		return core.TechLab(), nil
	case "recommended", "":
		return core.Recommended(), nil
	}
	return core.TrainSettings{}, core.Explain(fmt.Errorf("training preset %q: %w", name, core.ErrUsage), "error.training.preset", name)
}

func (t *Training) book() record.Book { return record.Book{Store: t.Store} }

// Folder is where a run's checkpoints, its result and its curves lie.
func (t *Training) Folder(id string) string { return filepath.Join(t.Dir, id) }

// Create remembers a run that is to be begun by Run.
//
// Errors: core.ErrEmpty (no rows to learn from), core.ErrNotFound (of the dataset), core.ErrNoModel.
func (t *Training) Create(ctx context.Context, plan TrainingPlan) (record.Run, error) {
	r, _, err := t.prepare(ctx, plan)
	if err != nil {
		return record.Run{}, err
	}
	if err := os.MkdirAll(t.Folder(r.ID), 0o700); err != nil {
		return record.Run{}, fmt.Errorf("make folder of run: %w", err)
	}
	if err := t.book().PutRun(ctx, r); err != nil {
		return record.Run{}, err
	}
	t.Bus.Tell(TopicTraining)
	return r, nil
}

// learned is what a run learns from.
type learned struct{ train, held []core.Row }

// prepare looks a plan's dataset and model up and makes the run of it.
func (t *Training) prepare(ctx context.Context, plan TrainingPlan) (record.Run, learned, error) {
	var data learned
	set, err := t.Datasets.Find(ctx, plan.Dataset)
	if err != nil {
		return record.Run{}, data, err
	}
	if data.train, data.held, err = t.Datasets.Training(ctx, set.ID); err != nil {
		return record.Run{}, data, err
	}
	if len(data.train) == 0 {
		return record.Run{}, data, core.Explain(fmt.Errorf("dataset %s has no rows to learn from: %w", set.ID, core.ErrEmpty), "error.training.empty", set.Name)
	}
	model := plan.Model
	if model == "" {
		model = t.Models.Settings.Get().ChatModel
	}
	if _, err := t.Models.folder(model); err != nil {
		return record.Run{}, data, err
	}
	sum := rowsSum(data)
	if plan.DatasetSum != "" && plan.DatasetSum != sum {
		return record.Run{}, data, core.Explain(fmt.Errorf("dataset %s is %s, planned was %s: %w", set.ID, sum, plan.DatasetSum, core.ErrUsage), "error.training.changed", set.Name)
	}
	now := time.Now().UTC()
	r := record.Run{
		ID: record.NewID(), Name: strings.TrimSpace(plan.Name), State: record.RunPaused, Created: now, Changed: now,
		Model: model, ModelID: plan.ModelID, Dataset: set.ID, DatasetName: set.Name, DatasetSum: sum, Collection: set.Collection,
		Rows: len(data.train), Held: len(data.held), Documents: t.documentsOf(ctx, data), Settings: plan.Settings, Plan: plan.Plan, Steps: plan.Plan.Steps,
		Versions: map[string]string{"kakoi": t.Version},
	}
	if r.Name == "" {
		r.Name = set.Name
	}
	return r, data, nil
}

// rowsSum is the identity of what is learned, 16 hex digits: the rows in their order, and which of them are held back.
func rowsSum(data learned) string {
	h := sha256.New()
	for _, part := range [][]core.Row{data.train, data.held} {
		for _, r := range part {
			fmt.Fprintf(h, "%s\n", core.RowID(r.Inputs, r.Labels))
		}
		h.Write([]byte{0})
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// documentsOf counts the rows that are learned of each document, and those that show it, in the order of their first row.
func (t *Training) documentsOf(ctx context.Context, data learned) []record.AdapterDocument {
	at := map[string]int{}
	docs := []record.AdapterDocument{}
	place := func(id string) *record.AdapterDocument {
		i, ok := at[id]
		if !ok {
			i = len(docs)
			at[id] = i
			docs = append(docs, record.AdapterDocument{ID: id})
		}
		return &docs[i]
	}
	for _, r := range data.train {
		if r.Source != nil && r.Source.Document != "" {
			d := place(r.Source.Document)
			d.Name = r.Source.Name
			d.Rows++
		}
		for _, id := range r.Shown {
			place(id).Shown++
		}
	}
	for i := range docs {
		if docs[i].Name == "" {
			docs[i].Name = t.documentName(ctx, docs[i].ID)
		}
	}
	return docs
}

// documentName looks a document up in all collections; one that is gone has no name.
func (t *Training) documentName(ctx context.Context, id string) string {
	all, err := t.Store.Collections(ctx)
	if err != nil {
		return ""
	}
	for _, c := range all {
		if d, err := t.Store.Document(ctx, c.ID, id); err == nil {
			return d.Name
		}
	}
	return ""
}

func trainRows(rows []core.Row) []core.TrainRow {
	out := make([]core.TrainRow, len(rows))
	for i, r := range rows {
		out[i] = core.TrainRow{ID: r.ID, Inputs: r.Inputs, Labels: r.Labels}
	}
	return out
}

// trainer is the loaded base of a run. It has to be held.
func (t *Training) trainer(ctx context.Context, model string, p core.Progress) (core.Trainer, core.GeneratorInfo, error) {
	gen, err := t.Models.GeneratorNamed(ctx, model, p)
	if err != nil {
		return nil, core.GeneratorInfo{}, err
	}
	tr, ok := gen.(core.Trainer)
	if !ok {
		return nil, gen.Info(), fmt.Errorf("train %q: %w", model, core.ErrUnsupported)
	}
	return tr, gen.Info(), nil
}

// List are all runs, newest first.
func (t *Training) List(ctx context.Context) ([]record.Run, []record.Damage, error) {
	all, damaged, err := t.book().Runs(ctx)
	t.mu.Lock()
	defer t.mu.Unlock()
	for i, r := range all {
		if s := t.running[r.ID]; s != nil {
			all[i] = s.run()
		} else if r.State == record.RunRunning { // its end could not be written, on a full disk say
			all[i].State, all[i].Interrupted = record.RunPaused, true
		}
	}
	return all, damaged, err
}

// Find finds the run a person means: by ID or its beginning (4 digits or more), or by name, the newest of that name; "" is the newest.
func (t *Training) Find(ctx context.Context, which string) (record.Run, error) {
	all, _, err := t.List(ctx)
	if err != nil {
		return record.Run{}, err
	}
	for _, matches := range []func(record.Run) bool{
		func(r record.Run) bool { return which == "" || r.ID == which },
		func(r record.Run) bool { return r.Name == which },
		func(r record.Run) bool { return len(which) >= 4 && strings.HasPrefix(r.ID, which) },
	} {
		for _, r := range all {
			if matches(r) {
				return r, nil
			}
		}
	}
	if which == "" {
		return record.Run{}, core.Explain(fmt.Errorf("no run: %w", core.ErrNotFound), "error.training.none")
	}
	return record.Run{}, core.Explain(fmt.Errorf("run %q: %w", which, core.ErrNotFound), "error.training.unknown", which)
}

// Unfinished are the runs that can go on, newest first.
func (t *Training) Unfinished(ctx context.Context) ([]record.Run, error) {
	all, _, err := t.List(ctx)
	var open []record.Run
	for _, r := range all {
		if r.State.GoesOn() {
			open = append(open, r)
		}
	}
	return open, err
}

// Losses are what was reported of a run's steps, by rising steps.
func (t *Training) Losses(ctx context.Context, id string) ([]record.LossPoint, error) {
	all, _, err := t.book().Losses(ctx, id)
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	s := t.running[id]
	t.mu.Unlock()
	if s != nil {
		if fresh := s.unwritten(); len(fresh) > 0 {
			all = append(record.Until(all, fresh[0].Step-1), fresh...)
		}
	}
	return all, nil
}

// Remove erases a run that does not run: what is remembered of it, and its folder. Its adapter stays.
func (t *Training) Remove(ctx context.Context, id string) error {
	t.mu.Lock()
	_, busy := t.running[id]
	t.mu.Unlock()
	if busy {
		return core.Explain(fmt.Errorf("remove run %s: %w", id, core.ErrBusy), "error.training.running")
	}
	if _, err := t.book().Run(ctx, id); err != nil && !errors.Is(err, core.ErrCorrupt) {
		return core.Explain(err, "error.training.unknown", id)
	}
	ctx = context.WithoutCancel(ctx)
	if err := t.book().EraseRun(ctx, id); err != nil {
		return err
	}
	t.Bus.Tell(TopicTraining)
	if err := os.RemoveAll(t.Folder(id)); err != nil {
		return fmt.Errorf("remove folder of run: %w", err)
	}
	return nil
}

// Sweep turns runs that were running when the program ended into paused ones, and deletes folders of runs that were removed. It is for
// the opener of the data folder.
func (t *Training) Sweep(ctx context.Context) error {
	all, damaged, err := t.book().Runs(ctx)
	if err != nil {
		return err
	}
	known := map[string]bool{}
	for _, d := range damaged {
		known[d.ID] = true // its checkpoints may be worth something
	}
	for _, r := range all {
		known[r.ID] = true
		if r.State != record.RunRunning {
			continue
		}
		r.State, r.Interrupted = record.RunPaused, true
		if err := t.book().PutRun(ctx, r); err != nil {
			return err
		}
	}
	if held, err := (Keep{Data: filepath.Dir(t.Dir)}).Holding(); held || err != nil {
		return err // checkpoints may belong to records that come back
	}
	entries, err := os.ReadDir(t.Dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("look for what is left of runs: %w", err)
	}
	var errs []error
	for _, e := range entries {
		if e.IsDir() && isID(e.Name()) && !known[e.Name()] {
			errs = append(errs, os.RemoveAll(t.Folder(e.Name())))
		}
	}
	return errors.Join(errs...)
}

// isID says whether a name is one of record.NewID.
func isID(name string) bool {
	_, err := hex.DecodeString(name)
	return err == nil && len(name) == 16
}
