//go:build torch

package train

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"kakoi/core"
	"kakoi/core/internal/torch/torchtest"
	"kakoi/core/lora"
	"kakoi/core/neox"
)

// letters is a text of the tiny tokenizer.
func letters(r *rand.Rand, n int) string {
	out := make([]rune, n)
	for i := range out {
		out[i] = 'あ' + rune(r.IntN(77))
	}
	return string(out)
}

// tinyRows are rows in which the answer is the question's beginning again: something to learn.
func tinyRows(n int, seed uint64) []core.TrainRow {
	r := rand.New(rand.NewPCG(seed, 1))
	rows := make([]core.TrainRow, n)
	for i := range rows {
		in := letters(r, 4+r.IntN(20))
		rows[i] = core.TrainRow{ID: fmt.Sprint(i), Inputs: in, Labels: string([]rune(in)[:3])}
	}
	return rows
}

// tinySettings are those of the tests; 24 rows make 4 steps an epoch.
func tinySettings() core.TrainSettings {
	return core.TrainSettings{
		Preset: "own", Rank: 4, Alpha: 8, Dropout: 0.1, Targets: []string{"query_key_value", "dense_4h_to_h"}, Epochs: 14, Batch: 3, Accumulate: 2,
		MaxTokens: 40, LossOn: core.LossAll, LearningRate: 2e-2, Schedule: "cosine", WarmupSteps: 4, Optimizer: "adamw_8bit", Beta1: 0.9, Beta2: 0.999,
		Epsilon: 1e-8, ClipNorm: 1, EvalSteps: 3, Best: true, Workers: 2, Seed: 11,
	}
}

func tinyRequest(dir string) core.TrainRequest {
	return core.TrainRequest{Dir: dir, Rows: tinyRows(24, 1), Held: tinyRows(5, 2), Settings: tinySettings(), Lineage: map[string]string{"dataset": "tiny"}}
}

// record collects a run's events.
type record []core.TrainEvent

func (r *record) add(e core.TrainEvent) error {
	*r = append(*r, e)
	return nil
}

func (r record) of(kind core.TrainEventKind) (out []core.TrainEvent) {
	for _, e := range r {
		if e.Kind == kind {
			out = append(out, e)
		}
	}
	return out
}

// TestRun: a run learns, tells its plan first, evaluates and saves when it should, keeps what it should, and gives the best
// checkpoint's weights; the generator answers meanwhile; the adapter is read by the chat's own reader.
func TestRun(t *testing.T) {
	torchtest.Setup(t)
	ctx := context.Background()
	g := load(t, tinyFolder(t, golden(t).Cases[0].Config), "fp32")
	dir := t.TempDir()
	req := tinyRequest(dir)
	req.Settings.Keep = 2
	var events record
	ask := core.GenerateRequest{Prompt: letters(rand.New(rand.NewPCG(1, 1)), 8), Sampling: core.Sampling{MaxNewTokens: 6}}
	before, err := g.Generate(ctx, []core.GenerateRequest{ask}, nil)
	if err != nil {
		t.Fatal(err)
	}
	answers := 0
	res, err := New(g).Train(ctx, req, func(e core.TrainEvent) error {
		if e.Kind == core.TrainStepped && e.Step%20 == 0 {
			got, err := g.Generate(ctx, []core.GenerateRequest{ask}, nil)
			if err != nil {
				return err
			}
			if got[0].Text != before[0].Text {
				t.Errorf("during training the model says %q, before %q", got[0].Text, before[0].Text)
			}
			answers++
			if _, err := New(g).Train(ctx, req, nil); !errors.Is(err, core.ErrBusy) {
				t.Errorf("a second run: %v", err)
			}
		}
		return events.add(e)
	})
	if err != nil {
		t.Fatal(err)
	}
	steps, evals := events.of(core.TrainStepped), events.of(core.TrainEvaluated)
	if events[0].Kind != core.TrainPlanned || len(steps) != 56 || len(evals) != 19 || answers != 2 || res.End != core.TrainDone {
		t.Fatalf("%d steps, %d evaluations, %d answers, end %q", len(steps), len(evals), answers, res.End)
	}
	if first, last := steps[0].Loss, steps[55].Loss; !(last < 0.8*first) {
		t.Errorf("loss %v at the start, %v at the end", first, last)
	}
	best, at := math.Inf(1), 0
	for _, e := range evals {
		if e.Best != (e.HeldLoss < best) {
			t.Errorf("step %d: loss %v after %v, best %v", e.Step, e.HeldLoss, best, e.Best)
		}
		if e.HeldLoss < best {
			best, at = e.HeldLoss, e.Step
		}
	}
	if res.BestStep != at || res.BestLoss != best {
		t.Errorf("best step %d with %v, want %d with %v", res.BestStep, res.BestLoss, at, best)
	}
	kept, err := checkpointSteps(dir)
	want := []int{54, 56}
	if !slices.Contains(want, at) {
		want = slices.Insert(want, 0, at)
	}
	if err != nil || !slices.Equal(kept, want) {
		t.Errorf("checkpoints %v, want %v (%v)", kept, want, err)
	}
	a, err := lora.Read(res.Adapter)
	if err != nil || len(a.Targets) != 6 || a.Rank != 4 {
		t.Fatalf("adapter %+v, %v", a, err)
	}
	ask.Adapter = res.Adapter
	if _, err := g.Generate(ctx, []core.GenerateRequest{ask}, nil); err != nil {
		t.Error(err)
	}
	csv, err := os.ReadFile(filepath.Join(dir, "losses.csv"))
	if err != nil || strings.Count(string(csv), "\n") != 57 {
		t.Errorf("losses.csv has %d lines, %v", strings.Count(string(csv), "\n"), err)
	}
	// A finished run that goes on is finished still, with the same result.
	old := adapterBytes(t, dir)
	req.Resume = true
	if res, err := New(g).Train(ctx, req, nil); err != nil || res.End != core.TrainDone || !bytes.Equal(old, adapterBytes(t, dir)) {
		t.Errorf("again: %+v, %v", res, err)
	}
	// A new run in the same folder would spoil it.
	req.Resume = false
	if _, err := New(g).Train(ctx, req, nil); key(err) != "error.train.begun" {
		t.Errorf("anew in the same folder: %v", err)
	}
}

// key is the translation key of an error for people.
func key(err error) string {
	var u *core.UserError
	if errors.As(err, &u) {
		return u.Key
	}
	return ""
}

// TestBlowup: a loss that blows up ends the run with the best checkpoint before, and without one with a sentence.
func TestBlowup(t *testing.T) {
	torchtest.Setup(t)
	g := load(t, tinyFolder(t, golden(t).Cases[0].Config), "fp32")
	dir := t.TempDir()
	req := tinyRequest(dir)
	cut(t, g, req, 7)
	// The weights are lost: as they would be after a step too far.
	at, body, err := readProgress(nil, checkpointName(dir, 7))
	if err != nil {
		t.Fatal(err)
	}
	p := layOut(mustPlaces(t, g, req.Settings))
	w, o := make([]float32, p.total), newAdamW(req.Settings, p.parts)
	if err := restore(body, w, o); err != nil {
		t.Fatal(err)
	}
	w[0] = float32(math.NaN())
	if err := writeCheckpoint(nil, dir, at, w, o); err != nil {
		t.Fatal(err)
	}
	req.Resume = true
	var events record
	res, err := New(g).Train(context.Background(), req, events.add)
	if err != nil || res.End != core.TrainBlowup || res.Step != 7 || res.BestStep != at.BestStep || at.BestStep > 6 || len(events.of(core.TrainWarned)) != 1 {
		t.Fatalf("%+v, %v, %+v", res, err, events)
	}
	if _, err := lora.Read(res.Adapter); err != nil {
		t.Error(err)
	}
	// fp16 whose weights overflow at once: the loss scale is halved until there is nothing left to halve.
	req = tinyRequest(t.TempDir())
	req.Settings.LearningRate, req.Settings.WarmupSteps, req.Settings.Compute, req.Settings.EvalSteps, req.Settings.Alpha = 10, 0, "fp16", 1000, 1e38
	events = nil
	if res, err := New(g).Train(context.Background(), req, events.add); key(err) != "error.train.blowup" || events.of(core.TrainStepped)[5].Note != "train.warn.overflow" {
		t.Errorf("%+v, %v", res, err)
	}
}

func mustPlaces(t *testing.T, g *neox.Generator, s core.TrainSettings) []place {
	t.Helper()
	c := g.Config()
	places, err := targetsOf(s, c.Layers, c.HiddenSize, c.IntermediateSize)
	if err != nil {
		t.Fatal(err)
	}
	return places
}

// TestHalf: fp16 with loss scaling and bf16 learn what fp32 learns.
func TestHalf(t *testing.T) {
	torchtest.Setup(t)
	g := load(t, tinyFolder(t, golden(t).Cases[0].Config), "fp32")
	losses := map[string][]float64{}
	for _, compute := range []string{"fp32", "fp16", "bf16"} {
		req := tinyRequest(t.TempDir())
		req.Settings.Compute, req.Settings.Epochs, req.Settings.Dropout, req.Settings.LearningRate = compute, 3, 0, 2e-3
		if _, err := New(g).Train(context.Background(), req, func(e core.TrainEvent) error {
			if e.Kind == core.TrainStepped && e.Note == "" {
				losses[compute] = append(losses[compute], e.Loss)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	for compute, most := range map[string]float64{"fp16": 2e-3, "bf16": 1e-2} {
		if len(losses[compute]) != len(losses["fp32"]) {
			t.Fatalf("%s: %d steps of %d", compute, len(losses[compute]), len(losses["fp32"]))
		}
		worst := 0.0
		for i, want := range losses["fp32"] {
			worst = max(worst, math.Abs(losses[compute][i]-want)/want)
		}
		t.Logf("%s: losses differ by %.2g of fp32's at most", compute, worst)
		if worst > most {
			t.Errorf("%s: losses %v, want %v", compute, losses[compute], losses["fp32"])
		}
	}
}

// TestPatience: a run stops when the held rows get no better, and stays stopped.
func TestPatience(t *testing.T) {
	torchtest.Setup(t)
	g := load(t, tinyFolder(t, golden(t).Cases[0].Config), "fp32")
	req := tinyRequest(t.TempDir())
	req.Settings.Patience, req.Settings.Epochs, req.Settings.EvalSteps = 2, 60, 0
	req.Settings.LossOn, req.Settings.Packing, req.Settings.Batch = core.LossAnswer, true, 2
	res, err := New(g).Train(context.Background(), req, nil)
	if err != nil || res.End != core.TrainEarly || res.Step >= res.Steps || res.BestStep >= res.Step {
		t.Fatalf("%+v, %v", res, err)
	}
	req.Resume = true
	again, err := New(g).Train(context.Background(), req, nil)
	if err != nil || again.End != core.TrainEarly || again.Step != res.Step || again.BestStep != res.BestStep {
		t.Errorf("again: %+v, %v", again, err)
	}
}

// TestBadInput: each with a sentence.
func TestBadInput(t *testing.T) {
	torchtest.Setup(t)
	g := load(t, tinyFolder(t, golden(t).Cases[0].Config), "fp32")
	for want, change := range map[string]func(*core.TrainRequest){
		"error.train.rows.empty":  func(r *core.TrainRequest) { r.Rows = nil },
		"error.train.rows.one":    func(r *core.TrainRequest) { r.Rows = r.Rows[:1] },
		"error.train.rows.long":   func(r *core.TrainRequest) { r.Settings.MaxTokens = 4 },
		"error.train.rows.labels": func(r *core.TrainRequest) { r.Rows = slices.Clone(r.Rows); clearLabels(r.Rows) },
		"error.train.rank":        func(r *core.TrainRequest) { r.Settings.Rank = 0 },
		"error.train.target":      func(r *core.TrainRequest) { r.Settings.Targets = []string{"q_proj"} },
		"error.train.setting":     func(r *core.TrainRequest) { r.Settings.LearningRate = -1 },
		"error.train.resume.none": func(r *core.TrainRequest) { r.Resume = true },
	} {
		req := tinyRequest(t.TempDir())
		change(&req)
		if _, err := New(g).Train(context.Background(), req, nil); key(err) != want {
			t.Errorf("%s: %v", want, err)
		}
		if _, err := New(g).PlanTraining(context.Background(), req); key(err) != want {
			t.Errorf("plan, %s: %v", want, err)
		}
	}
	req := tinyRequest(t.TempDir())
	req.Settings.Rank = 33 // wider than the layer
	if _, err := New(g).PlanTraining(context.Background(), req); key(err) != "error.train.rank" {
		t.Errorf("rank 33: %v", err)
	}
	// Too long rows are left out and counted; nothing held back is no error, but told.
	req = tinyRequest(t.TempDir())
	req.Settings.MaxTokens, req.Held, req.Settings.Epochs = 20, nil, 1
	var events record
	res, err := New(g).Train(context.Background(), req, events.add)
	if err != nil || res.End != core.TrainDone {
		t.Fatalf("%+v, %v", res, err)
	}
	plan := events[0].Plan
	long := 0
	for _, r := range req.Rows {
		if len(g.Encode(r.Inputs+r.Labels))+1 > 20 {
			long++
		}
	}
	if long == 0 || plan.TooLong != long || plan.Rows != 24-long || events.of(core.TrainWarned)[0].Note != "train.warn.held" {
		t.Errorf("%d too long, plan %+v", long, plan)
	}
}

func clearLabels(rows []core.TrainRow) {
	for i := range rows {
		rows[i].Labels = ""
	}
}
