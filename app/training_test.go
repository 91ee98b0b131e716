package app_test

import (
	"context"
	"errors"
	"fmt"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kakoi/app"
	"kakoi/app/job"
	"kakoi/app/record"
	"kakoi/core"
	"kakoi/core/dataset"
	"kakoi/core/lora"
	"kakoi/resources"
)

// rowShelf holds one dataset, as Datasets does.
type rowShelf struct {
	set         record.Dataset
	train, held []core.Row
	file        []core.Row
	stale       []string
}

func (s *rowShelf) Find(_ context.Context, which string) (record.Dataset, error) {
	if which != "" && which != s.set.ID && which != s.set.Name {
		return record.Dataset{}, core.Explain(fmt.Errorf("dataset %q: %w", which, core.ErrNotFound), "error.dataset.unknown", which)
	}
	return s.set, nil
}

func (s *rowShelf) Training(context.Context, string) (train, held []core.Row, err error) {
	return s.train, s.held, nil
}

func (s *rowShelf) Stale(context.Context, record.Dataset, string) []string { return s.stale }

func (s *rowShelf) Questions(context.Context, string, app.ImportPlan, core.Progress) ([]core.Row, dataset.Table, error) {
	return s.file, dataset.Table{}, nil
}

// course is a bench with a document, rows of it, and what trains on them and examines.
type course struct {
	*talk
	rows     *rowShelf
	adapters *app.Adapters
	training *app.Training
	exams    *app.Exams
}

// prompt is a row's: one sentence read for a question.
func prompt(text, question string) string {
	return "Read this.\n\n-----------\n" + text + "\n-----------\n\nQuestion: " + question + "\nAnswer:"
}

func newCourse(t *testing.T) *course {
	t.Helper()
	k := newTalk(t)
	docs, err := k.library.List(t.Context(), "main")
	if err != nil || len(docs) != 1 {
		t.Fatal(docs, err)
	}
	row := func(i int, held, refusal bool) core.Row {
		text, question := fmt.Sprintf("The part with number %d is kept in room %d of the house.", i, i%17), fmt.Sprintf("Where is the part with number %d kept?", i)
		r := core.Row{Question: question, Answer: text, Origin: core.RowRule, Held: held, Language: "en", Gold: 1, Source: &core.RowSource{Document: docs[0].ID, Name: docs[0].Name, Page: 1, Start: 0, End: 55}}
		if refusal {
			text, r.Answer, r.Refusal, r.Gold, r.Origin = "Paid leave is twenty days.", "The documents do not say.", true, 0, core.RowWithout
		}
		r.Inputs, r.Labels = prompt(text, question), " "+r.Answer
		r.ID = core.RowID(r.Inputs, r.Labels)
		return r
	}
	s := &rowShelf{set: record.Dataset{ID: "00000000000000d5", Name: "house", Collection: "main"}}
	for i := range 48 {
		s.train = append(s.train, row(i, false, i%4 == 3))
	}
	for i := range 24 {
		s.held = append(s.held, row(1000+i, true, i%2 == 1))
		s.held[i].Source = nil
	}
	// One question is about the document itself: where its answer stands is known.
	r := &s.held[0]
	r.Question, r.Answer = "How many days of paid leave does an employee have?", "Every employee has twenty days of paid leave each year."
	r.Inputs, r.Labels = prompt(r.Answer, r.Question), " "+r.Answer
	r.ID, r.Source = core.RowID(r.Inputs, r.Labels), &core.RowSource{Document: docs[0].ID, Name: docs[0].Name, Page: 1, Start: 0, End: 55}
	c := &course{talk: k, rows: s}
	c.adapters = &app.Adapters{Dir: filepath.Join(k.dir, "adapters"), Runs: filepath.Join(k.dir, "runs"), Store: k.store, Models: k.models, Jobs: k.models.Jobs, Bus: k.Bus}
	c.training = &app.Training{
		Dir: filepath.Join(k.dir, "runs"), Store: k.store, Models: k.models, Datasets: s, Adapters: c.adapters, Jobs: k.models.Jobs, Bus: k.Bus, Version: "test", Text: resources.Format,
	}
	k.chat.Adapters = c.adapters
	c.exams = &app.Exams{Store: k.store, Chat: k.chat, Datasets: s, Bus: k.Bus}
	return c
}

// quick settings: 24 steps, an epoch having six.
func quick() core.TrainSettings {
	s := core.Recommended()
	s.Epochs, s.Batch, s.Accumulate, s.Rank = 4, 4, 2, 2
	return s
}

func (c *course) create(name string) record.Run {
	c.Helper()
	r, err := c.training.Create(c.Context(), app.TrainingPlan{Name: name, Settings: quick()})
	if err != nil {
		c.Fatal(err)
	}
	return r
}

// train trains an adapter to its end.
func (c *course) train(name string) record.Run {
	c.Helper()
	r, err := c.training.Run(c.Context(), c.create(name).ID, nil)
	if err != nil || r.State != record.RunDone {
		c.Fatalf("%+v, %v", r, err)
	}
	return r
}

func wantError(t *testing.T, err error, key string, sentinel error) {
	t.Helper()
	var user *core.UserError
	if !errors.As(err, &user) || user.Key != key || !errors.Is(err, sentinel) {
		t.Errorf("error %v, want %s and %q", err, key, sentinel)
	}
	if _, hint := resources.ErrorText("ja", err); hint == "" {
		t.Errorf("error %v has no hint", err)
	}
}

func TestTrainingFromPlanToAdapter(t *testing.T) {
	c := newCourse(t)
	plan, err := c.training.Plan(t.Context(), app.TrainingPlan{Name: "first", Settings: quick()}, nil)
	if err != nil || plan.Model != "starter" || plan.Plan.Steps != 24 || plan.Plan.Rows != 48 || plan.Plan.Held != 24 || plan.ModelID == "" || plan.DatasetSum == "" {
		t.Fatalf("plan %+v, %v", plan, err)
	}
	file := filepath.Join(c.dir, "plan.json")
	if err := app.SavePlan(file, plan); err != nil {
		t.Fatal(err)
	}
	if plan, err = app.LoadPlan(file); err != nil {
		t.Fatal(err)
	}
	created, err := c.training.Create(t.Context(), plan)
	if err != nil || created.State != record.RunPaused || created.Steps != 24 {
		t.Fatalf("created %+v, %v", created, err)
	}
	var kinds []core.TrainEventKind
	watched := 0
	r, err := c.training.Run(t.Context(), created.ID, func(ev app.TrainingEvent) {
		kinds = append(kinds, ev.Event.Kind)
		if len(kinds) == 1 {
			c.training.Watch(created.ID, func(app.TrainingEvent) { watched++ })
		}
		if running := c.models.Jobs.Running(); len(running) != 1 || running[0].Name.Key != "job.train" {
			t.Errorf("jobs %v", running)
		}
	})
	if err != nil || r.State != record.RunDone || r.End != core.TrainDone || r.Step != 24 || r.Checkpoint != 24 || r.BestStep == 0 || r.Peak == 0 || r.Seconds <= 0 || r.Adapter == "" {
		t.Fatalf("run %+v, %v", r, err)
	}
	if len(kinds) != 1+24+4+5 || watched != len(kinds)-1 {
		t.Errorf("%d events, %d of them watched: %v", len(kinds), watched, kinds)
	}
	stored, err := c.training.Find(t.Context(), "first")
	if err != nil || stored.State != record.RunDone || stored.Adapter != r.Adapter {
		t.Errorf("stored %+v, %v", stored, err)
	}
	points, err := c.training.Losses(t.Context(), r.ID)
	if err != nil || len(points) != 24 || points[0].Step != 1 || points[0].Loss <= points[23].Loss || points[5].HeldLoss == 0 || points[4].HeldLoss != 0 || points[23].HeldLoss == 0 {
		t.Errorf("points %+v, %v", points, err)
	}
	raw, err := os.ReadFile(filepath.Join(c.training.Folder(r.ID), "loss.svg"))
	if err != nil || !strings.HasPrefix(string(raw), "<svg") {
		t.Errorf("loss.svg has %q, %v", raw, err)
	}
	f, err := os.Open(filepath.Join(c.training.Folder(r.ID), "loss.png"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if img, err := png.Decode(f); err != nil || img.Bounds().Dx() != 1280 {
		t.Errorf("loss.png: %v", err)
	}
	x, err := c.adapters.Find(t.Context(), "first")
	if err != nil || x.ID != r.Adapter || x.State != record.AdapterDraft || x.Why == nil || !x.Fits || x.Default || x.Rows != 48 || x.ModelID != r.ModelID || !x.Known || x.Rank != 2 || len(x.Documents) != 1 || x.Documents[0].Rows != 48 {
		t.Errorf("adapter %+v, %v", x, err)
	}
	if read, err := lora.Read(x.Dir); err != nil || read.ID != x.ID {
		t.Errorf("its folder: %v", err)
	}
	_, err = c.training.Run(t.Context(), r.ID, nil)
	wantError(t, err, "error.training.done", core.ErrUsage)
	// The next one like it knows how long it will take: the rate was 1,000 tokens a second.
	next, err := c.training.Plan(t.Context(), app.TrainingPlan{Settings: quick()}, nil)
	want := float64(next.Plan.Tokens) * float64(next.Plan.Steps) / float64(next.Plan.EpochStep) * (1 + 24.0/48/3) / 1000
	if err != nil || next.Plan.SecondsFrom != core.SecondsMeasured || math.Abs(next.Plan.Seconds-want) > 1e-6*want || plan.Plan.SecondsFrom != "" {
		t.Errorf("planned %v s (%q), want %v; the first time %q; %v", next.Plan.Seconds, next.Plan.SecondsFrom, want, plan.Plan.SecondsFrom, err)
	}
	// The run goes, its adapter stays.
	if err := c.training.Remove(t.Context(), r.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(c.training.Folder(r.ID)); !os.IsNotExist(err) {
		t.Errorf("the folder is there: %v", err)
	}
	if points, err := c.training.Losses(t.Context(), r.ID); err != nil || len(points) != 0 {
		t.Errorf("%d points are left, %v", len(points), err)
	}
	if _, err := c.adapters.Find(t.Context(), "first"); err != nil {
		t.Error(err)
	}
}

// TestTrainingIsPausedAndGoesOn: by the end of ctx, by Pause, and by a kill; the adapter is that of a run in one piece.
func TestTrainingIsPausedAndGoesOn(t *testing.T) {
	c := newCourse(t)
	whole := c.train("whole")
	r := c.create("pieces")
	ctx, cancel := context.WithCancel(t.Context())
	at := 0
	got, err := c.training.Run(ctx, r.ID, func(ev app.TrainingEvent) {
		if ev.Event.Step == 3 {
			cancel()
		}
		at = ev.Run.Step
	})
	if !errors.Is(err, context.Canceled) || got.State != record.RunPaused || got.Step != at || got.Step < 3 || got.Checkpoint != got.Step || got.Adapter != "" {
		t.Fatalf("paused %+v, %v", got, err)
	}
	if open, err := c.training.Unfinished(t.Context()); err != nil || len(open) != 1 || open[0].ID != r.ID {
		t.Errorf("unfinished %+v, %v", open, err)
	}
	if got, err = c.training.Run(t.Context(), r.ID, func(ev app.TrainingEvent) {
		if ev.Event.Step == 9 && ev.Event.Kind == core.TrainStepped && !c.training.Pause(r.ID) {
			t.Error("it runs, and is not paused")
		}
	}); !errors.Is(err, context.Canceled) || got.State != record.RunPaused || got.Step < 9 {
		t.Fatalf("paused %+v, %v", got, err)
	}
	// The program is killed a few steps later: what was told of them is in the records, the checkpoint is older.
	got.State, got.Step = record.RunRunning, got.Step+2
	book := record.Book{Store: c.store}
	lost := []record.LossPoint{{Step: got.Step - 1, Loss: 99}, {Step: got.Step, Loss: 99}}
	if err := errors.Join(book.PutRun(t.Context(), got), book.PutLosses(t.Context(), r.ID, lost), c.training.Sweep(t.Context())); err != nil {
		t.Fatal(err)
	}
	if got, err = c.training.Find(t.Context(), r.ID); err != nil || got.State != record.RunPaused || !got.Interrupted {
		t.Fatalf("swept %+v, %v", got, err)
	}
	if got, err = c.training.Run(t.Context(), r.ID, nil); err != nil || got.State != record.RunDone || got.Interrupted || got.Step != 24 {
		t.Fatalf("done %+v, %v", got, err)
	}
	if got.Adapter != whole.Adapter {
		t.Errorf("in pieces the adapter is %s, in one %s", got.Adapter, whole.Adapter)
	}
	points, err := c.training.Losses(t.Context(), r.ID)
	if err != nil || len(points) != 24 {
		t.Errorf("%d points, %v", len(points), err)
	}
	for i, p := range points {
		if p.Step != i+1 || p.Loss == 99 {
			t.Errorf("point %d is %+v", i, p)
		}
	}
}

// TestTrainingSurvivesTheEngine: a few crashes, but not any number.
func TestTrainingSurvivesTheEngine(t *testing.T) {
	for _, crashes := range []int{2, 9} {
		c := newCourse(t)
		n, told := 0, 0
		c.client.Training = func(step int) error {
			if step%7 == 6 && n < crashes {
				n++
				return fmt.Errorf("step %d: %w", step, core.ErrEngine)
			}
			return nil
		}
		r, err := c.training.Run(t.Context(), c.create("crash").ID, func(ev app.TrainingEvent) {
			if ev.Event.Note == "train.warn.engine" {
				told++
			}
		})
		if crashes == 2 {
			if err != nil || r.State != record.RunDone || r.Crashes != 2 || told != 2 {
				t.Errorf("%d crashes: %+v, %v", crashes, r, err)
			}
			continue
		}
		if !errors.Is(err, core.ErrEngine) || r.State != record.RunFailed || r.Failure == nil || r.Crashes != 3 || told != 3 {
			t.Errorf("%d crashes: %+v, %v", crashes, r, err)
		}
		c.client.Training = nil
		if r, err = c.training.Run(t.Context(), r.ID, nil); err != nil || r.State != record.RunDone || r.Failure != nil {
			t.Errorf("tried again: %+v, %v", r, err)
		}
	}
}

// runless is a store that writes no more runs when it is full.
type runless struct {
	app.Store
	full *bool
}

func (s runless) PutRecord(ctx context.Context, kind, id string, value []byte) error {
	if kind == "run" && *s.full {
		return core.ErrNoSpace
	}
	return s.Store.PutRecord(ctx, kind, id, value)
}

// TestTrainingOnAFullDisk: a run whose end could not be written is not shown as running for ever.
func TestTrainingOnAFullDisk(t *testing.T) {
	c := newCourse(t)
	full := false
	c.training.Store = runless{c.store, &full}
	r := c.create("full")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if _, err := c.training.Run(ctx, r.ID, func(ev app.TrainingEvent) {
		if full = ev.Event.Step >= 3; full {
			cancel()
		}
	}); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if r, err := c.training.Find(t.Context(), r.ID); err != nil || r.State != record.RunPaused {
		t.Errorf("%+v, %v", r, err)
	}
	if open, err := c.training.Unfinished(t.Context()); err != nil || len(open) != 1 {
		t.Errorf("%+v, %v", open, err)
	}
}

// TestChatWhileTraining: a question is answered between two steps, and the training waits for no other job's turn.
func TestChatWhileTraining(t *testing.T) {
	c := newCourse(t)
	answered := ""
	r, err := c.training.Run(t.Context(), c.create("busy").ID, func(ev app.TrainingEvent) {
		if ev.Event.Step == 5 && ev.Event.Kind == core.TrainStepped {
			answer, err := c.chat.Ask(t.Context(), "How many days of paid leave does an employee have?", app.AskOptions{}, nil, nil)
			if err != nil {
				t.Error(err)
			}
			answered = answer.Text
		}
	})
	if err != nil || r.State != record.RunDone || !strings.Contains(answered, "twenty days") || c.client.Loads() != 1 {
		t.Errorf("%+v, %v, answered %q, %d loads", r, err, answered, c.client.Loads())
	}
}

func TestTrainingBadInput(t *testing.T) {
	c := newCourse(t)
	_, err := app.TrainingPreset("best")
	wantError(t, err, "error.training.preset", core.ErrUsage)
	if s, err := app.TrainingPreset("TECH Lab"); err != nil || s.Epochs != 200 {
		t.Errorf("%+v, %v", s, err)
	}
	if _, err := c.training.Create(t.Context(), app.TrainingPlan{Dataset: "no", Settings: quick()}); !errors.Is(err, core.ErrNotFound) {
		t.Error(err)
	}
	if _, err := c.training.Create(t.Context(), app.TrainingPlan{Model: "no", Settings: quick()}); !errors.Is(err, core.ErrNoModel) {
		t.Error(err)
	}
	bad := quick()
	bad.Rank = 0
	if _, err := c.training.Plan(t.Context(), app.TrainingPlan{Settings: bad}, nil); !errors.Is(err, core.ErrUsage) {
		t.Error(err)
	}
	_, err = c.training.Find(t.Context(), "")
	wantError(t, err, "error.training.none", core.ErrNotFound)
	_, err = c.training.Run(t.Context(), "0000000000000000", nil)
	wantError(t, err, "error.training.unknown", core.ErrNotFound)
	if c.training.Pause("0000000000000000") {
		t.Error("what does not run was paused")
	}
	r := c.create("changing")
	_, err = c.training.Run(t.Context(), r.ID, func(ev app.TrainingEvent) {
		if ev.Event.Kind != core.TrainPlanned {
			return
		}
		_, err := c.training.Run(t.Context(), r.ID, nil)
		wantError(t, err, "error.training.running", core.ErrBusy)
		wantError(t, c.training.Remove(t.Context(), r.ID), "error.training.running", core.ErrBusy)
		c.training.Pause(r.ID)
	})
	if !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	c.rows.train = c.rows.train[1:]
	_, err = c.training.Run(t.Context(), r.ID, nil)
	wantError(t, err, "error.training.changed", core.ErrUsage)
	if r, err := c.training.Find(t.Context(), r.ID); err != nil || r.State != record.RunFailed || r.Failure.Key != "error.training.changed" {
		t.Errorf("%+v, %v", r, err)
	}
	c.rows.train = nil
	_, err = c.training.Create(t.Context(), app.TrainingPlan{Settings: quick()})
	wantError(t, err, "error.training.empty", core.ErrEmpty)
	file := filepath.Join(c.dir, "plan.json")
	_, err = app.LoadPlan(file)
	wantError(t, err, "error.training.planfile", os.ErrNotExist)
	for text, key := range map[string]string{"{": "error.training.planbroken", `{"version":9}`: "error.training.planlater"} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err = app.LoadPlan(file)
		wantError(t, err, key, map[string]error{"{": core.ErrCorrupt, `{"version":9}`: core.ErrUnsupported}[text])
	}
}

// TestTrainingOfAnotherBase: the model was replaced between two sittings.
func TestTrainingOfAnotherBase(t *testing.T) {
	c := newCourse(t)
	r := c.create("base")
	if _, err := c.training.Run(t.Context(), r.ID, func(ev app.TrainingEvent) {
		if ev.Event.Kind == core.TrainPlanned {
			c.training.Pause(r.ID)
		}
	}); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	config := filepath.Join(c.dir, "bundled", "starter", "config.json")
	if err := os.WriteFile(config, []byte(`{"model_type":"gpt_neox","hidden_size":4}`), 0o600); err != nil {
		t.Fatal(err)
	}
	c.models.Engine.Release()
	_, err := c.training.Run(t.Context(), r.ID, nil)
	wantError(t, err, "error.training.base", core.ErrNoModel)
}

// TestTrainingWaitsForItsTurn can be paused while another job runs.
func TestTrainingWaitsForItsTurn(t *testing.T) {
	c := newCourse(t)
	release := make(chan struct{})
	other := c.models.Jobs.Start(t.Context(), job.Name{Key: "job.test"}, func(context.Context, core.Progress) error { <-release; return nil }, nil)
	r := c.create("waiting")
	done := make(chan error, 1)
	go func() { _, err := c.training.Run(t.Context(), r.ID, nil); done <- err }()
	for c.training.Pause(r.ID) == false {
		time.Sleep(time.Millisecond)
	}
	select { // the other job goes on
	case err := <-done:
		if !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Error("a run that waits for its turn is not paused before it has that")
	}
	close(release)
	if err := other.Wait(t.Context()); err != nil {
		t.Error(err)
	}
	if r, err := c.training.Find(t.Context(), r.ID); err != nil || r.State != record.RunPaused || r.Step != 0 {
		t.Errorf("%+v, %v", r, err)
	}
}
