package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"kakoi/core"
)

// walker is the trainer of these tests: it learns one number, the mean length of the labels, by gradient descent over one row a step,
// and saves it after each step. What a row's labels say makes it misbehave.
type walker struct{ m *markov }

type walked struct {
	Step int
	W    float64
	Sum  string // of what is trained
}

func (w walker) PlanTraining(ctx context.Context, req core.TrainRequest) (core.TrainPlan, error) {
	p := core.TrainPlan{Trainable: 1, Rows: len(req.Rows), Held: len(req.Held), Steps: int(req.Settings.Epochs) * len(req.Rows)}
	for _, r := range req.Rows {
		p.Tokens += int64(len(r.Inputs) + len(r.Labels))
		if r.Labels == "#plan" {
			return p, core.Explain(fmt.Errorf("row %q: %w", r.ID, core.ErrUsage), "error.test.plan", r.ID)
		}
	}
	return p, ctx.Err()
}

func (w walker) Train(ctx context.Context, req core.TrainRequest, emit func(core.TrainEvent) error) (core.TrainResult, error) {
	plan, err := w.PlanTraining(context.WithoutCancel(ctx), req)
	if err != nil {
		return core.TrainResult{}, err
	}
	if err := emit(core.TrainEvent{Kind: core.TrainPlanned, Plan: &plan, Steps: plan.Steps}); err != nil {
		return core.TrainResult{}, err
	}
	file := filepath.Join(req.Dir, "state.json")
	now := walked{Sum: fmt.Sprint(plan.Tokens, req.Settings, req.Lineage)}
	if req.Resume {
		b, err := os.ReadFile(file)
		var before walked
		if err == nil {
			err = json.Unmarshal(b, &before)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return core.TrainResult{}, err
		}
		if err == nil && before.Sum != now.Sum {
			return core.TrainResult{}, fmt.Errorf("resume another training: %w", core.ErrUsage)
		}
		if err == nil {
			now = before
		}
	}
	end := func(e core.TrainEnd) core.TrainResult {
		return core.TrainResult{End: e, Step: now.Step, Steps: plan.Steps, BestStep: now.Step, BestLoss: now.W, Adapter: filepath.Join(req.Dir, "adapter")}
	}
	for now.Step < plan.Steps {
		r := req.Rows[now.Step%len(req.Rows)]
		w.misbehave(r, req.Dir)
		for range map[string]int{"#slow": 40}[r.Labels] { // a step that takes long, and says so
			time.Sleep(15 * time.Millisecond)
			if err := emit(core.TrainEvent{Kind: core.TrainWorking, Step: now.Step, Steps: plan.Steps}); err != nil {
				return end(core.TrainStopped), err
			}
		}
		time.Sleep(w.m.delay)
		d := now.W - float64(len(r.Labels))
		now.W -= req.Settings.LearningRate * d
		now.Step++
		loss := d * d
		if r.Labels == "#nan" {
			loss = math.NaN()
		}
		if err := emit(core.TrainEvent{Kind: core.TrainStepped, Step: now.Step, Steps: plan.Steps, Loss: loss}); err != nil {
			return end(core.TrainStopped), err
		}
		b, err := json.Marshal(now)
		if err == nil {
			err = os.WriteFile(file, b, 0o600)
		}
		if err != nil {
			return end(core.TrainStopped), err
		}
		if err := emit(core.TrainEvent{Kind: core.TrainCheckpoint, Step: now.Step, Steps: plan.Steps}); err != nil {
			return end(core.TrainStopped), err
		}
		if ctx.Err() != nil {
			return end(core.TrainStopped), ctx.Err()
		}
	}
	return end(core.TrainDone), nil
}

// misbehave does what labels like "#kill" ask for, once in a folder.
func (w walker) misbehave(r core.TrainRow, dir string) {
	word, ok := strings.CutPrefix(r.Labels, "#")
	if !ok || word == "nan" {
		return
	}
	once := filepath.Join(dir, word)
	if _, err := os.Stat(once); err == nil {
		return
	}
	if err := os.WriteFile(once, nil, 0o600); err != nil {
		return
	}
	switch word {
	case "kill":
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
		time.Sleep(10 * time.Second)
	case "hang":
		select {}
	}
}
