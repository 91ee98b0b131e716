package record

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"kakoi/core"
)

// RunState says how a Run, or an Exam, stands.
type RunState string

const (
	RunRunning RunState = "running" // by this process
	RunPaused  RunState = "paused"  // begun or not, it can go on
	RunFailed  RunState = "failed"  // Failure says why; it can be tried again
	RunDone    RunState = "done"
)

// GoesOn says whether it can go on from here.
func (s RunState) GoesOn() bool { return s == RunPaused || s == RunFailed }

// Run is one training of an adapter, as far as it has come.
type Run struct {
	ID      string    `json:"id"` // 16 hex digits
	Name    string    `json:"name"`
	State   RunState  `json:"state"`
	Created time.Time `json:"created"`
	Changed time.Time `json:"changed"`

	Model       string             `json:"model"`    // name
	ModelID     string             `json:"model_id"` // GeneratorInfo.ID: the hash of the base
	Dataset     string             `json:"dataset"`  // Dataset.ID
	DatasetName string             `json:"dataset_name"`
	DatasetSum  string             `json:"dataset_sum"` // hash of the rows, in their order
	Collection  string             `json:"collection,omitempty"`
	Rows        int                `json:"rows"`
	Held        int                `json:"held"`
	Documents   []AdapterDocument  `json:"documents"`
	Settings    core.TrainSettings `json:"settings"`
	Plan        core.TrainPlan     `json:"plan"`
	Versions    map[string]string  `json:"versions,omitempty"`

	// As of the last report.
	Step       int     `json:"step"`
	Steps      int     `json:"steps"`
	Checkpoint int     `json:"checkpoint"` // step that is safe on disk; 0: none
	Epoch      float64 `json:"epoch"`
	Loss       float64 `json:"loss"`
	HeldLoss   float64 `json:"held_loss"`
	BestLoss   float64 `json:"best_loss"`
	BestStep   int     `json:"best_step"`
	Rate       float64 `json:"rate"`
	Tokens     float64 `json:"tokens_second"`
	Pace       float64 `json:"pace,omitempty"` // tokens a second, the mean of some sixteen steps
	Left       float64 `json:"left"`           // seconds
	Seconds    float64 `json:"seconds"`        // trained, in all sittings
	Peak       int64   `json:"peak"`           // bytes

	End         core.TrainEnd `json:"end,omitempty"`
	Interrupted bool          `json:"interrupted,omitempty"` // the program ended while it ran
	Crashes     int           `json:"crashes,omitempty"`     // of the engine, survived
	Notes       []string      `json:"notes,omitempty"`       // warnings: keys of the translations
	Failure     *Failure      `json:"failure,omitempty"`
	Result      string        `json:"result,omitempty"`  // folder of the best weights so far, as the trainer wrote it
	Adapter     string        `json:"adapter,omitempty"` // Adapter.ID, when done with one
}

// AdapterDocument is a document that is learned from.
type AdapterDocument struct {
	ID    string `json:"id"` // Document.ID
	Name  string `json:"name"`
	Rows  int    `json:"rows"`            // that were made of it
	Shown int    `json:"shown,omitempty"` // rows whose prompts have passages of it
}

// LossPoint is what was reported of one step.
type LossPoint struct {
	Step     int     `json:"step"`
	Epoch    float64 `json:"epoch"`
	Loss     float64 `json:"loss,omitempty"`      // 0: only evaluated
	HeldLoss float64 `json:"held_loss,omitempty"` // 0: not evaluated at this step
	Best     bool    `json:"best,omitempty"`
	Rate     float64 `json:"rate,omitempty"`
	Norm     float64 `json:"norm,omitempty"`
	Seconds  float64 `json:"seconds"` // trained until then
}

const (
	runKind  = "run"
	lossKind = "loss." // + Run.ID; id the first step of a stretch
)

// Runs are all, newest first.
func (b Book) Runs(ctx context.Context) ([]Run, []Damage, error) {
	var all []Run
	damaged, err := each(ctx, b, runKind, func(_ string, r Run) { all = append(all, r) })
	if err != nil {
		return nil, nil, fmt.Errorf("list runs: %w", err)
	}
	slices.SortFunc(all, func(a, b Run) int { return cmp.Or(b.Created.Compare(a.Created), cmp.Compare(a.ID, b.ID)) })
	return all, damaged, nil
}

// Run is one of them: core.ErrNotFound.
func (b Book) Run(ctx context.Context, id string) (Run, error) { return get[Run](ctx, b, runKind, id) }

// PutRun writes one.
func (b Book) PutRun(ctx context.Context, r Run) error { return put(ctx, b, runKind, r.ID, r) }

// Losses are the points of a run by rising steps; of a step that was done twice, after a crash, the last one counts.
func (b Book) Losses(ctx context.Context, run string) ([]LossPoint, []Damage, error) {
	var all []LossPoint
	byStart := map[string][]LossPoint{}
	damaged, err := each(ctx, b, lossKind+run, func(id string, points []LossPoint) { byStart[id] = points })
	if err != nil {
		return nil, nil, fmt.Errorf("read losses: %w", err)
	}
	starts := make([]string, 0, len(byStart))
	for id := range byStart {
		starts = append(starts, id)
	}
	slices.Sort(starts)
	for _, id := range starts {
		points := byStart[id]
		if len(points) == 0 {
			continue
		}
		all = append(Until(all, points[0].Step-1), points...)
	}
	return all, damaged, nil
}

// Until are the points up to a step.
func Until(points []LossPoint, step int) []LossPoint {
	n, _ := slices.BinarySearchFunc(points, step+1, func(p LossPoint, s int) int { return cmp.Compare(p.Step, s) })
	return points[:n]
}

// PutLosses writes a stretch of points; points of the same first step are replaced.
func (b Book) PutLosses(ctx context.Context, run string, points []LossPoint) error {
	if len(points) == 0 {
		return nil
	}
	return put(ctx, b, lossKind+run, fmt.Sprintf("%012d", points[0].Step), points)
}

// CutLosses drops the points behind a step, which are trained again, and gives those that are left.
func (b Book) CutLosses(ctx context.Context, run string, step int) ([]LossPoint, error) {
	all, _, err := b.Losses(ctx, run)
	if err != nil {
		return nil, err
	}
	kept := Until(all, step)
	if len(kept) == len(all) {
		return kept, nil
	}
	ids, err := b.Store.RecordIDs(ctx, lossKind+run)
	if err != nil {
		return nil, fmt.Errorf("list losses: %w", err)
	}
	for _, id := range ids {
		if err := b.Store.DeleteRecord(ctx, lossKind+run, id); err != nil {
			return nil, fmt.Errorf("drop losses: %w", err)
		}
	}
	return kept, b.PutLosses(ctx, run, kept)
}

// EraseRun removes a run and its losses with all their bytes.
func (b Book) EraseRun(ctx context.Context, id string) error {
	if err := b.Store.EraseRecords(ctx, [2]string{lossKind + id, ""}, [2]string{runKind, id}); err != nil {
		return fmt.Errorf("erase run %s: %w", id, err)
	}
	return nil
}
