//go:build torch

package train

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"kakoi/core"
	"kakoi/core/internal/torch/torchtest"
	"kakoi/core/neox"
)

// cut trains until the step is done and no further, as when a person stops the run.
func cut(t *testing.T, g *neox.Generator, req core.TrainRequest, step int) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if _, err := New(g).Train(ctx, req, func(e core.TrainEvent) error {
		if e.Step == step {
			cancel()
		}
		return nil
	}); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
}

// TestStoppedRunGoesOn: a run whose ctx ends finishes its step, saves and goes on to the same bytes; other rows, settings or another
// base model are refused; a damaged checkpoint is passed over.
func TestStoppedRunGoesOn(t *testing.T) {
	torchtest.Setup(t)
	folder := tinyFolder(t, golden(t).Cases[0].Config)
	g := load(t, folder, "fp32")
	whole := t.TempDir()
	if _, err := New(g).Train(context.Background(), tinyRequest(whole), nil); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	req := tinyRequest(dir)
	stop := func(at int) {
		t.Helper()
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		res, err := New(g).Train(ctx, req, func(e core.TrainEvent) error {
			if e.Kind == core.TrainStepped && e.Step == at {
				cancel()
			}
			return nil
		})
		if !errors.Is(err, context.Canceled) || res.End != core.TrainStopped || res.Step != at || res.Adapter == "" {
			t.Fatalf("stopped: %+v, %v", res, err)
		}
		req.Resume = true
	}
	stop(7)
	stop(9) // an evaluation was due
	gone := errors.New("nobody listens")
	if _, err := New(g).Train(context.Background(), req, func(e core.TrainEvent) error {
		if e.Kind == core.TrainStepped && e.Step == 11 {
			return gone
		}
		return nil
	}); !errors.Is(err, gone) {
		t.Fatal(err)
	}
	if steps, err := checkpointSteps(dir); err != nil || steps[len(steps)-1] != 11 {
		t.Errorf("checkpoints %v, %v", steps, err)
	}
	for name, change := range map[string]func(*core.TrainRequest){
		"rows":     func(r *core.TrainRequest) { r.Rows = r.Rows[1:] },
		"held":     func(r *core.TrainRequest) { r.Held = nil },
		"settings": func(r *core.TrainRequest) { r.Settings.LearningRate *= 2 },
	} {
		other := req
		change(&other)
		if _, err := New(g).Train(context.Background(), other, nil); key(err) != "error.train.resume.changed" || !errors.Is(err, core.ErrUsage) {
			t.Errorf("other %s: %v", name, err)
		}
	}
	other := load(t, tinyFolder(t, golden(t).Cases[4].Config), "fp32")
	if other.Info().ID == g.Info().ID { // the same shape and numbers: make another model
		c := json.RawMessage(strings.Replace(string(golden(t).Cases[0].Config), `"rotary_pct": 1.0`, `"rotary_pct": 0.5`, 1))
		other = load(t, tinyFolder(t, c), "fp32")
	}
	if _, err := New(other).Train(context.Background(), req, nil); key(err) != "error.train.resume.base" {
		t.Errorf("another base (%s, %s): %v", other.Info().ID, g.Info().ID, err)
	}
	stop(20)
	f, err := os.OpenFile(checkpointName(dir, 20), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte{1, 2, 3}, 2000); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	var events record
	res, err := New(g).Train(context.Background(), req, events.add)
	if err != nil || res.End != core.TrainDone {
		t.Fatalf("%+v, %v", res, err)
	}
	if w := events.of(core.TrainWarned); len(w) != 1 || w[0].Note != "train.warn.damaged" {
		t.Errorf("warnings %+v", w)
	}
	if !bytes.Equal(adapterBytes(t, whole), adapterBytes(t, dir)) {
		t.Error("the adapters differ")
	}
}

// TestResumeInAnotherForm: a run that goes on over weights in another number format than before is told that it is not the run it was.
func TestResumeInAnotherForm(t *testing.T) {
	torchtest.Setup(t)
	folder := tinyFolder(t, golden(t).Cases[0].Config)
	g := load(t, folder, "fp32")
	req := tinyRequest(t.TempDir())
	cut(t, g, req, 4)
	req.Resume = true
	for form, want := range map[string]int{"fp32": 0, "bf16": 1} {
		again := req
		again.Dir = t.TempDir()
		if err := os.CopyFS(again.Dir, os.DirFS(req.Dir)); err != nil {
			t.Fatal(err)
		}
		var events record
		if _, err := New(load(t, folder, form)).Train(context.Background(), again, events.add); err != nil {
			t.Fatal(err)
		}
		w := events.of(core.TrainWarned)
		if len(w) != want || want > 0 && w[0].Note != "train.warn.form" {
			t.Errorf("on with %s: warnings %+v", form, w)
		}
	}
}

// TestResumeWithoutKernels: a run that began with our own kernels goes on where there are none, says so once, and is one without them from
// then on; how many tokens' logits exist at a time stays what it was, and in a checkpoint that does not say so is what it used to be.
func TestResumeWithoutKernels(t *testing.T) {
	torchtest.Setup(t)
	g := load(t, tinyFolder(t, golden(t).Cases[0].Config), "fp32")
	req := tinyRequest(t.TempDir())
	cut(t, g, req, 4)
	req.Resume = true
	steps, err := checkpointSteps(req.Dir)
	if err != nil {
		t.Fatal(err)
	}
	last := steps[len(steps)-1]
	p, err := New(g).prepare(context.Background(), req)
	if err != nil {
		t.Fatal(err)
	}
	usual := p.from.Chunk
	if usual < 64 || p.from.Own {
		t.Fatalf("chunk %d, own kernels %t", usual, p.from.Own)
	}
	for chunk, want := range map[int]int{0: usual, 70: 70} {
		w, opt, x := make([]float32, p.params.total), newAdamW(p.set, p.params.parts), *p.from
		if err := restore(p.body, w, opt); err != nil {
			t.Fatal(err)
		}
		x.Own, x.Chunk = true, chunk
		again := req
		again.Dir = t.TempDir()
		if err := writeCheckpoint(nil, again.Dir, x, w, opt); err != nil {
			t.Fatal(err)
		}
		var events record
		if _, err := New(g).Train(context.Background(), again, events.add); err != nil {
			t.Fatal(err)
		}
		if w := events.of(core.TrainWarned); len(w) != 1 || w[0].Note != "train.warn.kernels" {
			t.Errorf("warnings %+v", w)
		}
		if steps, err = checkpointSteps(again.Dir); err != nil || steps[len(steps)-1] <= last {
			t.Fatal(steps, err)
		}
		if y, _, err := readProgress(nil, checkpointName(again.Dir, steps[len(steps)-1])); err != nil || y.Own || y.Chunk != want {
			t.Errorf("goes on with own kernels %t, chunk %d, want %d: %v", y.Own, y.Chunk, want, err)
		}
	}
}
