package record

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"kakoi/core"
	"kakoi/core/calibrate"
)

// AdapterState says whether an adapter has shown that it is better.
type AdapterState string

const (
	AdapterDraft AdapterState = "draft" // Why says why
	AdapterReady AdapterState = "ready" // it passed its exam, or a person chose it
)

// Adapter is what is known of an adapter whose weights lie in a folder called like its ID.
type Adapter struct {
	ID      string       `json:"id"` // lora.Adapter.ID: the hash of its weights
	Name    string       `json:"name"`
	State   AdapterState `json:"state"`
	Why     *Failure     `json:"why,omitempty"`
	Created time.Time    `json:"created"`

	Model       string             `json:"model"`    // name of its base
	ModelID     string             `json:"model_id"` // hash of its base
	Known       bool               `json:"known"`    // the base is proven by its hash; otherwise only the shapes fit
	Run         string             `json:"run,omitempty"`
	Dataset     string             `json:"dataset,omitempty"`
	DatasetName string             `json:"dataset_name,omitempty"`
	DatasetSum  string             `json:"dataset_sum,omitempty"`
	Collection  string             `json:"collection,omitempty"`
	Rows        int                `json:"rows,omitempty"`
	Documents   []AdapterDocument  `json:"documents"`
	Settings    core.TrainSettings `json:"settings"`
	Rank        int                `json:"rank"`
	Targets     []string           `json:"targets"` // names of the matrices
	Parameters  int64              `json:"parameters"`
	Bytes       int64              `json:"bytes"` // of the folder
	BestLoss    float64            `json:"best_loss,omitempty"`
	Exam        string             `json:"exam,omitempty"` // Exam.ID of the last one
	Imported    bool               `json:"imported,omitempty"`
	Versions    map[string]string  `json:"versions,omitempty"` // of the programs that trained it
	Refusal     *calibrate.Record  `json:"refusal,omitempty"`  // bounds of its refusals, found in its last exam; nil: it refuses as it does by itself
}

// Chosen is the adapter that a model answers with.
type Chosen struct {
	Adapter string `json:"adapter"` // Adapter.ID; "": the model as it is
	Before  string `json:"before"`  // what was chosen before that
}

const (
	adapterKind = "adapter"
	chosenKind  = "adapter.chosen" // id the model's name
)

// LearnedFrom are the names of the documents that an adapter's rows were made of, and of those that the rows' prompts only showed. One
// that was gone when the training began has no name.
func (a Adapter) LearnedFrom() (learned, shown []string) {
	for _, d := range a.Documents {
		switch {
		case d.Name == "":
		case d.Rows == 0 && d.Shown > 0:
			shown = append(shown, d.Name)
		default:
			learned = append(learned, d.Name)
		}
	}
	return learned, shown
}

// Adapters are all, newest first.
func (b Book) Adapters(ctx context.Context) ([]Adapter, []Damage, error) {
	var all []Adapter
	damaged, err := each(ctx, b, adapterKind, func(_ string, a Adapter) { all = append(all, a) })
	if err != nil {
		return nil, nil, fmt.Errorf("list adapters: %w", err)
	}
	slices.SortFunc(all, func(a, b Adapter) int { return cmp.Or(b.Created.Compare(a.Created), cmp.Compare(a.ID, b.ID)) })
	return all, damaged, nil
}

// Adapter is one of them: core.ErrNotFound.
func (b Book) Adapter(ctx context.Context, id string) (Adapter, error) {
	return get[Adapter](ctx, b, adapterKind, id)
}

// PutAdapter writes one.
func (b Book) PutAdapter(ctx context.Context, a Adapter) error {
	return put(ctx, b, adapterKind, a.ID, a)
}

// EraseAdapter removes what is known of one with all its bytes.
func (b Book) EraseAdapter(ctx context.Context, id string) error {
	if err := b.Store.EraseRecords(ctx, [2]string{adapterKind, id}); err != nil {
		return fmt.Errorf("erase adapter %s: %w", id, err)
	}
	return nil
}

// Chosen is what a model answers with; the zero value when nothing was ever chosen.
func (b Book) Chosen(ctx context.Context, model string) (Chosen, error) {
	c, err := get[Chosen](ctx, b, chosenKind, model)
	if errors.Is(err, core.ErrNotFound) {
		return Chosen{}, nil
	}
	return c, err
}

// Choices are what all models answer with, by name.
func (b Book) Choices(ctx context.Context) (map[string]Chosen, error) {
	all := map[string]Chosen{}
	if _, err := each(ctx, b, chosenKind, func(model string, c Chosen) { all[model] = c }); err != nil {
		return nil, fmt.Errorf("list chosen adapters: %w", err)
	}
	return all, nil
}

// PutChosen remembers what a model answers with.
func (b Book) PutChosen(ctx context.Context, model string, c Chosen) error {
	return put(ctx, b, chosenKind, model, c)
}
