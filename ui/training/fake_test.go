package training

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"fyne.io/fyne/v2"

	"kakoi/app"
	"kakoi/app/job"
	"kakoi/app/record"
	"kakoi/core"
	"kakoi/core/dataset"
	"kakoi/core/exam"
	"kakoi/resources"
	"kakoi/ui/widget"
)

// desk is a shell without a window. Work runs in goroutines and what they post waits for drain or until.
type desk struct {
	lang       string
	window     fyne.Window
	collection string
	ctx        context.Context
	queue      chan func()
	mu         sync.Mutex
	work       int

	questions []widget.Question
	toasts    []string
	errors    []error
	picked    []string
	saved     string
	clip      string
	went      []any
}

func newDesk(ctx context.Context, lang string) *desk {
	return &desk{lang: lang, ctx: ctx, collection: "規程", queue: make(chan func(), 100_000)}
}

func (d *desk) Text(key string, args ...any) string       { return resources.Format(d.lang, key, args...) }
func (d *desk) Lang() string                              { return d.lang }
func (d *desk) Window() fyne.Window                       { return d.window }
func (d *desk) Clipboard(text string)                     { d.clip = text }
func (d *desk) Confirm(q widget.Question)                 { d.questions = append(d.questions, q) }
func (d *desk) Toast(text string)                         { d.toasts = append(d.toasts, text) }
func (d *desk) ShowError(err error)                       { d.errors = append(d.errors, err) }
func (d *desk) PickFiles(then func([]string))             { then(d.picked) }
func (d *desk) PickSave(_ string, then func(path string)) { then(d.saved) }
func (d *desk) Collection() string                        { return d.collection }
func (d *desk) Navigate(where any)                        { d.went = append(d.went, where) }
func (d *desk) Post(f func())                             { d.queue <- f }
func (d *desk) count(by int)                              { d.mu.Lock(); d.work += by; d.mu.Unlock() }
func (d *desk) idle() bool                                { d.mu.Lock(); defer d.mu.Unlock(); return d.work == 0 && len(d.queue) == 0 }

func (d *desk) Go(work func(ctx context.Context)) {
	d.count(1)
	go func() {
		work(d.ctx)
		d.queue <- func() { d.count(-1) }
	}()
}

// fail is what a test is told with: *testing.T and *testing.B.
type fail interface {
	Helper()
	Fatalf(format string, args ...any)
}

// until runs what is posted until something holds.
func (d *desk) until(t fail, what string, holds func() bool) {
	t.Helper()
	end := time.After(20 * time.Second)
	for !holds() {
		select {
		case f := <-d.queue:
			f()
		case <-time.After(time.Millisecond): // it may hold without news
		case <-end:
			t.Fatalf("not within 20 s: %s (errors %v)", what, d.errors)
		}
	}
}

// drain runs what is posted until all work has ended.
func (d *desk) drain(t fail) { d.until(t, "all work ends", d.idle) }

// world is datasets, runs, adapters and exams in memory, with the rules of the use-cases that the screen depends on.
type world struct {
	mu       sync.Mutex
	rows     map[string][]core.Row
	sets     []record.Dataset
	runs     []record.Run
	losses   map[string][]record.LossPoint
	has      []app.AdapterInfo
	before   string // adapter that was the default before
	all      []record.Exam
	items    map[string][]record.ExamItem
	warnings []string      // of the next dataset
	fail     error         // of the next thing that is done
	better   bool          // what the next exam says
	gate     chan struct{} // of a run: nil goes through, or else one step for each receive
	paused   map[string]context.CancelFunc
	writes   []string
	planned  int
}

func newWorld() *world {
	return &world{rows: map[string][]core.Row{}, losses: map[string][]record.LossPoint{}, items: map[string][]record.ExamItem{}, paused: map[string]context.CancelFunc{}, better: true}
}

var day = time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)

// put adds a dataset of n rows: every fourth is a refusal, every fifth is kept back.
func (w *world) put(id string, n int) record.Dataset {
	var rows []core.Row
	docs := []string{"就業規則.pdf", "旅費規程.pdf", "KX-200 取扱説明書.pdf"}
	for i := range n {
		r := core.Row{
			Question: fmt.Sprintf("第%d条の宿泊費の上限はいくらですか。", i+1), Answer: fmt.Sprintf("一泊%d円です。", 9000+10*i), Origin: core.RowRule,
			Source: &core.RowSource{Document: fmt.Sprint("doc", i%3), Name: docs[i%3], Page: i%40 + 1, Start: 10, End: 20}, Held: i%5 == 4, Language: "ja",
		}
		if i%4 == 3 {
			r.Refusal, r.Origin, r.Answer = true, core.RowWithout, "資料には記載がありません。"
		}
		r.Inputs, r.Labels = "ユーザー:…"+r.Question, r.Answer
		r.ID = core.RowID(r.Inputs, r.Labels)
		rows = append(rows, r)
	}
	w.rows[id] = rows
	d := record.Dataset{ID: id, Name: "規程", Origin: record.FromDocuments, Collection: "規程", Created: day, Changed: day, Warnings: w.warnings,
		Left:      []record.DatasetCount{{Reason: "twice", N: 12}, {Reason: "far", N: 3}},
		Documents: []record.DatasetDocument{{ID: "doc0", Name: docs[0], Rows: n / 3}, {ID: "doc1", Name: docs[1], Rows: n / 3}, {ID: "doc2", Name: docs[2], Rows: n / 3, Held: true}}}
	w.count(&d)
	w.sets = append([]record.Dataset{d}, w.sets...)
	return d
}

func (w *world) count(d *record.Dataset) {
	d.Counts = record.DatasetCounts{}
	for _, r := range w.rows[d.ID] {
		d.Counts.Rows++
		switch r.State {
		case core.RowDropped:
			d.Counts.Dropped++
			continue
		case core.RowKept:
			d.Counts.Kept++
		default:
			d.Counts.Open++
		}
		if r.Refusal {
			d.Counts.Refusals++
		}
		if r.Held {
			d.Counts.Held++
		} else {
			d.Counts.Train++
		}
	}
}

func (w *world) failed() error {
	err := w.fail
	w.fail = nil
	return err
}

func (w *world) Build(ctx context.Context, p app.DatasetPlan, opt app.DatasetOptions) (record.Dataset, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	opt.Listen(job.State{Update: core.Update{Stage: "draft", Done: 1, Total: 2, Note: "就業規則.pdf"}})
	if err := errors.Join(w.failed(), ctx.Err()); err != nil {
		return record.Dataset{}, err
	}
	return w.put(fmt.Sprint("set", len(w.sets)), 60), nil
}

func (w *world) Corrections(ctx context.Context, p app.DatasetPlan, opt app.DatasetOptions) (record.Dataset, error) {
	return w.Build(ctx, p, opt)
}

func (w *world) Preview(_ context.Context, path string, p app.ImportPlan) (dataset.Table, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := p.Columns
	if c == (dataset.Columns{}) {
		c = dataset.Columns{Question: "質問", Answer: "答え"}
	}
	if c.Question == "" || c.Answer == "" {
		return dataset.Table{}, core.Explain(core.ErrUsage, "training.edit.empty")
	}
	return dataset.Table{Kind: "csv", Charset: "Shift_JIS", Names: []string{"質問", "答え", "備考"}, Columns: c, Lines: 3, Records: []dataset.Record{{Line: 2, Question: "上限は", Answer: "一万円"}},
		Problems: []dataset.Problem{{Line: 3, Key: "training.edit.empty"}}}, w.failed()
}

func (w *world) Import(ctx context.Context, path string, p app.ImportPlan, opt app.DatasetOptions) (record.Dataset, error) {
	return w.Build(ctx, p.DatasetPlan, opt)
}

func (w *world) list() []record.Dataset { return slices.Clone(w.sets) }

// Datasets, runs, adapters and exams are all listed by List: each gets a face of its own.
type (
	setsOf     struct{ *world }
	runsOf     struct{ *world }
	adaptersOf struct{ *world }
	examsOf    struct{ *world }
	modelsOf   struct{ *world }
)

func (w setsOf) List(context.Context) ([]record.Dataset, []record.Damage, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.list(), nil, nil
}

func (w *world) Page(_ context.Context, id string, _ app.RowFilter, offset, n int) (app.RowPage, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := w.rows[id]
	return app.RowPage{Total: len(all), Rows: slices.Clone(all[min(offset, len(all)):min(offset+n, len(all))])}, nil
}

func (w *world) SetState(_ context.Context, id string, s core.RowState, rows ...string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.writes = append(w.writes, fmt.Sprintf("%s %d", s, len(rows)))
	if err := w.failed(); err != nil {
		return err
	}
	for i := range w.rows[id] {
		if slices.Contains(rows, w.rows[id][i].ID) {
			w.rows[id][i].State = s
		}
	}
	w.recount(id)
	return nil
}

func (w *world) recount(id string) {
	for i := range w.sets {
		if w.sets[i].ID == id {
			w.count(&w.sets[i])
		}
	}
}

func (w *world) Edit(_ context.Context, id, row, question, answer string) (core.Row, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.failed(); err != nil {
		return core.Row{}, err
	}
	for i, r := range w.rows[id] {
		if r.ID == row {
			r.Question, r.Answer, r.State = question, answer, core.RowKept
			r.Inputs, r.Labels = "ユーザー:…"+question, answer
			r.ID = core.RowID(r.Inputs, r.Labels)
			w.rows[id][i] = r
			w.recount(id)
			return r, nil
		}
	}
	return core.Row{}, core.ErrNotFound
}

func (w setsOf) Export(context.Context, string, string, string) (int, error) { return 60, nil }

func (w setsOf) Remove(_ context.Context, id string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sets = slices.DeleteFunc(w.sets, func(d record.Dataset) bool { return d.ID == id })
	return nil
}

const steps = 40

func (w runsOf) Plan(ctx context.Context, p app.TrainingPlan, progress core.Progress) (app.TrainingPlan, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.planned++
	progress.Report(core.Update{Stage: "tensors"})
	if err := errors.Join(w.failed(), ctx.Err()); err != nil {
		return p, err
	}
	if p.Model == "" {
		p.Model = "starter"
	}
	p.Plan = core.TrainPlan{
		Trainable: 3_244_032, All: 2_086_515_200, Rows: 48, TooLong: 2, Held: 12, Tokens: 24_000, Steps: steps, EpochStep: 8, Compute: "bf16", Recompute: "gelu",
		Batch: 4, Accumulate: 3, Adapted: []string{"recompute"}, Free: 9_000_000_000, Seconds: 412,
		Bytes: []core.TrainBytes{{Part: "weights", Bytes: 2_100_000_000}, {Part: "adapter", Bytes: 40_000_000}, {Part: "optimizer", Bytes: 80_000_000}, {Part: "activations", Bytes: 3_000_000_000}, {Part: "logits", Bytes: 700_000_000}},
	}
	return p, nil
}

func (w runsOf) Create(_ context.Context, p app.TrainingPlan) (record.Run, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	r := record.Run{ID: fmt.Sprint("run", len(w.runs)), Name: p.Name, State: record.RunPaused, Created: day, Model: p.Model, Dataset: p.Dataset, DatasetName: "規程", Settings: p.Settings, Plan: p.Plan, Steps: steps}
	w.runs = append([]record.Run{r}, w.runs...)
	return r, w.failed()
}

// begun says whether a run goes on.
func (w *world) begun(id string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.paused[id] != nil
}

// update changes a run.
func (w *world) update(id string, change func(*record.Run)) record.Run {
	w.mu.Lock()
	defer w.mu.Unlock()
	i := slices.IndexFunc(w.runs, func(r record.Run) bool { return r.ID == id })
	change(&w.runs[i])
	return w.runs[i]
}

// falling is the loss at a step.
func falling(step int) float64 { return 0.3 + 2*math.Exp(-float64(step)/10) }

func (w runsOf) Run(ctx context.Context, id string, hear func(app.TrainingEvent)) (record.Run, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	w.mu.Lock()
	if err := w.failed(); err != nil {
		w.mu.Unlock()
		return w.update(id, func(r *record.Run) { r.State, r.Failure = record.RunFailed, record.Failed(err) }), err
	}
	w.paused[id] = cancel
	gate := w.gate
	w.mu.Unlock()
	r := w.update(id, func(r *record.Run) { r.State, r.Failure, r.Interrupted = record.RunRunning, nil, false })
	for s := r.Step + 1; s <= steps; s++ {
		if gate != nil {
			select {
			case <-gate:
			case <-ctx.Done():
			}
		}
		if ctx.Err() != nil {
			return w.update(id, func(r *record.Run) { r.State = record.RunPaused }), ctx.Err()
		}
		p := record.LossPoint{Step: s, Loss: falling(s)}
		if s%8 == 0 {
			p.HeldLoss, p.Best = falling(s)+0.2, true
		}
		r = w.update(id, func(r *record.Run) {
			r.Step, r.Loss, r.Epoch, r.Tokens, r.Left, r.Peak, r.Seconds = s, p.Loss, float64(s)/8, 2410, float64(steps-s), 5_800_000_000, float64(s)
			if p.Best {
				r.HeldLoss, r.BestLoss, r.BestStep, r.Checkpoint = p.HeldLoss, p.HeldLoss, s, s
			}
			w.losses[id] = append(w.losses[id], p)
		})
		hear(app.TrainingEvent{Run: r, Event: core.TrainEvent{Kind: core.TrainStepped, Step: s, Steps: steps, Loss: p.Loss}})
		if p.Best {
			hear(app.TrainingEvent{Run: r, Event: core.TrainEvent{Kind: core.TrainEvaluated, Step: s, HeldLoss: p.HeldLoss, Best: true}})
		}
	}
	return w.finish(id, core.TrainDone), nil
}

// finish ends a run with an adapter.
func (w *world) finish(id string, end core.TrainEnd) record.Run {
	return w.update(id, func(r *record.Run) {
		r.State, r.End, r.Adapter = record.RunDone, end, "adapter-of-"+id
		w.has = append([]app.AdapterInfo{{Adapter: record.Adapter{ID: r.Adapter, Name: r.Name, State: record.AdapterDraft, Model: r.Model, Run: id, Dataset: r.Dataset, DatasetName: r.DatasetName, Rows: 48,
			Why: record.Failed(core.Explain(core.ErrUsage, "adapter.why.unexamined")), Documents: []record.AdapterDocument{{ID: "doc0", Name: "就業規則.pdf", Rows: 20}, {ID: "doc1", Name: "旅費規程.pdf", Rows: 20}}}, Fits: true}}, w.has...)
	})
}

func (w runsOf) Pause(id string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	cancel := w.paused[id]
	if cancel != nil {
		cancel()
	}
	return cancel != nil
}

func (w runsOf) Stop(_ context.Context, id string) (record.Run, error) {
	w.Pause(id)
	for w.update(id, func(*record.Run) {}).State == record.RunRunning {
		time.Sleep(time.Millisecond)
	}
	return w.finish(id, core.TrainStopped), nil
}

func (w runsOf) List(context.Context) ([]record.Run, []record.Damage, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.runs), nil, nil
}

func (w runsOf) Losses(_ context.Context, id string) ([]record.LossPoint, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.losses[id]), nil
}

func (w runsOf) Remove(_ context.Context, id string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.runs = slices.DeleteFunc(w.runs, func(r record.Run) bool { return r.ID == id })
	return nil
}

func (w adaptersOf) List(context.Context) ([]app.AdapterInfo, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.has), nil
}

// set makes an adapter the default; "": none.
func (w *world) set(id string) record.Adapter {
	var now record.Adapter
	for i := range w.has {
		if w.has[i].Default {
			w.before = w.has[i].ID
		}
		w.has[i].Default = w.has[i].ID == id
		if w.has[i].Default {
			now = w.has[i].Adapter
		}
	}
	return now
}

func (w adaptersOf) Use(_ context.Context, id string) (record.Adapter, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.set(id), w.failed()
}

func (w adaptersOf) Back(context.Context, string) (record.Adapter, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.set(w.before), w.failed()
}

func (w examsOf) Begin(_ context.Context, p app.ExamPlan, _ core.Progress) (record.Exam, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.failed(); err != nil {
		return record.Exam{}, err
	}
	e := record.Exam{ID: fmt.Sprint("exam", len(w.all)), State: record.RunPaused, Adapter: p.Adapter, AdapterName: "規程", Dataset: p.Dataset, Total: 12, Margin: 0.05}
	w.all = append([]record.Exam{e}, w.all...)
	return e, nil
}

func (w examsOf) Run(ctx context.Context, id string, hear func(app.ExamEvent)) (record.Exam, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	at := slices.IndexFunc(w.all, func(e record.Exam) bool { return e.ID == id })
	e := &w.all[at]
	var base, tuned []exam.Mark
	for i := e.Done; i < e.Total; i++ {
		if ctx.Err() != nil {
			e.State = record.RunPaused
			return *e, ctx.Err()
		}
		refusal := i%4 == 3
		item := record.ExamItem{ID: fmt.Sprint(i), Place: i, Question: fmt.Sprintf("第%d条の宿泊費の上限はいくらですか。", i+1), Expected: fmt.Sprintf("一泊%d円です。", 9000+10*i), Refusal: refusal, Asked: true,
			Source: &core.RowSource{Document: "doc2", Name: "KX-200 取扱説明書.pdf", Page: i + 1}}
		if refusal {
			item.Expected = "資料には記載がありません。"
		}
		q := exam.Question{Expected: item.Expected, Refusal: refusal, Source: !refusal}
		wrong := exam.Given{Text: "百円です。"}
		right := exam.Given{Text: item.Expected, Refused: refusal, Cited: !refusal}
		item.Base, item.Tuned = exam.Judge(q, wrong), exam.Judge(q, right)
		if i%3 == 0 {
			item.Base = exam.Judge(q, right)
		}
		if !w.better {
			item.Tuned = item.Base
		}
		w.items[id] = append(w.items[id], item)
		e.Done = i + 1
		hear(app.ExamEvent{Exam: *e, Item: &item})
	}
	for _, i := range w.items[id] {
		base, tuned = append(base, i.Base), append(tuned, i.Tuned)
	}
	e.State, e.Base, e.Tuned = record.RunDone, exam.Grade(base, 1), exam.Grade(tuned, 1)
	e.Decision = exam.Decide(base, tuned, e.Margin, 1)
	return *e, nil
}

func (w examsOf) Adopt(_ context.Context, id string) (record.Exam, record.Adapter, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	at := slices.IndexFunc(w.all, func(e record.Exam) bool { return e.ID == id })
	e := &w.all[at]
	e.Adopted = e.Decision.Better
	for i := range w.has {
		if w.has[i].ID != e.Adapter {
			continue
		}
		w.has[i].Exam = id
		if e.Decision.Better {
			w.has[i].State, w.has[i].Why = record.AdapterReady, nil
			w.set(e.Adapter)
		} else {
			w.has[i].Why = record.Failed(core.Explain(core.ErrUsage, e.Decision.Key, e.Decision.Args[0], e.Decision.Args[1]))
		}
		return *e, w.has[i].Adapter, nil
	}
	return *e, record.Adapter{}, core.ErrNotFound
}

func (w examsOf) List(context.Context) ([]record.Exam, []record.Damage, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.all), nil, nil
}

func (w examsOf) Items(_ context.Context, id string) ([]record.ExamItem, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.items[id]), nil
}

func (w modelsOf) List(context.Context) ([]app.Model, error) {
	return []app.Model{{Name: "starter", Kind: app.KindChat, InUse: true}, {Name: "rinna-4b", Kind: app.KindChat}, {Name: "e5", Kind: app.KindEmbedder}}, nil
}

// made is a model of the screen over a world.
func made(d *desk, w *world) *model {
	return newModel(d, setsOf{w}, runsOf{w}, adaptersOf{w}, examsOf{w}, modelsOf{w})
}

var errTorn = core.Explain(errors.Join(core.ErrCorrupt, errors.New(strings.Repeat("eof ", 3))), "error.training.planbroken", "plan.json")
