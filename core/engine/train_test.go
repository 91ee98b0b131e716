package engine_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"kakoi/core"
	"kakoi/core/engine"
)

func trainRows(n int, label func(i int) string) []core.TrainRow {
	rows := make([]core.TrainRow, n)
	for i := range rows {
		rows[i] = core.TrainRow{ID: fmt.Sprintf("%016x", i), Inputs: "question " + fmt.Sprint(i), Labels: label(i)}
	}
	return rows
}

func request(t *testing.T, rows []core.TrainRow) core.TrainRequest {
	t.Helper()
	return core.TrainRequest{
		Dir: t.TempDir(), Rows: rows, Held: trainRows(2, func(int) string { return "h" }), Lineage: map[string]string{"base": "b\xff"},
		Settings: core.TrainSettings{Preset: "own", Epochs: 2, LearningRate: 0.1, Targets: []string{"dense"}},
	}
}

func trainer(t *testing.T, g core.Generator) core.Trainer {
	t.Helper()
	tr, ok := g.(core.Trainer)
	if !ok {
		t.Fatal("the loaded generator is no trainer")
	}
	return tr
}

// TestTrainingCrossesTheBorder: rows of more than one message, bytes that are no text, settings, events and the result.
func TestTrainingCrossesTheBorder(t *testing.T) {
	c, _ := start(t, nil)
	tr := trainer(t, generator(t, c, newFolder(t, 0)))
	rows := trainRows(40, func(i int) string { return strings.Repeat("あ\xfe", 60_000) + fmt.Sprint(i) }) // 9.6 MB
	req := request(t, rows)
	tokens := int64(0)
	for _, r := range rows {
		tokens += int64(len(r.Inputs) + len(r.Labels))
	}
	plan, err := tr.PlanTraining(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	if plan.Rows != 40 || plan.Held != 2 || plan.Steps != 80 || plan.Tokens != tokens {
		t.Errorf("plan is %+v, want 40 rows, 2 held, 80 steps, %d bytes", plan, tokens)
	}
	var kinds []core.TrainEventKind
	last := 0
	result, err := tr.Train(t.Context(), req, func(ev core.TrainEvent) error {
		kinds = append(kinds, ev.Kind)
		if ev.Step < last {
			t.Errorf("step %d after %d", ev.Step, last)
		}
		last = ev.Step
		return nil
	})
	if err != nil || result.End != core.TrainDone || result.Step != 80 || result.Steps != 80 {
		t.Fatalf("result %+v, %v", result, err)
	}
	if len(kinds) != 161 || kinds[0] != core.TrainPlanned || kinds[1] != core.TrainStepped || kinds[160] != core.TrainCheckpoint {
		t.Errorf("%d events, the first %v", len(kinds), kinds[:3])
	}
	rows[3].Labels = "#plan"
	_, err = tr.PlanTraining(t.Context(), req)
	if u := wantKey(t, err, "error.test.plan", core.ErrUsage); u.Args[0] != rows[3].ID {
		t.Errorf("arguments %v", u.Args)
	}
	_, err = tr.Train(t.Context(), req, nil)
	wantKey(t, err, "error.test.plan", core.ErrUsage)
}

// TestTrainingStopsAfterAStepAndGoesOn: the end of ctx brings the result, and what goes on from there ends as if nothing had been.
func TestTrainingStopsAfterAStepAndGoesOn(t *testing.T) {
	c, _ := start(t, nil)
	tr := trainer(t, generator(t, c, newFolder(t, time.Millisecond)))
	whole := request(t, trainRows(20, func(i int) string { return strings.Repeat("x", i) }))
	want, err := tr.Train(t.Context(), whole, nil)
	if err != nil {
		t.Fatal(err)
	}
	req := whole
	req.Dir = t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	steps := 0
	result, err := tr.Train(ctx, req, func(ev core.TrainEvent) error {
		if steps = ev.Step; steps == 5 {
			cancel()
		}
		return nil
	})
	if !errors.Is(err, context.Canceled) || result.End != core.TrainStopped || result.Step < 5 || result.Step >= 40 || result.Step != steps {
		t.Fatalf("stopped: %+v after step %d, %v", result, steps, err)
	}
	refused := errors.New("nobody listens")
	req.Resume = true
	result, err = tr.Train(t.Context(), req, func(ev core.TrainEvent) error {
		if ev.Step >= steps+3 {
			return refused
		}
		return nil
	})
	if !errors.Is(err, refused) || result.End != core.TrainStopped || result.Step < steps+3 {
		t.Fatalf("refused: %+v, %v", result, err)
	}
	if result, err = tr.Train(t.Context(), req, nil); err != nil {
		t.Fatal(err)
	}
	if want.Adapter, result.Adapter = "", ""; result != want {
		t.Errorf("in three sittings %+v, in one %+v", result, want)
	}
	req.Rows = req.Rows[1:]
	if _, err := tr.Train(t.Context(), req, nil); !errors.Is(err, core.ErrUsage) {
		t.Errorf("going on with other rows: %v", err)
	}
}

// TestAnswersDuringTraining: the model answers while it trains.
func TestAnswersDuringTraining(t *testing.T) {
	c, _ := start(t, nil)
	g := generator(t, c, newFolder(t, time.Millisecond))
	alone, err := ask(t, g, "the", 20)
	if err != nil {
		t.Fatal(err)
	}
	answered := false
	result, err := trainer(t, g).Train(t.Context(), request(t, trainRows(50, func(int) string { return "abc" })), func(ev core.TrainEvent) error {
		if ev.Step != 3 || ev.Kind != core.TrainStepped {
			return nil
		}
		replies, err := ask(t, g, "the", 20)
		answered = err == nil && replies[0].Text == alone[0].Text
		return err
	})
	if err != nil || result.End != core.TrainDone || !answered {
		t.Errorf("answered %v, %+v, %v", answered, result, err)
	}
}

// TestTrainingOutlivesItsEngine: the crash is told, and a second call goes on from the last saved step.
func TestTrainingOutlivesItsEngine(t *testing.T) {
	c, _ := start(t, nil)
	tr := trainer(t, generator(t, c, newFolder(t, 0)))
	label := func(i int) string {
		if i == 7 {
			return "#kill"
		}
		return strings.Repeat("x", i)
	}
	req := request(t, trainRows(20, label))
	_, err := tr.Train(t.Context(), req, nil)
	wantKey(t, err, "error.engine.killed", core.ErrEngine)
	req.Resume = true
	var first int
	result, err := tr.Train(t.Context(), req, func(ev core.TrainEvent) error {
		if first == 0 {
			first = ev.Step
		}
		return nil
	})
	if err != nil || result.End != core.TrainDone || first != 8 {
		t.Fatalf("went on with step %d to %+v, %v; want step 8", first, result, err)
	}
}

// TestTrainingThatHangsIsEnded: a step that does not come to its end after a stop.
func TestTrainingThatHangsIsEnded(t *testing.T) {
	c, _ := start(t, func(p *engine.Params) { p.HangTimeout = 20 * time.Millisecond })
	tr := trainer(t, generator(t, c, newFolder(t, 0)))
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	_, err := tr.Train(ctx, request(t, trainRows(3, func(i int) string { return map[bool]string{true: "#hang", false: "x"}[i == 2] })), nil)
	wantKey(t, err, "error.engine.hung", core.ErrEngine)
}

// TestStepThatTakesLongIsWaitedFor: a first step far longer than the patience for a silent engine is finished after a stop, as long as the
// trainer says that it works; nobody else hears that.
func TestStepThatTakesLongIsWaitedFor(t *testing.T) {
	c, _ := start(t, func(p *engine.Params) { p.HangTimeout = 10 * time.Millisecond })
	tr := trainer(t, generator(t, c, newFolder(t, 0)))
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	steps := 0
	result, err := tr.Train(ctx, request(t, trainRows(3, func(i int) string { return map[bool]string{true: "#slow", false: "x"}[i == 0] })), func(ev core.TrainEvent) error {
		if ev.Kind == core.TrainWorking {
			t.Error("an event that is for the client alone")
		}
		steps = ev.Step
		return nil
	})
	if !errors.Is(err, context.DeadlineExceeded) || result.End != core.TrainStopped || result.Step < 1 || steps != result.Step {
		t.Errorf("step %d: %+v, %v", steps, result, err)
	}
}

// TestLossThatIsNoNumber comes as 0: JSON knows none.
func TestLossThatIsNoNumber(t *testing.T) {
	c, _ := start(t, nil)
	tr := trainer(t, generator(t, c, newFolder(t, 0)))
	steps := 0
	_, err := tr.Train(t.Context(), request(t, trainRows(2, func(int) string { return "#nan" })), func(ev core.TrainEvent) error {
		if ev.Kind == core.TrainStepped {
			steps++
			if ev.Loss != 0 {
				t.Errorf("loss %v", ev.Loss)
			}
		}
		return nil
	})
	if err != nil || steps != 4 {
		t.Errorf("%d steps, %v", steps, err)
	}
}
