package record

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"kakoi/core"
)

// Where a Dataset's rows come from.
const (
	FromDocuments   = "documents"
	FromFile        = "file"
	FromCorrections = "corrections"
)

// Dataset is the head of a set of training rows. The rows are records of their own, see Book.Rows.
type Dataset struct {
	ID         string    `json:"id"` // 16 hex digits
	Name       string    `json:"name"`
	Origin     string    `json:"origin"`
	Collection string    `json:"collection"`     // name; where the passages of the prompts come from; "" of a file of inputs and labels
	File       string    `json:"file,omitempty"` // of an import: its name
	Created    time.Time `json:"created"`
	Changed    time.Time `json:"changed"`

	Settings DatasetSettings `json:"settings"`
	// What the prompts were made for: they fit this model's budget and hold what this embedder finds. Empty when the file gave them.
	Model      string `json:"model,omitempty"`
	ModelID    string `json:"model_id,omitempty"`
	EmbedderID string `json:"embedder_id,omitempty"`
	Asking     string `json:"asking,omitempty"`  // identity of the templates and of the chat's options they were built with
	Finding    int    `json:"finding,omitempty"` // rag.Finding that its passages were found with; 0: one of before it was counted

	Counts       DatasetCounts     `json:"counts"`
	Left         []DatasetCount    `json:"left"`      // drafts left out, by reason
	Short        int               `json:"short"`     // refusal rows that the share asks for and that could not be made
	Unfounded    int               `json:"unfounded"` // answers of people that are not in their prompt's passages
	Problems     []DatasetProblem  `json:"problems"`  // of an import, the first MaxProblems
	ProblemCount int               `json:"problem_count"`
	Warnings     []string          `json:"warnings"` // keys of the translations, each with KEY.hint
	Documents    []DatasetDocument `json:"documents"`
	Portions     int               `json:"portions"` // records of rows
}

// MaxProblems of a file are remembered; all are counted.
const MaxProblems = 200

// DatasetSettings are what a Dataset was made with.
type DatasetSettings struct {
	Share       float64  `json:"share"` // of refusal rows
	Held        float64  `json:"held"`
	Rows        int      `json:"rows"` // at most
	Seed        uint64   `json:"seed"`
	Drafter     string   `json:"drafter,omitempty"` // the chat model that drafted questions; "": by rule only
	Corrections bool     `json:"corrections"`
	Elsewhere   []string `json:"elsewhere"` // names of the collections whose questions are not answered
}

// DatasetCounts count rows. Train, Held and Refusals are without dropped ones.
type DatasetCounts struct {
	Rows     int                    `json:"rows"`
	Train    int                    `json:"train"`
	Held     int                    `json:"held"`
	Refusals int                    `json:"refusals"`
	Open     int                    `json:"open"`
	Kept     int                    `json:"kept"`
	Dropped  int                    `json:"dropped"`
	Origins  map[core.RowOrigin]int `json:"origins"`
}

// DatasetCount is a number of drafts left out for a reason, whose text has the key "dataset.left." + Reason.
type DatasetCount struct {
	Reason string `json:"reason"`
	N      int    `json:"n"`
}

// DatasetProblem is what is wrong with a line of a file: the text of Key, with Args.
type DatasetProblem struct {
	Line int      `json:"line"`
	Key  string   `json:"key"`
	Args []string `json:"args,omitempty"`
}

// Values are Args as they were, for the text of Key.
func (p DatasetProblem) Values() []any {
	out := make([]any, len(p.Args))
	for i, a := range p.Args {
		out[i] = decodeArg(a)
	}
	return out
}

// DatasetDocument is a document that rows were made of, or that their prompts show passages of.
type DatasetDocument struct {
	ID    string `json:"id"`
	Name  string `json:"name"` // "" where it is only shown
	Rows  int    `json:"rows"`
	Shown int    `json:"shown"` // rows whose prompts have passages of it
	Held  bool   `json:"held"`  // its rows are kept back
}

const (
	datasetKind     = "dataset"
	datasetGoneKind = "dataset.gone" // half written or to be erased; id Dataset.ID
	datasetRowsKind = "dataset.rows."
	// A portion of rows is one record: small enough to be written at once when one row of it is edited.
	portionBytes = 160 << 10
)

// Datasets are the heads, newest first.
func (b Book) Datasets(ctx context.Context) ([]Dataset, []Damage, error) {
	gone, err := b.Store.RecordIDs(ctx, datasetGoneKind)
	if err != nil {
		return nil, nil, fmt.Errorf("list datasets: %w", err)
	}
	var all []Dataset
	damaged, err := each(ctx, b, datasetKind, func(id string, d Dataset) {
		if !slices.Contains(gone, id) {
			all = append(all, d)
		}
	})
	if err != nil {
		return nil, nil, fmt.Errorf("list datasets: %w", err)
	}
	slices.SortFunc(all, func(a, b Dataset) int { return cmp.Or(b.Created.Compare(a.Created), cmp.Compare(a.ID, b.ID)) })
	return all, damaged, nil
}

// Dataset is one head: core.ErrNotFound.
func (b Book) Dataset(ctx context.Context, id string) (Dataset, error) {
	if _, err := b.Store.Record(ctx, datasetGoneKind, id); err == nil {
		return Dataset{}, fmt.Errorf("dataset %s is being erased: %w", id, core.ErrNotFound)
	}
	return get[Dataset](ctx, b, datasetKind, id)
}

// PutDataset writes a head.
func (b Book) PutDataset(ctx context.Context, d Dataset) error {
	return put(ctx, b, datasetKind, d.ID, d)
}

// CreateDataset writes a Dataset with its rows. A crash leaves nothing of it that Sweep does not remove.
func (b Book) CreateDataset(ctx context.Context, d Dataset, rows []core.Row) (Dataset, error) {
	if err := b.Store.PutRecord(ctx, datasetGoneKind, d.ID, []byte(d.ID)); err != nil {
		return d, fmt.Errorf("begin dataset %s: %w", d.ID, err)
	}
	portions, err := portionsOf(rows)
	if err != nil {
		return d, fmt.Errorf("encode rows of dataset %s: %w", d.ID, err)
	}
	for i, p := range portions {
		if err := b.PutRows(ctx, d.ID, i, p); err != nil {
			return d, err
		}
	}
	d.Portions = len(portions)
	if err := b.PutDataset(ctx, d); err != nil {
		return d, err
	}
	if err := b.Store.DeleteRecord(ctx, datasetGoneKind, d.ID); err != nil {
		return d, fmt.Errorf("finish dataset %s: %w", d.ID, err)
	}
	return d, nil
}

// portionsOf cuts rows into such as fit a record.
func portionsOf(rows []core.Row) ([][]core.Row, error) {
	var out [][]core.Row
	size := portionBytes
	for _, r := range rows {
		raw, err := json.Marshal(r)
		if err != nil {
			return nil, err
		}
		if size+len(raw) > portionBytes {
			out, size = append(out, nil), 0
		}
		out[len(out)-1] = append(out[len(out)-1], r)
		size += len(raw)
	}
	return out, nil
}

// PutRows writes one portion of a Dataset's rows.
func (b Book) PutRows(ctx context.Context, dataset string, portion int, rows []core.Row) error {
	return put(ctx, b, datasetRowsKind+dataset, fmt.Sprintf("%06d", portion), rows)
}

// Rows are all portions of a Dataset's rows, in order. One that cannot be read is Damage, and empty.
func (b Book) Rows(ctx context.Context, d Dataset) ([][]core.Row, []Damage, error) {
	out := make([][]core.Row, d.Portions)
	damaged, err := each(ctx, b, datasetRowsKind+d.ID, func(id string, rows []core.Row) {
		if n, err := strconv.Atoi(id); err == nil && n >= 0 && n < len(out) {
			out[n] = rows
		}
	})
	if err != nil {
		return nil, nil, fmt.Errorf("read rows of dataset %s: %w", d.ID, err)
	}
	return out, damaged, nil
}

// EraseDataset removes a Dataset and its rows with all their bytes. What a crash interrupts is finished by Sweep.
func (b Book) EraseDataset(ctx context.Context, id string) error {
	if err := b.Store.PutRecord(ctx, datasetGoneKind, id, []byte(id)); err != nil {
		return fmt.Errorf("erase dataset %s: %w", id, err)
	}
	if err := b.Store.EraseRecords(ctx, [2]string{datasetKind, id}, [2]string{datasetRowsKind + id, ""}); err != nil {
		return fmt.Errorf("erase dataset %s: %w", id, err)
	}
	if err := b.Store.DeleteRecord(ctx, datasetGoneKind, id); err != nil {
		return fmt.Errorf("erase dataset %s: %w", id, err)
	}
	return nil
}

// SweepDatasets finishes what a crash left half written or half erased.
func (b Book) SweepDatasets(ctx context.Context) error {
	ids, err := b.Store.RecordIDs(ctx, datasetGoneKind)
	if err != nil {
		return fmt.Errorf("look for half erased datasets: %w", err)
	}
	for _, id := range ids {
		if err := b.EraseDataset(ctx, id); err != nil {
			return err
		}
	}
	return nil
}
