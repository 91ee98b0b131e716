package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"kakoi/app/job"
	"kakoi/app/record"
	"kakoi/core"
	"kakoi/core/lora"
)

const (
	// maxCrashes of the engine are survived in one sitting.
	maxCrashes = 3
	// writeEvery is how long losses stay in memory between two checkpoints.
	writeEvery = 5 * time.Second
	// noteEngine is the Note of the event that tells of a lost engine.
	noteEngine = "train.warn.engine"
)

// TrainingEvent is one report of a run, with the run as it is after it.
type TrainingEvent struct {
	Run     record.Run
	Event   core.TrainEvent // of no Kind while the base model loads
	Loading core.Update     // of that
}

// sitting is a run while it runs: from one Run to its end.
type sitting struct {
	began  time.Time
	cancel context.CancelFunc // of the job, also while that waits for its turn
	done   chan struct{}      // closed when it has ended and is stored

	mu        sync.Mutex
	keep      bool // stop for good, with the best
	now       record.Run
	before    float64            // seconds trained in earlier sittings
	points    []record.LossPoint // not stored yet
	cut       bool               // points of an earlier try behind the first step of this one are dropped already
	written   time.Time
	listeners []*trainingListener
}

type trainingListener struct{ hear func(TrainingEvent) }

func (s *sitting) run() record.Run {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

func (s *sitting) unwritten() []record.LossPoint {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.points)
}

func (s *sitting) tell(ev core.TrainEvent) {
	s.report(TrainingEvent{Event: ev})
}

func (s *sitting) report(told TrainingEvent) {
	s.mu.Lock()
	told.Run = s.now
	all := slices.Clone(s.listeners)
	s.mu.Unlock()
	for _, l := range all {
		l.hear(told)
	}
}

// Run begins a run or goes on with it, as a job, and returns when it has ended or was paused. hear (nil is allowed) is told of all that
// happens, one call at a time. The end of ctx pauses it: the step is finished and saved, and the error is that of ctx. A run that came
// to its end has left its adapter with Adapters, as a draft.
//
// An engine that is lost is started again, and the run goes on from its last checkpoint, a few times.
//
// Errors: core.ErrBusy (it runs already), core.ErrNotFound, core.ErrUsage (it is done; its dataset is another by now), core.ErrNoModel
// (its base is another by now), and those of the trainer.
func (t *Training) Run(ctx context.Context, id string, hear func(TrainingEvent)) (record.Run, error) {
	work, cancel := context.WithCancel(ctx) // ends the wait for the job's turn too
	defer cancel()
	s, err := t.sit(ctx, id, cancel, hear)
	if err != nil {
		return record.Run{}, err
	}
	j := t.Jobs.Start(work, job.Name{Key: "job.train", Note: s.now.Name}, func(ctx context.Context, p core.Progress) error {
		return t.train(ctx, s, p)
	}, nil)
	err = j.Wait(context.Background())
	return t.rise(ctx, s, err, work.Err() != nil)
}

// sit begins a sitting, which cancel ends.
func (t *Training) sit(ctx context.Context, id string, cancel context.CancelFunc, hear func(TrainingEvent)) (*sitting, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.running[id] != nil {
		return nil, core.Explain(fmt.Errorf("run %s runs: %w", id, core.ErrBusy), "error.training.running")
	}
	r, err := t.book().Run(ctx, id)
	if errors.Is(err, core.ErrNotFound) {
		return nil, core.Explain(err, "error.training.unknown", id)
	}
	if err != nil {
		return nil, err
	}
	if r.State == record.RunDone {
		return nil, core.Explain(fmt.Errorf("run %s is done: %w", id, core.ErrUsage), "error.training.done", r.Name)
	}
	r.State, r.Interrupted, r.Failure, r.Changed = record.RunRunning, false, nil, time.Now().UTC()
	r.Result, r.End = "", "" // the weights of an earlier sitting are old as soon as this one has a checkpoint
	if err := t.book().PutRun(ctx, r); err != nil {
		return nil, err
	}
	s := &sitting{began: time.Now(), cancel: cancel, written: time.Now(), done: make(chan struct{}), now: r, before: r.Seconds}
	if hear != nil {
		s.listeners = append(s.listeners, &trainingListener{hear})
	}
	if t.running == nil {
		t.running = map[string]*sitting{}
	}
	t.running[id] = s
	t.Bus.Tell(TopicTraining)
	return s, nil
}

// train is the work of the job.
func (t *Training) train(ctx context.Context, s *sitting, p core.Progress) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	r := s.run()
	train, held, err := t.Datasets.Training(ctx, r.Dataset)
	if err != nil {
		return err
	}
	data := learned{train, held}
	if sum := rowsSum(data); sum != r.DatasetSum {
		return core.Explain(fmt.Errorf("dataset %s is %s, was %s: %w", r.Dataset, sum, r.DatasetSum, core.ErrUsage), "error.training.changed", r.DatasetName)
	}
	defer t.Models.hold(r.Model)()
	req := core.TrainRequest{
		Dir: t.Folder(r.ID), Rows: trainRows(data.train), Held: trainRows(data.held), Settings: r.Settings, Lineage: lineageOf(adapterOf(r)),
	}
	if err := os.MkdirAll(req.Dir, 0o700); err != nil {
		return fmt.Errorf("make folder of run: %w", err)
	}
	for crashes := 0; ; {
		tr, base, err := t.trainer(ctx, r.Model, func(u core.Update) {
			p.Report(u)
			s.report(TrainingEvent{Loading: u})
		})
		if err != nil {
			return err
		}
		if r.ModelID != "" && r.ModelID != base.ID {
			return otherModel(r.Model, r.ModelID, base.ID)
		}
		r.ModelID = base.ID
		s.mu.Lock()
		s.now.ModelID, s.cut = base.ID, false
		s.mu.Unlock()
		req.Lineage = lineageOf(adapterOf(s.run()))
		req.Resume = begun(req.Dir)
		result, err := tr.Train(ctx, req, func(ev core.TrainEvent) error {
			t.heard(ctx, s, ev, p)
			return nil
		})
		s.mu.Lock()
		if result.Adapter != "" {
			s.now.Result = result.Adapter
		}
		if result.End != "" {
			s.now.End, s.now.Step = result.End, max(s.now.Step, result.Step)
			s.now.Peak = max(s.now.Peak, result.Peak)
			if result.BestStep > 0 {
				s.now.BestStep, s.now.BestLoss = result.BestStep, result.BestLoss
			}
		}
		s.mu.Unlock()
		if !errors.Is(err, core.ErrEngine) || ctx.Err() != nil || crashes == maxCrashes {
			return err
		}
		crashes++
		slog.Warn("train: the engine was lost", "run", r.ID, "crash", crashes, "error", err)
		s.mu.Lock()
		s.now.Crashes++
		step, steps := s.now.Checkpoint, s.now.Steps
		s.mu.Unlock()
		t.write(ctx, s)
		s.tell(core.TrainEvent{Kind: core.TrainWarned, Note: noteEngine, Step: step, Steps: steps})
	}
}

// begun says whether the trainer has left a checkpoint in a run's folder. One that it was killed over does not count.
func begun(dir string) bool {
	steps, err := checkpointsIn(dir)
	return err == nil && len(steps) > 0
}

// heard takes a report over.
func (t *Training) heard(ctx context.Context, s *sitting, ev core.TrainEvent, p core.Progress) {
	s.mu.Lock()
	r := &s.now
	r.Seconds = s.before + time.Since(s.began).Seconds()
	if ev.Step > 0 {
		r.Step, r.Epoch = ev.Step, ev.Epoch
	}
	if ev.Steps > 0 {
		r.Steps = ev.Steps
	}
	r.Peak = max(r.Peak, ev.Peak)
	write := false
	switch ev.Kind {
	case core.TrainPlanned:
		if ev.Plan != nil {
			r.Plan, r.Steps = *ev.Plan, ev.Plan.Steps
		}
		write = true
	case core.TrainStepped:
		r.Rate, r.Tokens, r.Left = ev.Rate, ev.Tokens, ev.Left
		r.Pace = paced(r.Pace, ev.Tokens, ev.Step)
		if ev.Loss != 0 { // a step that overflowed has none
			r.Loss = ev.Loss
		}
		write = time.Since(s.written) > writeEvery
	case core.TrainEvaluated:
		r.HeldLoss = ev.HeldLoss
		if ev.Best {
			r.BestLoss, r.BestStep = ev.HeldLoss, ev.Step
		}
	case core.TrainCheckpoint:
		r.Checkpoint = ev.Step
		write = true
	case core.TrainWarned:
		if ev.Note != "" && !slices.Contains(r.Notes, ev.Note) {
			r.Notes = append(slices.Clone(r.Notes), ev.Note)
		}
	}
	point, isPoint := pointOf(ev, r.Seconds)
	first := isPoint && !s.cut
	s.cut = s.cut || isPoint
	s.mu.Unlock()
	if first { // what was trained beyond the checkpoint is trained again
		last := point.Step - 1
		if ev.Kind == core.TrainEvaluated {
			last = point.Step // the step was done in the sitting before, only its evaluation was left
		}
		kept, err := t.book().CutLosses(context.WithoutCancel(ctx), r.ID, last)
		if err != nil {
			slog.Warn("losses of a run", "run", r.ID, "error", err)
		}
		s.mu.Lock()
		s.points = record.Until(s.points, last)
		if n := len(kept); n > 0 && kept[n-1].Step == point.Step && len(s.points) == 0 {
			s.points = kept[n-1:] // the evaluation becomes part of it
		}
		s.mu.Unlock()
	}
	if isPoint {
		s.mu.Lock()
		s.points = addPoint(record.Until(s.points, point.Step), point)
		s.mu.Unlock()
	}
	if write {
		t.write(ctx, s)
	}
	p.Report(core.Update{Stage: "train", Done: int64(s.run().Step), Total: int64(s.run().Steps), Note: s.run().Name})
	s.tell(ev)
}

// paced is a mean of tokens a second with those of one more step. The last step of an epoch may have a single row, and be slow for it.
func paced(pace, tokens float64, step int) float64 {
	return pace + (tokens-pace)/float64(max(1, min(step, 16)))
}

// pointOf is what an event says of the loss.
func pointOf(ev core.TrainEvent, seconds float64) (record.LossPoint, bool) {
	x := record.LossPoint{Step: ev.Step, Epoch: ev.Epoch, Seconds: seconds}
	switch ev.Kind {
	case core.TrainStepped:
		x.Loss, x.Rate, x.Norm = ev.Loss, ev.Rate, ev.Norm
	case core.TrainEvaluated:
		x.HeldLoss, x.Best = ev.HeldLoss, ev.Best
	default:
		return x, false
	}
	return x, true
}

// addPoint puts a point behind others; one of the same step becomes part of the last.
func addPoint(points []record.LossPoint, x record.LossPoint) []record.LossPoint {
	if n := len(points); n > 0 && points[n-1].Step == x.Step {
		last := &points[n-1]
		if x.HeldLoss == 0 { // the step was done again
			*last = x
			return points
		}
		last.HeldLoss, last.Best = x.HeldLoss, x.Best
		return points
	}
	return append(points, x)
}

// write stores the run, and the points since the last time. What cannot be written is told in the log and tried again: the trainer's
// own checkpoints are what counts.
func (t *Training) write(ctx context.Context, s *sitting) {
	ctx = context.WithoutCancel(ctx)
	s.mu.Lock()
	s.now.Changed = time.Now().UTC()
	r, points := s.now, slices.Clone(s.points)
	s.written = time.Now()
	s.mu.Unlock()
	err := t.book().PutRun(ctx, r)
	if err == nil {
		err = t.book().PutLosses(ctx, r.ID, points)
	}
	if err != nil {
		slog.Warn("write run", "run", r.ID, "error", err)
		return
	}
	s.mu.Lock()
	// The last one stays: an evaluation of the same step may follow it.
	if n := len(points); n > 0 && len(s.points) >= n {
		s.points = slices.Clone(s.points[n-1:])
	}
	s.mu.Unlock()
	t.Bus.Tell(TopicTraining)
}

// rise ends a sitting, which was to be paused or not: what the work came to is stored, and a run that is done gives its adapter.
func (t *Training) rise(ctx context.Context, s *sitting, err error, paused bool) (record.Run, error) {
	keepCtx := context.WithoutCancel(ctx)
	s.mu.Lock()
	r, keep := s.now, s.keep
	s.mu.Unlock()
	stopped := errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
	switch {
	case err == nil && r.End != core.TrainStopped, stopped && keep:
		r, err = t.finish(keepCtx, r)
	case err == nil || stopped, errors.Is(err, core.ErrEngine) && paused:
		// An engine that was lost over the pause takes nothing with it that the next sitting does not do again.
		r.State = record.RunPaused
		if err == nil {
			err = context.Canceled
		}
	default:
		r.State, r.Failure = record.RunFailed, record.Failed(err)
	}
	s.mu.Lock()
	s.now = r
	s.mu.Unlock()
	t.write(keepCtx, s)
	if perr := t.Pictures(keepCtx, r.ID, t.language()); perr != nil {
		slog.Warn("pictures of a run", "run", r.ID, "error", perr)
	}
	t.mu.Lock()
	delete(t.running, r.ID)
	t.mu.Unlock()
	close(s.done)
	t.Bus.Tell(TopicTraining)
	return r, err
}

func (t *Training) language() string { return t.Models.Settings.Get().Language }

// finish takes the best weights of a run over as an adapter.
func (t *Training) finish(ctx context.Context, r record.Run) (record.Run, error) {
	dir := resultOf(t.Folder(r.ID), r.Result)
	if dir == "" {
		err := core.Explain(fmt.Errorf("run %s ended without an adapter: %w", r.ID, core.ErrEmpty), "error.training.nothing")
		r.State = record.RunPaused
		if r.End == core.TrainBlowup {
			r.State, r.Failure = record.RunFailed, record.Failed(err)
		}
		return r, err
	}
	x, err := t.Adapters.takeFrom(ctx, t.Key, dir, adapterOf(r), nil)
	if err != nil {
		r.State, r.Failure = record.RunFailed, record.Failed(err)
		return r, fmt.Errorf("keep the adapter of run %s: %w", r.ID, err)
	}
	r.State, r.Adapter, r.Failure = record.RunDone, x.ID, nil
	return r, nil
}

// resultOf is the folder with a run's weights: the one the trainer named, or the one it left when it was killed; "" for none.
func resultOf(folder, result string) string {
	if result != "" && !filepath.IsAbs(result) {
		result = filepath.Join(folder, result)
	}
	for _, dir := range []string{result, filepath.Join(folder, "adapter")} {
		if _, err := os.Stat(filepath.Join(dir, lora.ConfigFile)); dir != "" && err == nil {
			return dir
		}
	}
	return ""
}

// adapterOf is what a run says of its adapter.
func adapterOf(r record.Run) record.Adapter {
	versions := maps.Clone(r.Versions)
	return record.Adapter{
		Name: r.Name, State: record.AdapterDraft, Why: record.Failed(core.Explain(errors.New("not examined"), "adapter.why.unexamined")),
		Model: r.Model, ModelID: r.ModelID, Known: true, Run: r.ID, Dataset: r.Dataset, DatasetName: r.DatasetName, DatasetSum: r.DatasetSum,
		Collection: r.Collection, Rows: r.Rows, Documents: r.Documents, Settings: r.Settings, BestLoss: r.BestLoss, Versions: versions,
	}
}

// Pause has a running run finish its step, save it and stop; false when it does not run. It returns at once.
func (t *Training) Pause(id string) bool {
	t.mu.Lock()
	s := t.running[id]
	t.mu.Unlock()
	if s == nil {
		return false
	}
	s.stop(false)
	return true
}

func (s *sitting) stop(keep bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keep = s.keep || keep
	s.cancel()
}

// Stop ends a run for good and keeps its best weights as an adapter: core.ErrEmpty while there are none.
func (t *Training) Stop(ctx context.Context, id string) (record.Run, error) {
	t.mu.Lock()
	s := t.running[id]
	t.mu.Unlock()
	if s != nil {
		s.stop(true)
		select {
		case <-s.done:
		case <-ctx.Done():
			return s.run(), ctx.Err()
		}
		r := s.run()
		switch {
		case r.State == record.RunDone:
			return r, nil
		case r.Failure != nil:
			return r, r.Failure.Err()
		case !begun(t.Folder(id)):
			return r, core.Explain(fmt.Errorf("run %s has no weights yet: %w", id, core.ErrEmpty), "error.training.nothing")
		}
		// The engine was lost over it: what the checkpoints have is taken below.
	}
	r, err := t.book().Run(ctx, id)
	if errors.Is(err, core.ErrNotFound) {
		return r, core.Explain(err, "error.training.unknown", id)
	}
	if err != nil || r.State == record.RunDone {
		return r, err
	}
	if r.Result == "" && begun(t.Folder(r.ID)) {
		// It was killed: there are checkpoints, and the trainer makes the weights of them. Weights of an earlier sitting are older.
		r, err = t.Run(ctx, id, func(ev TrainingEvent) {
			t.mu.Lock()
			s := t.running[id]
			t.mu.Unlock()
			if s != nil && ev.Event.Kind != "" {
				s.stop(true)
			}
		})
		return r, err
	}
	r.End = core.TrainStopped
	r, err = t.finish(context.WithoutCancel(ctx), r)
	r.Changed = time.Now().UTC()
	err = errors.Join(err, t.book().PutRun(context.WithoutCancel(ctx), r))
	t.Bus.Tell(TopicTraining)
	return r, err
}

// Watch tells hear what happens in a run that runs in this process, until stop or its end.
func (t *Training) Watch(id string, hear func(TrainingEvent)) (stop func()) {
	t.mu.Lock()
	s := t.running[id]
	t.mu.Unlock()
	if s == nil {
		return func() {}
	}
	l := &trainingListener{hear}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.listeners = append(s.listeners, l)
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.listeners = slices.DeleteFunc(slices.Clone(s.listeners), func(other *trainingListener) bool { return other == l })
	}
}

// Checkpoints are the steps of a run that are safe on disk, as the trainer named its files.
func (t *Training) Checkpoints(id string) ([]int, error) { return checkpointsIn(t.Folder(id)) }

func checkpointsIn(dir string) ([]int, error) {
	entries, err := os.ReadDir(filepath.Join(dir, "checkpoints"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("list checkpoints: %w", err)
	}
	var steps []int
	for _, e := range entries {
		name := e.Name()
		if len(name) > len("step-.ckpt") && filepath.Ext(name) == ".ckpt" {
			if n, err := strconv.Atoi(name[len("step-") : len(name)-len(".ckpt")]); err == nil {
				steps = append(steps, n)
			}
		}
	}
	slices.Sort(steps)
	return steps, nil
}
