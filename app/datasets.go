package app

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"kakoi/app/job"
	"kakoi/app/record"
	"kakoi/core"
	"kakoi/core/dataset"
)

// TopicDatasets: a dataset was made, changed or removed.
const TopicDatasets Topic = "datasets"

// Datasets makes, shows and keeps training rows. Its jobs are those of the library's runner.
type Datasets struct {
	Store Store
	Chat  *Chat // its library, its models and its prompts: rows have the prompts that it sends
	Bus   *Bus  // hears of every change; nil is allowed

	changing sync.Mutex // one change of records at a time
	open     openDataset
}

// DatasetPlan says what rows to make.
type DatasetPlan struct {
	Name          string   `json:"name,omitempty"`       // "": the collection's name, or the file's
	Collection    string   `json:"collection,omitempty"` // see Library.Collection
	Documents     []string `json:"documents,omitempty"`  // Document.IDs; none: all
	Elsewhere     []string `json:"elsewhere,omitempty"`  // names of collections whose questions are not answered; none: all others
	Share         float64  `json:"share,omitempty"`      // of refusal rows; 0: dataset.DefaultShare; < 0: none
	Held          float64  `json:"held,omitempty"`       // of rows that are kept back; 0: dataset.DefaultHeld; < 0: none
	Rows          int      `json:"rows,omitempty"`       // at most; 0: dataset.DefaultRows
	Seed          uint64   `json:"seed,omitempty"`
	NoModel       bool     `json:"no_model,omitempty"`       // questions are drafted by rule only
	NoCorrections bool     `json:"no_corrections,omitempty"` // corrections made in chats are left alone
}

// ImportPlan says how to read a file of rows.
type ImportPlan struct {
	DatasetPlan
	Columns dataset.Columns `json:"columns,omitzero"`
}

// DatasetOptions say who hears of a job's progress: stages "draft" (documents), "ask" (the model's drafts), "check" (drafts),
// "write".
type DatasetOptions struct {
	Listen func(job.State) // nil is allowed
}

// settings are a plan's numbers with the defaults in the place of zeros.
func (p DatasetPlan) settings() (dataset.Settings, error) {
	s := dataset.Settings{Share: p.Share, Held: p.Held, Rows: p.Rows, Seed: p.Seed}
	if s.Share == 0 {
		s.Share = dataset.DefaultShare
	}
	if s.Held == 0 {
		s.Held = dataset.DefaultHeld
	}
	if s.Rows == 0 {
		s.Rows = dataset.DefaultRows
	}
	s.Share, s.Held = max(0, s.Share), max(0, s.Held)
	return s, s.Validate()
}

func (d *Datasets) book() record.Book { return record.Book{Store: d.Store} }

// Sweep finishes what a kill interrupted. It is for the opener of the data folder.
func (d *Datasets) Sweep(ctx context.Context) error {
	d.changing.Lock()
	defer d.changing.Unlock()
	return d.book().SweepDatasets(ctx)
}

// List returns the datasets, newest first, and what of them cannot be read. Their warnings tell too what has changed since they were made.
func (d *Datasets) List(ctx context.Context) ([]record.Dataset, []record.Damage, error) {
	all, damaged, err := d.book().Datasets(ctx)
	for i, s := range all {
		all[i].Warnings = append(slices.Clone(s.Warnings), d.Stale(ctx, s, "")...)
	}
	return all, damaged, err
}

// Find finds the one dataset a person means: by id or its beginning (4 digits or more), or by name; "" is the newest.
func (d *Datasets) Find(ctx context.Context, which string) (record.Dataset, error) {
	all, _, err := d.List(ctx)
	if err != nil {
		return record.Dataset{}, err
	}
	if which == "" {
		if len(all) == 0 {
			return record.Dataset{}, core.Explain(fmt.Errorf("datasets: %w", core.ErrEmpty), "error.dataset.none")
		}
		return all[0], nil
	}
	for _, matches := range []func(record.Dataset) bool{
		func(s record.Dataset) bool { return s.ID == which },
		func(s record.Dataset) bool { return s.Name == which },
		func(s record.Dataset) bool { return len(which) >= 4 && strings.HasPrefix(s.ID, which) },
	} {
		var found []record.Dataset
		for _, s := range all {
			if matches(s) {
				found = append(found, s)
			}
		}
		switch len(found) {
		case 0:
			continue
		case 1:
			return found[0], nil
		}
		return record.Dataset{}, core.Explain(fmt.Errorf("dataset %q: %d match: %w", which, len(found), core.ErrUsage), "error.dataset.ambiguous", which, len(found))
	}
	return record.Dataset{}, core.Explain(fmt.Errorf("dataset %q: %w", which, core.ErrNotFound), "error.dataset.unknown", which)
}

// maxDatasetName of a dataset, in characters.
const maxDatasetName = 80

func datasetName(name string) (string, error) {
	name = strings.TrimSpace(name)
	if n := utf8.RuneCountInString(name); n == 0 || n > maxDatasetName || strings.ContainsFunc(name, unicode.IsControl) {
		return "", core.Explain(fmt.Errorf("dataset name %q: %w", name, core.ErrUsage), "error.dataset.name", maxDatasetName)
	}
	return name, nil
}

// freeName is a name that no dataset has: with a number behind it where it is taken.
func (d *Datasets) freeName(ctx context.Context, name string) (string, error) {
	if rs := []rune(name); len(rs) > maxDatasetName-8 {
		name = string(rs[:maxDatasetName-8])
	}
	name, err := datasetName(name)
	if err != nil {
		return "", err
	}
	all, _, err := d.List(ctx)
	if err != nil {
		return "", err
	}
	taken := func(name string) bool {
		return slices.ContainsFunc(all, func(s record.Dataset) bool { return s.Name == name })
	}
	free := name
	for n := 2; taken(free); n++ {
		free = fmt.Sprintf("%s %d", name, n)
	}
	return free, nil
}

// Rename gives a dataset another name.
func (d *Datasets) Rename(ctx context.Context, id, name string) error {
	name, err := datasetName(name)
	if err != nil {
		return err
	}
	d.changing.Lock()
	defer d.changing.Unlock()
	s, err := d.head(ctx, id)
	if err != nil {
		return err
	}
	s.Name, s.Changed = name, time.Now().UTC()
	if err := d.book().PutDataset(ctx, s); err != nil {
		return err
	}
	d.Bus.Tell(TopicDatasets)
	return nil
}

// Remove erases a dataset: no file of the library holds its bytes when it returns.
func (d *Datasets) Remove(ctx context.Context, id string) error {
	d.changing.Lock()
	defer d.changing.Unlock()
	if _, err := d.head(ctx, id); err != nil && !errorsIsAny(err, core.ErrCorrupt) {
		return err
	}
	d.open.forget(id)
	if err := d.book().EraseDataset(ctx, id); err != nil {
		return err
	}
	d.Bus.Tell(TopicDatasets)
	return nil
}

func (d *Datasets) head(ctx context.Context, id string) (record.Dataset, error) {
	s, err := d.book().Dataset(ctx, id)
	if errorsIsAny(err, core.ErrNotFound) {
		return s, core.Explain(err, "error.dataset.unknown", id)
	}
	return s, err
}

// Learned are the datasets with rows that were made of any of these documents, or that show text of them: whoever removes one is told.
func (d *Datasets) Learned(ctx context.Context, documents ...string) ([]record.Dataset, error) {
	return datasetsOf(ctx, d.book(), documents)
}

func datasetsOf(ctx context.Context, b record.Book, documents []string) ([]record.Dataset, error) {
	all, _, err := b.Datasets(ctx)
	if err != nil {
		return nil, err
	}
	var out []record.Dataset
	for _, s := range all {
		if slices.ContainsFunc(s.Documents, func(x record.DatasetDocument) bool { return slices.Contains(documents, x.ID) }) {
			out = append(out, s)
		}
	}
	return out, nil
}
