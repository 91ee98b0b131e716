package training

import (
	"context"
	"errors"
	"slices"

	"kakoi/app"
	"kakoi/app/job"
	"kakoi/app/record"
	"kakoi/core"
	"kakoi/core/dataset"
	"kakoi/ui/widget"
)

// host is what the model needs of the window.
type host interface {
	Text(key string, args ...any) string
	Lang() string
	Post(f func())
	Go(work func(ctx context.Context))
	ShowError(err error)
	Confirm(q widget.Question)
	Toast(text string)
	Collection() string
	Navigate(where any)
}

// datasets is app.Datasets.
type datasets interface {
	Build(ctx context.Context, plan app.DatasetPlan, opt app.DatasetOptions) (record.Dataset, error)
	Corrections(ctx context.Context, plan app.DatasetPlan, opt app.DatasetOptions) (record.Dataset, error)
	Preview(ctx context.Context, path string, plan app.ImportPlan) (dataset.Table, error)
	Import(ctx context.Context, path string, plan app.ImportPlan, opt app.DatasetOptions) (record.Dataset, error)
	List(ctx context.Context) ([]record.Dataset, []record.Damage, error)
	Page(ctx context.Context, id string, filter app.RowFilter, offset, n int) (app.RowPage, error)
	SetState(ctx context.Context, id string, s core.RowState, rows ...string) error
	Edit(ctx context.Context, id, row, question, answer string) (core.Row, error)
	Export(ctx context.Context, id, path, form string) (int, error)
	Remove(ctx context.Context, id string) error
}

// trainer is app.Training.
type trainer interface {
	Plan(ctx context.Context, p app.TrainingPlan, progress core.Progress) (app.TrainingPlan, error)
	Create(ctx context.Context, p app.TrainingPlan) (record.Run, error)
	Run(ctx context.Context, id string, hear func(app.TrainingEvent)) (record.Run, error)
	Pause(id string) bool
	Stop(ctx context.Context, id string) (record.Run, error)
	List(ctx context.Context) ([]record.Run, []record.Damage, error)
	Losses(ctx context.Context, id string) ([]record.LossPoint, error)
	Remove(ctx context.Context, id string) error
}

// adapters is app.Adapters.
type adapters interface {
	List(ctx context.Context) ([]app.AdapterInfo, error)
	Use(ctx context.Context, which string) (record.Adapter, error)
	Back(ctx context.Context, model string) (record.Adapter, error)
}

// exams is app.Exams.
type exams interface {
	Begin(ctx context.Context, p app.ExamPlan, progress core.Progress) (record.Exam, error)
	Run(ctx context.Context, id string, hear func(app.ExamEvent)) (record.Exam, error)
	Adopt(ctx context.Context, id string) (record.Exam, record.Adapter, error)
	List(ctx context.Context) ([]record.Exam, []record.Damage, error)
	Items(ctx context.Context, id string) ([]record.ExamItem, error)
}

// models is app.Models.
type models interface {
	List(ctx context.Context) ([]app.Model, error)
}

// step is a page of the wizard.
type step int

const (
	stepQuestions step = iota
	stepSettings
	stepRun
	stepExam
	stepAdopt
	nSteps
)

// names of the steps in the translations.
var stepNames = [nSteps]string{"questions", "settings", "run", "exam", "adopt"}

// change says which part of the screen is out of date.
type change uint

const (
	changedStep     change = 1 << iota // another page, or what stands above all of them
	changedRows                        // of the review
	changedMarks                       // cursor and marks of the review
	changedSettings                    // fields
	changedPlan
	changedRun
	changedExam
	changedItem // the chosen question of the exam
	changedAll  = 1<<iota - 1
)

// model is the screen without widgets. All of it belongs to the window's goroutine.
type model struct {
	host     host
	datasets datasets
	trainer  trainer
	adapters adapters
	exams    exams
	models   models
	tell     func(change) // redraws

	step   step
	loaded bool
	click  bool   // all steps go by themselves
	left   bool   // they did when the window was closed, and wait for a person to go on
	hushed string // Run.ID of an unfinished run of which nothing more is to be told
	waits  string // key of what a person has to decide before they go on; "": nothing
	known  string // Dataset.ID whose warnings a person has seen and gone on
	work   *work  // what is done now, but for training; nil: nothing

	sets []record.Dataset // newest first
	set  string           // Dataset.ID of the chosen one; "": none
	runs []record.Run
	run  string // Run.ID
	all  []record.Exam
	exam string // Exam.ID
	has  []app.AdapterInfo
	chat []app.Model // that can be trained

	review   review
	build    app.DatasetPlan // as a person set it
	settings settings
	live     live
	paper    paper

	looking, again bool
}

func newModel(h host, d datasets, t trainer, a adapters, e exams, m models) *model {
	all := &model{host: h, datasets: d, trainer: t, adapters: a, exams: e, models: m, tell: func(change) {}}
	all.review.m, all.settings.m, all.live.m, all.paper.m = all, all, all, all
	all.settings.TrainSettings = recommended()
	all.review.marked = map[string]bool{}
	return all
}

func (m *model) text(key string, args ...any) string { return m.host.Text(key, args...) }

// work is something that takes a while and can be stopped.
type work struct {
	kind   string // "build", "corrections", "import", "plan", "exam", "stop"
	state  job.State
	cancel context.CancelFunc
	ended  bool // it was asked to stop
}

// begin does something beside the window; end is called on the window's goroutine. One thing is done at a time.
func (m *model) begin(kind string, do func(ctx context.Context, listen func(job.State)) error, end func(error)) bool {
	if m.work != nil {
		return false
	}
	w := &work{kind: kind}
	m.work = w
	m.host.Go(func(ctx context.Context) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		m.host.Post(func() {
			if w.cancel = cancel; w.ended {
				cancel()
			}
		})
		err := do(ctx, func(s job.State) {
			m.host.Post(func() {
				w.state = s
				m.tell(changedStep)
			})
		})
		m.host.Post(func() {
			if m.work == w {
				m.work = nil
			}
			if errors.Is(err, context.Canceled) {
				m.click = false
			}
			end(err)
			m.tell(changedAll)
		})
	})
	m.tell(changedStep)
	return true
}

// stop ends what is done now.
func (m *model) stop() {
	m.click, m.left = false, false
	if w := m.work; w != nil {
		w.ended = true
		if w.cancel != nil {
			w.cancel()
		}
	}
	m.tell(changedStep)
}

// refresh reads the records anew.
func (m *model) refresh() {
	if m.looking {
		m.again = true
		return
	}
	m.looking = true
	m.host.Go(func(ctx context.Context) {
		sets, _, err := m.datasets.List(ctx)
		runs, _, err2 := m.trainer.List(ctx)
		exams, _, err3 := m.exams.List(ctx)
		has, err4 := m.adapters.List(ctx)
		all, err5 := m.models.List(ctx)
		err = errors.Join(err, err2, err3, err4, err5)
		m.host.Post(func() {
			m.looking = false
			if err != nil {
				m.host.ShowError(err)
			} else {
				m.take(sets, runs, exams, has, all)
			}
			if m.again {
				m.again = false
				m.refresh()
			}
		})
	})
}

// take shows what was read.
func (m *model) take(sets []record.Dataset, runs []record.Run, exams []record.Exam, has []app.AdapterInfo, all []app.Model) {
	m.sets, m.runs, m.all, m.has = sets, runs, exams, has
	m.chat = slices.DeleteFunc(slices.Clone(all), func(a app.Model) bool { return a.Kind != app.KindChat })
	m.live.keep()
	first := !m.loaded
	m.loaded = true
	if first {
		m.toInterrupted()
	}
	if _, ok := m.dataset(); !ok {
		if m.set != "" { // it was removed: what was trained on it is not shown with another one
			m.run, m.exam = "", ""
		}
		m.set = ""
		if len(sets) > 0 {
			m.set = sets[0].ID
		}
	}
	if _, ok := m.currentRun(); !ok {
		m.run = ""
		for _, r := range runs { // the newest of this dataset, or one that is not finished
			if r.Dataset == m.set || r.State != record.RunDone {
				m.run = r.ID
				break
			}
		}
	}
	if _, ok := m.currentExam(); !ok {
		m.exam = ""
		if r, ok := m.currentRun(); ok && r.Adapter != "" {
			m.exam = m.examOf(r.Adapter)
		}
	}
	if first && m.step == stepQuestions {
		m.step = m.reached()
	}
	m.review.open(false)
	m.live.open()
	m.paper.open()
	m.tell(changedAll)
}

// toInterrupted chooses the newest run that the end of the program interrupted, unless one that can go on is chosen: what the screen
// remembers may be older than that run.
func (m *model) toInterrupted() {
	if r, ok := m.currentRun(); ok && r.State.GoesOn() {
		return
	}
	for _, r := range m.runs {
		if r.State == record.RunPaused && r.Interrupted {
			m.run, m.set, m.exam = r.ID, r.Dataset, ""
			return
		}
	}
}

// reached is where a person who has not said so otherwise is: at a run that is not finished.
func (m *model) reached() step {
	if r, ok := m.currentRun(); ok && r.State != record.RunDone && r.Step > 0 {
		return stepRun
	}
	return stepQuestions
}

func byID[T any](all []T, id string, of func(T) string) (T, bool) {
	i := slices.IndexFunc(all, func(t T) bool { return of(t) == id })
	if i < 0 || id == "" {
		var none T
		return none, false
	}
	return all[i], true
}

func (m *model) dataset() (record.Dataset, bool) {
	return byID(m.sets, m.set, func(d record.Dataset) string { return d.ID })
}

func (m *model) currentRun() (record.Run, bool) {
	return byID(m.runs, m.run, func(r record.Run) string { return r.ID })
}

func (m *model) currentExam() (record.Exam, bool) {
	return byID(m.all, m.exam, func(e record.Exam) string { return e.ID })
}

func (m *model) adapter(id string) (app.AdapterInfo, bool) {
	return byID(m.has, id, func(a app.AdapterInfo) string { return a.ID })
}

// trained is the adapter that the wizard is about: that of the run, or that of the exam.
func (m *model) trained() (app.AdapterInfo, bool) {
	if r, ok := m.currentRun(); ok && r.Adapter != "" {
		return m.adapter(r.Adapter)
	}
	if e, ok := m.currentExam(); ok && m.run == "" {
		return m.adapter(e.Adapter)
	}
	return app.AdapterInfo{}, false
}

// examOf is the newest exam of an adapter; "": none.
func (m *model) examOf(adapter string) string {
	for _, e := range m.all {
		if e.Adapter == adapter {
			return e.ID
		}
	}
	return ""
}

// show goes to a page.
func (m *model) show(s step) {
	if s < 0 || s >= nSteps || s == m.step {
		return
	}
	m.step = s
	if s == stepSettings {
		m.settings.planIfOld()
	}
	m.tell(changedAll)
}

// done says whether a step has what the next one needs.
func (m *model) done(s step) bool {
	switch s {
	case stepQuestions:
		d, ok := m.dataset()
		return ok && d.Counts.Train > 0
	case stepSettings:
		r, ok := m.currentRun()
		return ok && r.Dataset == m.set || m.settings.ready()
	case stepRun:
		_, ok := m.trained()
		return ok
	case stepExam:
		e, ok := m.currentExam()
		return ok && e.State == record.RunDone
	case stepAdopt:
		a, ok := m.trained()
		return ok && a.Default
	}
	return false
}

// choose takes another dataset.
func (m *model) choose(id string) {
	if id == m.set {
		return
	}
	m.set = id
	m.settings.forget()
	if r, ok := m.currentRun(); !ok || r.Dataset != id {
		m.run, m.exam = "", ""
		for _, r := range m.runs {
			if r.Dataset == id {
				m.run = r.ID
				m.exam = m.examOf(r.Adapter)
				break
			}
		}
	}
	m.review.open(true)
	m.live.open()
	m.paper.open()
	m.tell(changedAll)
}

// heard follows changes made elsewhere.
func (m *model) heard(t app.Topic) {
	switch t {
	case app.TopicDatasets, app.TopicTraining, app.TopicAdapters, app.TopicExams, app.TopicModels, app.TopicSettings:
		m.refresh()
	}
}
