package app_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"kakoi/app"
	"kakoi/app/record"
	"kakoi/core"
	"kakoi/core/lora"
)

// killed runs r until the engine is lost for good after so many steps.
func (c *course) killed(r record.Run, steps int) {
	c.Helper()
	c.client.Training = func(step int) error {
		if step == steps {
			return errors.New("killed")
		}
		return nil
	}
	if _, err := c.training.Run(c.Context(), r.ID, nil); err == nil {
		c.Fatal("the run was not killed")
	}
	c.client.Training = nil
}

// TestStopAndKeepTheBest: of a run that runs, of one that is paused, and before there is anything.
func TestStopAndKeepTheBest(t *testing.T) {
	c := newCourse(t)
	r := c.create("early")
	_, err := c.training.Stop(t.Context(), r.ID)
	wantError(t, err, "error.training.nothing", core.ErrEmpty)
	var wg sync.WaitGroup
	var stopped record.Run
	var stopErr error
	got, err := c.training.Run(t.Context(), r.ID, func(ev app.TrainingEvent) {
		if ev.Event.Step == 7 && ev.Event.Kind == core.TrainStepped {
			began := make(chan struct{})
			wg.Go(func() { close(began); stopped, stopErr = c.training.Stop(t.Context(), r.ID) })
			<-began
			time.Sleep(20 * time.Millisecond)
		}
	})
	wg.Wait()
	if err != nil || stopErr != nil || got.State != record.RunDone || got.End != core.TrainStopped || got.Adapter == "" || stopped.Adapter != got.Adapter || got.Step >= 24 {
		t.Fatalf("run %+v, %v; stopped %+v, %v", got, err, stopped, stopErr)
	}
	r = c.create("paused")
	ctx, cancel := context.WithCancel(t.Context())
	if _, err := c.training.Run(ctx, r.ID, func(ev app.TrainingEvent) {
		if ev.Event.Step == 8 {
			cancel()
		}
	}); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if got, err = c.training.Stop(t.Context(), r.ID); err != nil || got.State != record.RunDone || got.Adapter == "" {
		t.Errorf("of a paused one: %+v, %v", got, err)
	}
	// Of one that was paused, went on and was killed: the weights that the pause left are old.
	r = c.create("old weights")
	ctx, cancel = context.WithCancel(t.Context())
	if _, err := c.training.Run(ctx, r.ID, func(ev app.TrainingEvent) {
		if ev.Event.Step == 8 {
			cancel()
		}
	}); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	old := t.TempDir()
	result := filepath.Join(c.training.Folder(r.ID), "adapter")
	if err := os.CopyFS(old, os.DirFS(result)); err != nil {
		t.Fatal(err)
	}
	c.killed(r, 14)
	if err := errors.Join(os.RemoveAll(result), os.CopyFS(result, os.DirFS(old))); err != nil {
		t.Fatal(err)
	}
	before, err := lora.Read(result)
	if err != nil {
		t.Fatal(err)
	}
	if got, err = c.training.Stop(t.Context(), r.ID); err != nil || got.State != record.RunDone || got.Adapter == "" || got.Adapter == before.ID {
		t.Errorf("of one that was killed later: %+v with the weights %s, %v", got, before.ID, err)
	}
	// Of one that was killed: its weights are made of the last checkpoint.
	r = c.create("killed")
	c.killed(r, 14)
	if err := os.RemoveAll(filepath.Join(c.training.Folder(r.ID), "adapter")); err != nil {
		t.Fatal(err)
	}
	if got, err = c.training.Stop(t.Context(), r.ID); err != nil || got.State != record.RunDone || got.Adapter == "" || got.Step > 14 || got.Step < 12 {
		t.Errorf("of one that was killed: %+v, %v", got, err)
	}
}

// TestTrainingKilledOverItsFirstCheckpoint: half a checkpoint is none; the run begins anew.
func TestTrainingKilledOverItsFirstCheckpoint(t *testing.T) {
	c := newCourse(t)
	r := c.create("half")
	dir := filepath.Join(c.training.Folder(r.ID), "checkpoints")
	if err := errors.Join(os.MkdirAll(dir, 0o700), os.WriteFile(filepath.Join(dir, "step-00000006.ckpt.part"), []byte("KAKOI"), 0o600)); err != nil {
		t.Fatal(err)
	}
	if r, err := c.training.Run(t.Context(), r.ID, nil); err != nil || r.State != record.RunDone {
		t.Errorf("%+v, %v", r, err)
	}
}

// TestEvaluationAfterAPause: a step whose evaluation is left to the next sitting keeps its training loss in the curve.
func TestEvaluationAfterAPause(t *testing.T) {
	c := newCourse(t)
	r := c.create("pause")
	if _, err := c.training.Run(t.Context(), r.ID, func(ev app.TrainingEvent) {
		if ev.Event.Step == 6 && ev.Event.Kind == core.TrainStepped {
			c.training.Pause(r.ID)
		}
	}); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if _, err := c.training.Run(t.Context(), r.ID, nil); err != nil {
		t.Fatal(err)
	}
	points, err := c.training.Losses(t.Context(), r.ID)
	if err != nil || len(points) != 24 {
		t.Fatalf("%d points, %v", len(points), err)
	}
	for i, p := range points {
		if p.Step != i+1 || p.Loss == 0 || (p.HeldLoss != 0) != (p.Step%6 == 0) {
			t.Errorf("point %d is %+v", i, p)
		}
	}
}

// TestEngineLostOverAPause: the run is paused, as it was told to be, and goes on.
func TestEngineLostOverAPause(t *testing.T) {
	c := newCourse(t)
	r := c.create("hung")
	c.client.Training = func(step int) error {
		if step == 8 {
			c.training.Pause(r.ID)
			return fmt.Errorf("it hung: %w", core.ErrEngine)
		}
		return nil
	}
	if r, err := c.training.Run(t.Context(), r.ID, nil); !errors.Is(err, core.ErrEngine) || r.State != record.RunPaused || r.Failure != nil {
		t.Errorf("%+v, %v", r, err)
	}
	c.client.Training = nil
	if r, err := c.training.Run(t.Context(), r.ID, nil); err != nil || r.State != record.RunDone {
		t.Errorf("%+v, %v", r, err)
	}
}
